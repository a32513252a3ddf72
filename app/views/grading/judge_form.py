"""Who reads the stories: the judge, its server, its price, and the bill before anything is written."""

from typing import Any, cast

import streamlit as st

from app.jobs.work import Work
from app.state import GradingState
from app.terms import help_of
from app.views.grading.ask import ChosenPlan
from app.widgets import show
from app.widgets.api_key import given, key_field
from app.widgets.judge_server import server_field, test_server
from slm.errors import BadInput
from slm.grading.grading import grading_bill
from slm.grading.plan import write_and_grade
from slm.llm.judge import Judge
from slm.llm.prices import Bill, Price, own_path, prices, save_prices


def judge(chosen: ChosenPlan) -> None:
    """Choose who reads them; see what it will cost; begin."""
    model = st.text_input(
        "Judge", "gpt-4o", **GradingState.judge.bound, help=help_of("judge")
    ).strip()
    base_url = server_field()
    key = key_field(base_url)
    test_server(model, base_url, key)
    left = chosen.plan.left(model, base_url or None, again_ungraded=chosen.again_ungraded)
    cap = None
    first, second = st.columns(2, vertical_alignment="bottom")
    if model in prices():
        cap = first.number_input("At most US$", 0.01, 1000.0, 1.0, 0.5, key="cap")
    with second.popover("Prices", width="stretch"):
        edit_prices(model)
    tests = sum(not item.address for item in left)
    planned = len(chosen.plan.placeholders())
    st.markdown(show.plain(in_words(grading_bill(left, model), planned - len(left), tests)))
    running = GradingState.grading.get()
    busy = running is not None and running.running
    if st.button("Grade", type="primary", key="grade", disabled=busy, width="stretch"):
        asked = Judge(
            model=model,
            base_url=base_url or None,
            key=given(key, base_url),
            answer_tokens=chosen.answer_tokens,
        )
        steps = write_and_grade(
            chosen.plan,
            asked,
            max_cost=cap,
            concurrency=chosen.at_once,
            again_ungraded=chosen.again_ungraded,
        )
        GradingState.grading.set(Work(steps))
        st.rerun()


def in_words(bill: Bill, known: int, tests: int) -> str:
    """Say what the grading will take."""
    before = f" {known:,} answers are on disk already and cost nothing." if known else ""
    if not bill.calls:
        return f"Nothing is left to be asked:{before}"
    work = f"{bill.calls:,} calls, about {show.count(bill.input_tokens)} tokens to read"
    if tests:
        before += f" {2 * tests} of the calls test the judge, once for all runs."
    if bill.cost is None:
        return (
            f"{work}. The price of this judge is unknown, so no cap can be kept; "
            f"give it under Prices to have one.{before}"
        )
    cost = f"{bill.cost:.2f}" if bill.cost >= 0.01 else f"{bill.cost:.2g}"
    return f"{work}: about ${cost}.{before}"


def edit_prices(model: str) -> None:
    """Edit the price table; changes are kept for all runs."""
    known = prices()
    rows = [
        {"judge": name, "input": price.input, "output": price.output}
        for name, price in known.items()
    ]
    if model and model not in known:
        rows.insert(0, {"judge": model, "input": None, "output": None})
    st.caption("US dollars per million tokens; a judge of your own machine may cost 0.")
    edited = st.data_editor(
        rows,
        key=f"prices-{model}-{len(known)}",
        num_rows="dynamic",
        hide_index=True,
        column_config={
            "judge": st.column_config.TextColumn("judge", help=help_of("judge")),
            "input": st.column_config.NumberColumn("read", min_value=0.0, format="%g"),
            "output": st.column_config.NumberColumn("written", min_value=0.0, format="%g"),
        },
    )
    if st.button("Save prices", key="save-prices"):
        save_prices(
            dict(_priced(row) for row in cast("list[dict[str, Any]]", edited) if row.get("judge"))
        )
        st.rerun()
    st.caption(show.plain(f"What you change is kept in {own_path()}."))


def _priced(row: dict[str, Any]) -> tuple[str, Price]:
    read, written = row.get("input"), row.get("output")
    if read is None or written is None:
        raise BadInput(f"{row['judge']!r} needs both prices, for what is read and what is written")
    return str(row["judge"]).strip(), Price(input=float(read), output=float(written))
