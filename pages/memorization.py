"""Does the model copy its training text?"""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial

import streamlit as st

from app import cache, commands
from app.figures.intervals import intervals
from app.figures.memorization import histograms, new_curves
from app.jobs import waiting
from app.state import MemorizationState
from app.terms import help_of
from app.views.memorization.choosing import corpus
from app.views.memorization.copied import copied_text, sources
from app.widgets import models, show
from slm.generation.sampler import Sampling
from slm.memorization.kept import (
    Texts,
    indexed,
    make_novelty,
    make_study,
    novelty_path,
    read_novelty,
    read_study,
    study_path,
)
from slm.memorization.measures import KS, Measures
from slm.memorization.novelty import NewShares, Novelty
from slm.memorization.rouge import words
from slm.memorization.study import ENOUGH, Study
from slm.memorization.suffix_index import copies
from slm.memorization.templates import most_alike, near_duplicates
from slm.runs import Address, open_run
from slm.stats.bootstrap import mean_of_known
from slm.stats.interval import Interval
from slm.text import visible

ENDINGS, MEASURES, TEMPLATES, NEW, ANY = (
    "endings",
    "measures",
    "templates",
    "novelty",
    "any text",
)
NAMES = {
    "trained": "its endings of training stories",
    "unseen": "its endings of validation stories",
    "people": "people's endings of these",
}
PLOTTED = {
    "(a) Rouge precision against the true ending": "rouge_precision",
    "(b) largest Rouge-2 f-measure to another ending": "max_rouge2_f",
    "(c) share of runs of words that stand in the corpus": "ngram_overlap",
    "(d) largest Rouge-2 precision against one story": "max_rouge2_precision",
    "words of the longest copy": "longest",
}
TEMPERATURE, STEP = "against temperature", "against training step"


def study_of(address: str, read: Texts, stories: int, sampling: Sampling) -> Study | None:
    """What was kept, or what is measured now; None until then."""
    if (kept := read_study(study_path(address, read, stories, sampling))) is not None:
        return kept
    work = partial(make_study, address, read, stories, sampling)
    name = f"study-{address}-{read.corpus_hash}-{read.unseen_hash}-{stories}-{sampling}"
    st.caption(
        f"Not measured yet: {stories} stories of the corpus and {stories} that the model never saw "
        "are cut at 40 %, it ends them, and people's endings are the baseline."
    )
    return waiting.when_asked(name, "Measure", work)


def headline(address: str, found: Study, *, templates_too: bool) -> None:
    """In a sentence: does it write more of the true ending where it was trained on it?"""
    told = sum(near_duplicates(found.measures["trained"].templates))
    copied = f" Template copies: {told} of {len(found.endings['trained'])}."
    st.markdown(show.plain(f"{found.verdict()}{copied if templates_too else ''}"))


def endings(address: str, found: Study, read: Texts) -> None:
    """One story cut short: the model's ending beside the true one, copies underlined."""
    kind = (
        st.segmented_control(
            "Stories",
            ["trained", "unseen"],
            default="trained",
            required=True,
            **MemorizationState.endings.of(models.letter(address)).bound,
            format_func=lambda name: "train" if name == "trained" else "validation",
        )
        or "trained"
    )
    measures, written = found.measures[kind], found.endings[kind]
    order = sorted(range(len(written)), key=lambda n: -measures.longest[n])
    number = st.selectbox(
        "Story, that with the longest copy first",
        order,
        **MemorizationState.ending.of(f"{models.letter(address)}.{kind}").bound,
        format_func=lambda n: (
            f"longest copy {measures.longest[n]} words, "
            f"Rouge-2 {show_share(measures.rouge_precision[2][n])}: {visible(written[n].beginning[:60])} …"
        ),
    )
    one, copied = written[number or 0], measures.copies[number or 0]
    st.caption("It was given")
    copied_text(one.beginning, [], key=f"given-{address}")
    left, right = st.columns(2)
    with left:
        st.caption("The model went on")
        copied_text(one.text, copied, key=f"model-{address}")
    with right:
        st.caption("The true ending")
        copied_text(one.story[len(one.beginning) :], [], key=f"true-{address}")
    if (index := cache.copy_index(read)) is not None:
        sources(one.text, copied, index, key=f"sources-{address}")


def show_share(value: float | None) -> str:
    """A share, or that it cannot be told."""
    return "too short to say" if value is None else f"{value:.2f}"


def measured(
    address: str, source: str, found: Study, which: str, k: int, command: commands.Command
) -> None:
    """One measure of all endings: histogram, and means with their intervals."""
    name = PLOTTED[which]
    values = {
        NAMES[kind]: values_of(measures, name, k)
        for kind, measures in found.measures.items()
        if not (kind == "people" and name == "rouge_precision")
    }
    axis = f"{which}, k = {k}" if name in ("rouge_precision", "ngram_overlap") else which
    show.figure(
        histograms(values, show.colours(), axis, share=name != "longest"),
        name=f"copied-{name}-{address}",
        table=partial(numbers, found),
        everything=lambda: {
            "address": address,
            "corpus": source,
            **found.to_json(),
            **found.every_ending(),
        },
        command=command,
        note=f"{address}: {len(found.endings['trained'])} stories of each kind cut at 40 %. Dotted "
        "lines are means.",
    )
    means = [(kind, mean_of_known(these)) for kind, these in values.items()]
    rows = [(kind, m.mean, *m.whiskers) for kind, m in means if m is not None]
    high = max((row[3] for row in rows), default=1.0)
    show.figure(
        intervals(rows, show.colours(), f"mean of {axis}, with its 95 % interval", (0, high * 1.1)),
        name=f"copied-means-{name}-{address}",
        table=lambda: show.csv(("endings", "mean", "low", "high"), iter(rows)),
        command=command,
    )


def values_of(measures: Measures, name: str, k: int) -> list[float | None]:
    """One measure of every ending."""
    values = getattr(measures, name)
    return list(values[k] if name in ("rouge_precision", "ngram_overlap") else values)


def numbers(found: Study) -> str:
    """Every ending's measures as CSV."""

    def rows() -> Iterator[tuple[object, ...]]:
        for kind, measures in found.measures.items():
            for n, ending in enumerate(found.endings[kind]):
                alike = measures.templates[n]
                yield (
                    kind,
                    ending.beginning,
                    ending.text,
                    *(measures.rouge_precision[k][n] for k in KS),
                    *(measures.ngram_overlap[k][n] for k in KS),
                    measures.max_rouge2_f[n],
                    measures.max_rouge2_precision[n],
                    measures.longest[n],
                    alike.masked if alike else "",
                    (alike.kind or "") if alike else "",
                )

    header = (
        "kind",
        "beginning",
        "ending",
        *(f"rouge_precision_{k}" for k in KS),
        *(f"ngram_overlap_{k}" for k in KS),
        "max_rouge2_f",
        "max_rouge2_precision",
        "longest",
        "most_alike_masked",
        "template",
    )
    return show.csv(header, rows())


def templates(address: str, found: Study, read: Texts) -> None:
    """The endings most like one story of the corpus, names and places masked, beside that story."""
    counts = {
        kind: (sum(near_duplicates(measures.templates)), len(measures.templates))
        for kind, measures in found.measures.items()
    }
    st.markdown(
        "Template copies: "
        + "; ".join(f"{told} of {all_} among {NAMES[k]}" for k, (told, all_) in counts.items())
    )
    kind = (
        st.segmented_control(
            "Endings",
            list(NAMES),
            default="trained",
            required=True,
            **MemorizationState.templates.of(models.letter(address)).bound,
            format_func=lambda name: NAMES[name],
        )
        or "trained"
    )
    alike = found.measures[kind].templates
    order = sorted(range(len(alike)), key=lambda n: -(one.masked if (one := alike[n]) else 0))

    def name(n: int) -> str:
        one = alike[n]
        if one is None:
            return "nothing alike"
        return f"{one.masked:.2f} alike ({one.plain:.2f} with names), {one.kind or 'no copy'}"

    number = (
        st.selectbox(
            "Ending",
            order,
            format_func=name,
            **MemorizationState.template.of(f"{models.letter(address)}.{kind}").bound,
        )
        or 0
    )
    one = alike[number]
    left, right = st.columns(2)
    with left:
        st.caption("The ending")
        copied_text(found.endings[kind][number].text, [], key=f"told-{address}")
    with right:
        index = cache.copy_index(read)
        if one is not None and index is not None:
            st.caption(show.plain(f"Story {one.story} of the corpus"))
            copied_text(index.story(one.story), [], key=f"telling-{address}")
    st.caption(
        "Names are words capitalised inside a sentence and the nursery's names; places are the "
        "nursery's. An ending is a copy where one story holds at least 0.8 of its masked runs of four "
        "words; a template copy where fewer of them stand there with their names."
    )


def new(address: str, read: Texts, stories: int, against: str, k: int, sampling: Sampling) -> None:
    """How much of what is written is new, beside people's endings of the same stories."""
    run = Address.parse(address).run
    if against == TEMPERATURE:
        points = [(address, heat) for heat in (0.0, 0.5, 1.0)]
    else:
        points = [(str(Address(run, step)), sampling.temperature) for step in open_run(run).steps]
    own = Sampling(max_tokens=sampling.max_tokens, seed=sampling.seed)
    found = read_novelty(novelty_path(points, read, stories, own))
    if found is None:
        st.caption(f"Not measured yet: {stories} endings at each of {len(points)} points.")
        key = f"novelty-{against}-{address}-{read.corpus_hash}-{read.unseen_hash}-{stories}-{sampling}"
        found = waiting.when_asked(
            key, "Measure", partial(make_novelty, points, read, stories, own)
        )
    if found is not None:
        command = commands.novelty(
            address, read.corpus, read.unseen, stories, sampling, every_step=against == STEP
        )
        curves(address, read.corpus, found, against, k, command)


def curves(
    address: str, source: str, found: Novelty, against: str, k: int, command: commands.Command
) -> None:
    """Novelty by the length of the run of words; and, over training, for one length."""
    if against == TEMPERATURE:
        lines = {f"temperature {one.temperature:g}": by_length(one.new) for one in found.points}
        drawn = new_curves(lines, by_length(found.people), show.colours(), "words in a row (n)")
    else:
        steps = [
            (Address.parse(one.address).step or 0, mean_of_known(one.new[k]))
            for one in found.points
        ]
        line = [(step, value) for step, value in steps if value is not None]
        human = mean_of_known(found.people[k])
        people = [(step, human) for step, _ in line] if human is not None else []
        title = f"{k} words in a row"
        drawn = new_curves({title: line}, people, show.colours(), "training step", named=True)

    def table() -> str:
        points = [("people", "", found.people)]
        points += [(one.address, f"{one.temperature:g}", one.new) for one in found.points]
        rows = (
            (name, heat, n, value.mean, *value.whiskers)
            for name, heat, shares in points
            for n in KS
            if (value := mean_of_known(shares[n])) is not None
        )
        return show.csv(("address", "temperature", "n", "new", "low", "high"), rows)

    show.figure(
        drawn,
        name=f"novelty-{against.split()[-1]}-{address}",
        table=table,
        everything=lambda: {"corpus": source, **found.to_json(), "shares": asdict(found)},
        command=command,
        note=f"{address}: {found.stories} validation stories, ended by it and by people. New is what "
        "stands nowhere in the corpus. Bars: 95 % intervals over endings.",
    )


def by_length(shares: NewShares) -> list[tuple[float | str, Interval]]:
    """The mean for every n."""
    return [(k, value) for k in KS if (value := mean_of_known(shares[k])) is not None]


def any_text(read: Texts) -> None:
    """Copies in whatever the reader writes."""
    text = (
        st.text_area(
            "Any text",
            cache.shipped_stories()[next(iter(cache.shipped_stories()))],
            **MemorizationState.text.bound,
            max_chars=4000,
            height=160,
        )
        or ""
    )
    shortest = st.number_input(
        "Underline copies of at least so many words",
        2,
        50,
        5,
        **MemorizationState.shortest.bound,
        width=300,
    )
    index, masked = cache.copy_index(read), cache.copy_index(read, masked=True)
    if index is None or masked is None:
        st.caption(
            "The corpus is not indexed yet: it is read once, and then any text is looked up."
        )
        if index is None:
            index = waiting.when_asked(
                f"index-{read.corpus_hash}", "Index the corpus", partial(indexed, read.corpus)
            )
        elif waiting.when_asked(
            f"masked-{read.corpus_hash}",
            "Index it with names masked",
            partial(indexed, read.corpus, masked=True),
        ):
            st.rerun()
    if index is None:
        return
    own = [word.text for word in words(text)]
    found = copies(index.matches(own), int(shortest))
    covered = len({place for copy in found for place in range(copy.start, copy.stop)})
    copied_text(text, found, key="any-text")
    st.caption(f"{len(found)} copies, {covered} of {len(own)} words.")
    sources(text, found, index, key="any-sources")
    if masked is not None and (alike := most_alike(text, masked)) is not None:
        st.caption(
            f"Most alike with names and places masked: story {alike.story}, {alike.masked:.2f} of its "
            f"runs of four words ({alike.plain:.2f} as they are): {alike.kind or 'no copy'}."
        )


st.title("Does the model copy its training text?", anchor=False)
addresses = models.addresses()
with show.one_line():
    read = corpus(addresses)
    if read is not None:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            view = st.segmented_control(
                "Show",
                [ENDINGS, MEASURES, TEMPLATES, NEW, ANY],
                default=ENDINGS,
                required=True,
                **MemorizationState.view.bound,
            )
            if view != ANY:
                stories = st.number_input(
                    "Stories of each kind",
                    2,
                    2000,
                    ENOUGH,
                    **MemorizationState.stories.bound,
                    width=150,
                    help=f"{ENOUGH} see a difference of about 0.01 in the share of the true ending, "
                    "100 one of 0.02.",
                )
                heat = st.number_input(
                    "Temperature",
                    0.0,
                    2.0,
                    1.0,
                    0.1,
                    **MemorizationState.temperature.bound,
                    width=130,
                    help=help_of("temperature"),
                )
                sampling = Sampling(temperature=heat)
            if view == MEASURES:
                which = st.selectbox(
                    "Measure", list(PLOTTED), **MemorizationState.measure.bound, width=400
                )
            if view == NEW:
                against = (
                    st.segmented_control(
                        "Novelty",
                        [TEMPERATURE, STEP],
                        default=TEMPERATURE,
                        required=True,
                        **MemorizationState.against.bound,
                    )
                    or TEMPERATURE
                )
            if view in (MEASURES, NEW):
                k = st.select_slider(
                    "k, words in a row",
                    KS,
                    4 if view == NEW else 2,
                    **MemorizationState.k.of(view).bound,
                    width=180,
                )
        if view == ANY:
            any_text(read)
        else:
            for column, address in models.columns():
                with column, show.one_line():
                    if view == NEW:
                        new(address, read, int(stories), against, k, sampling)
                        continue
                    study = study_of(address, read, int(stories), sampling)
                    if study is None:
                        continue
                    headline(address, study, templates_too=view != TEMPLATES)
                    if view == ENDINGS:
                        endings(address, study, read)
                    elif view == MEASURES:
                        command = commands.memorize(
                            address, read.corpus, read.unseen, int(stories), sampling
                        )
                        measured(
                            address, read.corpus, study, which or next(iter(PLOTTED)), k, command
                        )
                    else:
                        templates(address, study, read)
