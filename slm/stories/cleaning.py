"""Making stories fit to learn from, and counting everything that was changed or dropped."""

import hashlib
import re
import unicodedata
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Literal

import ftfy

from slm.errors import BadInput, one_line, shown
from slm.stories.instruct import is_record, parse_record
from slm.stories.sources import StorySource

CLEANING_VERSION = "3"
ASKED_FROM = 1024
"""Stories after which it is first looked whether most of them count as cut off."""
EXAMPLE = 60
"""Characters of an example of what was dropped."""

Reason = Literal["empty", "truncated", "duplicate", "in_validation", "left_out"]
REASONS: dict[Reason, str] = {
    "truncated": "cut off",
    "duplicate": "repeated",
    "in_validation": "kept for validation",
    "left_out": "left out for their fields",
    "empty": "empty",
}
"""Why a story is dropped, and how that is said."""

_SUSPICIOUS = re.compile(
    "[\u0080-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u20ac\u2122\ufffd\ud800-\udfff]"
)
"""Letters that mojibake is made of (UTF-8 read as windows-1252), lost characters and half ones.

Only a story that holds one is shown to ftfy, which looks closely and slowly.
"""

_LOST_QUOTE = re.compile(
    "â€\ufffd|â€(?![\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013\u2014"
    '\u2018-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122"])'
)
"""A closing quotation mark (E2 80 9D) whose last byte, which windows-1252 lacks, was lost.

Any third byte makes another character of it, which is ftfy's to repair; ftfy takes a space for one.
Before a straight quotation mark it was a dash (E2 80 94), whose third byte, read as a curly quotation
mark, was made straight.
"""

_ENDING = re.compile(r"[.!?…*~)\]}>:;\-–—\"'”’»]$|\bend$", re.IGNORECASE)
"""How most whole stories end: with a mark that closes a sentence, a quotation, or "The end"."""
_GOES_ON = frozenset("&@#%/\\¡¿＆＠＃％／＼")
"""Punctuation that closes nothing, besides commas."""
_EMOJI_ENDS = frozenset("\ufe0f\u20e3～")
"""What makes an emoji of a character before it, and the wave that Japanese sentences end in."""
_WITHOUT_FULL_STOPS = ("THAI ", "LAO ")


@dataclass(kw_only=True)
class CleaningReport:
    """How many stories were kept, repaired (whatever came of them), and dropped for what reason.

    `examples` holds of each reason the first story that was dropped for it: its end where it is cut
    off, its beginning elsewhere.
    """

    kept: int = 0
    repaired: int = 0
    empty: int = 0
    truncated: int = 0
    duplicate: int = 0
    in_validation: int = 0
    left_out: int = 0
    examples: dict[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, remembered: object) -> "CleaningReport":
        """Read a report from a run's record; fields missing or of another type keep their defaults."""
        kept = remembered if isinstance(remembered, dict) else {}
        counts = {f.name: kept[f.name] for f in fields(cls) if isinstance(kept.get(f.name), int)}
        examples = kept.get("examples")
        return cls(**counts, examples=examples if isinstance(examples, dict) else {})

    @property
    def read(self) -> int:
        """The number of stories read."""
        return self.kept + sum(getattr(self, reason) for reason in REASONS)

    def drop(self, reason: Reason, story: str) -> None:
        """Count a story that is dropped."""
        setattr(self, reason, getattr(self, reason) + 1)
        if story and reason not in self.examples:
            if reason == "truncated":
                part = story if len(story) <= EXAMPLE else f"…{story[-EXAMPLE:]}"
            else:
                part = story if len(story) <= EXAMPLE else f"{story[:EXAMPLE]}…"
            self.examples[reason] = one_line(part)

    def in_words(self) -> str:
        """Summarise in one line what was kept, dropped (by reason, with an example) and repaired."""
        dropped = [
            f"{count:,} {said}" + (f" (“{example}”)" if (example := self._example(reason)) else "")
            for reason, said in REASONS.items()
            if (count := getattr(self, reason))
        ]
        line = f"{self.kept:,} of {self.read:,} stories kept"
        if dropped:
            line += f"; dropped: {', '.join(dropped)}"
        return line + (f"; {self.repaired:,} repaired" if self.repaired else "")

    def _example(self, reason: str) -> str:
        return "" if reason in ("in_validation", "left_out") else self.examples.get(reason, "")


def story_key(story: str) -> int:
    """Hash a story's words to 8 bytes (BLAKE2b), whatever white space separates them."""
    words = " ".join(story.split()).encode()
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "big")


def is_cut_off(story: str) -> bool:
    """Return whether a story is cut off: ends in a letter, digit or comma, or an opening bracket.

    A sentence's mark, a quotation mark, a bracket or dash of any script ends a story, and so does an
    emoji. Marks that are not seen (a right-to-left mark) are passed over. Thai and Lao, which are
    written without full stops, are never cut off, and a mark that opens a quotation elsewhere closes
    one where it follows a word (German, Danish).
    """
    tail = story[-16:]
    while tail and unicodedata.category(tail[-1]) == "Cf":
        tail = tail[:-1]
    if _ENDING.search(tail) or not tail:
        return not tail
    last, before = tail[-1], tail[-2:-1]
    kind = unicodedata.category(last)
    if kind == "Po":
        return last in _GOES_ON or "COMMA" in unicodedata.name(last, "")
    if kind == "Pi":
        return not before.strip()
    if (
        kind in ("Pe", "Pf", "Pd", "So")
        or last in _EMOJI_ENDS
        or "\U0001f000" <= last <= "\U0001fbff"
    ):
        return False
    return not unicodedata.name(last, "").startswith(_WITHOUT_FULL_STOPS)


def clean(
    stories: Iterable[str], report: CleaningReport, *, keep_truncated: bool = False
) -> Iterator[str]:
    """Yield repaired stories, dropping empty, truncated and repeated ones.

    Counts go into `report` as they happen. An instruct record without a story counts as empty.
    Remembers a number per story (about 80 bytes), not the stories.
    """
    found = clean_with_keys(stories, report, keep_truncated=keep_truncated)
    return (story for _, story in found)


def cleaned(source: StorySource, report: CleaningReport | None = None) -> Iterator[str]:
    """Yield the cleaned stories of a source; raises `BadInput` where most of them count as cut off."""
    found = cleaned_with_keys(source, source.raw(), report or CleaningReport())
    return (story for _, story in found)


def cleaned_with_keys(
    source: StorySource, raw: Iterable[str], report: CleaningReport, *, exclude: Container[int] = ()
) -> Iterator[tuple[int, str]]:
    """Yield each cleaned story of `raw`, the stories of `source`, with its `story_key`.

    A corpus of which most stories end without a sentence's mark may well be written that way:
    `BadInput` unless the source says what to do with them. This is checked at growing intervals and
    at the end.
    """
    keep = source.truncated == "keep"

    def asking() -> Iterator[str]:
        due = ASKED_FROM
        for number, story in enumerate(raw):
            if number == due:
                due *= 2
                _ask(source, report)
            yield story
        _ask(source, report)

    return clean_with_keys(
        asking(), report, exclude=exclude, keep_truncated=keep, without=source.without
    )


def _ask(source: StorySource, report: CleaningReport) -> None:
    if source.truncated == "ask" and report.truncated * 2 > report.read - report.empty:
        raise BadInput(
            f"most of {shown(source.spec)} would be dropped: {report.truncated:,} of the first "
            f"{report.read:,} stories end without a sentence's mark, as if cut off "
            f"(“{report.examples['truncated']}”); :keep-truncated after the corpus keeps them, "
            ":drop-truncated goes on with the rest"
        )


def clean_with_keys(
    stories: Iterable[str],
    report: CleaningReport,
    *,
    exclude: Container[int] = (),
    keep_truncated: bool = False,
    without: tuple[str, ...] = (),
) -> Iterator[tuple[int, str]]:
    """Yield `clean` stories with their `story_key`, without those whose key is in `exclude`.

    Instruct records that hold all fields of `without`, if any are named, are left out too.
    """
    seen: set[int] = set()
    for raw in stories:
        story = raw.strip()
        if not story.isascii() and _SUSPICIOUS.search(story):
            mended = _LOST_QUOTE.sub("”", story.replace('â€"', "—"))
            repaired = ftfy.fix_text(mended, uncurl_quotes=False)
            report.repaired += repaired != story
            story = repaired
        story = unicodedata.normalize("NFC", story).replace("\r\n", "\n").strip()
        record = parse_record(story) if is_record(story) else None
        body = record.story if record else story
        if not body:
            report.drop("empty", story)
            continue
        if without and record and set(without) <= set(record.order):
            report.drop("left_out", story)
            continue
        if not keep_truncated and is_cut_off(body):
            report.drop("truncated", body)
            continue
        key = story_key(story)
        if key in exclude:
            report.drop("in_validation", story)
        elif key in seen:
            report.drop("duplicate", story)
        else:
            seen.add(key)
            report.kept += 1
            yield key, story
