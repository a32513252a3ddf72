"""Words that a child of three or four knows: nouns, verbs and adjectives, and their inflected forms."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from slm.errors import BadInput, shown
from slm.reading import read_text
from slm.stories.inflections import inflections

SECTIONS = ("nouns", "verbs", "adjectives", "others")
WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*")
_CONTRACTED = re.compile(r"(?:n't|'(?:s|re|ll|ve|d|m))$")
_CONTRACTIONS = frozenset({"can't", "won't", "let's", "o'clock"})


@dataclass(frozen=True, kw_only=True)
class ChildWords:
    """A list of words by section, each once; `name` says whose list it is."""

    name: str
    nouns: tuple[str, ...]
    verbs: tuple[str, ...]
    adjectives: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def forms(self) -> frozenset[str]:
        """Every form of every word, in lower case."""
        return _all_forms(self)

    def knows(self, word: str) -> bool:
        """Return whether a word, contracted or not, is a form of a listed one, or a compound of such."""
        word, known = word.lower().replace("\u2019", "'"), self.forms
        if word in known or _CONTRACTED.sub("", word) in known or word in _CONTRACTIONS:
            return True
        return "-" in word and all(part in known for part in word.split("-") if part)


@cache
def shipped_words() -> ChildWords:
    """Return the list that ships, written for Storyscope."""
    text = resources.files("slm.stories.texts").joinpath("child_words.txt").read_text("utf-8")
    return parse_words(text, "written for Storyscope")


def read_words(path: Path) -> ChildWords:
    """Read a list of one's own, in the format of the one that ships."""
    return parse_words(read_text(path), path.name)


def parse_words(text: str, name: str) -> ChildWords:
    """Parse a list of words: sections in brackets, words between white space, comments from # on.

    Raises `BadInput` for another section, a word outside of one, and where nouns, verbs or adjectives
    are missing.
    """
    found: dict[str, dict[str, None]] = {section: {} for section in SECTIONS}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition("#")[0].strip().lower()
        if heading := re.fullmatch(r"\[(.*)\]", line):
            section = heading[1].strip()
            if section not in SECTIONS:
                raise BadInput(
                    f"a list of words has the sections {', '.join(SECTIONS)}, "
                    f"not {shown(section)} (line {number} of {shown(name)})"
                )
            continue
        for word in line.split():
            if not section or not WORD.fullmatch(word):
                why = "a section in brackets comes first" if not section else "a word is letters"
                raise BadInput(f"{why}, and line {number} of {shown(name)} has {shown(word)}")
            found[section][word] = None
    for needed in SECTIONS[:3]:
        if not found[needed]:
            raise BadInput(f"a list of words needs [{needed}], and {shown(name)} has none")
    return ChildWords(
        name=name,
        nouns=tuple(found["nouns"]),
        verbs=tuple(found["verbs"]),
        adjectives=tuple(found["adjectives"]),
        others=tuple(found["others"]),
    )


@cache
def _all_forms(words: ChildWords) -> frozenset[str]:
    sections = (words.nouns, words.verbs, words.adjectives, words.others)
    every = {form for section in sections for word in section for form in inflections(word)}
    for word in words.adjectives:  # slowly, happily, gently
        stem = f"{word[:-1]}i" if word.endswith("y") else word
        every |= {f"{stem}ly", f"{word[:-1]}y" if word.endswith("le") else f"{stem}ness"}
    return frozenset(every)
