"""Two models beside each other: worked out once for all sessions, in threads that pages can watch."""

import streamlit as st

from app.cache.checkpoints import checkpoint
from app.cache.shared_work import shared_work
from slm.comparing.comparison import MATCHED_ON, compare
from slm.comparing.development import DevelopmentStage, development
from slm.comparing.difference import StoryDifference, differences
from slm.comparing.matching import Matching, UnitKind, match_heads, match_neurons
from slm.comparing.measured import MeasuredKind, measure
from slm.comparing.reading import ComparedStories, read
from slm.comparing.report import report
from slm.comparing.similarity import Similarity, similarity
from slm.progress import Progress, Steps
from slm.runs import open_run

Differences = tuple[StoryDifference, ...]


@st.cache_data(max_entries=16, show_spinner="Opening the stories …")
def reading(corpus: str, stories: int) -> ComparedStories:
    """Read the first stories of a corpus."""
    return read(corpus, stories)


@shared_work(models=2, max_entries=32)
def difference(a: str, b: str, corpus: str, stories: int) -> Steps[Differences]:
    """Compute the gain of A over B on every stretch of every story."""
    texts, found = reading(corpus, stories).texts, list[StoryDifference]()
    for story in differences(checkpoint(a), checkpoint(b), texts):
        found.append(story)
        yield Progress(doing="reading stories", share=len(found) / len(texts))
    return tuple(found)


@shared_work(models=2, max_entries=32)
def matched(a: str, b: str, corpus: str, kind: UnitKind) -> Steps[Matching]:
    """Match the units of A and B."""
    yield Progress(doing=f"matching {kind}", share=0.0)
    match = match_heads if kind == "heads" else match_neurons
    return match(checkpoint(a), checkpoint(b), reading(corpus, MATCHED_ON).texts)


@shared_work(models=2, max_entries=32)
def layers(a: str, b: str, corpus: str) -> Steps[Similarity]:
    """Compare the layers of A and B."""
    yield Progress(doing="comparing layers", share=0.0)
    return similarity(checkpoint(a), checkpoint(b), reading(corpus, MATCHED_ON).texts)


@shared_work(models=1, max_entries=16, also=lambda reference, run, corpus: open_run(run).steps)
def drift(reference: str, run: str, corpus: str) -> Steps[tuple[Similarity, ...]]:
    """Compare the layers of each checkpoint of a run with those of a reference."""
    last, texts = checkpoint(reference), reading(corpus, MATCHED_ON).texts
    steps, found = open_run(run).steps, list[Similarity]()
    for step in steps:
        yield Progress(doing=f"reading with {run}@{step}", share=len(found) / len(steps))
        found.append(similarity(checkpoint(f"{run}@{step}"), last, texts))
    return tuple(found)


@shared_work(models=0, max_entries=16, also=lambda run: open_run(run).steps)
def stages(run: str) -> Steps[tuple[DevelopmentStage, ...]]:
    """Score the heads and words of each checkpoint of a run."""
    return development(open_run(run))


@shared_work(models=0, max_entries=16)
def measuring(what: MeasuredKind, runs: tuple[str, ...]) -> Steps[int]:
    """Measure what is missing of these runs' checkpoints."""
    return measure([open_run(run) for run in runs], what)


@shared_work(models=2, max_entries=8)
def mailable(a: str, b: str, corpus: str, stories: int) -> Steps[str]:
    """Render the comparison as one HTML file."""
    told = f"python -m slm compare {a} {b} --corpus {corpus!r} --stories {stories}"
    texts = reading(corpus, stories)
    return report((yield from compare(checkpoint(a), checkpoint(b), texts, command=told)))
