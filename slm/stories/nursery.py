"""Our own story grammar: endless children's stories in which every word is known for what it is.

A story is a plot: a few sentences, each drawn from paraphrases. A sentence is written in a small
markup: `{slot}` is filled from the cast or the lexicon, `[word/role]` gives a word its role, and
every other word is a function word. What is between quotation marks is marked as quoted.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

GRAMMAR_VERSION = "1"

Introduction = Literal["named", "plain", "unnamed"]


class Role(StrEnum):
    """What a word is in its story."""

    HERO_FIRST = "protagonist, first mention"
    HERO = "protagonist, later mention"
    HERO_PRONOUN = "protagonist, pronoun"
    OTHER_FIRST = "other character, first mention"
    OTHER = "other character, later mention"
    OTHER_PRONOUN = "other character, pronoun"
    OBJECT = "object"
    PLACE = "place"
    ACTION = "action"
    SPEECH = "speech verb"
    ADJECTIVE = "adjective"
    FUNCTION = "function word"


class Feature(StrEnum):
    """What a story contains, as in TinyStories."""

    DIALOGUE = "dialogue"
    BAD_ENDING = "bad ending"
    TWIST = "twist"
    MORAL = "moral"
    CONFLICT = "conflict"


@dataclass(frozen=True, kw_only=True)
class Span:
    """A word, from character `start` to `end`, and its role."""

    start: int
    end: int
    role: Role
    quoted: bool


@dataclass(frozen=True, kw_only=True)
class NurseryStory:
    """A story with the role of each of its words. `words` are the noun, verb and adjective it is about."""

    text: str
    spans: tuple[Span, ...]
    features: frozenset[Feature]
    words: tuple[str, str, str]
    introduction: Introduction


GIRLS = """Amy Anna Bella Clara Daisy Ella Emma Eva Fay Grace Hanna Ida Jane Jill Kate Kim Lily Lola Lucy
Mary Mia Molly Nina Nora Olive Penny Rosa Ruby Sally Sara Sophie Sue Tess Uma Vera Wendy Zoe""".split()
BOYS = """Adam Ben Bill Carl Dan Ed Eli Finn Fred George Hugo Ivan Jack Jake Joe John Leo Luke Mark Max
Mike Nate Noah Oscar Owen Paul Pete Rob Sam Ted Theo Tim Toby Tom Will Zack""".split()
ANIMALS = """bear bee bird bunny cat chick cow crab deer dog dove duck fish fox frog goat goose hen horse
kitten lamb lion lizard mole monkey mouse otter owl panda parrot pig pony puppy rabbit robin seal sheep
snail spider squirrel swan tiger turtle wolf worm zebra""".split()
OBJECTS = """apple bag ball balloon basket bell bike blanket boat book boot bottle bowl box bucket button
cake candle card carrot chair clock coat coin cookie crayon crown cup doll drum feather flag flower
flute fork game glove hammer hat jar jug kite ladder lamp leaf letter map mask mirror nut orange paddle
painting pan peach pear pen pencil pie pillow plate pot puzzle ring robot rock rope scarf seed shell
shoe shovel sled sock spoon stamp star stick stone swing sword tent toy train truck umbrella vase wagon
whistle wheel""".split()
PLACES = """barn bakery beach bridge cabin castle cave cellar cottage field forest garden hill house kitchen
lake library market meadow mill mountain park playground pond river road room school shed shop stable
stream tower town valley village yard zoo""".split()
TRAITS = """big brave bright brown calm clever cold cute fast funny gentle happy hungry jolly kind lazy
little lonely loud lucky merry neat nice old polite proud quick quiet sad shy silly sleepy slow small
smart soft strong sweet tall tiny tired warm wild wise young""".split()
LOOKS = """black blue broken clean dirty fancy golden green heavy huge long new odd old orange pink plain
pretty purple red round sharp shiny short silver small smooth soft special strange striped thick thin tiny
white wooden yellow""".split()
FEELINGS = "afraid angry anxious cross gloomy lonely sad scared sorry tired upset worried".split()
GOOD = "calm cheerful content glad happy joyful merry pleased proud thankful".split()
HUNTS = ["looked", "searched", "hunted"]
MOVES = "climbed crawled danced hopped hurried jumped marched ran raced rolled rushed skipped strolled walked".split()
WEATHERS = [
    "sunny",
    "rainy",
    "windy",
    "snowy",
    "cloudy",
    "foggy",
    "warm",
    "cold",
    "bright",
    "stormy",
]
TIMES = ["One day", "One morning", "One evening", "One afternoon", "Once", "Last week", "Yesterday"]
LATER = [
    "Then",
    "After that",
    "Soon",
    "A little later",
    "Later that day",
    "Just then",
    "At last",
    "Suddenly",
]
KIN = [
    "mother",
    "father",
    "sister",
    "brother",
    "grandma",
    "grandpa",
    "uncle",
    "aunt",
    "teacher",
    "neighbor",
]

OPENING: dict[Introduction, tuple[str, ...]] = {
    "named": (
        "Once upon a time, there was {a_trait} {kind} named {hero}.",
        "{time}, {a_trait} {kind} named {hero} [went/action] to the {place}.",
        "In {a_look} [house/place] near the {place} [lived/action] {a_trait} {kind} named {hero}.",
        "There once was {a_trait} and {trait} {kind} named {hero}.",
    ),
    "plain": (
        "{hero} was {a_trait} {kind}.",
        "{time}, {hero} [went/action] to the {place}.",
        "It was {a_weather} day, and {hero} was at the {place}.",
        "{hero} [lived/action] near the {place}.",
        "Every day {hero} [played/action] at the {place}.",
    ),
    "unnamed": (
        "Once upon a time, there was {a_trait} {hero}.",
        "{A_trait} {hero} [lived/action] by the {place}.",
        "{time}, {a_trait} {hero} [came/action] to the {place}.",
        "Far away, near a {place}, [lived/action] {a_trait} {hero}.",
    ),
}

MIDDLE = (
    "{Hero} [liked/action] to [play/action] there.",
    "It was {a_weather} day.",
    "{Subject} [felt/action] very {feeling}.",
    "{Hero} {moved} past the {place2} and [looked/action] around.",
    "{Subject} {moved} all the way to the {place2}.",
    "The {place} was {look} and {trait}.",
    "{Hero} had never seen such {a_look} {object} before.",
)

PLOTS: tuple[tuple[frozenset[Feature], tuple[tuple[str, ...], ...]], ...] = (
    (  # something is lost and found
        frozenset(),
        (
            (
                "{Hero} had {a_look} {object}.",
                "{Subject} [loved/action] {possessive} {look} {object} very much.",
            ),
            ("{time2}, the {object} was gone.", "But then {hero} [lost/action] the {object}."),
            (
                "{Hero} {hunted} in the {place} and in the {place2}, but could not [find/action] it.",
                "{Subject} {hunted} under {a_look} {object2} and behind the {place2}.",
            ),
            (
                '"Have you [seen/action] my {object}?" {hero} [asked/speech] {a_other}.',
                '{A_other} [came/action] by. "Why are you {feeling}?" {osubject} [asked/speech].',
            ),
            (
                "Together they {hunted} near the {place2}.",
                "{Other} [helped/action] {hobject} [look/action] in the {place2}.",
            ),
            (
                "There was the {object}, right under the {object2}!",
                "{Other} [found/action] the {object} next to {a_look} {object2}.",
            ),
        ),
    ),
    (  # sharing
        frozenset({Feature.MORAL}),
        (
            ("{Hero} [found/action] {a_look} {object} in the {place}.",),
            (
                "{A_other} [saw/action] it and [wanted/action] it too.",
                "Then {a_other} [came/action].",
            ),
            (
                '"May I [hold/action] the {object}?" [asked/speech] {other}.',
                '"Can we [share/action] it?" {other} [asked/speech].',
            ),
            (
                "At first {hero} [said/speech] no, and {other} was {feeling}.",
                "{Hero} [held/action] the {object} tight and [turned/action] away.",
            ),
            (
                "Then {hero} [thought/action] about it and [gave/action] {other} a turn.",
                "But {hero} [saw/action] how {feeling} {other} was, and [gave/action] the {object} to {oobject}.",
            ),
            ("They [played/action] with the {object} until it was dark.",),
            ("{Hero} [learned/action] that it is nice to [share/action].",),
        ),
    ),
    (  # afraid
        frozenset(),
        (
            (
                "{Hero} was afraid of the {place2}.",
                "There was one thing {hero} did not like: the {place2}.",
            ),
            (
                '"It is too dark," {hero} [said/speech].',
                '"I will never [go/action] there," [said/speech] {hero}.',
            ),
            (
                "{time2}, the {look} {object} of {possessive} friend [fell/action] into it.",
                "But {time3} {hero} [heard/action] {a_other} [cry/action] in there.",
            ),
            ("{Hero} [took/action] {a_look} {object2} and [went/action] in, step by step.",),
            ("Inside, {subject} [found/action] {a_trait} {object2_b} and nothing else.",),
            ("Now {hero} was not afraid any more.", "{Hero} [laughed/action]. It was not so bad."),
        ),
    ),
    (  # a quarrel
        frozenset({Feature.CONFLICT}),
        (
            ("{Hero} and {a_other} both [wanted/action] the {look} {object}.",),
            (
                '"It is mine!" [shouted/speech] {hero}.',
                '"I [had/action] it first!" [cried/speech] {other}.',
            ),
            ("They [pulled/action] and [pulled/action], and the {object} [broke/action].",),
            ("Now {hero} was {feeling}, and {other} was {feeling2}.",),
            (
                '"I am sorry," [said/speech] {hero}. "Let us [fix/action] it."',
                '{Other} [said/speech], "We should [mend/action] it."',
            ),
            ("They [worked/action] all day in the {place2} with {a_look} {object2}.",),
            ("At last the {object} was good again.", "The {object} was even {better} than before."),
        ),
    ),
    (  # a wish that goes wrong
        frozenset({Feature.TWIST}),
        (
            (
                "{Hero} [wished/action] for {a_look} {object}.",
                "More than anything {hero} [wanted/action] {a_look} {object}.",
            ),
            (
                '"I can [help/action] you," [said/speech] {a_other}.',
                "{A_other} [heard/action] the wish.",
            ),
            ("{time2}, there was {a_look} {object} in every corner of the {place}, too many to [count/action].",),
            ("They [filled/action] the {place2} and the whole {place}.",),
            ("{Hero} could not even [move/action].", '"[Stop/action]!" [cried/speech] {hero}.'),
            ("It had only been a dream.", "{Other} had only [played/action] a trick."),
        ),
    ),
    (  # a broken promise
        frozenset({Feature.BAD_ENDING}),
        (
            ('"Do not [touch/action] the {object}," [said/speech] {a_other}.',),
            (
                '"I will not," {hero} [said/speech].',
                "{Hero} [nodded/action] and [promised/action].",
            ),
            ("But when {other} was away, {hero} [took/action] the {look} {object}.",),
            (
                "It [fell/action] on the {object2} and [broke/action].",
                "It [slipped/action] and [rolled/action] into the {place2}.",
            ),
            ("{Other} [came/action] back and was very {feeling}.",),
            ("{Hero} [went/action] home alone.", "Nobody [played/action] with {hero} that day."),
        ),
    ),
    (  # helping the weak
        frozenset({Feature.MORAL}),
        (
            (
                "In the {place2}, {hero} [met/action] {a_other}.",
                "{time2}, {hero} [saw/action] {a_other} near the {place2}.",
            ),
            (
                "{Other} could not [carry/action] {a_look} {object}.",
                "{Other} was stuck under {a_look} {object}.",
            ),
            ('"Please [help/action] me," [said/speech] {other}.',),
            (
                "{Hero} [pushed/action] with a {look2} {object2} until it [moved/action].",
                "{Hero} [lifted/action] the {object} with all {possessive} might.",
            ),
            ('"Thank you," [said/speech] {other}. "One day I will [help/action] you too."',),
            ("And when {hero} was in trouble at the {place}, {other} [came/action].",),
            (
                "A small kind deed is never small.",
                "{Hero} [learned/action] that kind deeds [come/action] back.",
            ),
        ),
    ),
    (  # bad weather
        frozenset(),
        (
            (
                "The sky [turned/action] black over the {place}.",
                "A storm [came/action] to the {place}.",
            ),
            (
                "The wind [took/action] the {look} {object} and [threw/action] it into the {place2}.",
            ),
            ("{Hero} [hid/action] behind {a_look} {object2}.", "{Hero} {moved} to the {place2}."),
            ("{A_other} was there too, cold and {feeling}.",),
            (
                "They [sat/action] close and [told/action] stories.",
                "{Hero} [shared/action] {possessive} {look2} blanket with {oobject}.",
            ),
            ("In the morning the sun [came/action] back, and there was the {object}.",),
        ),
    ),
    (  # building
        frozenset(),
        (
            ("{Hero} [wanted/action] to [build/action] {a_look} {object}.",),
            (
                "{Subject} [took/action] {a_look2} {object2} and [began/action].",
                "{Hero} [worked/action] in the {place2} from morning on.",
            ),
            ("It [fell/action] down once, and it [fell/action] down twice.",),
            (
                '"Let me [hold/action] it," [said/speech] {a_other}.',
                "{A_other} [laughed/action] at first, but then [helped/action].",
            ),
            ("Now it [stood/action], {look} and {look2}.",),
            ("They [showed/action] it to everyone in the {place}.",),
        ),
    ),
    (  # a new friend
        frozenset(),
        (
            (
                "{Hero} was new at the {place} and did not know anyone.",
                "{Hero} had no friend at the {place}.",
            ),
            ("{Subject} [sat/action] alone with {a_look} {object}.",),
            ("{time2}, {a_other} [sat/action] down too.",),
            ('"What is that?" [asked/speech] {other}. "It is my {object}," [said/speech] {hero}.',),
            (
                "{Other} had {a_look2} {object2}.",
                "{Other} [showed/action] {hobject} {a_look2} {object2}.",
            ),
            (
                "They [swapped/action] and [laughed/action].",
                "From then on they {moved} to the {place2} together.",
            ),
        ),
    ),
    (  # sickness
        frozenset(),
        (
            ("{time2}, {hero} was sick and had to [stay/action] in bed.",),
            ("{A_other} [brought/action] {a_look} {object}.",),
            (
                '"This will [help/action]," [said/speech] {other}.',
                '"[Get/action] well soon," {other} [said/speech].',
            ),
            ("{Hero} [held/action] the {object} all night.",),
            ("The next day {hero} {moved} to the {place} again.",),
            ("{Hero} [gave/action] {other} {a_look2} {object2} to [say/speech] thanks.",),
        ),
    ),
    (  # a trick
        frozenset({Feature.TWIST, Feature.CONFLICT}),
        (
            ("{A_other} [wanted/action] to [play/action] a trick on {hero}.",),
            (
                "{Other} [hid/action] the {look} {object} in the {place2}.",
                "{Other} [put/action] {a_look} {object} on {possessive} {object2}.",
            ),
            ("But {hero} had [seen/action] everything.", "But {hero} was too clever."),
            ("{Subject} [put/action] {a_look2} {object2} in its place.",),
            (
                "When {other} [came/action] to [look/action], {osubject} [jumped/action] with a cry.",
            ),
            ('"Now we are even," [said/speech] {hero}, and they both [laughed/action].',),
        ),
    ),
)

CLOSING = (
    "{Hero} was very {good}.",
    "And so {hero} [went/action] home, {good} and {trait}.",
    "That night {hero} [slept/action] well.",
    "From that day on, {hero} and {other} were friends.",
    "{Hero} [smiled/action] all the way home.",
    "They all [ate/action] {a_look} pie and were {good}.",
)

BETTERS = ["nicer", "stronger", "prettier", "bigger"]
_PIECE = re.compile(r"\{(\w+)\}|\[([^/\]]+)/(\w+)\]|([A-Za-z]+(?:'[a-z]+)?)|([^A-Za-z{\[]+)")
_ROLES = {
    "action": Role.ACTION,
    "speech": Role.SPEECH,
    "place": Role.PLACE,
    "adjective": Role.ADJECTIVE,
}


def stories(count: int, *, seed: int = 0, first: int = 0) -> Iterator[NurseryStory]:
    """Yield stories `first` to `first + count` of a seed."""
    return (story(seed, index) for index in range(first, first + count))


def story(seed: int, index: int) -> NurseryStory:
    """Write one story: the same for the same seed and index, on every machine."""
    return _Writer(random.Random(f"{seed}/{index}")).write()


class _Writer:
    """One story in the making: its cast, its things, and what was written so far."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.text, self.spans, self.quoted = "", list[Span](), False
        self.hero_known = self.other_known = False
        self.introduction: Introduction = draw.choice(("named", "plain", "unnamed"))
        girl = draw.random() < 0.5
        if self.introduction == "unnamed":
            self.kind = draw.choice(ANIMALS)
            self.hero = self.kind
        else:
            self.hero = draw.choice(GIRLS if girl else BOYS)
            self.kind = draw.choice([("girl" if girl else "boy"), draw.choice(ANIMALS)])
        self.hero_forms = ("she", "her", "her") if girl else ("he", "him", "his")
        other_girl = draw.random() < 0.5
        self.other_forms = ("she", "her") if other_girl else ("he", "him")
        self.other = draw.choice([a for a in ANIMALS if a != self.kind])
        self.object, self.object2, self.object3 = draw.sample(OBJECTS, 3)
        self.place, self.place2 = draw.sample(PLACES, 2)
        self.look, self.look2 = draw.sample(LOOKS, 2)
        self.trait, self.trait2, self.other_trait = draw.sample(TRAITS, 3)
        self.feelings = draw.sample(FEELINGS, 2)
        self.moved, self.hunted = draw.choice(MOVES), draw.choice(HUNTS)

    def write(self) -> NurseryStory:
        features, plot = self.draw.choice(PLOTS)
        self.sentence(self.draw.choice(OPENING[self.introduction]))
        middles = self.draw.sample(MIDDLE, len(MIDDLE))
        for _ in range(self.draw.randint(1, 3)):
            self.sentence(middles.pop())
        for sentence in plot:
            self.sentence(self.draw.choice(sentence))
            if middles and self.draw.random() < 0.15:
                self.sentence(middles.pop())
        if Feature.BAD_ENDING not in features:
            self.sentence(self.draw.choice(CLOSING))
        if '"' in self.text:
            features |= {Feature.DIALOGUE}
        return NurseryStory(
            text=self.text,
            spans=tuple(self.spans),
            features=features,
            words=(self.object, self.moved, self.trait),
            introduction=self.introduction,
        )

    def sentence(self, template: str) -> None:
        """Add a sentence, its first letter large."""
        if self.text:
            self.text += " "
        start = len(self.text)
        for slot, tagged, role, plain, other in _PIECE.findall(template):
            if slot:
                self.fill(slot)
            elif tagged:
                self.words(tagged, _ROLES[role])
            elif plain:
                self.words(plain, Role.FUNCTION)
            else:
                self.quoted ^= other.count('"') % 2 == 1
                self.text += other
        self.text = self.text[:start] + self.text[start:][:1].upper() + self.text[start + 1 :]

    def words(self, text: str, role: Role) -> None:
        """Add words of one role."""
        for number, word in enumerate(text.split(" ")):
            if number:
                self.text += " "
            self.spans.append(
                Span(
                    start=len(self.text),
                    end=len(self.text) + len(word),
                    role=role,
                    quoted=self.quoted,
                )
            )
            self.text += word

    def fill(self, slot: str) -> None:
        """Add what a slot stands for."""
        if slot in ("hero", "Hero"):
            self.name_hero()
        elif slot in ("other", "Other"):
            self.words("the" if self.other_known else _article(self.other), Role.FUNCTION)
            self.text += " "
            self.name_other()
        elif slot in ("a_other", "A_other"):
            if self.other_known:
                self.words("the", Role.FUNCTION)
            else:
                self.described(self.other_trait)
            self.text += " "
            self.name_other()
        elif slot in ("Subject", "subject", "hobject", "possessive"):
            form = {"hobject": 1, "possessive": 2}.get(slot, 0)
            self.words(self.hero_forms[form], Role.HERO_PRONOUN)
        elif slot in ("osubject", "oobject"):
            self.words(self.other_forms[slot == "oobject"], Role.OTHER_PRONOUN)
        elif slot in ("object", "object2", "object2_b"):
            things = {"object": self.object, "object2": self.object2, "object2_b": self.object3}
            self.words(things[slot], Role.OBJECT)
        elif slot in ("place", "place2"):
            self.words(self.place if slot == "place" else self.place2, Role.PLACE)
        elif slot == "kind":
            self.words(self.kind, Role.FUNCTION)
        elif slot in ("a_look", "a_look2", "a_trait", "A_trait", "a_weather"):
            self.described(self.adjective(slot.split("_")[1]))
        elif slot in ("look", "look2", "trait", "feeling", "feeling2", "good", "better"):
            self.words(self.adjective(slot), Role.ADJECTIVE)
        elif slot in ("moved", "hunted"):
            self.words(self.moved if slot == "moved" else self.hunted, Role.ACTION)
        else:
            phrases = {
                "time": TIMES,
                "time2": LATER,
                "time3": ["one day", "one night", "that evening"],
            }
            self.words(self.draw.choice(phrases[slot]), Role.FUNCTION)

    def adjective(self, slot: str) -> str:
        if slot in ("good", "better", "weather"):
            return self.draw.choice({"good": GOOD, "better": BETTERS, "weather": WEATHERS}[slot])
        fixed = {"look": self.look, "look2": self.look2, "feeling": self.feelings[0]}
        fixed |= {"feeling2": self.feelings[1]}
        if slot == "trait":
            self.trait, self.trait2 = self.trait2, self.trait
            return self.trait2
        return fixed[slot]

    def described(self, adjective: str) -> None:
        """Add an article and an adjective."""
        self.words(_article(adjective), Role.FUNCTION)
        self.text += " "
        self.words(adjective, Role.ADJECTIVE)

    def name_hero(self) -> None:
        if self.hero_known and self.introduction == "unnamed":
            self.words("the", Role.FUNCTION)
            self.text += " "
        self.words(self.hero, Role.HERO if self.hero_known else Role.HERO_FIRST)
        self.hero_known = True

    def name_other(self) -> None:
        self.words(self.other, Role.OTHER if self.other_known else Role.OTHER_FIRST)
        self.other_known = True


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
