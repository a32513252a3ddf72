"""A nursery story as data: its text, the role of every word, and what it contains."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

Introduction = Literal["named", "plain", "unnamed"]


class Role(StrEnum):
    """What a word is in its story."""

    HERO_FIRST = "protagonist, first mention"
    HERO = "protagonist, later mention"
    HERO_PRONOUN = "protagonist, pronoun"
    OTHER_FIRST = "other character, first mention"
    OTHER = "other character, later mention"
    OTHER_PRONOUN = "other character, pronoun"
    GROUP_PRONOUN = "pronoun for several"  # they, we: characters together
    KIND = "kind of a character"  # `girl` in "a girl named Amy", where Amy is the mention
    BYSTANDER = "bystander"  # a person or an animal without a part in the story
    OBJECT = "object"  # the thing that the story is about
    OBJECT_PRONOUN = "object, pronoun"
    PLACE = "place"
    NOUN = "other noun"
    ACTION = "action"  # a verb of doing
    STATE = "state"  # a verb of being, having, feeling, wanting, perceiving
    SPEECH = "speech verb"
    ADJECTIVE = "adjective"
    ADVERB = "adverb"
    FUNCTION = "function word"


class Feature(StrEnum):
    """What a story contains, as in TinyStories."""

    DIALOGUE = "dialogue"
    BAD_ENDING = "bad ending"
    TWIST = "twist"
    MORAL = "moral"
    FORESHADOWING = "foreshadowing"
    CONFLICT = "conflict"


class Span(NamedTuple):
    """A word, from character `start` to `end` (exclusive): its role, and whether it is said aloud."""

    start: int
    end: int
    role: Role
    quoted: bool


class Mark(NamedTuple):
    """Sentences, from character `start` to `end` (exclusive), that give a story a feature."""

    start: int
    end: int
    feature: Feature


@dataclass(frozen=True, kw_only=True)
class NurseryStory:
    """A story with the role of each of its words.

    `spans` cover every word, in order; between them stand only spaces, line ends and punctuation.
    `words` are the noun, the verb and the adjective the story was made from; all three occur in it.
    `introduction` tells how the protagonist enters: "a girl named Amy", "Amy was a girl", "a girl".
    `hero` is what the protagonist is called: a name, or the kind where it has none; `plot` its plot.
    """

    text: str
    spans: tuple[Span, ...]
    features: frozenset[Feature]
    words: tuple[str, str, str]
    introduction: Introduction
    hero: str
    plot: str
