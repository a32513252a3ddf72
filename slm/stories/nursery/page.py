"""A page that a nursery story is written on, and the pieces of text that write on it.

The page keeps what a template need not say: spaces, capitals, a or an, who was last spoken of (hence
whether "she" would be clear), and the place and role of each word.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from slm.stories.nursery.text import Feature, Introduction, Mark, Role, Span

CLASSES = ("child", "animal", "grown")
SIDES = ("out", "in", "home")
INTRODUCTIONS: tuple[Introduction, ...] = ("named", "plain", "unnamed")
TAGS = frozenset((*CLASSES, *SIDES, *INTRODUCTIONS))
PRONOUNS = {
    "m": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
    "f": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
}


class Piece(ABC):
    """Something that can be written. Most fits into every story, and says nothing aloud."""

    @abstractmethod
    def write(self, page: "StoryPage") -> None:
        """Put it on the page."""

    def fits(self, tags: frozenset[str]) -> bool:
        """Tell whether it may stand in a story with these tags."""
        return True

    def silent(self, tags: frozenset[str]) -> bool:
        """Tell whether it may do so without anybody speaking."""
        return True


@dataclass(frozen=True, kw_only=True)
class Person:
    """A character, as cast for one story. `call` is how a relative is addressed: "Mom"."""

    name: str | None
    kind: str
    sex: str
    tag: str
    adjective: str
    trait: str
    home: Piece
    looks: "Alternatives"
    call: str | None = None


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An object, as cast for one story: one adjective, one use, any of its parts."""

    noun: str
    adjective: str
    use: tuple[Piece, Piece, Piece]  # fly, flew, flying
    parts: "Alternatives"


@dataclass(frozen=True, kw_only=True)
class StoryPlace:
    """Where a story plays."""

    noun: str
    preposition: str
    side: str
    spot: Piece
    sight: Piece


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Something one can love to do, in three forms."""

    verb: str
    forms: tuple[Piece, Piece, Piece]  # infinitive, past, -ing


@dataclass(frozen=True, kw_only=True)
class Cast:
    """All that is decided before the first word."""

    people: dict[str, Person]  # hero, friend, elder
    things: dict[str, Thing]  # thing, thing2
    place: StoryPlace
    activity: Activity
    introduction: Introduction
    quiet: bool
    features: frozenset[Feature] | None = None  # chosen for a request; None where the plot decides

    @property
    def tags(self) -> frozenset[str]:
        """Return what pieces may depend on: protagonist, side of the place, introduction, features."""
        own = (self.people["hero"].tag, self.place.side, self.introduction)
        if self.features is None:
            return frozenset(own)
        chosen = (one if one in self.features else without(one) for one in Feature)
        return frozenset((*own, *chosen))


def without(feature: Feature) -> str:
    """Return the tag of a story that was asked not to have this feature."""
    return f"no {feature}"


class StoryPage:
    """A story in the making. Pieces call its methods; `text` and `spans` are the result."""

    def __init__(self, cast: Cast, draw: Callable[[], float]) -> None:
        self.cast, self.draw = cast, draw
        self.tags, self.mode = cast.tags, (cast.tags, cast.quiet)
        self.parts: list[str] = []
        self.spans: list[Span] = []
        self.at = 0
        self.features: set[Feature] = set()
        self.marks: list[Mark] = []
        self.used: dict[int, set[int]] = {}  # by choice: what was taken, so as not to say it twice
        self.chosen: dict[str, int] = {}  # by name: what was chosen for the whole story
        # between words
        self.lead, self.capital, self.article = "", True, False
        self.quoted, self.mark = False, ""
        # who is spoken of: in this sentence, as subject of the one before, last of all
        self.met: list[str] = []
        self.subject: str | None = None
        self.before: str | None = None
        self.last: str | None = None

    @property
    def text(self) -> str:
        """Return what is written so far."""
        return "".join(self.parts)

    # -- words and marks

    def put(self, text: str, capitalised: str, spans: tuple[tuple[int, int, Role], ...]) -> None:
        """Add words, after a space and after the article that waits for them."""
        if self.article:
            self.article = False
            article = article_before(text)
            self.put(article, article.capitalize(), ((0, len(article), Role.FUNCTION),))
        if self.lead:
            self.parts.append(self.lead)
            self.at += len(self.lead)
        self.lead = " "
        if self.capital:
            self.capital, text = False, capitalised
        at, quoted = self.at, self.quoted
        for start, end, role in spans:
            self.spans.append(Span(at + start, at + end, role, quoted))
        self.parts.append(text)
        self.at = at + len(text)

    def word(self, text: str, role: Role) -> None:
        """Add one word of this role."""
        self.put(text, text[0].upper() + text[1:], ((0, len(text), role),))

    def punctuate(self, mark: str) -> None:
        """Add a mark; one that ends a sentence capitalises what follows."""
        self.parts.append(mark)
        self.at += len(mark)
        self.mark = mark
        if mark in ".!?":
            self.capital = True
            if not self.quoted:
                self.end_sentence()

    def quote(self) -> None:
        """Open or close quotation marks."""
        if self.quoted:
            self.quoted = False
            self.parts.append('"')
            self.at += 1
            self.lead, self.capital = " ", self.mark == "."
            if self.capital:
                self.end_sentence()
        else:
            self.parts.append(self.lead + '"')
            self.at += len(self.lead) + 1
            self.quoted, self.lead, self.capital = True, "", True

    def end_sentence(self) -> None:
        """End a sentence: its subject becomes the one before."""
        self.before, self.subject = self.subject, None

    def begin_sentence(self) -> None:
        """Begin a sentence with a capital letter, ending the one before."""
        self.capital = True
        if self.subject is not None:
            self.end_sentence()

    def begin_paragraph(self) -> None:
        """Begin a paragraph, in which nobody has been spoken of yet."""
        self.begin_sentence()
        self.before = self.last = None
        if self.parts:
            self.lead = "\n"

    # -- people

    def speak_of(self, who: str) -> None:
        """Note who is spoken of, outside quotation marks; the first is the sentence's subject."""
        if not self.quoted:
            self.last = who
            if self.subject is None:
                self.subject = who

    def clear(self, who: str) -> bool:
        """Tell whether a pronoun would be understood as `who`.

        So it is of the one last spoken of, and of the protagonist if nobody else present has the same
        sex.
        """
        if who in (self.last, self.subject):
            return True
        people = self.cast.people
        others = (people[met] for met in self.met if met != "hero")
        return who == "hero" and all(other.sex != people[who].sex for other in others)

    def pronoun(self, who: str, form: str) -> None:
        """Write he, him, his or himself; the name, where the pronoun would be unclear."""
        if form != "himself" and not self.clear(who):
            self.name(who, possessive=form == "his")
            return
        role = Role.HERO_PRONOUN if who == "hero" else Role.OTHER_PRONOUN
        self.word(PRONOUNS[self.cast.people[who].sex][form], role)
        self.speak_of(who)

    def name(self, who: str, *, subject: bool = False, possessive: bool = False) -> None:
        """Mention a character: introduced if new, and otherwise by name or by kind.

        As the `subject` of a sentence like the one before, it may be a pronoun.
        """
        person = self.cast.people[who]
        if who not in self.met:
            self.introduce(who, person, possessive)
            return
        role = Role.HERO if who == "hero" else Role.OTHER
        ending = "'s" if possessive else ""
        if subject and self.last == who and self.before == who and self.draw() < 0.6:
            self.pronoun(who, "he")
            return
        if person.call:
            self.relative(person, role, ending)
        elif person.name and (who != "hero" or self.draw() > 0.06 or self.doubled(person)):
            self.word(person.name + ending, role)
        else:
            self.word("the", Role.FUNCTION)
            if self.draw() < 0.15:
                self.word(person.adjective, Role.ADJECTIVE)
            self.word(person.kind + ending, role)
        self.speak_of(who)

    def doubled(self, person: Person) -> bool:
        """Tell whether two characters are of this kind, so that "the girl" would be unclear."""
        return sum(other.kind == person.kind for other in self.cast.people.values()) > 1

    def introduce(self, who: str, person: Person, possessive: bool = False) -> None:
        """Mention a character for the first time."""
        ending = "'s" if possessive else ""
        if who == "hero":
            self.word((person.name or person.kind) + ending, Role.HERO_FIRST)
        elif person.call:
            self.relative(person, Role.OTHER_FIRST, ending)
        elif person.name is None:
            self.describe(person, None)
            self.word(person.kind + ending, Role.OTHER_FIRST)
        else:
            way = self.draw()
            if way < 0.55:
                self.pronoun("hero", "his")
                if way < 0.15:
                    self.word("best", Role.ADJECTIVE)
                elif way < 0.3:
                    self.word("good", Role.ADJECTIVE)
                self.word("friend", Role.KIND)
            elif way < 0.85 or person.tag == "child":
                self.describe(person, person.kind)
                self.word("named", Role.FUNCTION)
            self.word(person.name + ending, Role.OTHER_FIRST)
            if way >= 0.85 and person.tag != "child" and not possessive:
                self.word("the", Role.FUNCTION)
                self.word(person.kind, Role.KIND)
        self.met.append(who)
        self.speak_of(who)

    def stranger(self, who: str) -> None:
        """Mention a character for the first time, whom the protagonist has not met before either."""
        person = self.cast.people[who]
        if person.name is None:
            self.introduce(who, person)
            return
        self.describe(person, person.kind)
        self.word("named", Role.FUNCTION)
        self.word(person.name, Role.OTHER_FIRST)
        self.met.append(who)
        self.speak_of(who)

    def describe(self, person: Person, kind: str | None) -> None:
        """Add article, adjective and, where given, the kind of a character."""
        self.article = True
        self.word(person.adjective, Role.ADJECTIVE)
        if kind:
            self.word(kind, Role.KIND)

    def relative(self, person: Person, role: Role, ending: str) -> None:
        """Write `her mom`; `Amy's mom`, where "her" would be unclear."""
        subject = self.subject
        if self.last == "elder":
            self.last = "hero"
        self.pronoun("hero", "his")
        self.subject = subject
        self.word(person.kind + ending, role)


def article_before(word: str) -> str:
    """Return "a" or "an", whichever stands before `word`."""
    if word.startswith(("hour", "honest")):
        return "an"
    return "an" if word[0] in "aeiou" and not word.startswith(("one", "uni", "use")) else "a"


# -- pieces


@dataclass(frozen=True, eq=False)
class LiteralText(Piece):
    """Words that are known when the book is read."""

    text: str
    spans: tuple[tuple[int, int, Role], ...]

    @cached_property
    def capitalised(self) -> str:
        """Return the text with its first letter a capital."""
        return self.text[:1].upper() + self.text[1:]

    def write(self, page: StoryPage) -> None:
        """Add the words."""
        page.put(self.text, self.capitalised, self.spans)


@dataclass(frozen=True, eq=False)
class CallPiece(Piece):
    """Whatever the page does when asked: a name, a mark, a field of the cast."""

    do: Callable[[StoryPage], None]

    def write(self, page: StoryPage) -> None:
        """Call the function with the page."""
        self.do(page)


class Quote(Piece):
    """Quotation marks."""

    def write(self, page: StoryPage) -> None:
        """Open or close quotation marks."""
        page.quote()

    def silent(self, tags: frozenset[str]) -> bool:
        """Return False: somebody speaks."""
        return False


@dataclass(frozen=True, eq=False)
class Tagged(Piece):
    """A condition: what follows may stand only in a story with this tag."""

    tag: str

    def write(self, page: StoryPage) -> None:
        """Write nothing: the condition is checked by `fits`."""
        pass

    def fits(self, tags: frozenset[str]) -> bool:
        """Tell whether the story has the tag."""
        return self.tag in tags

    silent = fits


@dataclass(frozen=True, eq=False)
class Marked(Piece):
    """Sentences that give the story a feature; the page notes where they stand."""

    feature: Feature
    piece: Piece

    def write(self, page: StoryPage) -> None:
        """Write the sentences, and mark them."""
        start = page.at
        self.piece.write(page)
        page.features.add(self.feature)
        page.marks.append(Mark(start, page.at, self.feature))

    def fits(self, tags: frozenset[str]) -> bool:
        """Tell whether the sentences fit."""
        return self.piece.fits(tags)

    def silent(self, tags: frozenset[str]) -> bool:
        """Tell whether nobody speaks in them."""
        return self.piece.silent(tags)


@dataclass(frozen=True, eq=False)
class PieceSequence(Piece):
    """One piece after the other."""

    pieces: tuple[Piece, ...]

    def write(self, page: StoryPage) -> None:
        """Write every piece in turn."""
        for piece in self.pieces:
            piece.write(page)

    def fits(self, tags: frozenset[str]) -> bool:
        """Tell whether every piece fits."""
        return all(piece.fits(tags) for piece in self.pieces)

    def silent(self, tags: frozenset[str]) -> bool:
        """Tell whether nobody speaks in any piece."""
        return all(piece.silent(tags) for piece in self.pieces)


class Alternatives(Piece):
    """One of several pieces; in a quiet story one in which nobody speaks, if there is one."""

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        self.pieces = pieces
        self.possible: dict[tuple[frozenset[str], bool], tuple[Piece, ...]] = {}

    def write(self, page: StoryPage) -> None:
        """Write one that fits, drawn at random, and not again before all were used."""
        pieces = self.possible.get(page.mode) or self.open_to(page.mode)
        number = int(page.draw() * len(pieces))
        if len(pieces) > 1:
            used = page.used.setdefault(id(self), set())
            if len(used) == len(pieces):
                used.clear()
            while number in used:
                number = (number + 1) % len(pieces)
            used.add(number)
        pieces[number].write(page)

    def open_to(self, mode: tuple[frozenset[str], bool]) -> tuple[Piece, ...]:
        """Return the pieces that fit a story of this mode (tags, quiet), and remember them."""
        tags, quiet = mode
        fitting = tuple(piece for piece in self.pieces if piece.fits(tags))
        silent = tuple(piece for piece in fitting if piece.silent(tags)) if quiet else ()
        if not fitting:
            raise ValueError(f"no alternative fits a story with {sorted(tags)}")
        self.possible[mode] = silent or fitting
        return self.possible[mode]

    def fits(self, tags: frozenset[str]) -> bool:
        """Tell whether some piece fits."""
        return any(piece.fits(tags) for piece in self.pieces)

    def silent(self, tags: frozenset[str]) -> bool:
        """Tell whether in some piece nobody speaks."""
        return any(piece.silent(tags) for piece in self.pieces)


@dataclass(frozen=True, eq=False)
class Lasting(Piece):
    """One of several pieces, the same (by its number) wherever this name is used in a story."""

    name: str
    pieces: tuple[Piece, ...]

    def write(self, page: StoryPage) -> None:
        """Write the piece chosen for this story, drawn at random the first time."""
        number = page.chosen.get(self.name)
        if number is None:
            number = page.chosen[self.name] = int(page.draw() * len(self.pieces))
        self.pieces[number].write(page)

    def silent(self, tags: frozenset[str]) -> bool:
        """Tell whether nobody speaks in any piece."""
        return all(piece.silent(tags) for piece in self.pieces)
