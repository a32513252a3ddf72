"""Results of a grading: means, distributions, and every reply."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from app import commands
from app.figures.grading import distributions
from app.figures.intervals import intervals
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.grading.grade_reader import AGE, AGES
from slm.grading.human import PERSON
from slm.grading.items import Item
from slm.grading.judge_checks import judge_checks, passes
from slm.grading.pairwise import Preference
from slm.grading.protocol import Grade, Ungraded
from slm.grading.questions import Graded
from slm.grading.report import GradingReport, read_by
from slm.grading.scores import (
    Summary,
    differences,
    dimensions_of,
    distribution,
    spent,
    summary,
)
from slm.stats.interval import Interval
from slm.text import on_terminal, visible

REASONS = 8
"""Of the reasons why stories have no grade, so many are told."""
SHOWN = 3
"""Stories that are shown before a judge has read any."""


def warning(judge: str, tests: Sequence[Graded]) -> None:
    """Warn where a judge missed a check, or was never checked."""
    found = judge_checks(tests)
    match passes(found):
        case "no":
            missed = " and ".join(
                f"{each.what} ({each.dimension} {-each.difference.mean:+.2f})"
                for each in found
                if each.passed is False
            )
            st.error(
                show.plain(
                    f"{judge} does not see what it is asked about. Given stories of our own that "
                    f"were spoiled, it took nothing off for {missed}. Its grades tell little here."
                )
            )
        case "not tested" if judge.startswith(PERSON):
            pass
        case "not tested":
            st.caption(
                show.plain(
                    f"{judge} has not been tested with spoiled stories, so whether it passed what it "
                    "grades is not known (More: Test the judge)."
                )
            )
        case _:
            st.caption(
                show.plain(
                    f"{judge} was tested: it passed shuffled words and endings of other stories."
                )
            )


def grades(address: str, judge: str, found: list[Graded]) -> None:
    """Show the means first, then the distributions, then each story with its grades and replies."""
    result = summary(found)
    if result.means:
        show.figure(
            intervals(
                [(name, mean.mean, *mean.whiskers) for name, mean in result.means.items()],
                show.colours(),
                "grade, 0 to 10",
                (-0.2, 10.2),
            ),
            name=f"grades-{address}-{judge}",
            table=partial(numbers, found),
            everything=partial(everything, found, [address]),
            command=commands.grades(address),
            note=_note(address, judge, found),
        )
        spread = [(name, distribution(found, name)) for name in result.means]
        show.figure(
            distributions(spread, show.colours()),
            name=f"spread-{address}-{judge}",
            table=partial(_spread_table, spread),
            note="How often each grade was given, to the nearest whole one.",
            command=commands.grades(address),
        )
    else:
        st.warning(
            f"None of the {result.ungraded} stories got grades; each of them says why. Under More, "
            "“Ask again what could not be read” asks anew."
        )
        show.footer(
            name=f"grades-{address}-{judge}",
            note=f"{address} read by {judge}",
            table=partial(numbers, found),
            everything=partial(everything, found, [address]),
        )
    readings(found)
    chosen = st.selectbox(
        "Story",
        range(len(found)),
        format_func=lambda i: visible(name(found[i])),
        key=f"read-{address}-{len(found)}",
    )
    story(found[chosen or 0], key=f"graded-{address}")


def apart(a: str, b: str, of_a: list[Graded], of_b: list[Graded]) -> None:
    """Show by how much the second model is graded higher, paired by opening."""
    found = differences(of_a, of_b)
    if not found:
        st.caption("These two have no graded opening in common, so their grades are not compared.")
        return
    grades = ", ".join(f"{name} {said(mean, plus=True)}" for name, mean in found.items())
    st.markdown(show.plain(f"{b} against {a}, opening by opening: {grades}."))
    ours, theirs = (
        {one.item.opening for one in graded if isinstance(one.outcome, Grade)}
        for graded in (of_a, of_b)
    )
    if ours != theirs:
        st.caption(
            show.plain(
                f"Over the {len(ours & theirs)} openings that both have. The means below are over "
                f"different ones ({a} {len(ours)}, {b} {len(theirs)}) and should not be compared."
            )
        )


def ungraded(items: Sequence[Item], many: int, *, key: str) -> None:
    """Show the first of the `many` stories that a judge would read."""
    st.caption(f"{min(SHOWN, len(items))} of the {many} stories that it would read")
    for at, item in enumerate(items[:SHOWN]):
        _text(item, key=f"{key}-{at}")


def story(one: Graded, *, key: str) -> None:
    """Show a story, the judge's assessment and its grades."""
    _text(one.item, key=key)
    words(one)


def _text(item: Item, *, key: str) -> None:
    if item.cut:
        st.caption("Cut off where its context ended; it had not come to its end.")
    story_view(
        [Shown(text=item.opening, value=1.0), Shown(text=item.completion)],
        key=key,
        label="the beginning it was given",
        full=5,
        small=True,
    )


def words(one: Graded) -> None:
    """Show the judge's assessment, its answer, and the answer as it came."""
    st.markdown(f"**{show.plain(one.judge)}:** {show.plain(one.assessment)}")
    if isinstance(one.outcome, Preference):
        st.markdown(f"Better: {one.outcome.better}")
    elif isinstance(one.outcome, Grade):
        given = [f"{part} {value:g}" for part, value in one.outcome.grades.items()]
        if one.outcome.age_group:
            given.append(f"age {AGES[one.outcome.age_group]}")
        st.markdown(", ".join(given), help=f"Read by the rule: {one.outcome.rule}.")
    elif isinstance(one.outcome, Ungraded):
        st.warning(show.plain(f"Ungraded: {one.outcome.reason}"))
    if one.reply:
        with st.popover("The reply as it came"):
            st.code(on_terminal(one.reply), language=None, wrap_lines=True)


def name(one: Graded) -> str:
    """Name a story in the list: its beginning and its grades."""
    grades = (
        "/".join(f"{value:g}" for value in one.outcome.grades.values())
        if isinstance(one.outcome, Grade)
        else "ungraded"
    )
    again = f", asked again ({one.item.repeat + 1})" if one.item.repeat else ""
    beginning = " ".join(one.item.opening[:60].split())
    return f"{grades}  {beginning} … ({one.item.completion_index + 1}){again}"


def numbers(found: Sequence[Graded]) -> str:
    """Format every graded story as CSV; an ungraded one has empty grades, never zeros."""
    dimensions = dimensions_of(found)
    rows = (
        (
            one.item.opening,
            one.item.completion,
            one.item.repeat,
            *(_grade(one.outcome, name) for name in dimensions),
            one.outcome.age_group or "" if isinstance(one.outcome, Grade) else "",
            one.assessment,
            one.reply,
            "" if one.cost is None else one.cost,
            "" if isinstance(one.outcome, Ungraded) else one.outcome.rule,
            one.outcome.reason if isinstance(one.outcome, Ungraded) else "",
            "" if one.item.cut is None else int(one.item.cut),
        )
        for one in found
    )
    header = ("opening", "completion", "repeat", *dimensions, AGE, "assessment", "reply")
    return show.csv((*header, "cost_usd", "read_by", "ungraded_because", "cut"), rows)


def _grade(outcome: object, dimension: str) -> object:
    """Return one grade for a table; empty where there is none."""
    return outcome.grades.get(dimension, "") if isinstance(outcome, Grade) else ""


def everything(found: Sequence[Graded], addresses: Sequence[str]) -> dict[str, Any]:
    """Return every item, and the summary of the grades."""
    report = GradingReport(graded=found, addresses=addresses)
    return {"address": addresses[0], **report.to_json(), "items": report.items()}


def said(mean: Interval | None, *, plus: bool = False) -> str:
    """Format a number with its interval, with its sign where it is a difference."""
    return "not measured" if mean is None else mean.to_text("+.2f" if plus else ".2f")


def _note(address: str, judge: str, found: Sequence[Graded]) -> str:
    result = summary(found)
    several = f" ({result.graded} grades)" if result.graded > result.stories else ""
    stories = "story" if result.stories == 1 else "stories"
    sure = (
        "Bars: 95 % intervals over openings"
        if any(mean.bounds for mean in result.means.values())
        else "One opening: no interval"
    )
    return (
        f"{address} graded by {judge}: {result.stories} {stories}{several}"
        + (f", {result.ungraded} more left ungraded" if result.ungraded else "")
        + f". {sure}."
        + (f" {ages}." if (ages := _ages(result)) else "")
        + _cut(result)
        + bill_of(found)
    )


def _ages(result: Summary) -> str:
    sounds = ", ".join(f"{AGES[age]} ({n})" for age, n in result.ages.items())
    return f"Ages it sounds like: {sounds}" if sounds else ""


def _cut(result: Summary) -> str:
    """Say how many stories end where the context does."""
    if not result.cut_known:
        return ""
    share = result.cut / result.cut_known
    return (
        f" Cut off at the context's end, which the judge was told: {result.cut} of "
        f"{result.cut_known} ({share:.0%})."
    )


def readings(found: Sequence[Graded]) -> None:
    """Show how many replies each rule read, and why others could not be read."""
    rules = read_by(found)
    reasons = Counter(one.outcome.reason for one in found if isinstance(one.outcome, Ungraded))
    if not reasons and set(rules) <= {"JSON"}:
        return
    lost = sum(reasons.values())
    label = f"How {sum(rules.values())} replies were read" + (f", {lost} were not" if lost else "")
    with st.expander(label):
        st.markdown("\n".join(f"- {count} by: {show.plain(rule)}" for rule, count in rules.items()))
        if reasons:
            st.markdown("Ungraded, the commonest reasons first:")
            lines = (f"- {n} {show.plain(why)}" for why, n in reasons.most_common(REASONS))
            st.markdown("\n".join(lines))
            st.caption(
                "Each was asked for once more with what was wrong. “Ask again what could not be "
                "read”, under More, asks anew."
            )


def bill_of(found: Sequence[Graded]) -> str:
    """Say what these replies cost."""
    cost = spent(found)
    return " What it cost is not known." if cost is None else f" Spent: ${cost:.4f}."


def _spread_table(spread: Sequence[tuple[str, Sequence[int]]]) -> str:
    rows = ((name, *counts) for name, counts in spread)
    return show.csv(("dimension", *(str(grade) for grade in range(11))), rows)
