"""Items to grade: stories, pairs of stories, and what a judge has said of one."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.runs import Checkpoint
from slm.seeds import derived_seed

ItemKind = Literal["story", "pair", "human", "shuffled", "elsewhere"]
"""A model's story, a pair of them, or what a judge is checked with (see `judge_checks`)."""
SEEDS = 1000
"""Samples of one seed never meet those of the next."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One completion to be graded, and where it came from.

    In a pair, `other` is the completion that stands second, from `other_address`. `address` is
    empty for a story that no model wrote.
    """

    address: str
    opening: str
    completion: str
    opening_index: int
    completion_index: int
    repeat: int = 0
    seed: int = 0
    kind: ItemKind = "story"
    other: str | None = None
    other_address: str = ""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """The replies of a judge about one item; None for a turn that has not been answered yet.

    `refusal` is what the server said where it would not read the text; None where it did. `cost` in
    US dollars, None where the price is unknown.
    """

    item: Item
    judge: str
    assessment: str | None
    grade: str | None
    cost: float | None
    input_tokens: int
    output_tokens: int
    refusal: str | None = None

    @property
    def finished(self) -> bool:
        """Nothing is left to ask: both turns are answered, the first with silence, or it is refused."""
        return self.grade is not None or self.assessment == "" or self.refusal is not None


def items(
    checkpoint: Checkpoint, openings: Sequence[str], samples: int, seed: int = 0
) -> list[Item]:
    """Complete each opening `samples` times at temperature 1; the same seed gives the same items.

    More openings at the end, or more samples, leave those there were as they are.
    """
    if samples < 1 or not openings:
        raise BadInput(f"grading needs at least one opening and one sample, not {samples}")
    written = [sample_of(checkpoint, openings, sample, seed) for sample in range(samples)]
    return [story for of_opening in zip(*written, strict=True) for story in of_opening]


def sample_of(
    checkpoint: Checkpoint, openings: Sequence[str], sample: int, seed: int = 0
) -> list[Item]:
    """Complete each opening once: the items that `items` gives as its sample number `sample`."""
    if not 0 <= sample < SEEDS:
        raise BadInput(f"grading takes at most {SEEDS} samples of an opening, not {sample + 1}")
    written = complete(checkpoint, openings, Sampling(seed=derived_seed(seed * SEEDS + sample)))
    return [
        Item(
            address=str(checkpoint.address),
            opening=opening,
            completion=completion.text,
            opening_index=at,
            completion_index=sample,
            seed=seed,
        )
        for at, (opening, completion) in enumerate(zip(openings, written, strict=True))
    ]


def repeated(items: Sequence[Item], repeats: int) -> list[Item]:
    """Repeat items, each to be asked about `repeats` times: what differs is the judge's noise."""
    if not 1 <= repeats <= 100:
        raise BadInput(f"a story is asked about 1 to 100 times, not {repeats}")
    return [replace(item, repeat=repeat) for repeat in range(repeats) for item in items]


def pairs(first: Sequence[Item], second: Sequence[Item]) -> list[Item]:
    """Pair completions of the same opening, both ways round, in an order drawn by chance."""
    theirs = {(item.opening, item.completion_index, item.repeat): item for item in second}
    found = []
    for one in first:
        other = theirs.get((one.opening, one.completion_index, one.repeat))
        if other is not None:
            found += [_beside(one, other), _beside(other, one)]
    if not found:
        raise BadInput("a pair is two completions of the same opening, and there is none")
    random.Random(0).shuffle(found)
    return found


def _beside(one: Item, other: Item) -> Item:
    return replace(one, kind="pair", other=other.completion, other_address=other.address)


def item_key(item: Item, judge: str, server: str, protocol: str) -> str:
    """Hash an item's texts, judge and protocol: what is paid once."""
    parts = [item.opening, item.completion, judge, server, protocol, str(item.repeat)]
    if item.other is not None:
        parts.append(item.other)
    return hashlib.blake2b(
        "\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()
