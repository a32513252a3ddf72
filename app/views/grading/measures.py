"""Measures that need no judge: beside the shipped stories, over training, and found in the stories."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import cache, commands
from app.figures.scores import Point, score_curves
from app.jobs import waiting
from app.jobs.work import Work
from app.widgets import show
from slm.runs import Address, open_run
from slm.scores.grammar import grammar_findings
from slm.scores.kept import default_reference, kept_scores
from slm.scores.score import MEASURES, UNITS, ScoreMeasure, StoryScores, scored_openings
from slm.scores.spoiling import ScoreChecks
from slm.scores.texts import CompletedStory
from slm.stats.interval import Interval
from slm.text import in_html, visible

SHIPPED = "shipped stories"
STORIES = 3
MEANS: dict[ScoreMeasure, str] = {
    "grammar": "Findings of an offline checker in what was written; fewer is better.",
    "consistency": "How much a story's first half tells of its second, read by a reference model; more "
    "is better.",
    "creativity": "Distinct 3-grams of a story that 19 others do not say, of all that it says; it sees "
    "repetition, and does not rank good models.",
    "age": "The school grade at which it is read (Automated Readability Index).",
}
STYLE = """<style>
.marked { font-family: "Source Serif", Georgia, serif; line-height: 1.5; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.marked .given { opacity: 0.75; }
.marked u { text-decoration: underline wavy #b23a2e; text-underline-offset: 3px; }
</style>"""


def show_measures(addresses: Sequence[str]) -> None:
    """Show the four measures of each model's stories, without anybody's judgement."""
    for address in addresses:
        show.note(scored_openings(cache.checkpoint(address))[1])
    works = {address: cache.scores(address) for address in addresses}
    checks = cache.score_checks()
    waiting.under_way({"the shipped stories": checks, **works}, "scores")
    found = {address: one.result for address, one in works.items() if one.result is not None}
    every_work: dict[str, Work[Any]] = {SHIPPED: checks, **works}
    for name, work in every_work.items():
        if work.result is None and not work.running:
            waiting.ended(work, f"scores-{name}")
    if checks.result is None or not found:
        return
    every = {SHIPPED: checks.result.people, **found}
    st.dataframe(
        {"stories of": [visible(name) for name in every]}
        | {measure: [_told(one, measure) for one in every.values()] for measure in MEASURES},
        column_config={
            measure: st.column_config.TextColumn(
                f"{measure}: {UNITS[measure]}", help=MEANS[measure]
            )
            for measure in MEASURES
        },
        hide_index=True,
    )
    show.footer(
        name="scores-" + "-".join(found)[:80],
        table=lambda: _csv(every),
        everything=lambda: {"models": {name: one.to_json() for name, one in every.items()}},
        command=commands.score(list(found)),
        note=_note(found),
    )
    _curves(found, checks.result)
    with st.expander("What each measure sees: the shipped stories, spoiled"):
        _spoiled(checks.result, list(found))
    st.markdown("**Stories, with what the grammar checker found** (point at it)")
    for column, address in zip(st.columns(len(found), gap="large"), found, strict=True):
        with column, show.one_line():
            for story in cache.scored_stories(address)[:STORIES]:
                st.html(STYLE + marked(story))


def _note(found: Mapping[str, StoryScores]) -> str:
    reference = default_reference()
    itself = f" {reference} judges itself there." if reference in found else ""
    return (
        "No judge, and no GPT grades: measures of one completion of each shipped opening at temperature "
        f"1, with 95 % intervals over openings. Consistency is read by {reference}.{itself} The shipped "
        "stories were written for Storyscope and are not TinyStories, which the reader knows best: hold "
        "models against one another. Of an untrained model (step 0) the measures say nothing."
    )


def _told(one: StoryScores, measure: ScoreMeasure) -> str:
    return one.interval(measure).to_text()


def _csv(every: Mapping[str, StoryScores]) -> str:
    rows: list[tuple[object, ...]] = []
    for name, one in every.items():
        for measure in MEASURES:
            value = one.interval(measure)
            rows.append((name, measure, UNITS[measure], value.mean, *value.whiskers, value.n))
    return show.csv(("stories of", "measure", "unit", "mean", "low", "high", "n"), rows)


def _curves(found: Mapping[str, StoryScores], checks: ScoreChecks) -> None:
    """Show the measures over the checkpoints that have kept scores, where there are several."""
    panels: dict[str, dict[str, list[Point]]] = {measure: {} for measure in MEASURES}
    runs = list(dict.fromkeys(Address.parse(address).run for address in found))
    for name in runs:
        kept = {
            step: one
            for step in open_run(name).steps
            if step and (one := kept_scores(Address(name, step))) is not None
        }
        for measure in MEASURES if len(kept) > 1 else ():
            values = ((step, one.interval(measure)) for step, one in kept.items())
            panels[measure][name] = [(float(step), v.mean, *v.whiskers) for step, v in values]
    if not any(panels.values()):
        return
    people: dict[str, float] = {
        measure: checks.people.interval(measure).mean for measure in MEASURES
    }
    show.figure(
        score_curves(panels, people, show.colours()),
        name="scores-over-training-" + "-".join(runs)[:60],
        alt="the four measures over training steps",
        note="Over training (the paper's Figure 2, without a judge); step 0 is untrained and left "
        "out. Dotted: the shipped stories.",
        table=lambda: show.csv(
            ("run", "measure", "step", "mean", "low", "high"),
            (
                (run, measure, *point)
                for measure, lines in panels.items()
                for run, points in lines.items()
                for point in points
            ),
        ),
        command=("score", "--steps", *runs),
    )


def _spoiled(checks: ScoreChecks, addresses: Sequence[str]) -> None:
    """Show what each spoiling changes of each measure."""

    def told(change: Interval, sees: bool) -> str:
        return change.to_text("+.2f") + (" seen" if sees else "")

    st.dataframe(
        {"spoiling": [one.spoiling for one in checks.spoiled]}
        | {
            measure: [told(one.change[measure], one.sees(measure)) for one in checks.spoiled]
            for measure in MEASURES
        }
        | {"whose business": [", ".join(one.business) for one in checks.spoiled]},
        hide_index=True,
    )
    show.footer(
        name="spoiled-stories",
        table=lambda: show.csv(
            ("spoiling", "measure", "change", "low", "high", "seen"),
            (
                (one.spoiling, name, change.mean, *change.whiskers, int(one.sees(name)))
                for one in checks.spoiled
                for name, change in one.change.items()
            ),
        ),
        everything=checks.to_json,
        command=commands.score(addresses, spoiled=True),
        note="Spoiled minus whole, story by story. Seen: the 95 % interval leaves out 0. A measure should "
        "see its own business, and hardly move on the rest.",
    )


def marked(story: CompletedStory) -> str:
    """Format HTML: the story, its opening quiet, each finding underlined with what is said of it."""
    text, at, parts = story.text, len(story.opening), list[str]()
    for one in sorted(grammar_findings(story), key=lambda found: found.start):
        if one.start < at:
            continue
        said = in_html(f"{one.kind}: {one.message}")
        parts += [
            in_html(text[at : one.start]),
            f"<u title='{said}'>{in_html(text[one.start : one.stop])}</u>",
        ]
        at = one.stop
    opening = f"<span class='given'>{in_html(story.opening)}</span>"
    return f"<div class='marked'>{opening}{''.join(parts)}{in_html(text[at:])}</div>"
