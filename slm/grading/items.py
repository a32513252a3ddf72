"""Items to grade: stories, pairs of stories, and what a judge has said of one."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from slm.errors import BadInput
from slm.generation.sampler import Sampling, complete
from slm.grading.rubric import Rubric
from slm.llm.replies import KeptReply
from slm.llm.reply_reader import without_thoughts
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
    empty for a story that no model wrote. `cut`: the story stops where the context (or the limit of
    tokens) ended and not at its own end; None where that was not kept. `rubric` is another than the
    paper's.
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
    cut: bool | None = None
    other_cut: bool | None = None
    rubric: Rubric | None = None


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """The replies of a judge about one item; None for a turn that has not been answered yet.

    `again` answers a third turn, which says what was wrong with `second`. `set_aside` are turns whose
    reply made room for another one that has not come: they hold a cost and no text. Costs are in US
    dollars, None where the price is unknown.
    """

    item: Item
    judge: str
    first: KeptReply | None
    second: KeptReply | None = None
    again: KeptReply | None = None
    set_aside: tuple[KeptReply, ...] = ()
    server: str = ""

    @property
    def replies(self) -> list[KeptReply]:
        """The replies that came, in order."""
        return [reply for reply in (self.first, self.second, self.again) if reply is not None]

    @property
    def assessment(self) -> str | None:
        """What the judge said in the first turn, without its thoughts."""
        reply = None if self.first is None else self.first.reply
        return None if reply is None else without_thoughts(reply)

    @property
    def grade(self) -> str | None:
        """The last answer with grades, as it came."""
        answers = (one.reply for one in (self.again, self.second) if one is not None)
        return next((reply for reply in answers if reply is not None), None)

    @property
    def cost(self) -> float | None:
        """What all turns cost; None where no price is known."""
        bought = [*self.replies, *self.set_aside]
        costs = [reply.cost for reply in bought if reply.cost is not None]
        return sum(costs) if costs else None

    @property
    def input_tokens(self) -> int:
        """Tokens that the judge read, in all turns."""
        return sum(reply.input_tokens for reply in [*self.replies, *self.set_aside])

    @property
    def output_tokens(self) -> int:
        """Tokens that the judge wrote, in all turns."""
        return sum(reply.output_tokens for reply in [*self.replies, *self.set_aside])

    @property
    def refusal(self) -> str | None:
        """What the server said where it would not read the text; None where it did."""
        refusals = (one.refusal for one in (self.first, self.second) if one is not None)
        return next((refusal for refusal in refusals if refusal is not None), None)

    @property
    def finished(self) -> bool:
        """Both turns are answered, the first with silence or thoughts alone, or it is refused."""
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
            cut=completion.stopped != "story end",
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
    return replace(
        one,
        kind="pair",
        other=other.completion,
        other_address=other.address,
        other_cut=other.cut,
    )


def item_key(item: Item, judge: str, server: str, protocol: str) -> str:
    """Hash an item's texts, judge and protocol: what is paid once."""
    parts = [item.opening, item.completion, judge, server, protocol, str(item.repeat)]
    if item.other is not None:
        parts.append(item.other)
    return hashlib.blake2b(
        "\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()
