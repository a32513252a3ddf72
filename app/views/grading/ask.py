"""Set-up of a grading: openings, stories, judge, and the bill."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import streamlit as st

from app import cache
from app.jobs.work import Work
from app.state import GradingState, Linked, Shared
from app.terms import help_of
from app.widgets import corpus_picker, show
from app.widgets.api_key import given, key_field
from slm.errors import BadInput
from slm.generation.fitting import openings_that_fit
from slm.grading.grading import grade_with_bill, grading_bill, unanswered
from slm.grading.items import Item, pairs, repeated
from slm.grading.judge_checks import ENOUGH, check_items, mixed
from slm.grading.openings import FORMS, parse_openings
from slm.grading.questions import Graded
from slm.llm.ask import AT_ONCE, MOST_AT_ONCE
from slm.llm.judge import Judge
from slm.llm.prices import Bill, Price, own_path, prices, save_prices

SHIPPED, MINE = "our fifty", "a file of mine"
USUAL, EACH_USUAL = 5, 2
"""Openings, and stories of each, that are written where nobody asked for more."""
EACH, PAIRS = "each story", "A against B"


FORM: tuple[Linked[Any], ...] = (
    GradingState.source,
    GradingState.openings,
    GradingState.samples,
    GradingState.reads,
    GradingState.repeats,
    GradingState.calibrate,
    GradingState.at_once,
)
"""What is chosen of stories for a judge: a link with one of these is about grades."""


@dataclass(frozen=True, kw_only=True)
class GivenOpenings:
    """The beginnings that stories are written from: all of a list, and those to be used now."""

    every: frozenset[str]
    openings: tuple[str, ...]
    samples: int

    def of(self, found: Sequence[Graded]) -> list[Graded]:
        """Keep the replies about stories with these openings; all where no list is given yet."""
        return [one for one in found if not self.every or one.item.opening in self.every]


@dataclass(frozen=True, kw_only=True)
class ItemsToGrade:
    """What is to be read, in the order in which it is asked about."""

    items: list[Item]
    again_ungraded: bool
    at_once: int


def openings(addresses: Sequence[str]) -> GivenOpenings:
    """Choose the openings, shipped ones cut to fit, and how many stories of each."""
    which = st.segmented_control(
        "Openings",
        [SHIPPED, MINE],
        default=SHIPPED,
        required=True,
        **GradingState.source.bound,
        help=help_of("prompt"),
    )
    every = _shipped(addresses) if which == SHIPPED else _own()
    left, right = st.columns(2)
    count = left.number_input(
        "How many",
        1,
        max(USUAL, len(every)),
        USUAL,
        **GradingState.openings.bound,
        help="The paper takes about fifty.",
        on_change=corpus_picker.more,
        args=(GradingState.openings.key,),
    )
    samples = right.number_input(
        "Stories for each",
        1,
        20,
        EACH_USUAL,
        **GradingState.samples.bound,
        help="The paper takes ten, at temperature 1.",
        on_change=corpus_picker.more,
        args=(GradingState.openings.key,),
    )
    return GivenOpenings(every=frozenset(every), openings=every[: int(count)], samples=int(samples))


def stories(
    addresses: Sequence[str], given: GivenOpenings, *, reads: str | None
) -> ItemsToGrade | None:
    """Choose what else is asked, and write the stories; None without openings.

    `reads` is what is asked about, `EACH` or `PAIRS`; None lets the reader choose.
    """
    by_hand = reads is None
    if by_hand and len(addresses) > 1:
        reads = st.segmented_control(
            "You read",
            [EACH, PAIRS],
            default=EACH,
            required=True,
            **GradingState.reads.bound,
            help="Two stories of the same opening, unnamed, both ways round.",
        )
    with st.popover("More", width="stretch"):
        repeats = st.number_input(
            "Ask about each story",
            1,
            10,
            1,
            **GradingState.repeats.bound,
            help="Asking again tells how far the judge differs from itself.",
        )
        tests = st.toggle(
            "Test the judge",
            True,
            **GradingState.calibrate.bound,
            help="Mixes in stories of our own, whole and spoiled. A judge is tested once, for all runs.",
        )
        again = st.toggle(
            "Ask again what could not be read",
            False,
            **GradingState.again.bound,
            help="Costs only those replies; what was said before stays in the file.",
        )
        at_once = st.number_input(
            "Calls at once",
            1,
            MOST_AT_ONCE,
            AT_ONCE,
            **GradingState.at_once.bound,
            help="Fewer for a server on your own machine, more for a large one.",
        )
    if not given.openings or (reads == PAIRS and len(addresses) < 2):
        return None
    many = len(given.openings) * given.samples
    if not corpus_picker.wait_if_more(
        GradingState.openings.key, many, USUAL * EACH_USUAL, f"{many} stories of each model"
    ):
        return None
    written = _written(addresses, given)
    items = pairs(*written) if reads == PAIRS else [item for each in written for item in each]
    items = repeated(items, int(repeats))
    if tests:
        spoiled = check_items(int(repeats))
        if by_hand:  # a person's time is dear
            spoiled = [item for item in spoiled if item.opening_index < ENOUGH]
        items = mixed(items, spoiled)
    return ItemsToGrade(items=items, again_ungraded=again, at_once=int(at_once))


def _written(addresses: Sequence[str], given: GivenOpenings) -> list[list[Item]]:
    """Return each model's stories; a changed choice stops the writing, and what is written is kept."""
    bar, began = st.empty(), time.monotonic()
    total = len(addresses) * given.samples
    stories: list[list[Item]] = []
    for at, address in enumerate(addresses):
        mine: list[Item] = []
        for sample in range(given.samples):
            done, took = at * given.samples + sample, time.monotonic() - began
            if took > 1:
                left = show.duration(took / done * (total - done))
                bar.progress(done / total, f"Writing the stories, about {left} left")
            mine += cache.to_grade(address, given.openings, sample)
        stories.append(mine)
    bar.empty()
    return stories


def judge(chosen: ItemsToGrade) -> None:
    """Choose who reads them; see what it will cost; begin."""
    model = st.text_input(
        "Judge", "gpt-4o", **GradingState.judge.bound, help=help_of("judge")
    ).strip()
    base_url = st.text_input(
        "Server",
        placeholder="OpenAI's; or http://127.0.0.1:8080/v1",
        key=Shared.server.key,  # not in the link: nobody else shall choose where a key is sent
        help="Any server that speaks OpenAI's protocol, one on your own machine too.",
    ).strip()
    key = key_field(base_url)
    left = unanswered(chosen.items, model, base_url or None, again_ungraded=chosen.again_ungraded)
    cap = None
    first, second = st.columns(2, vertical_alignment="bottom")
    if model in prices():
        cap = first.number_input("At most US$", 0.01, 1000.0, 1.0, 0.5, key="cap")
    with second.popover("Prices", width="stretch"):
        edit_prices(model)
    tests = sum(not item.address for item in left)
    st.markdown(
        show.plain(in_words(grading_bill(left, model), len(chosen.items) - len(left), tests))
    )
    running = GradingState.grading.get()
    busy = running is not None and running.running
    if st.button("Grade", type="primary", key="grade", disabled=busy, width="stretch"):
        asked = Judge(model=model, base_url=base_url or None, key=given(key, base_url))
        steps = grade_with_bill(
            chosen.items,
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


def _shipped(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return the shipped openings, cut to fit."""
    readers = [cache.checkpoint(address) for address in addresses]
    found, note = openings_that_fit(readers, cache.shipped_openings())
    show.note(note)
    return found


def _own() -> tuple[str, ...]:
    """Return the openings in the reader's file; none before there is one."""
    given = st.file_uploader(
        "A list of openings",
        [form[1:] for form in FORMS],
        key="openings-file",
        help="A YAML or JSON list of texts, such as the paper's own file, a JSONL or CSV file with a "
        "column opening, prompt, text or story, or a text with empty lines between openings; where "
        "there are none, one a line. What begins with Words:, Features: or Summary: and ends with "
        "Story: is an instruction, and is graded for how well it was kept, too.",
    )
    if given is None:
        st.caption("Waiting for a file.")
        return ()
    found = parse_openings(given.name, given.getvalue())
    st.caption(f"{len(found)} openings in the file.")
    return found
