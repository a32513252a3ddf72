"""Stream the cleaned training and validation stories of a corpus, none of them in both."""

from collections.abc import Iterator
from functools import cached_property

from slm.errors import shown
from slm.progress import ProgressCallback
from slm.stories.cleaning import CLEANING_VERSION, CleaningReport, cleaned_with_keys
from slm.stories.sources import StorySource

FORMAT_VERSION = "3"
HELD_OUT_SHARE = 0.05
HELD_OUT_AT_MOST = 2000
JUDGED_BY = 20_000_000
"""Characters from the beginning of a corpus by which the share held out is set."""
REPORT_EVERY = 20_000_000
"""Characters of text read between two reports of progress."""


class CleanedSplits:
    """The cleaned stories of the two splits, streamed; nothing is read before it is asked for."""

    def __init__(
        self, source: StorySource, valid: StorySource | None, progress: ProgressCallback
    ) -> None:
        self.source, self.valid_source, self.progress = source, valid, progress
        other = valid.fingerprint if valid else "held out"
        self.made_from = f"{FORMAT_VERSION} {CLEANING_VERSION} {source.fingerprint} {other}"
        self.held_out: list[str] = []

    def train(
        self, report: CleaningReport, stage: str, at_most: int | None = None
    ) -> Iterator[str]:
        """Yield training stories; `at_most` is how many characters the caller means to read.

        What is held out on the way is kept for `valid`.
        """
        self.held_out = []
        raw = self.read(self.source, stage, at_most)
        if self.valid_source is not None:
            keys = self.validation_keys
            for _, story in cleaned_with_keys(self.source, raw, report, exclude=keys):
                yield story
            return
        for key, story in cleaned_with_keys(self.source, raw, report):
            if key <= self.highest_held_out:
                report.kept -= 1
                report.drop("in_validation", story)
                self.held_out.append(story)
            else:
                yield story

    def valid(self, report: CleaningReport, stage: str) -> Iterator[str]:
        """Yield validation stories: of their own source, or those held out of the training source."""
        if self.valid_source is not None:
            raw = self.read(self.valid_source, stage)
            for _, story in cleaned_with_keys(self.valid_source, raw, report):
                yield story
        else:
            report.kept = len(self.held_out)
            yield from self.held_out

    @cached_property
    def validation_keys(self) -> frozenset[int]:
        """Keys (hashes) of the validation stories, which training leaves out."""
        assert self.valid_source is not None
        stories = self.read(self.valid_source, "reading the validation stories")
        found = cleaned_with_keys(self.valid_source, stories, CleaningReport())
        return frozenset(key for key, _ in found)

    @cached_property
    def highest_held_out(self) -> int:
        """Stories with keys up to this one are held out: a twentieth of them, or about 2000.

        Read off the first stories; where those are all there are, the share is exact.
        """
        keys: list[int] = []
        read = 0
        stories = self.read(self.source, "choosing validation stories", JUDGED_BY)
        for key, story in cleaned_with_keys(self.source, stories, CleaningReport()):
            keys.append(key)
            read += len(story)
            if read >= JUDGED_BY:
                break
        all_there_are = read < JUDGED_BY
        expected = len(keys) if all_there_are else len(keys) * self.source.size / read
        share = min(HELD_OUT_SHARE, HELD_OUT_AT_MOST / max(1, expected))
        count = min(max(1, int(len(keys) * share)), len(keys) - 1)
        return sorted(keys)[count - 1] if count > 0 else -1

    def nothing_left(self, name: str, report: CleaningReport) -> str:
        """Say why a split has no story."""
        corpus = shown(self.source.spec)
        if self.valid_source is None:
            return (
                f"a corpus needs 2 stories, one to validate with: of {corpus} {report.in_words()}"
            )
        if name == "valid":
            return f"no validation story is left of {shown(self.valid_source.spec)}: {report.in_words()}"
        if report.in_validation and report.in_validation + report.empty == report.read:
            return (
                f"every story of the corpus {corpus} is a validation story, so nothing is left to "
                "train on: give other stories to validate with, or none, and some are held out"
            )
        return f"no story of {corpus} is left to train on: {report.in_words()}"

    def read(self, source: StorySource, stage: str, at_most: int | None = None) -> Iterator[str]:
        """Yield the raw stories of `source`, reporting progress."""
        expected = max(1, min(source.size, at_most or source.size))
        self.progress(stage, 0.0)
        read, reported = 0, 0
        for story in source.raw():
            read += len(story)
            if read - reported >= REPORT_EVERY:
                reported = read
                self.progress(stage, min(read / expected, 1.0))
            yield story
