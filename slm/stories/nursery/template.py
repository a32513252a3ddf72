"""The template markup of nursery stories, parsed to pieces.

One {weather} day, {hero} [happily] (ran|walked) {place.to}. "{hero.I} (like|love) it!" {says:hero}.

- `(a|b)` one of several, `[a]` perhaps, `[a|b]` perhaps one of several; - `{hero}` `{friend}`
`{elder}` a character; `{Hero}` begins a sentence, perhaps as a pronoun; `{friend.new}` one whom the
protagonist does not know yet; `{hero.he}` `.him` `.his` `.himself` pronouns (`{he}` is short for
the protagonist's); `{hero.I}` `.me` `.my` `.you` `.your` and so on, in speech; `{hero.'s}`,
`.kind`, `.named` (the mere name), `.adj`, `.trait`, `.call` (as one is addressed), `.home`, `.look`
(one thing to be seen), `.looks` (one or two); - `{thing}`, `{it}`, `{thing.adj}`, `.use` `.used`
`.using`, `.part`, `.parts`; - `{place}`, `.in` `.to` `.spot` `.sight`; - `{activity}` `.past`
`.ing` what the protagonist loves to do; `{do}` `{did}` `{doing}` anything else; - `{name}` or
`{name:who}` a phrase of the book; `{+moral}` says that the story has this feature; - `<animal>`
what follows is only for stories with this tag; - `^` begins a sentence (after a closing quotation
mark), `~` goes on with one (after an opening mark); - `word/n` gives a word another role than the
lexicon does, and keeps it from being replaced by a synonym. Articles may be written `a` throughout.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from slm.stories.nursery.page import (
    TAGS,
    Alternatives,
    CallPiece,
    LiteralText,
    Piece,
    PieceSequence,
    Quote,
    StoryPage,
    Tagged,
    article_before,
)
from slm.stories.nursery.text import Feature, Role

SUFFIXES = {
    "n": Role.NOUN,
    "v": Role.ACTION,
    "s": Role.STATE,
    "a": Role.ADJECTIVE,
    "d": Role.ADVERB,
    "f": Role.FUNCTION,
    "p": Role.PLACE,
    "b": Role.BYSTANDER,
    "y": Role.SPEECH,
}
SHORT = {"he": "hero.he", "him": "hero.him", "his": "hero.his", "himself": "hero.himself"}
SHORT |= {"He": "hero.he", "His": "hero.his", "it": "thing.it", "It": "thing.it"}
SPOKEN = frozenset(["I", "I'm", "I'll", "I've", "I'd", "me", "my", "mine", "myself"])
SPOKEN |= frozenset(["you", "you're", "you'll", "you've", "yours", "yourself", "your"])
TOKEN = re.compile(
    r"\{[^}]+\}|<\w+>|\.\.\.|[()\[\]|^~\",.!?:]|[A-Za-z]+(?:'[A-Za-z]+)*(?:/[a-z])?|(\s+)|(.)"
)
LONGEST_SYNONYM = 6  # words
EMPTY = PieceSequence(())


class Reader:
    """Turns markup into pieces. `unknown` gathers the words for which the lexicon has no role."""

    def __init__(
        self,
        roles: Mapping[str, Role],
        synonyms: Mapping[str, list[str]],
        phrase: Callable[[str, str | None], Piece],
    ) -> None:
        self.roles, self.synonyms, self.phrase = roles, synonyms, phrase
        self.unknown: set[str] = set()

    def read(self, markup: str) -> Piece:
        """Read one line of markup. Raises ValueError where it is not well formed."""
        tokens = []
        for match in TOKEN.finditer(markup):
            if match[2]:
                raise ValueError(f"{match[2]!r} means nothing in {markup!r}")
            if not match[1]:
                tokens.append(match[0])
        tokens.reverse()
        piece = self.alternatives(tokens, "")
        if tokens:
            raise ValueError(f"{tokens[-1]!r} closes nothing in {markup!r}")
        return piece

    def alternatives(self, tokens: list[str], closing: str) -> Piece:
        """Read up to the closing bracket: `a|b|c`."""
        found = [self.sequence(tokens, closing)]
        while tokens and tokens[-1] == "|":
            tokens.pop()
            found.append(self.sequence(tokens, closing))
        if closing and (not tokens or tokens.pop() != closing):
            raise ValueError(f"{closing!r} is missing")
        return found[0] if len(found) == 1 else Alternatives(tuple(found))

    def sequence(self, tokens: list[str], closing: str) -> Piece:
        """Parse pieces up to the next `|` or `closing`, one after the other."""
        pieces: list[Piece] = []
        words: list[str] = []
        while tokens and tokens[-1] not in ("|", ")", "]"):
            token = tokens.pop()
            if token[0].isalpha():
                words.append(token)
                continue
            pieces += self.worded(words)
            words = []
            if token == "(":
                pieces.append(self.alternatives(tokens, ")"))
            elif token == "[":
                perhaps = self.alternatives(tokens, "]")
                pieces.append(Alternatives((perhaps, EMPTY)))
            elif token == '"':
                pieces.append(Quote())
            elif token == "^":
                pieces.append(CallPiece(StoryPage.begin_sentence))
            elif token == "~":
                pieces.append(CallPiece(_small))
            elif token[0] == "<":
                if token[1:-1] not in TAGS:
                    raise ValueError(f"there is no tag {token}")
                pieces.append(Tagged(token[1:-1]))
            elif token[0] == "{":
                if token[1].isupper():
                    pieces.append(CallPiece(StoryPage.begin_sentence))
                pieces.append(self.slot(token[1:-1]))
            else:
                pieces.append(_mark(token))
        pieces += self.worded(words)
        return pieces[0] if len(pieces) == 1 else PieceSequence(tuple(pieces))

    def worded(self, words: list[str]) -> Iterator[Piece]:
        """Write down a run of words, with a choice wherever the book knows something else to say."""
        start = at = 0
        while at < len(words):
            for end in range(min(len(words), at + LONGEST_SYNONYM), at, -1):
                others = self.synonyms.get(" ".join(words[at:end]).lower())
                if others:
                    yield from self.run(words[start:at])
                    capital = words[at][0].isupper()
                    ways = (way.capitalize() if capital else way for way in others)
                    yield Alternatives(tuple(self.words(way.split()) for way in ways))
                    start = at = end
                    break
            else:
                at += 1
        yield from self.run(words[start:])

    def run(self, words: list[str]) -> Iterator[Piece]:
        """Yield pieces for literal words; an article at their end is chosen by what comes next."""
        waiting = bool(words) and words[-1] in ("a", "an")
        plain = words[:-1] if waiting else words
        if plain:
            yield self.words(plain)
        if waiting:
            yield CallPiece(_article)

    def words(self, words: list[str]) -> LiteralText:
        """Give each word its role and its place."""
        spans, text = [], ""
        for number, word in enumerate(words):
            plain, _, suffix = word.partition("/")
            if plain in ("a", "an"):
                plain = article_before(words[number + 1])
            if text:
                text += " "
            role = SUFFIXES[suffix] if suffix else self.role(plain)
            spans.append((len(text), len(text) + len(plain), role))
            text += plain
        return LiteralText(text, tuple(spans))

    def role(self, word: str) -> Role:
        """Look up the role of a word; one without a role is noted in `unknown`."""
        role = self.roles.get(word) or self.roles.get(word.lower())
        role = role or self.roles.get(word.lower().removesuffix("'s"))
        if role is None:
            self.unknown.add(word)
        return role or Role.FUNCTION

    def slot(self, slot: str) -> Piece:
        """Parse what stands in braces: a feature, a character, a thing, the place, or a phrase."""
        if slot[0] == "+":
            feature = Feature(slot[1:])
            return CallPiece(lambda page: page.features.add(feature))
        name, _, form = SHORT.get(slot, slot).partition(".")
        if name.lower() in ("hero", "friend", "elder"):
            return _person(name.lower(), form, subject=name[0].isupper())
        if name in ("thing", "thing2"):
            return _thing(name, form)
        if name == "place":
            return _place(form)
        if name == "activity":
            number = ("", "past", "ing").index(form)
            return CallPiece(lambda page: page.cast.activity.forms[number].write(page))
        name, _, who = slot.partition(":")
        return self.phrase(name, who or None)


def _article(page: StoryPage) -> None:
    page.article = True


def _small(page: StoryPage) -> None:
    page.capital = False


def _mark(mark: str) -> Piece:
    return CallPiece(lambda page: page.punctuate(mark))


def _person(who: str, form: str, *, subject: bool) -> Piece:
    """Return the piece that `{who.form}` stands for."""
    pronoun = Role.HERO_PRONOUN if who == "hero" else Role.OTHER_PRONOUN
    if form == "":
        return CallPiece(lambda page: page.name(who, subject=subject))
    if form in ("he", "him", "his", "himself"):
        return CallPiece(lambda page: page.pronoun(who, form))
    if form in SPOKEN:
        return CallPiece(lambda page: page.word(form, pronoun))
    if form == "named":
        role = Role.HERO_FIRST if who == "hero" else Role.OTHER_FIRST
        return CallPiece(lambda page: _named(page, who, role))
    if form == "new":
        return CallPiece(lambda page: page.stranger(who))
    if form == "'s":
        return CallPiece(lambda page: page.name(who, possessive=True))
    if form == "kind":
        return CallPiece(lambda page: page.word(page.cast.people[who].kind, Role.KIND))
    if form == "noun":  # `mom` in "my mom"
        later = Role.HERO if who == "hero" else Role.OTHER
        return CallPiece(lambda page: page.word(page.cast.people[who].kind, later))
    if form == "adj":
        return CallPiece(lambda page: page.word(page.cast.people[who].adjective, Role.ADJECTIVE))
    if form == "trait":
        return CallPiece(lambda page: page.word(page.cast.people[who].trait, Role.ADJECTIVE))
    if form == "home":
        return CallPiece(lambda page: page.cast.people[who].home.write(page))
    if form == "look":
        return CallPiece(lambda page: page.cast.people[who].looks.write(page))
    if form == "looks":
        return CallPiece(lambda page: _one_or_two(page, page.cast.people[who].looks))
    if form == "call":
        return CallPiece(lambda page: _address(page, who))
    raise ValueError(f"a character has no {form!r}")


def _address(page: StoryPage, who: str) -> None:
    """Write what a character is called to its face."""
    person = page.cast.people[who]
    role = Role.HERO if who == "hero" else Role.OTHER
    if person.call or person.name:
        page.word(person.call or person.name or "", role)
        return
    page.word(("good" if person.tag == "grown" else "little"), Role.ADJECTIVE)
    page.word(person.kind, role)


def _named(page: StoryPage, who: str, role: Role) -> None:
    """Write a character's name; the kind, where it has none."""
    person = page.cast.people[who]
    page.word(person.name or person.kind, role)
    page.met.append(who)
    page.speak_of(who)


def _one_or_two(page: StoryPage, choice: Alternatives) -> None:
    """Write one alternative "and" another, where there is another."""
    choice.write(page)
    if len(choice.pieces) > 1:
        page.word("and", Role.FUNCTION)
        choice.write(page)


def _thing(name: str, form: str) -> Piece:
    """Return the piece that `{thing.form}` stands for."""
    if form == "":
        return CallPiece(lambda page: _mention(page, name))
    if form == "it":
        return CallPiece(lambda page: page.word("it", Role.OBJECT_PRONOUN))
    if form == "adj":
        return CallPiece(lambda page: page.word(page.cast.things[name].adjective, Role.ADJECTIVE))
    if form == "noun":
        return CallPiece(lambda page: page.word(page.cast.things[name].noun, Role.OBJECT))
    if form == "part":
        return CallPiece(lambda page: page.cast.things[name].parts.write(page))
    if form == "parts":
        return CallPiece(lambda page: _one_or_two(page, page.cast.things[name].parts))
    number = ("use", "used", "using").index(form)
    return CallPiece(lambda page: page.cast.things[name].use[number].write(page))


def _mention(page: StoryPage, name: str) -> None:
    """Write the thing's noun, with its adjective at the first mention and now and then later."""
    thing = page.cast.things[name]
    if name not in page.chosen or (page.draw() < 0.15 and not page.quoted):
        page.chosen[name] = 1
        page.word(thing.adjective, Role.ADJECTIVE)
    page.word(thing.noun, Role.OBJECT)


def _place(form: str) -> Piece:
    """Return the piece that `{place.form}` stands for."""

    def write(page: StoryPage) -> None:
        place = page.cast.place
        if form == "spot":
            place.spot.write(page)
            return
        if form == "sight":
            place.sight.write(page)
            return
        if form in ("in", "to"):
            page.word("to" if form == "to" else place.preposition, Role.FUNCTION)
        page.word("the", Role.FUNCTION)
        page.word(place.noun, Role.PLACE)

    if form not in ("", "in", "to", "spot", "sight"):
        raise ValueError(f"a place has no {form!r}")
    return CallPiece(write)
