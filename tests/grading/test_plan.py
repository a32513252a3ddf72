"""The bill of a grading is told before a story is written; several checkpoints stand under one."""

from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.grading.grading import grade, unanswered
from slm.grading.items import Item
from slm.grading.plan import GradingPlan, write_and_grade
from slm.grading.store import GradeStore, stores_of
from slm.llm.judge import Judge
from slm.llm.prices import prices
from slm.progress import result_of
from slm.runs import Checkpoint, Run
from tests.grading.test_rubric import mine
from tests.llm.server import JudgeServer

OPENINGS = ("One day a dog", "Tom had a")


def plan(**changes: object) -> GradingPlan:
    given = {"addresses": ("tiny@0",), "openings": OPENINGS, "samples": 2}
    return GradingPlan(**{**given, **changes})  # type: ignore[arg-type]


@pytest.fixture
def writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object) -> None:
        raise AssertionError("a story was written")

    monkeypatch.setattr("slm.grading.plan.sample_of", write)


@pytest.mark.usefixtures("writes_nothing")
def test_the_bill_counts_every_call_of_every_checkpoint_and_writes_no_story(
    checkpoint: Checkpoint, runs: Path
) -> None:
    Run(runs / "tiny").save_checkpoint(checkpoint.weights, 5)
    both = plan(addresses=("tiny@0", "tiny@5"), repeats=3)
    assert both.bill("gpt-4o").calls == 2 * 2 * 2 * 2 * 3
    assert plan(addresses=("tiny@0", "tiny@5"), pairwise=True).bill("gpt-4o").calls == 2 * 2 * 4
    assert plan(checks=True).bill("gpt-4o").calls == 2 * (4 + 24)
    assert plan().bill("nobody's").cost is None
    assert not (runs / "tiny" / "grades.sqlite").exists()


def test_the_placeholders_stand_where_the_stories_will(checkpoint: Checkpoint, runs: Path) -> None:
    Run(runs / "tiny").save_checkpoint(checkpoint.weights, 5)
    for one in (plan(repeats=2), plan(addresses=("tiny@0", "tiny@5"), pairwise=True)):
        written = result_of(one.write())

        def place(item: Item) -> tuple[object, ...]:
            return (
                item.address,
                item.other_address,
                item.opening,
                item.completion_index,
                item.repeat,
            )

        assert sorted(map(place, one.placeholders()), key=str) == sorted(
            map(place, written), key=str
        )


def test_what_is_graded_already_is_not_on_the_bill(
    checkpoint: Checkpoint, server: JudgeServer
) -> None:
    judge = Judge(model="gpt-4o", base_url=server.url, key="sk-x")
    few = plan(samples=1)
    list(grade(result_of(few.write()), judge))
    assert few.left("gpt-4o", server.url) == []
    assert len(plan().left("gpt-4o", server.url)) == 2
    assert len(few.left("gpt-4o-mini", server.url)) == len(few.left("gpt-4o", "http://h/v1")) == 2
    assert len(plan(samples=1, rubric=mine()).left("gpt-4o", server.url)) == 2
    server.misbehave = ["", "prose", "prose"]
    more = plan(openings=("A cat",), samples=1)
    list(grade(result_of(more.write()), judge))
    assert more.left("gpt-4o", server.url) == []
    assert len(more.left("gpt-4o", server.url, again_ungraded=True)) == 1


def test_the_stories_are_written_and_graded_in_one_work_that_only_goes_on(
    checkpoint: Checkpoint, runs: Path, server: JudgeServer
) -> None:
    Run(runs / "tiny").save_checkpoint(checkpoint.weights, 5)
    judge = Judge(model="gpt-4o", base_url=server.url, key="sk-x")
    both = plan(addresses=("tiny@0", "tiny@5"), samples=1)
    shares = [now.share for now in write_and_grade(both, judge)]
    assert shares == sorted(shares, key=lambda share: share or 0) and shares[-1] == 1
    items = result_of(both.write())
    assert unanswered(items, "gpt-4o", server.url) == []
    (store,) = stores_of(items).values()
    assert isinstance(store, GradeStore)
    assert {one.item.address for one in store.conversations()} == {"tiny@0", "tiny@5"}


def test_a_story_that_the_context_ends_is_marked_and_its_judge_is_told(
    checkpoint: Checkpoint, server: JudgeServer
) -> None:
    items = result_of(plan().write())
    assert {item.cut for item in items} <= {True, False} and any(item.cut for item in items)
    list(grade(items, Judge(model="gpt-4o", base_url=server.url, key="sk-x")))
    firsts = [one["messages"][0]["content"] for one in server.asked if len(one["messages"]) == 1]
    assert sum("was cut off" in text for text in firsts) == len({i for i in items if i.cut})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"samples": 0}, "1 to 1000 samples of each, not 0"),
        ({"openings": ()}, "an opening and"),
        ({"addresses": ("tiny@0", "tiny@0")}, "each is read once, not tiny@0 and itself"),
        ({"addresses": ("a@0", "a@0"), "pairwise": True}, "between two checkpoints, not a@0"),
        ({"pairwise": True}, "between two checkpoints, not 1"),
        (
            {"addresses": ("a@0", "b@0"), "pairwise": True, "rubric": mine()},
            "a rubric grades stories",
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused(changes: dict[str, object], line: str) -> None:
    with pytest.raises(BadInput, match=line):
        plan(**changes)


def test_prices_are_those_of_the_table(checkpoint: Checkpoint) -> None:
    bill = plan().bill("gpt-4o")
    assert bill.cost == prices()["gpt-4o"].of(bill.input_tokens, bill.output_tokens)
