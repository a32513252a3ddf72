"""The nursery's book: the lexicon, the phrases and the plots, read from the text files beside this one.

words.txt       role by role, every word a template may use
synonyms.txt    what can be said instead of what
names.txt       what characters are called
kinds.txt       who they are, where they live, how they look
things.txt      what stories are about
places.txt      where they play
activities.txt  what one can love to do
phrases.txt     sentences and parts of sentences that any plot can use
plots.txt       the stories, told in lines with alternatives
requests.txt    shorter stories, whose features are a choice
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from slm.stories.nursery.page import (
    SIDES,
    Activity,
    Alternatives,
    Lasting,
    Marked,
    Piece,
    PieceSequence,
    StoryPage,
    StoryPlace,
    Tagged,
    without,
)
from slm.stories.nursery.template import EMPTY, CallPiece, Reader
from slm.stories.nursery.text import Feature, Role

Adjectives = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class KindEntry:
    """A kind of character: a child, an animal or a grown-up, by `tag`, and whatever else it is."""

    noun: str
    tag: str
    classes: frozenset[str]
    sexes: str
    adjectives: Adjectives
    home: Piece
    looks: Alternatives


@dataclass(frozen=True, kw_only=True)
class ThingEntry:
    """A kind of thing: the classes it belongs to, its uses as (infinitive, past, -ing)."""

    noun: str
    classes: frozenset[str]
    uses: tuple[tuple[Piece, Piece, Piece], ...]
    adjectives: Adjectives
    parts: Alternatives


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A story's skeleton, and what it asks of its cast."""

    name: str
    heroes: frozenset[str]
    friends: frozenset[str]
    things: frozenset[str]
    without: frozenset[str]
    sides: frozenset[str]
    body: Piece
    summary: Piece | None = None  # of a story for a request, and of one that ends badly
    bad_summary: Piece | None = None


@dataclass(frozen=True, kw_only=True)
class Book:
    """Everything that stories are made from."""

    names: dict[str, tuple[str, ...]]
    traits: dict[str, Adjectives]
    kinds: tuple[KindEntry, ...]
    things: tuple[ThingEntry, ...]
    places: tuple[StoryPlace, ...]
    activities: tuple[Activity, ...]
    plots: tuple[Plot, ...]
    requested: tuple[Plot, ...]  # of requests.txt
    unknown: frozenset[str]


@cache
def read_book() -> Book:
    """Read the book; raises ValueError where it uses a word without a role."""
    reading = BookReading()
    whole = reading.whole()
    if whole.unknown:
        raise ValueError(f"words.txt gives no role to: {' '.join(sorted(whole.unknown))}")
    return whole


class BookReading:
    """One pass over the files. Phrases are read when a template first asks for them."""

    def __init__(self) -> None:
        self.phrases = dict(_phrases(_lines("phrases.txt")))
        self.read_phrases: dict[tuple[str, str | None], Piece] = {}
        self.doings: dict[str, Piece] = {}
        self.sections = _sections("words.txt")
        synonyms = {ways[0]: ways for ways in _table("synonyms.txt")}
        self.reader = Reader(_roles(self.sections), synonyms, self.phrase)

    def whole(self) -> Book:
        """Read the whole book."""
        activities = tuple(self.activities())
        for number, name in enumerate(("do", "did", "doing")):
            self.doings[name] = _any_activity(activities, number)
        names = _sections("names.txt")
        adjectives = {name: tuple(words) for name, words in self.sections.items()}
        return Book(
            names={key: tuple(value) for key, value in names.items()},
            traits={tag: adjectives[f"adjective of {tag}"] for tag in ("child", "animal", "grown")},
            activities=activities,
            kinds=tuple(self.kinds()),
            things=tuple(self.things(adjectives)),
            places=tuple(self.places()),
            plots=tuple(self.plots("plots.txt")),
            requested=tuple(self.plots("requests.txt")),
            unknown=frozenset(self.reader.unknown),
        )

    # -- phrases

    def phrase(self, name: str, who: str | None) -> Piece:
        """Return the piece that `{name}` or `{name:who}` stands for."""
        if name in ("do", "did", "doing"):
            return CallPiece(lambda page: self.doings[name].write(page))
        if (name, who) not in self.read_phrases:
            if name not in self.phrases:
                raise ValueError(f"there is no phrase {name!r}")
            lasting, lines = self.phrases[name]
            if who:
                lines = [line.replace("$", who) for line in lines]
            pieces = tuple(self.reader.read(line) for line in lines)
            key = name.partition(".")[0]
            piece = Lasting(key, pieces) if lasting else Alternatives(pieces)
            self.read_phrases[name, who] = piece
        return self.read_phrases[name, who]

    def cells(self, text: str) -> list[Piece]:
        """Read the cells of a table that `;` separates."""
        return [self.reader.read(cell) for cell in text.split(";")]

    # -- tables

    def kinds(self) -> Iterator[KindEntry]:
        """Read kinds.txt."""
        for noun, classes, sexes, adjectives, home, looks in _table("kinds.txt"):
            yield KindEntry(
                noun=noun,
                tag=classes.split()[0],
                classes=frozenset(classes.split()),
                sexes=sexes,
                adjectives=tuple(adjectives.split()),
                home=self.reader.read(home),
                looks=Alternatives(tuple(self.cells(looks))),
            )

    def things(self, lists: dict[str, Adjectives]) -> Iterator[ThingEntry]:
        """Read things.txt; `lists` are the adjectives that a thing may share."""
        for noun, classes, uses, adjectives, parts in _table("things.txt"):
            own = [word.partition("/")[0] for word in adjectives.split() if word[0] != "+"]
            for name in re.findall(r"\+(\w+)", adjectives):
                own += lists[f"adjective of {name}"]
            yield ThingEntry(
                noun=noun,
                classes=frozenset(classes.split()),
                uses=tuple(self.forms(use) for use in uses.split(";")),
                adjectives=tuple(own),
                parts=Alternatives(tuple(self.cells(parts))),
            )

    def forms(self, use: str) -> tuple[Piece, Piece, Piece]:
        """Parse `play/v played playing +with` to three pieces, each with what follows the verb."""
        verb, _, rest = use.partition("+")
        one, past, ing = (self.reader.read(f"{_as_action(form)} {rest}") for form in verb.split())
        return one, past, ing

    def places(self) -> Iterator[StoryPlace]:
        """Read places.txt."""
        for noun, side, preposition, spots, sights in _table("places.txt"):
            yield StoryPlace(
                noun=noun,
                side=side,
                preposition=preposition,
                spot=Alternatives(tuple(self.cells(spots))),
                sight=Alternatives(tuple(self.cells(sights))),
            )

    def activities(self) -> Iterator[Activity]:
        """Read activities.txt."""
        for forms, complements in _table("activities.txt"):
            rest = Alternatives(tuple(self.cells(complements)))
            verbs = [self.reader.read(_as_action(form)) for form in forms.split()]
            one, past, ing = (PieceSequence((verb, rest)) for verb in verbs)
            yield Activity(verb=forms.split()[0].partition("/")[0], forms=(one, past, ing))

    # -- plots

    def plots(self, file: str) -> Iterator[Plot]:
        """Read a file of plots."""
        for block in "\n".join(_lines(file, keep_blank=True)).split("\n== ")[1:]:
            head, *lines = block.split("\n")
            name, *conditions = head.split(" | ")
            asked = {
                key: frozenset(value.split(","))
                for key, value in (c.split(": ") for c in conditions)
            }
            summaries = {
                key: self.sentences(text)
                for key in ("=", "=bad=")
                for line in lines
                if (text := line.removeprefix(f"{key} ")) != line
            }
            told = [line.strip() for line in reversed(lines) if not line.startswith("=")]
            yield Plot(
                name=name,
                heroes=asked.get("hero", frozenset(("child", "animal"))),
                friends=asked.get("friend", frozenset()),
                things=asked["thing"],
                without=asked.get("not", frozenset()),
                sides=asked.get("place", frozenset(SIDES)),
                body=self.body(told),
                summary=summaries.get("="),
                bad_summary=summaries.get("=bad="),
            )

    def body(self, lines: list[str]) -> Piece:
        """Read the lines of a plot, last line first in `lines`, up to `or`, `end` or nothing."""
        pieces: list[Piece] = []
        while lines and lines[-1].split(" ")[0] not in ("or", "end"):
            line = lines.pop()
            if not line:
                pieces.append(CallPiece(StoryPage.begin_paragraph))
            elif line.startswith("either"):
                pieces.append(self.branches(lines, line))
            elif match := _FEATURED.match(line):
                pieces.append(self.featured(lines, match))
            else:
                perhaps = line.startswith("? ")
                ways = [self.sentences(line.removeprefix("? "))]
                while lines and lines[-1].startswith("| "):
                    ways.append(self.sentences(lines.pop().removeprefix("| ")))
                piece = ways[0] if len(ways) == 1 else Alternatives(tuple(ways))
                pieces.append(Alternatives((piece, EMPTY)) if perhaps else piece)
        return PieceSequence(tuple(pieces))

    def featured(self, lines: list[str], first: re.Match[str]) -> Piece:
        """Parse `+feature: line` or `-feature: line` and its alternatives: else nothing is written."""
        sign, feature = first[1], Feature(first[2])
        ways = [self.sentences(first[3])]
        while lines and lines[-1].startswith("| "):
            ways.append(self.sentences(lines.pop().removeprefix("| ")))
        line: Piece = Alternatives(tuple(ways)) if len(ways) > 1 else ways[0]
        if sign == "+":
            line = Marked(feature, line)
        present, absent = (Tagged(tag) for tag in (feature, without(feature)))
        wanted, other = (present, absent) if sign == "+" else (absent, present)
        return Alternatives((PieceSequence((wanted, line)), other))

    def branches(self, lines: list[str], line: str) -> Piece:
        """Parse `either … or 3 … end`; a number is a weight."""
        ways: list[Piece] = []
        while line != "end":
            weight = line.partition(" ")[2] or "1"
            ways += [self.body(lines)] * int(weight)
            line = lines.pop()
        return Alternatives(tuple(ways))

    def sentences(self, line: str) -> Piece:
        """Read a line of a plot, which begins a sentence."""
        return PieceSequence((CallPiece(StoryPage.begin_sentence), self.reader.read(line)))


_FEATURED = re.compile(r"([+-])([a-z ]+): (.*)")


def _any_activity(activities: tuple[Activity, ...], number: int) -> Piece:
    return Alternatives(tuple(activity.forms[number] for activity in activities))


def _as_action(form: str) -> str:
    return form if "/" in form else f"{form}/v"


def _roles(sections: dict[str, list[str]]) -> dict[str, Role]:
    """Map words to roles; a section is named for its role ("adjective of child" is of adjectives)."""
    roles: dict[str, Role] = {}
    for name, words in sections.items():
        role = Role(name.partition(" of ")[0])
        for word in words:
            if roles.setdefault(word, role) != role:
                raise ValueError(f"words.txt gives {word!r} two roles: {roles[word]} and {role}")
    return roles


def _phrases(lines: list[str]) -> Iterator[tuple[str, tuple[bool, list[str]]]]:
    """Parse `name:who =` or `name :=`, then `| alternative` lines."""
    name, lasting, found = "", False, list[str]()
    for line in [*lines, "end ="]:
        if line.startswith("| "):
            found.append(line.removeprefix("| "))
            continue
        if name:
            yield name, (lasting, found)
        lasting = line.endswith(":=")
        name = line.rstrip(":= ").partition(":")[0]
        found = []


def _sections(file: str) -> dict[str, list[str]]:
    """Name -> words; a name is a line that ends with a colon."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in _lines(file):
        if line.endswith(":"):
            current = sections.setdefault(line[:-1], [])
        else:
            current += line.split()
    return sections


def _table(file: str) -> list[list[str]]:
    return [line.split(" | ") for line in _lines(file)]


def _lines(file: str, keep_blank: bool = False) -> list[str]:
    text = resources.files("slm.stories.nursery").joinpath("book", file).read_text("utf-8")
    lines = [line.rstrip() for line in text.split("\n") if not line.startswith("#")]
    return lines if keep_blank else [line for line in lines if line]
