"""Copying of a run trained on nursery stories, whose corpus can be regenerated."""

import re
from collections.abc import Generator

from slm.generation.sampler import Sampling
from slm.memorization.kept import indexed
from slm.memorization.rouge import words
from slm.memorization.study import Study, study
from slm.overview.records import Copying
from slm.progress import Progress
from slm.runs import Checkpoint, Run
from slm.stories import nursery

STORIES = 60
"""Stories of each kind whose endings are compared."""
GIVEN, EXCERPT = 20, 60
"""Words that are kept of a beginning, its last, and of an ending, its first."""
NURSERY = re.compile(r"nursery:[0-9]+:([0-9]+)")


def copying(run: Run, checkpoint: Checkpoint) -> Generator[Progress, None, Copying | None]:
    """Compare endings of stories of its corpus with those of another seed; None for another corpus."""
    corpus = str(run.info.corpus.get("train", ""))
    if (found := NURSERY.fullmatch(corpus)) is None:
        return None
    unseen = [one.text for one in nursery.stories(STORIES * 2, seed=int(found[1]) + 1)]
    index = yield from indexed(corpus)
    masked = yield from indexed(corpus, masked=True)
    measured = yield from study(
        checkpoint, index, masked, unseen, stories=STORIES, sampling=Sampling()
    )
    return _copying(corpus, len(index), measured)


def _copying(corpus: str, trained_on: int, measured: Study) -> Copying:
    longest = measured.measures["trained"].longest
    at = max(range(len(longest)), key=lambda one: longest[one])
    one, copies = measured.endings["trained"][at], measured.measures["trained"].copies[at]
    wrote = " ".join(one.text.split()[:EXCERPT])
    shown = len(words(wrote))
    return Copying(
        corpus=corpus,
        trained_on=trained_on,
        more=measured.more_than_unseen(),
        longest=longest[at],
        given=" ".join(one.beginning.split()[-GIVEN:]),
        wrote=wrote,
        copied=tuple((copy.start, min(copy.stop, shown)) for copy in copies if copy.start < shown),
        true_ending=" ".join(one.story[len(one.beginning) :].split()[:EXCERPT]),
    )
