"""How good are the stories?"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import streamlit as st

from app import cache, selection, show
from app.figures.intervals import intervals
from app.grading import GradingJob, graded
from app.story_view import Shown, story_view
from slm.errors import BadInput
from slm.judging.grading import Estimate, Graded, estimate, summary
from slm.judging.judge import Judge
from slm.judging.prices import prices
from slm.judging.protocol import AGES, DIMENSIONS, Grade, Ungraded

JOB = "grading-job"


def ask(addresses: Sequence[str]) -> None:
    """Choose what is graded and by whom; see what it will cost; begin."""
    openings = cache.shipped_openings()
    count = st.number_input("Openings", 1, len(openings), 5, key="openings", bind="query-params")
    samples = st.number_input("Stories for each", 1, 20, 2, key="samples", bind="query-params")
    model = st.text_input("Judge", "gpt-4o", key="judge", bind="query-params").strip()
    base_url = st.text_input(
        "Server",
        placeholder="the judge's own; or http://127.0.0.1:8080/v1",
        key="server",  # not in the link: nobody else shall choose where a key is sent
        help="Any server that speaks OpenAI's protocol, one on your own machine too.",
    ).strip()
    key = st.text_input(
        "Key",
        type="password",
        autocomplete="off",
        placeholder="from OPENAI_API_KEY" if os.environ.get("OPENAI_API_KEY") else "",
        help="Kept in this session's memory, never written down and never in the link.",
    )
    items = [
        item
        for address in addresses
        for item in cache.to_grade(address, openings[: int(count)], int(samples))
    ]
    cap = None
    if model in prices():
        cap = st.number_input("Never spend more than (US$)", 0.01, 1000.0, 1.0, 0.5, key="cap")
    st.caption(show.plain(bill(estimate(items, model))))
    job: GradingJob | None = st.session_state.get(JOB)
    busy = job is not None and job.running
    if st.button("Grade", type="primary", key="grade", disabled=busy):
        secret = key.strip() or os.environ.get("OPENAI_API_KEY", "")
        if not secret and not base_url:
            raise BadInput("the judge needs a key: type one in, or set OPENAI_API_KEY")
        judge = Judge(model=model, base_url=base_url or None, key=secret or "none")
        st.session_state[JOB] = GradingJob(items, judge, cap)
        st.rerun()


def bill(bill: Estimate) -> str:
    """What the grading will take, in words."""
    work = f"{bill.calls} calls, about {show.count(bill.input_tokens)} tokens to read"
    if bill.cost is None:
        return f"{work}. The price of this judge is unknown, so no cap can be kept."
    return f"{work}: about ${bill.cost:.2g}. What was graded before costs nothing again."


def progress() -> None:
    """How far the grading has come, and a way to end it."""
    job: GradingJob = st.session_state[JOB]
    if job.running:
        st.progress(job.done / max(1, job.total), f"{job.done} of {job.total} stories graded")
        if st.button("Cancel", key="cancel", disabled=job.cancelled):
            job.cancel()
    else:
        st.rerun()


def ended(job: GradingJob) -> None:
    """How a grading ended, where it did not end well."""
    if job.error:
        st.error(show.sentence(f"{job.error}. What was graded is kept."))
    elif job.cancelled:
        st.info(f"Cancelled after {job.done} of {job.total} stories; what was graded is kept.")


def results(address: str, judge: str, found: list[Graded]) -> None:
    """The averages first, then each story with its grades and the judge's words."""
    result = summary(found)
    if result.means:
        show.figure(
            intervals(
                [
                    (name, m.mean, *(m.interval or (m.mean, m.mean)))
                    for name, m in result.means.items()
                ],
                show.colours(),
                "grade, 1 to 10",
                (0.5, 10.5),
            ),
            name=f"grades-{address}-{judge}",
            table=partial(numbers, found),
            everything=partial(as_json, found),
            note=f"{address} graded by {judge}: {result.graded} stories"
            + (f", {result.ungraded} more left ungraded" if result.ungraded else "")
            + ". Bars: 95 % intervals over openings. Ages it sounds like: "
            + ", ".join(f"{AGES[age]} ({n})" for age, n in result.ages.items())
            + ("" if result.spent is None else f". Spent: ${result.spent:.4f}."),
        )
    else:
        st.warning(f"None of the {result.ungraded} replies could be read as grades.")
        show.footer(
            name=f"grades-{address}-{judge}",
            note=f"{address} read by {judge}",
            table=partial(numbers, found),
            everything=partial(as_json, found),
        )
    chosen = st.selectbox(
        "Story", range(len(found)), format_func=lambda i: name(found[i]), key=f"read-{address}"
    )
    one = found[chosen or 0]
    story_view(
        [Shown(piece=one.item.opening, value=1.0), Shown(piece=one.item.completion)],
        key=f"graded-{address}", label="the beginning it was given", full=5, small=True,
    )  # fmt: skip
    st.markdown(f"**{show.plain(judge)}:** {show.plain(one.assessment)}")
    if isinstance(one.outcome, Grade):
        given = [f"{part} {getattr(one.outcome, part):g}" for part in DIMENSIONS]
        st.markdown(f"{', '.join(given)}, age {AGES[one.outcome.age_group]}")
    elif isinstance(one.outcome, Ungraded):
        st.warning(show.plain(f"Ungraded: {one.outcome.reason}. It said:"))
        st.code(one.outcome.reply, language=None, wrap_lines=True)


def name(one: Graded) -> str:
    """A story in the list: its beginning and its grades."""
    grades = (
        "/".join(f"{getattr(one.outcome, part):g}" for part in DIMENSIONS)
        if isinstance(one.outcome, Grade)
        else "ungraded"
    )
    return f"{grades}  {one.item.opening[:60]} … ({one.item.completion_index + 1})"


def numbers(found: Sequence[Graded]) -> str:
    """Every graded story as CSV; an ungraded one has empty grades, never zeros."""
    rows = (
        (
            one.item.opening,
            one.item.completion,
            *(getattr(one.outcome, part, "") for part in (*DIMENSIONS, "age_group")),
            one.assessment,
        )
        for one in found
    )
    return show.csv(("opening", "completion", *DIMENSIONS, "age_group", "assessment"), rows)


def as_json(found: Sequence[Graded]) -> str:
    """Everything that was said, for the reader's own tools."""
    return json.dumps([asdict(one) for one in found], ensure_ascii=False, indent=1)


st.title("How good are the stories?", anchor=False)
addresses = selection.addresses()
left, right = st.columns([2, 5], gap="large")
with right:
    job: GradingJob | None = st.session_state.get(JOB)
    if job is not None:
        if job.running:
            st.fragment(progress, run_every=1)()
        else:
            ended(job)
    for column, address in selection.columns():
        with column, show.one_line():
            judges = graded(address)
            if not judges:
                st.markdown(
                    f"No judge has read {show.plain(address)} yet. Choose one on the left: GPT-4o "
                    "with a key, or any server that speaks OpenAI's protocol, such as one on your "
                    "own machine, which may need no key. It reads each story twice, as in the "
                    "TinyStories paper: first it says what it thinks, then it gives grades."
                )
                continue
            judge = next(iter(judges))
            if len(judges) > 1:
                judge = st.selectbox("Graded by", list(judges), key=f"by-{address}") or judge
            results(address, judge, judges[judge])
with left, show.one_line():
    ask(addresses)
