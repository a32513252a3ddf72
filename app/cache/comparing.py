"""Two models beside each other: worked out once for all sessions, in threads that pages can watch."""

from collections.abc import Generator

import streamlit as st

from app.cache.checkpoints import checkpoint, key
from app.jobs.work import Work
from slm.comparing.comparison import MATCHED_ON, compare
from slm.comparing.development import Stage, development
from slm.comparing.difference import StoryDifference, differences
from slm.comparing.matching import Matching, UnitKind, match_heads, match_neurons
from slm.comparing.measured import What, measure
from slm.comparing.reading import ComparedStories, read
from slm.comparing.report import report
from slm.comparing.similarity import Similarity, similarity
from slm.progress import Progress
from slm.runs import open_run

Differences = tuple[StoryDifference, ...]


def reading(corpus: str, stories: int) -> ComparedStories:
    """The first stories of a corpus."""
    return _reading(corpus, stories)


def difference(a: str, b: str, corpus: str, stories: int) -> Work[Differences]:
    """What A saves against B on every stretch of every story."""
    return _difference(*key(a), *key(b), corpus, stories)


def matched(a: str, b: str, corpus: str, kind: UnitKind) -> Work[Matching]:
    """Which units of A and B are the same."""
    return _matched(*key(a), *key(b), corpus, kind)


def layers(a: str, b: str, corpus: str) -> Work[Similarity]:
    """How alike the layers of A and B are."""
    return _layers(*key(a), *key(b), corpus)


def drift(run: str, reference: str, corpus: str) -> Work[tuple[Similarity, ...]]:
    """How alike the layers of each checkpoint of a run are to those of a reference."""
    steps = tuple(open_run(run).steps)
    return _drift(run, steps, *key(reference), corpus)


def stages(run: str) -> Work[tuple[Stage, ...]]:
    """What a run had learned at each of its checkpoints."""
    return _stages(run, tuple(open_run(run).steps))


def measuring(what: What, runs: tuple[str, ...]) -> Work[int]:
    """Measure what no checkpoint of these runs is to be without; the same work until it has ended."""
    return _measuring(what, runs)


def measure_anew(what: What, runs: tuple[str, ...]) -> None:
    """Forget such work where it has ended, so that it begins anew when asked for."""
    if not _measuring(what, runs).running:
        _measuring.clear(what, runs)


def mailable(a: str, b: str, corpus: str, stories: int) -> Work[str]:
    """The comparison as one HTML file."""
    return _mailable(*key(a), *key(b), corpus, stories)


def compare_again() -> None:
    """Forget work that was cancelled or failed, so that it begins anew when asked for."""
    for one in (_difference, _matched, _layers, _drift, _stages, _measuring, _mailable):
        one.clear()


@st.cache_data(max_entries=16, show_spinner="Opening the stories …")
def _reading(corpus: str, stories: int) -> ComparedStories:
    return read(corpus, stories)


@st.cache_resource(max_entries=32, show_spinner=False)
def _difference(
    a: str, a_changed: int, b: str, b_changed: int, corpus: str, stories: int
) -> Work[Differences]:
    one, other, texts = checkpoint(a), checkpoint(b), reading(corpus, stories).texts

    def steps() -> Generator[Progress, None, Differences]:
        found: list[StoryDifference] = []
        for story in differences(one, other, texts):
            found.append(story)
            yield Progress(doing="reading stories", share=len(found) / len(texts))
        return tuple(found)

    return Work(steps())


@st.cache_resource(max_entries=32, show_spinner=False)
def _matched(
    a: str, a_changed: int, b: str, b_changed: int, corpus: str, kind: UnitKind
) -> Work[Matching]:
    one, other, texts = checkpoint(a), checkpoint(b), reading(corpus, MATCHED_ON).texts

    def steps() -> Generator[Progress, None, Matching]:
        yield Progress(doing=f"matching {kind}", share=0.0)
        return (match_heads if kind == "heads" else match_neurons)(one, other, texts)

    return Work(steps())


@st.cache_resource(max_entries=32, show_spinner=False)
def _layers(a: str, a_changed: int, b: str, b_changed: int, corpus: str) -> Work[Similarity]:
    one, other, texts = checkpoint(a), checkpoint(b), reading(corpus, MATCHED_ON).texts

    def steps() -> Generator[Progress, None, Similarity]:
        yield Progress(doing="comparing layers", share=0.0)
        return similarity(one, other, texts)

    return Work(steps())


@st.cache_resource(max_entries=16, show_spinner=False)
def _drift(
    run: str, steps: tuple[int, ...], reference: str, changed: int, corpus: str
) -> Work[tuple[Similarity, ...]]:
    models = [checkpoint(f"{run}@{step}") for step in steps]
    last, texts = checkpoint(reference), reading(corpus, MATCHED_ON).texts

    def compared() -> Generator[Progress, None, tuple[Similarity, ...]]:
        found: list[Similarity] = []
        for model in models:
            yield Progress(doing=f"reading with {model.address}", share=len(found) / len(models))
            found.append(similarity(model, last, texts))
        return tuple(found)

    return Work(compared())


@st.cache_resource(max_entries=16, show_spinner=False)
def _stages(run: str, steps: tuple[int, ...]) -> Work[tuple[Stage, ...]]:
    return Work(development(open_run(run)))


@st.cache_resource(max_entries=16, show_spinner=False)
def _measuring(what: What, runs: tuple[str, ...]) -> Work[int]:
    return Work(measure([open_run(run) for run in runs], what))


@st.cache_resource(max_entries=8, show_spinner=False)
def _mailable(
    a: str, a_changed: int, b: str, b_changed: int, corpus: str, stories: int
) -> Work[str]:
    one, other, texts = checkpoint(a), checkpoint(b), reading(corpus, stories)

    def steps() -> Generator[Progress, None, str]:
        told = f"python -m slm compare {a} {b} --corpus {corpus!r} --stories {stories}"
        return report((yield from compare(one, other, texts, command=told)))

    return Work(steps())
