"""Inflected forms of English words: a request for "run" is kept by "ran" and by "running" too."""

import re
from functools import cache, lru_cache
from importlib import resources

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_VOWELS = "aeiou"
_ENDINGS = ("ed", "ing", "er", "est")
_SYLLABLE = re.compile(r"[aeiouy]+")
_DOUBLED = re.compile(r"[^aeiou]?[aeiou][bdgklmnprtv]")
"""A short syllable, whose last letter is doubled before an ending: hop, hopping."""


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text in lower case, those joined by hyphens and possessives taken apart."""
    found = {word.lower().replace("\u2019", "'") for word in _WORD.findall(text)}
    parts = {part for word in found if "-" in word for part in word.split("-")}
    return frozenset(found | parts | {word.removesuffix("'s") for word in found})


def contains_word(text: str | frozenset[str], word: str) -> bool:
    """Return whether a text (or its `words_of`) holds a word in any of its forms.

    Of several words ("teddy bear") each must be there.
    """
    there = words_of(text) if isinstance(text, str) else text
    asked = words_of(word)
    return bool(asked) and all(not there.isdisjoint(inflections(one)) for one in asked)


@lru_cache(maxsize=65536)
def inflections(word: str) -> frozenset[str]:
    """Return the forms of a lower-case word: plural, tenses, comparison; the word itself among them.

    Rules, and a table for words that follow none. Forms that no text has ("runned") do no harm.
    """
    forms = {word} | set(_irregular().get(word, ()))
    forms.add(f"{word}s")
    doubled = len(word) > 2 and _DOUBLED.fullmatch(word[-3:]) is not None
    if not doubled or len(_SYLLABLE.findall(word)) > 1:
        forms |= {f"{word}{ending}" for ending in _ENDINGS}
    last, before = word[-1:], word[-2:-1]
    if last in "sxz" or word.endswith(("ch", "sh")) or last == "o":
        forms.add(f"{word}es")
    if last == "y" and before not in _VOWELS:
        forms |= {f"{word[:-1]}{ending}" for ending in ("ies", "ied", "ier", "iest")}
    if last == "e":
        forms |= {f"{word}d", f"{word}r", f"{word}st", f"{word[:-1]}ing"}
    if doubled:
        forms |= {f"{word}{last}{ending}" for ending in _ENDINGS}
    return frozenset(forms)


@cache
def _irregular() -> dict[str, tuple[str, ...]]:
    text = resources.files("slm.stories").joinpath("irregular_words.txt").read_text("utf-8")
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {word: tuple(forms) for word, *forms in rows}
