"""Copying of the endings of training stories."""

import re
from functools import cache
from itertools import islice

from slm.errors import BadInput
from slm.generation.sampler import Sampling
from slm.lessons.measures.measured import Measured, paired
from slm.memorization.endings import Ending, can_end, complete_all
from slm.memorization.rouge import precision
from slm.progress import result_of
from slm.runs import Checkpoint, Run, list_runs, open_run
from slm.stories import nursery
from slm.stories.cleaning import cleaned
from slm.stories.sources import open_source

STORIES = 24
ENDING = Sampling(temperature=0.0, max_tokens=100)
MORE = 0.1
UNSEEN = 2_000_000_000
"""The first nursery story that no corpus here holds."""
_NURSERY = re.compile(r"nursery(?::(\d+))?(?::(\d+))?")


def nursery_runs() -> list[Run]:
    """List the runs trained on nursery stories, fewest stories first."""
    found = [(count, run) for run in list_runs() if run.last_step and (count := _count(run))]
    return [run for _, run in sorted(found, key=lambda one: (one[0], one[1].name))]


def _count(run: Run) -> int | None:
    match = _NURSERY.fullmatch(str(run.info.corpus.get("train", "")))
    return (
        None if match is None else int(run.info.corpus.get("stories", 0)) or int(match[1] or 0) or 1
    )


@cache
def trained_on(corpus: str, count: int) -> tuple[str, ...]:
    """Regenerate the first stories of a nursery corpus, as training reads them."""
    return tuple(islice(cleaned(open_source(corpus)), count))


def seen_stories(checkpoint: Checkpoint, count: int = STORIES) -> list[str]:
    """Return the training stories of a nursery run that it can end.

    Raises `BadInput` for a run whose training stories are not here.
    """
    corpus = str(open_run(checkpoint.address.run).info.corpus.get("train", ""))
    if not _NURSERY.fullmatch(corpus):
        raise BadInput(
            f"the stories that {checkpoint.address.run} was trained on are not kept with it; those of "
            "a run trained on nursery stories can be told again"
        )
    able = (story for story in trained_on(corpus, 4 * count) if can_end(checkpoint, story))
    return list(islice(able, count))


def unseen_stories(checkpoint: Checkpoint, count: int = STORIES) -> list[str]:
    """Return nursery stories that no run here was trained on."""
    texts = (story.text for story in nursery.stories(4 * count, first=UNSEEN))
    return list(islice((story for story in texts if can_end(checkpoint, story)), count))


def ended(checkpoint: Checkpoint, stories: list[str]) -> list[Ending]:
    """Complete stories after their first 40 %, at temperature 0."""
    return result_of(complete_all(checkpoint, stories, ENDING))


def recites(checkpoint: Checkpoint) -> Measured:
    """Compare ROUGE-2 precision against the true ending, for stories seen and unseen."""
    seen, unseen = seen_stories(checkpoint), unseen_stories(checkpoint)
    count = min(len(seen), len(unseen))
    if count < 8:
        raise BadInput(f"it takes 8 stories that this model can end, not {count}")

    def overlap(ending: Ending) -> float:
        return precision(ending.words, ending.true_words, 2) or 0.0

    mine, others = (
        [overlap(one) for one in ended(checkpoint, stories[:count])] for stories in (seen, unseen)
    )
    return paired(mine, others, least=MORE, unit="ROUGE")
