"""Judge checks: spoiled stories, repeated questions, agreement with others."""

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from app.figures.intervals import intervals
from app.views.grading.results import said
from app.widgets import show
from slm.grading.agreement import Agreement, agreement
from slm.grading.judge_checks import JudgeCheck, judge_checks
from slm.grading.questions import Graded
from slm.grading.scores import Noise, noise
from slm.text import visible


def spoiled(judge: str, tests: Sequence[Graded]) -> None:
    """Show by how much the judge grades spoiled stories lower."""
    st.header("Does it see a spoiled story?", anchor=False)
    found = judge_checks(tests)
    if not found:
        st.markdown(
            "Not tested yet. With More, Test the judge, stories of our own are mixed in, and the "
            "same ones spoiled; a judge who grades both alike is not reading."
        )
        return
    show.figure(
        intervals(
            [
                (
                    f"{each.what}: {each.dimension}",
                    each.difference.mean,
                    *each.difference.whiskers,
                )
                for each in found
            ],
            show.colours(),
            "grades lost by spoiling the story",
            (-10.2, 10.2),
            mark=0,
        ),
        name=f"spoiled-{judge}",
        table=partial(_contrast_table, found),
        note="Our own stories against the same ones spoiled. Bars: 95 % intervals over stories.",
    )
    for each in found:
        seen = {
            True: "It passed that",
            False: "It does not see that",
            None: "Too few stories to say",
        }
        st.markdown(
            show.plain(
                f"{each.what[0].upper()}{each.what[1:]}: {each.dimension} {each.whole:.1f} before, "
                f"{each.spoiled:.1f} after, over {each.stories} stories. {seen[each.passed]}."
            )
        )


def noisy(judge: str, found: Sequence[Graded]) -> None:
    """Show how far the judge differs from itself, beside how far stories differ."""
    st.header("Does it say the same when asked again?", anchor=False)
    measured = noise(found)
    if not measured:
        st.markdown(
            "Not measured yet. With More, Ask about each story, the same question is put several "
            "times; how far the answers differ is the judge's own noise."
        )
        return
    st.dataframe(
        [
            {
                "grade": name,
                "the judge, asked again": said(each.within),
                "between stories": said(each.between),
            }
            for name, each in measured.items()
        ],
        hide_index=True,
    )
    stories = max(each.stories for each in measured.values())
    show.footer(
        name=f"noise-{judge}",
        note=f"Standard deviations in grades, with 95 % intervals over openings, from {stories} "
        "stories asked about more than once. Between stories: the judge's own noise is taken off.",
        table=partial(_noise_table, measured),
    )


def agrees(judge: str, by_judge: Mapping[str, Sequence[Graded]]) -> None:
    """Show the agreement with another judge, or a person, on the same stories."""
    st.header("Do others say the same?", anchor=False)
    compared = {
        other: found
        for other in by_judge
        if other != judge and (found := agreement(by_judge[judge], by_judge[other]))
    }
    if not compared:
        st.markdown(
            "Nobody else has graded at least three of these stories. Grade some yourself (By hand), "
            "or ask another judge."
        )
        return
    other = st.selectbox(
        "Compare with", list(compared), key="agrees-with", format_func=visible
    ) or next(iter(compared))
    found = compared[other]
    st.dataframe(
        [
            {
                "grade": name,
                "same order": said(each.order),
                "same level": said(each.level),
                f"{visible(judge)} is higher by": said(each.higher),
                "stories": each.stories,
            }
            for name, each in found.items()
        ],
        hide_index=True,
    )
    show.footer(
        name=f"agreement-{judge}-{other}",
        note="Same order: Spearman's rank correlation. Same level: Cohen's kappa with quadratic "
        "weights. 1 is full agreement, 0 none; 95 % intervals over openings.",
        table=partial(_agreement_table, found),
    )


def _contrast_table(found: Sequence[JudgeCheck]) -> str:
    header = ("spoiled_by", "grade", "stories", "whole", "spoiled", "difference", "low", "high")
    rows = (
        (
            each.what,
            each.dimension,
            each.stories,
            each.whole,
            each.spoiled,
            each.difference.mean,
            *(each.difference.bounds or ("", "")),
        )
        for each in found
    )
    return show.csv(header, rows)


def _noise_table(found: Mapping[str, Noise]) -> str:
    header = ("grade", "stories", "within", "low", "high", "between", "low", "high")
    rows = (
        (
            name,
            each.stories,
            each.within.mean,
            *(each.within.bounds or ("", "")),
            each.between.mean,
            *(each.between.bounds or ("", "")),
        )
        for name, each in found.items()
    )
    return show.csv(header, rows)


def _agreement_table(found: Mapping[str, Agreement]) -> str:
    header = ("grade", "stories", "spearman", "kappa", "higher")
    rows = (
        (
            name,
            each.stories,
            "" if each.order is None else each.order.mean,
            "" if each.level is None else each.level.mean,
            each.higher.mean,
        )
        for name, each in found.items()
    )
    return show.csv(header, rows)
