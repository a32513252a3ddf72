"""A grading before anything is written: whose stories of which openings, and what they will cost."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from slm.errors import BadInput
from slm.generation.sampler import Sampling
from slm.grading.grading import grade_with_bill, grading_bill, unanswered
from slm.grading.items import SEEDS, Item, pairs, repeated, sample_of
from slm.grading.judge_checks import check_items, mixed
from slm.grading.protocol import Ungraded
from slm.grading.questions import graded, unread
from slm.grading.rubric import Rubric
from slm.grading.store import GradeStore, stores_of
from slm.llm.ask import AT_ONCE
from slm.llm.judge import Judge, server_of
from slm.llm.prices import Bill
from slm.progress import Progress, Steps
from slm.runs import load_checkpoint

R = TypeVar("R")
LIKELY_STORY_BYTES = 4 * 3 * Sampling.max_tokens // 4
"""A story that is not written yet is taken to fill three quarters of its room, of four bytes a token."""
WRITING = 0.2
"""The share of a grading's progress that the writing of the stories takes."""


@dataclass(frozen=True, kw_only=True)
class GradingPlan:
    """What a judge will read: `samples` stories of each opening by each checkpoint, each `repeats` times.

    With `pairwise` the two checkpoints' stories are compared, both ways round. `checks`: mixed with
    stories that test the judge. Raises `BadInput` for a plan that cannot be.
    """

    addresses: tuple[str, ...]
    openings: tuple[str, ...]
    samples: int = 1
    repeats: int = 1
    seed: int = 0
    pairwise: bool = False
    checks: bool = False
    rubric: Rubric | None = None

    def __post_init__(self) -> None:
        """Check the numbers and what goes together."""
        if not 1 <= self.samples <= SEEDS or not self.openings:
            raise BadInput(
                f"grading needs an opening and 1 to {SEEDS} samples of each, not {self.samples}"
            )
        if len(set(self.addresses)) < len(self.addresses):
            twice = next(one for one in self.addresses if self.addresses.count(one) > 1)
            what = (
                "a comparison is between two checkpoints" if self.pairwise else "each is read once"
            )
            raise BadInput(f"{what}, not {twice} and itself")
        if self.pairwise and len(self.addresses) != 2:
            raise BadInput(f"a comparison is between two checkpoints, not {len(self.addresses)}")
        if self.pairwise and self.rubric is not None:
            raise BadInput("a rubric grades stories; a pairwise comparison asks which is better")

    def placeholders(self) -> list[Item]:
        """Return the items with likely texts in place of the stories, which are not written yet."""
        story = "x" * LIKELY_STORY_BYTES
        return self.arranged(
            [
                [
                    Item(
                        address=address,
                        opening=opening,
                        completion=story,
                        opening_index=at,
                        completion_index=sample,
                        seed=self.seed,
                    )
                    for at, opening in enumerate(self.openings)
                    for sample in range(self.samples)
                ]
                for address in self.addresses
            ]
        )

    def left(
        self, model: str, base_url: str | None = None, *, again_ungraded: bool = False
    ) -> list[Item]:
        """List the placeholders that would be paid for: a place with an answer of this judge is not.

        Judge checks are listed as they are. Reads what is kept; writes nothing.
        """
        every = self.placeholders()
        tests = [item for item in every if not item.address]
        stories = [item for item in every if item.address]
        known: set[tuple[object, ...]] = set()
        server = server_of(base_url)
        for store in stores_of(_one_of_each(stories)).values():
            known |= _answered(store, model, server, again_ungraded)
        left = [item for item in stories if _place(item) not in known]
        return [*left, *unanswered(tests, model, base_url, again_ungraded=again_ungraded)]

    def bill(
        self, model: str, base_url: str | None = None, *, again_ungraded: bool = False
    ) -> Bill:
        """Estimate what the grading will take, before a story is written."""
        return grading_bill(self.left(model, base_url, again_ungraded=again_ungraded), model)

    def write(self) -> Generator[Progress, None, list[Item]]:
        """Write the stories; return what is to be read, in its order."""
        written: list[list[Item]] = []
        total, each = len(self.addresses) * self.samples, len(self.openings)
        for number, address in enumerate(self.addresses):
            checkpoint, mine = load_checkpoint(address), list[Item]()
            for sample in range(self.samples):
                done = number * self.samples + sample
                doing = f"writing the stories, {done * each} of {total * each}"
                yield Progress(doing=doing, share=done / total)
                mine += sample_of(checkpoint, self.openings, sample, self.seed)
            written.append(mine)
        return self.arranged(written)

    def arranged(self, written: Sequence[Sequence[Item]]) -> list[Item]:
        """Put each checkpoint's stories together as they are read."""
        if self.pairwise:
            items = pairs(*written)
        else:
            items = [replace(one, rubric=self.rubric) for each in written for one in each]
        items = repeated(items, self.repeats)
        return mixed(items, check_items(self.repeats)) if self.checks else items


def write_and_grade(
    plan: GradingPlan,
    judge: Judge,
    *,
    max_cost: float | None = None,
    concurrency: int = AT_ONCE,
    again_ungraded: bool = False,
) -> Generator[Progress, None, None]:
    """Write a plan's stories, and grade them as `grade_with_bill` does."""
    items = yield from _part_of(plan.write(), 0.0, WRITING)
    grading = grade_with_bill(
        items,
        judge,
        max_cost=max_cost,
        concurrency=concurrency,
        again_ungraded=again_ungraded,
    )
    yield from _part_of(grading, WRITING, 1.0)


def _part_of(work: Steps[R], begin: float, end: float) -> Steps[R]:
    """Do work as a part of more: its progress runs from `begin` to `end`."""
    try:
        while True:
            try:
                now = next(work)
            except StopIteration as finished:
                result: R = finished.value
                return result
            share = None if now.share is None else begin + (end - begin) * now.share
            yield replace(now, share=share)
    finally:
        work.close()


def _answered(
    store: GradeStore, model: str, server: str, again_ungraded: bool
) -> set[tuple[object, ...]]:
    """Return the places in a store that need no further call to this judge.

    A story of which it is not known whether it was cut off may need one.
    """
    found = set()
    for said in store.conversations():
        if said.judge != model or said.server != server or not said.finished or unread(said):
            continue
        if again_ungraded and isinstance(graded(said).outcome, Ungraded):
            continue
        if said.item.cut is not None:
            found.add(_place(said.item))
    return found


def _place(item: Item) -> tuple[object, ...]:
    """Return where an item stands, whatever its text."""
    where = (item.address, item.other_address, item.opening, item.completion_index, item.seed)
    return (*where, item.repeat, item.kind, item.rubric)


def _one_of_each(items: Sequence[Item]) -> list[Item]:
    """Return an item of each checkpoint, or pair of them."""
    return list({(item.address, item.other_address): item for item in items}.values())
