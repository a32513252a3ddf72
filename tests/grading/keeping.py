"""Grades written to a file without asking anybody."""

from slm.grading.items import Item
from slm.grading.questions import question
from slm.grading.store import GradeStore
from slm.llm.messages import Reply


def keep(
    store: GradeStore,
    item: Item,
    model: str = "judge",
    server: str = "server",
    *,
    assessment: str | None = "good",
    grade: str | None = None,
    refusal: str | None = None,
    cost: float | None = None,
) -> None:
    """Write what a judge said of an item, as far as it was asked."""
    asked = question(item)
    call = asked.assess(model, server)
    store.add(item, call.key)
    for turn, text in (
        (call, assessment),
        (asked.grade(model, server, assessment or ""), grade),
    ):
        if text is not None:
            store.keep(turn, Reply(text=text, input_tokens=0, output_tokens=0), cost)
    if refusal is not None:
        store.refuse(call, refusal)
