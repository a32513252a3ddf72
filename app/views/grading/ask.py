"""Set-up of a grading: openings, stories, and how they are asked about."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app import cache
from app.state import GradingState, Linked
from app.terms import help_of
from app.widgets import corpus_picker, show
from slm.generation.fitting import openings_that_fit
from slm.grading.items import Item
from slm.grading.judge_checks import ENOUGH, check_items, mixed
from slm.grading.openings import FORMS, parse_openings
from slm.grading.plan import GradingPlan
from slm.grading.questions import Graded
from slm.grading.rubric import Rubric, parse_rubric
from slm.llm.ask import AT_ONCE, MOST_AT_ONCE
from slm.llm.judge import ANSWER_TOKENS, FEWEST_ANSWER_TOKENS, MOST_ANSWER_TOKENS

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
class ChosenPlan:
    """What is to be read, and how it is asked about; no story is written yet."""

    plan: GradingPlan
    again_ungraded: bool
    at_once: int
    answer_tokens: int


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


def plan(addresses: Sequence[str], given: GivenOpenings, *, reads: str | None) -> ChosenPlan | None:
    """Choose what else is asked; None without openings.

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
        answer_tokens = st.number_input(
            "Longest answer, in tokens",
            FEWEST_ANSWER_TOKENS,
            MOST_ANSWER_TOKENS,
            ANSWER_TOKENS,
            **GradingState.answer_tokens.bound,
            help="To begin with: it is raised by itself where an answer ended there. A judge that "
            "thinks before it answers needs some thousands.",
        )
        rubric = _rubric()
    addresses = tuple(dict.fromkeys(addresses))
    if not given.openings or (reads == PAIRS and len(addresses) < 2):
        return None
    return ChosenPlan(
        plan=GradingPlan(
            addresses=addresses,
            openings=given.openings,
            samples=given.samples,
            repeats=int(repeats),
            pairwise=reads == PAIRS,
            checks=tests,
            rubric=None if reads == PAIRS else rubric,
        ),
        again_ungraded=again,
        at_once=int(at_once),
        answer_tokens=int(answer_tokens),
    )


def _rubric() -> Rubric | None:
    """Return a rubric of the reader's own; None where it is the paper's."""
    given = st.file_uploader(
        "A rubric of your own",
        ["yaml", "yml", "json"],
        key="rubric-file",
        help="What is graded in place of grammar, creativity, consistency and plot: a YAML file with "
        "name, dimensions (each with what it means), and perhaps assess and age_group.",
    )
    if given is None:
        return None
    rubric = parse_rubric(given.name, given.getvalue())
    st.caption(show.plain(f"Graded by {rubric.version}: {', '.join(rubric.dimensions)}."))
    return rubric


def written(chosen: ChosenPlan) -> list[Item] | None:
    """Write the stories for a person to read; None where a link asks for more than is usual.

    A changed choice stops the writing, and what is written is kept.
    """
    plan = chosen.plan
    many = len(plan.openings) * plan.samples
    if not corpus_picker.wait_if_more(
        GradingState.openings.key, many, USUAL * EACH_USUAL, f"{many} stories of each model"
    ):
        return None
    bar, began = st.empty(), time.monotonic()
    total = len(plan.addresses) * plan.samples
    stories: list[list[Item]] = []
    for at, address in enumerate(plan.addresses):
        mine: list[Item] = []
        for sample in range(plan.samples):
            done, took = at * plan.samples + sample, time.monotonic() - began
            if took > 1:
                left = show.duration(took / done * (total - done))
                bar.progress(done / total, f"Writing the stories, about {left} left")
            mine += cache.to_grade(address, plan.openings, sample)
        stories.append(mine)
    bar.empty()
    items = replace(plan, checks=False).arranged(stories)
    # a person's time is dear: fewer spoiled stories
    tests = [one for one in check_items(plan.repeats) if one.opening_index < ENOUGH]
    return mixed(items, tests) if plan.checks else items


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
