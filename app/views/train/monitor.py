"""A training while it is watched: how it stands, its losses, what it writes, its heads taking shape."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

import streamlit as st

from app import cache, commands
from app.figures.attention import mosaic, png
from app.figures.training import loss_curve
from app.state import TrainState
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.comparing.curves import curves_json
from slm.errors import BadInput
from slm.generation.fitting import story_that_fits
from slm.runs import Address, Metric, Run, list_runs, open_run
from slm.stories.cleaning import CleaningReport
from slm.text import on_terminal
from slm.training import queue
from slm.training.job import end
from slm.training.spec import ResumeSpec

CHECKPOINT = "a checkpoint"
FILE = "a file on this machine"
CORPORA = {
    "nursery": "nursery, made here",
    "nursery-instruct": "nursery with instructions, made here",
    "tinystories": "TinyStories, from the hub",
    "tinystories-v2": "TinyStories V2, from the hub",
    "tinystories-instruct": "TinyStories-Instruct, from the hub",
}
STANDS = {
    "new": "It has not begun.",
    "training": "It is learning now.",
    "stopped": "It was paused and can go on.",
    "interrupted": "It was interrupted and can go on.",
    "finished": "It has finished.",
    "failed": "It failed.",
    "imported": "It was trained elsewhere and imported.",
}
NATS, BITS = "nats per token", "bits per byte"
SENTENCE = "Tom and Lucy went to the park. Lucy saw a big dog. Tom was not happy."
"""What the heads are shown on while they take shape."""
IN_STRIP = 6


def watch(name: str) -> None:
    """Show one training; a fragment that may run again every second."""
    with show.one_line():
        running, waits = name in queue.training(), place_in_queue(name)
        if queue.failed(name) and not running and not waits:
            st.error(f"The training of {show.plain(name)} ended badly. The last it said:")
            st.code(on_terminal(queue.log_tail(name)) or "nothing", language=None)
        if waits:
            st.info(f"It waits for its turn: number {waits} in the queue.")
        if name in {run.name for run in list_runs()}:
            run = open_run(name)
            stand(run)
            if running and run.status != "training":
                st.caption("One moment: its process is starting, or ending …")
            else:
                buttons(run, waits=bool(waits))
            results(run)
        elif running:
            st.info(show.plain(queue.log_tail(name, 1) or "Reading the corpus …"))
            if st.button("Stop", key="stop-early"):
                queue.stop(name)
        elif waits and st.button("Take it off the queue", key="withdraw"):
            queue.withdraw(name)
            st.rerun()
        if TrainState.running.get() != (running, waits):
            TrainState.running.set((running, waits))
            st.rerun()


def place_in_queue(name: str) -> int:
    """Return 1 for the next one in the queue, 0 for one that does not wait."""
    names = [one.name for one in queue.waiting()]
    return names.index(name) + 1 if name in names else 0


def stand(run: Run) -> None:
    """Say how far it has come and its losses."""
    metrics, info, status = run.metrics(), run.info, run.status
    tokens, goal = metrics[-1].tokens if metrics else 0, int(info.recipe.get("tokens", 0))
    last = run.last_validation()
    facts = [STANDS[status] + (f" {info.message}." if status == "failed" else "")]
    if goal:
        facts.append(f"{show.count(tokens)} of {show.count(goal)} tokens read.")
    if last is not None and last.val_bits_per_byte is not None:
        facts.append(f"{last.val_bits_per_byte:.3f} bits per byte on validation stories.")
    if status == "training" and metrics and (speed := metrics[-1].tokens_per_second):
        facts.append(f"{show.count(speed)} tokens a second:")
        facts.append(f"about {show.duration((goal - tokens) / speed)} to go.")
        if (norm := metrics[-1].gradient_norm) is not None:
            facts.append(f"Gradient norm {norm:.2g}.")
    if info.parent:
        facts.append(f"It went on from {info.parent}.")
    st.markdown(show.plain(" ".join(facts)))
    report = CleaningReport.of(info.corpus.get("cleaning", {}))
    if report.read > report.kept:
        st.caption(show.plain(f"Of {info.corpus.get('train')}: {report.in_words()}."))
    if status == "training" and goal:
        st.progress(min(1.0, tokens / goal))


def buttons(run: Run, *, waits: bool) -> None:
    """Pause what is learning; let go on, end, or branch from what is not."""
    if run.status == "training":
        if st.button("Pause", key="stop", help="It saves first, and can go on later."):
            queue.stop(run.name)
            st.toast("It saves its last step and pauses.")
        return
    can_go_on = run.status in ("stopped", "interrupted", "failed") and bool(run.info.recipe)
    with st.container(horizontal=True):
        if can_go_on and not waits:
            if st.button("Go on", key="resume", type="primary"):
                queue.add(ResumeSpec(name=run.name))
                st.rerun()
            if st.button(
                "End here", key="end", help="It keeps what it learned and goes on no more."
            ):
                end(run.name)
                st.rerun()
        if run.steps and run.info.recipe:
            branching = st.button(
                "Branch from it",
                key="branch",
                on_click=branch_from,
                args=(str(Address(run.name, run.steps[-1])),),
                help="Train a new run that begins with its weights.",
            )
            if branching:  # the form stands outside of this fragment
                st.rerun()


def branch_from(address: str) -> None:
    """Fill in the form for a run that begins as `address` (from a widget's callback)."""
    name = Address.parse(address).run
    corpus = open_run(name).info.corpus.get("train", "nursery")
    taken = {run.name for run in list_runs()}
    number = next(n for n in range(2, 10_000) if f"{name}-{n}" not in taken)
    TrainState.start.set(CHECKPOINT)
    TrainState.parent.set(name)
    TrainState.name.set(f"{name}-{number}")
    TrainState.corpus.set(corpus if corpus in CORPORA else FILE)
    if corpus not in CORPORA:
        TrainState.path.set(corpus)


def results(run: Run) -> None:
    """Show losses, samples, and its heads over checkpoints."""
    metrics = run.metrics()
    unit = st.segmented_control(
        "Loss in",
        [NATS, BITS],
        default=NATS,
        required=True,
        **TrainState.unit.bound,
        label_visibility="collapsed",
    )
    in_bits = unit == BITS
    valid = [
        (m.tokens, value)
        for m in metrics
        if (value := m.val_bits_per_byte if in_bits else m.val_loss) is not None
    ]
    train = [(m.tokens, m.train_loss) for m in metrics if m.train_loss is not None]
    show.figure(
        loss_curve([] if in_bits else train, valid, show.colours(), unit=str(unit)),
        name=f"loss-{run.name}",
        table=lambda: numbers(metrics),
        note=f"{run.name}, {run.config.shape}, trained on {run.info.corpus_name or '?'}",
        everything=lambda: curves_json([run]),
        command=commands.curves([run.name]),
    )
    samples(run)
    strip(run)


def samples(run: Run) -> None:
    """Show its samples from the same openings after any of its checkpoints."""
    found = run.samples()
    steps = sorted({sample["step"] for sample in found})
    if not steps:
        return
    step = steps[-1]
    if len(steps) > 1:
        step = st.select_slider(
            "What it writes after step",
            steps,
            value=step,
            format_func="{:,}".format,
            **TrainState.samples.of(f"{run.name}-{len(steps)}").bound,
        )
    for index, sample in enumerate(one for one in found if one["step"] == step):
        story_view(
            [Shown(text=sample["prompt"], value=1.0), Shown(text=sample["text"])],
            key=f"sample-{index}",
            label="the beginning it was given",
            full=5,
            small=True,
        )


def strip(run: Run) -> None:
    """Show all heads on one sentence, after a few checkpoints spread over the training."""
    steps = run.steps
    if not steps:
        return
    try:
        reader = cache.checkpoint(str(Address(run.name, steps[-1])))
        sentence = story_that_fits([reader], SENTENCE).text
    except BadInput as error:  # a context of a single token
        show.note(str(error))
        return
    every = (len(steps) - 1) / max(1, IN_STRIP - 1)
    chosen = sorted({steps[round(index * every)] for index in range(IN_STRIP)})
    st.caption(
        f"Where its heads look in “{show.plain(sentence)}”, a row a layer; the darker, the more:"
    )
    columns = max(1, min(8, run.config.n_heads))
    for place, step in zip(st.columns(IN_STRIP), chosen, strict=False):
        view = cache.attention(str(Address(run.name, step)), sentence)
        image, _ = mosaic(view.without_first().pattern, columns)
        place.image(
            png(image, show.colours().sequential),
            caption=f"step {step:,}",
            width="stretch",
            alt=f"where each head looks after step {step:,}, a row a layer",
        )


def numbers(metrics: Sequence[Metric]) -> str:
    """Format every evaluation as CSV."""
    names = tuple(asdict(metrics[0])) if metrics else ()
    rows: Iterator[tuple[object, ...]] = (
        tuple("" if value is None else value for value in asdict(metric).values())
        for metric in metrics
    )
    return show.csv(names, rows)
