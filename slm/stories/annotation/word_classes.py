"""The words of any story, in classes that need no dictionary: closed lists, endings, what stands before.

Each class is named for what is really checked: "ends in -ing" holds "thing" too, and a name is what
is written with a capital inside a sentence.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

PRONOUN, DETERMINER, CONJUNCTION = "pronoun", "determiner", "conjunction"
PREPOSITION, AUXILIARY, NEGATION = "preposition", "auxiliary verb", "negation"
NAME_FIRST = "capital inside a sentence, first time in the story"
NAME_AGAIN = "capital inside a sentence, again"
OPENS_QUOTATION, OPENS_SENTENCE = "opens a quotation", "opens a sentence outside quotations"
AFTER_NAMED, AFTER_TO = "after “named”", "after “to”, in no list"
AFTER_DETERMINER = "after a determiner, in no list"
ED, ING, LY = "ends in -ed", "ends in -ing", "ends in -ly"

CLASSES = (
    PRONOUN,
    DETERMINER,
    CONJUNCTION,
    PREPOSITION,
    AUXILIARY,
    NEGATION,
    NAME_FIRST,
    NAME_AGAIN,
    OPENS_QUOTATION,
    OPENS_SENTENCE,
    AFTER_NAMED,
    AFTER_TO,
    AFTER_DETERMINER,
    ED,
    ING,
    LY,
)

LISTS = {
    PRONOUN: "i me my mine myself you your yours yourself he him his himself she her hers herself it "
    "its itself we us our ours ourselves they them their theirs themselves",
    DETERMINER: "a an the this that these those some any every each no another",
    CONJUNCTION: "and but or so because if when while until although though than as",
    PREPOSITION: "of in on at by for with from into onto over under through across behind beside "
    "between near to up down out off around about after before without inside outside towards",
    AUXILIARY: "am is are was were be been being do does did has have had can could will would shall "
    "should may might must let",
    NEGATION: "not never no nothing nobody none cannot can't don't didn't doesn't won't wouldn't "
    "couldn't isn't wasn't aren't weren't",
}
"""The closed lists. A word may stand in two of them."""

_IN_LIST = {name: frozenset(words.split()) for name, words in LISTS.items()}
_IN_ANY = frozenset().union(*_IN_LIST.values())
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_OPENING_QUOTE = re.compile(r'(?:\A|[\s(])["\u201c]$')
_SENTENCE_END = re.compile(r'(?:^|[.!?\u2026]["\u201d\u2019)]*|\n)\s*$')
_SHORTEST_WITH_ENDING = 5


@dataclass(frozen=True)
class ClassedWord:
    """A word of a text, from character `start` to `end` (exclusive), and the classes it is in."""

    start: int
    end: int
    classes: frozenset[str]


def classed_words(text: str) -> Iterator[ClassedWord]:
    """Yield every word of `text`, in order, with its classes."""
    last = ""
    names: set[str] = set()
    for found in _WORD.finditer(text):
        written = found[0].replace("\u2019", "'")
        before = text[max(0, found.start() - 8) : found.start()]
        word = written.lower()
        quoting = bool(_OPENING_QUOTE.search(before))
        opening = written[0].isupper() and bool(_SENTENCE_END.search(before))
        classes = {name for name, words in _IN_LIST.items() if word in words}
        if quoting:
            classes.add(OPENS_QUOTATION)
        elif opening:
            classes.add(OPENS_SENTENCE)
        if last == "named":
            classes.add(AFTER_NAMED)
        name = word.removesuffix("'s")
        if written[0].isupper() and not (quoting or opening) and word not in _IN_ANY:
            classes.add(NAME_AGAIN if name in names else NAME_FIRST)
        if written[0].isupper():
            names.add(name)
        if not classes:
            if last == "to":
                classes.add(AFTER_TO)
            elif last in _IN_LIST[DETERMINER]:
                classes.add(AFTER_DETERMINER)
        if len(word) >= _SHORTEST_WITH_ENDING and word not in _IN_ANY:
            classes |= {
                name for name, end in ((ED, "ed"), (ING, "ing"), (LY, "ly")) if word.endswith(end)
            }
        yield ClassedWord(found.start(), found.end(), frozenset(classes))
        last = word
