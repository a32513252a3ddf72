"""Cut stories short and let a model, or the story itself, end them."""

import random
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.memorization.rouge import words
from slm.memorization.suffix_index import CopyIndex
from slm.progress import Progress
from slm.runs import Checkpoint
from slm.seeds import derived_seed

KEPT = 0.4
"""How much of a story is left standing, as the paper has it."""
SHORTEST_STORY = 10
"""Words of a story that can be cut."""
SHORTEST_ENDING = 8
"""Tokens that a model must have room for after a beginning."""
AT_ONCE = 16
"""Stories that are ended together, between two signs of progress."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A story cut short, and one way it goes on: the model's or the true one."""

    story: str
    beginning: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words of the ending."""
        return [word.text for word in words(self.text)]

    @property
    def true_words(self) -> list[str]:
        """The words of the true ending."""
        return [word.text for word in words(self.story[len(self.beginning) :])]


def cut(story: str, kept: float = KEPT) -> str:
    """Return the first `kept` of a story's words (at least one), with the characters between them.

    Raises `BadInput` for a story of fewer than 2 words.
    """
    found = words(story)
    if len(found) < 2:
        raise BadInput(f"a story to be cut needs at least 2 words, not {len(found)}")
    return story[: found[max(1, round(kept * len(found))) - 1].stop]


def can_end(checkpoint: Checkpoint, story: str) -> bool:
    """Return whether a story is long enough to cut, and leaves the model room for an ending."""
    if len(words(story)) < SHORTEST_STORY:
        return False
    left = len(checkpoint.tokenizer.encode_story(cut(story)))
    return left + SHORTEST_ENDING <= checkpoint.config.n_ctx


def choose(index: CopyIndex, readers: Sequence[Checkpoint], count: int, seed: int = 0) -> list[str]:
    """Sample stories of a corpus that every model can end, the same for the same seed.

    Raises `BadInput` where there is none.
    """
    order = random.Random(seed).sample(range(len(index)), len(index))
    return _some((index.story(number) for number in order), readers, count)


def _some(stories: Iterable[str], readers: Sequence[Checkpoint], count: int) -> list[str]:
    """Return the first `count` stories that every model can end; `BadInput` where there is none."""
    able = (one for one in stories if all(can_end(reader, one) for reader in readers))
    if chosen := list(islice(able, count)):
        return chosen
    context = min(reader.config.n_ctx for reader in readers)
    raise BadInput(
        f"a story to be cut needs at least {SHORTEST_STORY} words, and its first {KEPT:.0%} must leave "
        f"{SHORTEST_ENDING} tokens of a context of {context}: none is so"
    )


def choose_unseen(
    unseen: Sequence[str],
    index: CopyIndex,
    readers: Sequence[Checkpoint],
    count: int,
    seed: int = 0,
) -> list[str]:
    """Sample held-out stories that every model can end, the same for the same seed.

    Raises `BadInput` where one of them occurs in the corpus, or none can be ended.
    """
    chosen = _some(random.Random(seed).sample(unseen, len(unseen)), readers, count)
    for story in chosen:
        if index.count([word.text for word in words(story)]):
            raise BadInput(f"the unseen stories must not stand in the corpus: {story[:60]!r} does")
    return chosen


def complete_all(
    checkpoint: Checkpoint,
    stories: Sequence[str],
    sampling: Sampling,
    *,
    doing: str = "Ending stories",
    share: tuple[float, float] = (0.0, 1.0),
) -> Generator[Progress, None, list[Ending]]:
    """Cut stories short and let the model go on; this is so much of the whole work (from, to).

    Every `AT_ONCE` stories draw from a seed of their own.
    """
    endings: list[Ending] = []
    yield Progress(doing=doing, share=share[0])
    for number, first in enumerate(range(0, len(stories), AT_ONCE)):
        these = stories[first : first + AT_ONCE]
        beginnings = [cut(story) for story in these]
        own = replace(sampling, seed=derived_seed(sampling.seed * 1009 + number))
        endings += [
            Ending(story=story, beginning=beginning, text=completion.text)
            for story, beginning, completion in zip(
                these, beginnings, complete(checkpoint, beginnings, own), strict=True
            )
        ]
        done = len(endings) / len(stories)
        yield Progress(doing=doing, share=share[0] + done * (share[1] - share[0]))
    return endings


def true_endings(stories: Sequence[str]) -> list[Ending]:
    """Return the stories' own endings."""
    beginnings = [cut(story) for story in stories]
    return [
        Ending(story=story, beginning=beginning, text=story[len(beginning) :])
        for story, beginning in zip(stories, beginnings, strict=True)
    ]
