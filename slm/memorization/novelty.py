"""Novelty: the share of n-grams of words that do not occur in a corpus.

Always of endings of stories that the model never saw, beside people's endings of the same stories.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from slm.generation.sampler import Sampling
from slm.memorization.endings import Ending, choose_unseen, complete_all, true_endings
from slm.memorization.measures import KS, mean_by_k
from slm.memorization.study import difference_json
from slm.memorization.suffix_index import Copy, CopyIndex
from slm.progress import Progress
from slm.runs import Address, load_checkpoint
from slm.stats.bootstrap import mean_of_known
from slm.stats.interval import Interval

NewShares = dict[int, list[float | None]]
"""For each n, the share of each ending's n-grams that are new; None where it has none."""


@dataclass(frozen=True, kw_only=True)
class NoveltyPoint:
    """One checkpoint at one temperature."""

    address: str
    temperature: float
    new: NewShares


@dataclass(frozen=True, kw_only=True)
class Novelty:
    """What models and people write of the same beginnings."""

    stories: int
    people: NewShares
    points: list[NoveltyPoint]

    def to_json(self) -> dict[str, Any]:
        """Return the mean share of new n-grams, people's and each point's, and their difference, by n."""
        return {
            "stories": self.stories,
            "people": mean_by_k(self.people),
            "points": [
                {
                    "address": one.address,
                    "temperature": one.temperature,
                    "new": mean_by_k(one.new),
                    "minus_people": {
                        str(k): difference_json(self.more_than_people(one, k)) for k in KS
                    },
                }
                for one in self.points
            ],
        }

    def more_than_people(self, point: NoveltyPoint, k: int) -> Interval | None:
        """Estimate how much larger the share of new n-grams is than people's, paired by story."""
        pairs = zip(point.new[k], self.people[k], strict=True)
        return mean_of_known(None if a is None or b is None else a - b for a, b in pairs)


def novelty(
    points: Sequence[tuple[str, float]],
    index: CopyIndex,
    unseen: Sequence[str],
    *,
    stories: int,
    sampling: Sampling,
) -> Generator[Progress, None, Novelty]:
    """Let every (address, temperature) of `points` end the same stories.

    Raises `BadInput` where one of these stands in the corpus word for word, or none can be ended.
    """
    readers = {Address.parse(address).run: load_checkpoint(address) for address, _ in points}
    chosen = choose_unseen(unseen, index, list(readers.values()), stories, sampling.seed)
    found: list[NoveltyPoint] = []
    for number, (address, temperature) in enumerate(points):
        checkpoint = load_checkpoint(address)
        endings = yield from complete_all(
            checkpoint,
            chosen,
            replace(sampling, temperature=temperature),
            doing=f"{checkpoint.address} at temperature {temperature:g}",
            share=(number / len(points), (number + 1) / len(points)),
        )
        new = new_shares(endings, index)
        found.append(
            NoveltyPoint(address=str(checkpoint.address), temperature=temperature, new=new)
        )
    people = new_shares(true_endings(chosen), index)
    return Novelty(stories=len(chosen), people=people, points=found)


def new_shares(endings: Sequence[Ending], index: CopyIndex) -> NewShares:
    """Compute the share of new n-grams of each ending, for every n."""
    matches = [index.matches(ending.words) for ending in endings]
    return {k: [new_share(match, k) for match in matches] for k in KS}


def new_share(matches: Sequence[Copy], k: int) -> float | None:
    """Compute the share of a text's k-grams that do not occur in the corpus; None of fewer than k words."""
    fresh = [len(match) < k for match in matches[: max(0, len(matches) - k + 1)]]
    return fmean(fresh) if fresh else None
