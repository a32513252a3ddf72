"""How good are the stories?"""

import streamlit as st

from app import cache
from app.jobs import waiting
from app.jobs.work import Work
from app.state import GradingState
from app.views.grading import (
    ask,
    by_hand,
    following,
    graded,
    judge_checks,
    judge_form,
    measures,
    pairwise,
    preferences,
    results,
    tested,
    tests_of,
)
from app.widgets import models, show
from slm.grading.items import Item
from slm.grading.questions import Graded
from slm.text import visible

GRADES, CONTEST, JUDGE, HAND = "Grades", "A against B", "The judge", "By hand"
MEASURES, FOLLOWING = "Without a judge", "Following instructions"


def progress(work: Work[None]) -> None:
    """How far the judge has come, with ways to hold and to end it; how it ended, and its bill."""
    if waiting.under_way({"": work}, "grading", pausable=True):
        return
    waiting.say_why(work, f"It had come to: {work.progress.doing}. Every answer is kept.")
    if not work.error and not work.cancelled:
        st.caption(show.sentence(work.progress.doing))


def pick_judge(judges: list[str]) -> str:
    """Which judge is shown, where there are several."""
    if len(judges) == 1:
        return judges[0]
    chosen = st.selectbox(
        "Read by", judges, **GradingState.judge_shown.bound, width=320, format_func=visible
    )
    return chosen or judges[0]


def with_openings(
    every: dict[str, list[Graded]], given: ask.GivenOpenings
) -> dict[str, list[Graded]]:
    """What judges said of stories with the given openings: others' grades are another question."""
    return {judge: mine for judge, found in every.items() if (mine := given.of(found))}


def show_grades(addresses: list[str], given: ask.GivenOpenings) -> None:
    """What a judge says of each model's stories with the given openings."""
    of = {address: with_openings(graded(address), given) for address in addresses}
    judges = list(dict.fromkeys(judge for found in of.values() for judge in found))
    if judges:
        judge = pick_judge(judges)
        results.warning(judge, tests_of(judge))
        if len(addresses) > 1 and all(judge in found for found in of.values()):
            a, b = addresses
            results.apart(a, b, of[a][judge], of[b][judge])
    for column, address in models.columns():
        with column, show.one_line():
            if not of[address]:
                st.markdown(
                    f"No judge has read {show.plain(address)} yet. Choose one on the left: GPT-4o "
                    "with a key, or any server that speaks OpenAI's protocol, such as one on your "
                    "own machine, which may need no key. It reads each story twice, as in the "
                    "TinyStories paper: first it says what it thinks, then it gives grades. "
                    "Or be the judge yourself: By hand."
                )
            elif judge not in of[address]:
                st.markdown(show.plain(f"{judge} has not read {address} yet."))
            else:
                results.grades(address, judge, of[address][judge])


def show_ungraded(given: ask.GivenOpenings, chosen: ask.ChosenPlan) -> None:
    """Show what would be read of each model that no judge has read with the given openings."""
    many = len(given.openings) * given.samples
    for column, address in zip(below, models.addresses(), strict=True):
        if not with_openings(graded(address), given):
            first = cache.to_grade(address, given.openings[: results.SHOWN], 0)
            with column, show.one_line():
                results.ungraded(first, many, key=f"ungraded-{address}")


def show_pairwise(addresses: list[str], given: ask.GivenOpenings) -> None:
    """Which of the two writes better."""
    if len(addresses) < 2:
        st.markdown("Choose a second model, Compare with, in the sidebar.")
        return
    a, b = addresses
    found = with_openings(preferences(a, b), given)
    if not found:
        st.markdown(
            f"No judge has read {show.plain(a)} against {show.plain(b)} yet. Choose one on the "
            "left: it is shown two stories of the same opening, unnamed and both ways round, and "
            "says which is better."
        )
        return
    judge = pick_judge(list(found))
    results.warning(judge, tests_of(judge))
    pairwise.between(a, b, judge, found[judge])


def show_judge(addresses: list[str]) -> None:
    """Whether a judge can be trusted."""
    by_judge: dict[str, list[Graded]] = {}
    for address in addresses:
        for name, found in graded(address).items():
            by_judge.setdefault(name, []).extend(found)
    for name, found in tested().items():
        by_judge.setdefault(name, []).extend(found)
    if not by_judge:
        st.markdown("No judge has read anything yet; choose one on the left.")
        return
    judge = pick_judge(list(by_judge))
    judge_checks.spoiled(judge, tests_of(judge))
    judge_checks.noisy(judge, by_judge[judge])
    judge_checks.agrees(judge, by_judge)


st.title("How good are the stories?", anchor=False)
addresses = models.addresses()
if (work := GradingState.grading.get()) is not None:
    progress(work)
view = st.segmented_control(
    "Show",
    [MEASURES, GRADES, CONTEST, JUDGE, HAND, FOLLOWING],
    default=GRADES if any(one.in_link() for one in ask.FORM) else MEASURES,
    required=True,
    **GradingState.view.bound,
    label_visibility="collapsed",
)
if view == MEASURES:
    with show.one_line():
        measures.show_measures(addresses)
    st.stop()
left, right = st.columns([2, 5], gap="large")
with right:
    body = st.container()
    below = st.columns(len(addresses))
if view == FOLLOWING:  # which needs no judge
    with left, show.one_line():
        followers = following.choose(addresses)
    with body, show.one_line():
        following.show_following(followers)
    st.stop()
given: ask.GivenOpenings | None = None
chosen: ask.ChosenPlan | None = None
to_read: list[Item] | None = None
with left, show.one_line():
    given = ask.openings(addresses)
    chosen = ask.plan(addresses, given, reads=None) if view == HAND else None
    to_read = ask.written(chosen) if chosen is not None else None
with body, show.one_line():
    if view == JUDGE:
        show_judge(addresses)
    elif view == HAND and to_read is not None:
        by_hand.grade_by_hand(to_read)
    elif view == CONTEST and given is not None:
        show_pairwise(addresses, given)
    elif view == GRADES and given is not None:
        show_grades(addresses, given)
with left, show.one_line():
    if view != HAND and given is not None:
        reads = ask.PAIRS if view == CONTEST else ask.EACH
        chosen = ask.plan(addresses, given, reads=reads)
        if chosen is not None:
            judge_form.judge(chosen)
if view == GRADES and given is not None and chosen is not None:
    show_ungraded(given, chosen)
