"""Making stories fit to learn from, and counting everything that was changed or dropped."""

import hashlib
import re
import unicodedata
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

import ftfy

from slm.stories.instruct import is_record, parse_record

CLEANING_VERSION = "2"

_SUSPICIOUS = re.compile(
    "[\u0080-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u20ac\u2122\ufffd\ud800-\udfff]"
)
"""Letters that mojibake is made of (UTF-8 read as windows-1252), lost characters and half ones.

Only a story that holds one is shown to ftfy, which looks closely and slowly.
"""

_ENDING = re.compile(r"[.!?…*~)\]}>:;\-–—\"'”’»]$|\bend$", re.IGNORECASE)
"""How a whole story ends: with a mark that closes a sentence, a quotation, or "The end"."""


@dataclass(kw_only=True)
class CleaningReport:
    """How many stories were kept, repaired (whatever came of them), and dropped for what reason."""

    kept: int = 0
    repaired: int = 0
    empty: int = 0
    truncated: int = 0
    duplicate: int = 0
    in_validation: int = 0


def story_key(story: str) -> int:
    """An 8-byte hash of a story's words, the same however they are spaced."""
    words = " ".join(story.split()).encode()
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "big")


def clean(stories: Iterable[str], report: CleaningReport) -> Iterator[str]:
    """Yield repaired stories, dropping empty, truncated and repeated ones.

    Counts go into `report` as they happen. An instruct record without a story counts as empty.
    Remembers a number per story (about 80 bytes), not the stories.
    """
    return (story for _, story in clean_with_keys(stories, report))


def clean_with_keys(
    stories: Iterable[str], report: CleaningReport, *, exclude: Container[int] = ()
) -> Iterator[tuple[int, str]]:
    """`clean`, each story with its `story_key`, and without those whose key stands in `exclude`."""
    seen: set[int] = set()
    for raw in stories:
        story = raw.strip()
        if not story.isascii() and _SUSPICIOUS.search(story):
            repaired = ftfy.fix_text(story, uncurl_quotes=False)
            report.repaired += repaired != story
            story = repaired
        story = unicodedata.normalize("NFC", story).replace("\r\n", "\n").strip()
        body = parse_record(story).story if is_record(story) else story
        if not body:
            report.empty += 1
            continue
        if not _ENDING.search(body[-8:]):
            report.truncated += 1
            continue
        key = story_key(story)
        if key in exclude:
            report.in_validation += 1
        elif key in seen:
            report.duplicate += 1
        else:
            seen.add(key)
            report.kept += 1
            yield key, story
