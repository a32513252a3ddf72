"""Sentences of ours that are alike but for one thing: a name's first or second time, "named" or not."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Condition(StrEnum):
    """What the last word is, and how it comes."""

    FIRST_NAMED = "a name's first time, after “named”"
    FIRST_PLAIN = "a name's first time, otherwise"
    AGAIN_NAMED = "a name's second time, after “named”"
    AGAIN_PLAIN = "a name's second time, otherwise"
    WORD_NAMED = "another word after “named”"
    WORD_PLAIN = "another word, otherwise"


@dataclass(frozen=True, kw_only=True)
class MinimalPair:
    """The word asked about, after `before`, in its condition."""

    before: str
    word: str
    condition: Condition


GIRLS = ("Amy", "Sue", "Lily", "Mia", "Anna", "Lucy", "Sara", "Emma")
BOYS = ("Tim", "Tom", "Ben", "Max", "Sam", "Jack", "Leo", "Bob")
WORDS = ("the", "it", "a", "little", "big", "happy")

PLACES = (
    "a small house by the big lake",
    "a little town near the green hills",
    "an old barn on a quiet farm",
    "a warm home under a tall tree",
)
ENDINGS = (
    ("there was a {kind} named", "{pronoun} was a {kind} named"),
    ("there lived a good {kind} named", "{pronoun} was a good {kind} named"),
)
PLAIN_ENDINGS = ("it was late and", "the sun was up and")


@cache
def minimal_pairs() -> tuple[MinimalPair, ...]:
    """Return every name in every condition and place, and every other word where no name is.

    The asked word stands after about as many words in each condition, two more or fewer at most.
    """
    found = []
    for kind, pronoun, names in (("girl", "She", GIRLS), ("boy", "He", BOYS)):
        for place in PLACES:
            for ending, plain in zip(ENDINGS, PLAIN_ENDINGS, strict=True):
                opens, named, named_again = f"One day, in {place},", *ending
                named = named.format(kind=kind, pronoun=pronoun)
                named_again = named_again.format(kind=kind, pronoun=pronoun)
                for name in names:
                    again = f"{name} lived in {place}."
                    befores = {
                        Condition.FIRST_NAMED: f"{opens} {named}",
                        Condition.FIRST_PLAIN: f"{opens} {plain}",
                        Condition.AGAIN_NAMED: f"{again} {named_again}",
                        Condition.AGAIN_PLAIN: f"{again} {plain[0].upper()}{plain[1:]}",
                    }
                    found += [
                        MinimalPair(before=before, word=name, condition=condition)
                        for condition, before in befores.items()
                    ]
                for word in WORDS:
                    found += [
                        MinimalPair(
                            before=f"{opens} {named}", word=word, condition=Condition.WORD_NAMED
                        ),
                        MinimalPair(
                            before=f"{opens} {plain}", word=word, condition=Condition.WORD_PLAIN
                        ),
                    ]
    return tuple(found)
