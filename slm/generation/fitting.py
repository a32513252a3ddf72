"""Texts that we choose, as much of them as the models looked at can read.

A text that a person gave is never touched: where it does not fit, whoever reads it says so. What is
ours (the shipped stories and openings, a field's first words) is cut instead, and `note` says it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from slm.errors import BadInput, shown
from slm.runs import Checkpoint
from slm.stories.tokenizer import END, Tokenizer

OPENING_SHARE = 2
"""A story's opening takes at most one in so many tokens of the context: the rest is for the story."""

_SENTENCE_END = re.compile(r"[.!?][\"'\u201d\u2019]?(?=\s)")
_WORD_END = re.compile(r"(?<=\S)(?=\s)")


END_IS_READ = (
    f"{END} is read as the token that opens a story; every text begins with it, so at the beginning it "
    "is not read twice."
)


@dataclass(frozen=True, kw_only=True)
class FittedText:
    """A text cut to fit, and a sentence on what was cut; "" where it is whole."""

    text: str
    note: str = ""


def typed(text: str) -> FittedText:
    """Wrap a typed text, with a note on how `END` in it is read."""
    return FittedText(text=text, note=END_IS_READ if END in text else "")


def story_that_fits(readers: Sequence[Checkpoint], text: str) -> FittedText:
    """Cut a shipped story to what every model's context holds.

    Raises `BadInput` where a context holds no token but the one that opens a story.
    """
    if (context := _smallest(readers)) < 2:
        raise BadInput(
            f"a context of {context} token holds what opens a story and nothing more: there is no "
            "text to look at"
        )
    read, notes = _without_unread(readers, text, "story")
    kept = _cut_for_all(readers, read, 1)
    if kept != read:
        notes.append(
            f"The shipped story does not fit a context of {context} tokens: read are its first "
            f"{len(kept):,} of {len(read):,} characters."
        )
    return FittedText(text=kept, note=" ".join(notes))


def opening_that_fits(readers: Sequence[Checkpoint], text: str) -> FittedText:
    """Cut a shipped opening so that it leaves every model half of its context to write in.

    Nothing of it may be left: then a story begins with the token that opens every story.
    """
    read, notes = _without_unread(readers, text, "opening")
    kept = _cut_for_all(readers, read, OPENING_SHARE)
    if kept != read:
        notes.append(
            f"The shipped opening takes more than half of a context of {_smallest(readers)} tokens: "
            + (f"given is only {kept!r}." if kept else "nothing of it is given.")
        )
    return FittedText(text=kept, note=" ".join(notes))


def openings_that_fit(
    readers: Sequence[Checkpoint], texts: Sequence[str]
) -> tuple[tuple[str, ...], str]:
    """Cut all shipped openings as `opening_that_fits` does, without repeats; also note what was cut."""
    read = [_without_unread(readers, text, "opening")[0] for text in texts]
    kept = [_cut_for_all(readers, text, OPENING_SHARE) for text in read]
    notes = []
    if lost := sum(after != before for before, after in zip(texts, read, strict=True)):
        notes.append(
            f"{lost} of {len(texts)} shipped openings hold characters that a tokenizer has no token "
            "for, which are left out."
        )
    if number := sum(after != before for before, after in zip(read, kept, strict=True)):
        notes.append(
            f"{number} of {len(texts)} shipped openings take more than half of a context of "
            f"{_smallest(readers)} tokens and are cut."
        )
    return tuple(dict.fromkeys(kept)) if notes else tuple(kept), " ".join(notes)


def cut(tokenizer: Tokenizer, text: str, room: int) -> str:
    """Cut `text` to at most `room` tokens, its opening token included.

    Cut after a sentence where that keeps at least half of it, else after a word, else after a token.
    """
    spans = tokenizer.offsets(text)
    if len(spans) < room:
        return text
    longest = spans[room - 1][0]  # where the first token begins for which there is no room

    def fits(end: int) -> bool:
        return len(tokenizer.encode_story(text[:end])) <= room

    for pattern, least in ((_SENTENCE_END, longest // 2), (_WORD_END, 1)):
        ends = [found.end() for found in pattern.finditer(text) if least <= found.end() <= longest]
        if (end := next(filter(fits, reversed(ends)), None)) is not None:
            return text[:end]
    return text[: next(filter(fits, range(longest, -1, -1)), 0)]


def _without_unread(readers: Sequence[Checkpoint], text: str, kind: str) -> tuple[str, list[str]]:
    """Remove the characters that some model has no token for; also note which."""
    kept = text
    for reader in readers:
        kept = reader.tokenizer.readable(kept)
    if kept == text:
        return text, []
    if not kept.strip():
        raise BadInput(f"the tokenizer has no token for any character of the shipped {kind}")
    lost = set(text) - set(kept)
    named = shown("".join(sorted(lost)))
    return kept, [f"The tokenizer has no token for {named}: left out of the shipped {kind}."]


def _cut_for_all(readers: Sequence[Checkpoint], text: str, share: int) -> str:
    """Cut `text` until it fits that share of every model's context."""
    kept = text
    for reader in readers:
        kept = cut(reader.tokenizer, kept, max(1, reader.config.n_ctx // share))
    return kept if kept == text else _cut_for_all(readers, kept, share)


def _smallest(readers: Sequence[Checkpoint]) -> int:
    return min(reader.config.n_ctx for reader in readers)
