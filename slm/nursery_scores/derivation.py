"""Recognition of the nursery grammar's lines: which sentences of a text the grammar derives.

The book's templates are read once more, with a slot where the page would write a name, a thing or a
place. A line of a plot is derived where each slot holds anything that the book can put there, so what
is asked is grammar alone: whether it is the same thing throughout is for the other measures. Matching
is by memoised recursive descent over words and marks; capitals do not count.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from slm.stories.nursery.book import BookReading
from slm.stories.nursery.cast import ELDERS
from slm.stories.nursery.page import (
    Alternatives,
    CallPiece,
    Lasting,
    LiteralText,
    Marked,
    Piece,
    PieceSequence,
    Quote,
    StoryPage,
    Tagged,
    article_before,
)
from slm.stories.nursery.template import EMPTY, SHORT, SPOKEN, Reader

Ends = frozenset[int]
NOWHERE: Ends = frozenset()
PERSONS = ("hero", "friend", "elder")
PRONOUNS = {
    "he": ("he", "she"),
    "him": ("him", "her"),
    "his": ("his", "her"),
    "himself": ("himself", "herself"),
}
_TOKEN = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*|\.\.\.|\S")
_STOPS = (".", "!", "?", "...")


@dataclass(frozen=True, eq=False)
class Slot(Piece):
    """What the page would write itself: a person, thing, place or activity, in a form."""

    name: str
    form: str

    def write(self, page: StoryPage) -> None:
        """Write nothing: a slot is only matched."""


@dataclass(frozen=True, eq=False)
class Article(Piece):
    """An article that is chosen by the next word."""

    def write(self, page: StoryPage) -> None:
        """Write nothing: it is only matched."""


class SlotReader(Reader):
    """Reads markup to pieces with slots instead of calls of the page."""

    def slot(self, slot: str) -> Piece:
        """Return a slot; a phrase as the book has it."""
        if slot[0] == "+":
            return EMPTY
        name, _, form = SHORT.get(slot, slot).partition(".")
        if name.lower() in (*PERSONS, "thing", "thing2", "place", "activity"):
            return Slot(name.lower(), form)
        name, _, who = slot.partition(":")
        return self.phrase(name, who or None)

    def run(self, words: list[str]) -> Iterator[Piece]:
        """Yield literal words; an article at their end is matched by what comes next."""
        waiting = bool(words) and words[-1] in ("a", "an")
        if plain := words[:-1] if waiting else words:
            yield self.words(plain)
        if waiting:
            yield Article()


class SlotReading(BookReading):
    """Reads the book with slots."""

    def __init__(self) -> None:
        super().__init__()
        self.reader: Reader = SlotReader(self.reader.roles, self.reader.synonyms, self.phrase)

    def phrase(self, name: str, who: str | None) -> Piece:
        """Return the piece of a phrase; a slot for whatever one can do."""
        if name in ("do", "did", "doing"):
            return Slot("activity", {"do": "", "did": "past", "doing": "ing"}[name])
        return super().phrase(name, who)


class _Probe:
    """A page that only notes which mark a piece writes."""

    def __init__(self) -> None:
        self.mark = ""
        self.capital, self.subject, self.before, self.last = True, None, None, None
        self.parts: list[str] = []

    def begin_sentence(self) -> None:
        """Do nothing."""

    def punctuate(self, mark: str) -> None:
        """Note the mark."""
        self.mark = mark


@dataclass(frozen=True, eq=False)
class PlotLine:
    """A line of a plot, by its place in it."""

    plot: str
    number: int
    piece: Piece


@cache
def _grammar() -> "_Grammar":
    return _Grammar()


class _Grammar:
    """The book's lines with slots, and what each slot may hold."""

    def __init__(self) -> None:
        book = SlotReading().whole()
        self.lines = tuple(
            PlotLine(plot=plot.name, number=number, piece=piece)
            for plot in (*book.plots, *book.requested)
            for number, piece in enumerate(_lines_of(plot.body))
        )
        self.names = {name.lower() for names in book.names.values() for name in names}
        self.kinds = {kind.noun for kind in book.kinds} | set(ELDERS)
        self.calls = {call.lower() for _, call in ELDERS.values()}
        self.nouns = {thing.noun for thing in book.things}
        self.adjectives = {
            *(word for kind in book.kinds for word in kind.adjectives),
            *(word for thing in book.things for word in thing.adjectives),
            *(word for words in book.traits.values() for word in words),
            *("old", "wise", "kind", "good", "little", "best"),
        }
        self.homes = tuple(kind.home for kind in book.kinds)
        self.looks = tuple(kind.looks for kind in book.kinds)
        self.parts = tuple(thing.parts for thing in book.things)
        self.uses = [tuple(use[n] for thing in book.things for use in thing.uses) for n in range(3)]
        self.doings = [tuple(one.forms[n] for one in book.activities) for n in range(3)]
        self.places = book.places
        self.place_nouns = {place.noun for place in book.places}


def _lines_of(piece: Piece) -> Iterator[Piece]:
    """Yield the lines of a plot's body, in the order of the book."""
    if isinstance(piece, PieceSequence):
        first = piece.pieces[0] if piece.pieces else None
        if isinstance(first, CallPiece) and first.do is StoryPage.begin_sentence:
            yield piece
            return
        for one in piece.pieces:
            yield from _lines_of(one)
    elif isinstance(piece, Alternatives | Lasting):
        for one in piece.pieces:
            yield from _lines_of(one)
    elif isinstance(piece, Marked):
        yield from _lines_of(piece.piece)


class _Matcher:
    """Where each piece may end that begins at a token, remembered."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens, self.grammar = tokens, _grammar()
        self.known: dict[tuple[object, int], Ends] = {}

    def ends(self, piece: Piece, at: int) -> Ends:
        """Return where `piece` may end if it begins at token `at`."""
        key: tuple[object, int] = id(piece), at
        if isinstance(piece, Slot):
            key = (piece.name in PERSONS or piece.name.removesuffix("2"), piece.form), at
        if key not in self.known:
            self.known[key] = NOWHERE  # nothing contains itself
            self.known[key] = self._ends(piece, at)
        return self.known[key]

    def _ends(self, piece: Piece, at: int) -> Ends:
        if isinstance(piece, LiteralText):
            end = at
            for word in piece.text.lower().split():
                if end >= len(self.tokens) or self.tokens[end] != word:
                    return NOWHERE
                end += 1
            return frozenset((end,))
        if isinstance(piece, PieceSequence):
            return self.after(piece.pieces, at)
        if isinstance(piece, Alternatives | Lasting):
            return self.any_of(piece.pieces, at)
        if isinstance(piece, Marked):
            return self.ends(piece.piece, at)
        if isinstance(piece, Tagged):
            return frozenset((at,))
        if isinstance(piece, Quote):
            return self.word(('"',), at)
        if isinstance(piece, Article):
            return self.article(at)
        if isinstance(piece, Slot):
            return self.slot(piece, at)
        assert isinstance(piece, CallPiece)
        probe = _Probe()
        piece.do(probe)  # type: ignore[arg-type]  # it has what such a piece asks of a page
        return self.word((probe.mark,), at) if probe.mark else frozenset((at,))

    def after(self, pieces: Iterable[Piece], at: int) -> Ends:
        """Match one piece after the other."""
        here: Ends = frozenset((at,))
        for piece in pieces:
            here = frozenset(end for start in here for end in self.ends(piece, start))
            if not here:
                break
        return here

    def any_of(self, pieces: Iterable[Piece], at: int) -> Ends:
        """Match one of several pieces."""
        return frozenset(end for piece in pieces for end in self.ends(piece, at))

    def word(self, words: Iterable[str], at: int, *, possessive: bool = False) -> Ends:
        """Match one of several words."""
        if at >= len(self.tokens):
            return NOWHERE
        token = self.tokens[at]
        token = token.removesuffix("'s") if possessive else token
        return frozenset((at + 1,)) if token in words else NOWHERE

    def article(self, at: int) -> Ends:
        """Match "a" or "an", whichever the next word asks for."""
        if at + 1 >= len(self.tokens) or self.tokens[at] not in ("a", "an"):
            return NOWHERE
        right = self.tokens[at] == article_before(self.tokens[at + 1])
        return frozenset((at + 1,)) if right else NOWHERE

    def chain(self, at: int, *steps: Iterable[str] | None) -> Ends:
        """Match words one after the other, each of a set; None stands for an article."""
        here: Ends = frozenset((at,))
        for step in steps:
            found = (
                self.article(start) if step is None else self.word(step, start, possessive=True)
                for start in here
            )
            here = frozenset(end for ends in found for end in ends)
        return here

    def slot(self, slot: Slot, at: int) -> Ends:
        """Match what the page may write for a slot."""
        g, form = self.grammar, slot.form
        if slot.name in PERSONS:
            return self.person(form, at)
        if slot.name == "activity":
            return self.any_of(g.doings[("", "past", "ing").index(form)], at)
        if slot.name == "place":
            return self.place(form, at)
        if form == "it":
            return self.word(("it",), at)
        if form == "adj":
            return self.word(g.adjectives, at)
        if form in ("part", "parts"):
            return self.one_or_two(g.parts, at, two=form == "parts")
        if form in ("use", "used", "using"):
            return self.any_of(g.uses[("use", "used", "using").index(form)], at)
        return self.chain(at, g.nouns) | self.chain(at, g.adjectives, g.nouns)

    def person(self, form: str, at: int) -> Ends:
        """Match a character in a form: a name, a kind, an introduction, or a pronoun."""
        g = self.grammar
        if form in SPOKEN:
            return self.word((form.lower(),), at)
        if form in ("kind", "noun"):
            return self.word(g.kinds, at)
        if form in ("adj", "trait"):
            return self.word(g.adjectives, at)
        if form == "home":
            return self.any_of(g.homes, at)
        if form in ("look", "looks"):
            return self.one_or_two(g.looks, at, two=form == "looks")
        if form == "named":
            return self.chain(at, g.names | g.kinds)
        if form == "call":
            return self.chain(at, g.names | g.calls) | self.chain(at, ("good", "little"), g.kinds)
        pronouns = PRONOUNS.get(form, ("he", "she"))
        described = at > 0 and self.tokens[at - 1] in g.adjectives
        return frozenset().union(
            self.chain(at, g.kinds) if described else NOWHERE,
            self.word(pronouns, at),
            self.chain(at, g.names),
            self.chain(at, ("the",), g.kinds),
            self.chain(at, ("the",), g.adjectives, g.kinds),
            self.chain(at, None, g.adjectives, g.kinds),
            self.chain(at, None, g.adjectives, g.kinds, ("named",), g.names),
            self.chain(at, g.names, ("the",), g.kinds),
            self.chain(at, g.names, g.kinds),
            self.chain(at, ("the",), g.kinds, g.kinds),
            self.chain(at, ("the",), g.adjectives, g.kinds, g.kinds),
            self.chain(at, ("his", "her"), g.kinds),
            *(
                self.chain(at, owner, ("friend",), g.names)
                | self.chain(at, owner, ("best", "good"), ("friend",), g.names)
                for owner in (("his", "her"), g.names)
            ),
            self.chain(at, ("the",), g.kinds, ("friend",), g.names),
            self.chain(at, ("the",), g.kinds, ("best", "good"), ("friend",), g.names),
        )

    def place(self, form: str, at: int) -> Ends:
        """Match the story's place in a form."""
        g = self.grammar
        if form == "spot":
            return self.any_of((place.spot for place in g.places), at)
        if form == "sight":
            return self.any_of((place.sight for place in g.places), at)
        if form == "in":
            return self.chain(at, {p.preposition for p in g.places}, ("the",), g.place_nouns)
        if form == "to":
            return self.chain(at, ("to",), ("the",), g.place_nouns)
        return self.chain(at, ("the",), g.place_nouns)

    def one_or_two(self, pieces: Iterable[Piece], at: int, *, two: bool) -> Ends:
        """Match one of several pieces, or two with "and" between."""
        pieces = tuple(pieces)
        first = self.any_of(pieces, at)
        if not two:
            return first
        joined = (end for start in first for end in self.word(("and",), start))
        return first | frozenset(end for start in joined for end in self.any_of(pieces, start))


@dataclass(frozen=True, kw_only=True)
class DerivedLine:
    """Sentences `first` to `last` (exclusive) that are a line of these plots, by (plot, number)."""

    first: int
    last: int
    lines: frozenset[tuple[str, int]]


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """A text's whole sentences, whether the grammar derives each, and the lines that do."""

    sentences: tuple[str, ...]
    derived: tuple[bool, ...]
    lines: tuple[DerivedLine, ...]


def derive(text: str) -> Derivation:
    """Derive a text's sentences; a last one that does not end is left out."""
    matches = list(_TOKEN.finditer(text))
    ends = sentence_ends([match[0] for match in matches])
    matcher = _Matcher([match[0].lower() for match in matches[: ends[-1] if ends else 0]])
    starts = [0, *ends[:-1]] if ends else []
    number = {end: at + 1 for at, end in enumerate(ends)}
    derived, found = [False] * len(ends), []
    for at, start in enumerate(starts):
        by_end: dict[int, set[tuple[str, int]]] = {}
        for line in _grammar().lines:
            for end in matcher.ends(line.piece, start):
                if end in number and number[end] > at:
                    by_end.setdefault(number[end], set()).add((line.plot, line.number))
        for last, lines in by_end.items():
            derived[at:last] = [True] * (last - at)
            found.append(DerivedLine(first=at, last=last, lines=frozenset(lines)))
    sentences = tuple(
        text[matches[start].start() : matches[end - 1].end()]
        for start, end in zip(starts, ends, strict=True)
    )
    return Derivation(sentences=sentences, derived=tuple(derived), lines=tuple(found))


def sentence_ends(tokens: Sequence[str]) -> list[int]:
    """Return the tokens after which a sentence ends: a stop, and the quotation mark that follows it.

    A stop within a quotation that a lower case word goes on after is none.
    """
    found, quoted = [], False
    for at, token in enumerate(tokens):
        if token == '"':
            quoted = not quoted
            stopped = not quoted and at > 0 and tokens[at - 1] in _STOPS
        else:
            stopped = token in _STOPS and not quoted
        following = tokens[at + 1] if at + 1 < len(tokens) else ""
        if stopped and (not following or following == '"' or following[0].isupper()):
            found.append(at + 1)
    return found
