"""How does a model learn to tell stories?"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

import streamlit as st

from app import cache, jobs, show
from app.figures.training import loss_curve, parts
from app.story_view import Shown, story_view
from slm.model.config import PRESETS, ModelConfig, count_parameters
from slm.runs import Metric, Run, list_runs, open_run
from slm.stories.tokenizer import VOCABULARY_SIZES
from slm.training.recipe import Recipe

FREE = "my own shape"
FILE = "a file of mine"
CORPORA = {
    "nursery": "nursery, made here",
    "tinystories": "TinyStories, from the hub",
    "tinystories-v2": "TinyStories V2, from the hub",
    "tinystories-instruct": "TinyStories-Instruct, from the hub",
}
STANDS = {
    "new": "It has not begun.",
    "training": "It is learning now.",
    "stopped": "It was stopped and can go on.",
    "interrupted": "It was interrupted and can go on.",
    "finished": "It has finished.",
    "failed": "It failed.",
    "imported": "It was trained elsewhere and imported.",
}


def choose_shape() -> tuple[str, ModelConfig]:
    """The shape as the command line takes it, and what it means."""
    preset = st.selectbox("Shape", [*PRESETS, FREE], key="shape", bind="query-params")
    if preset != FREE:
        config = PRESETS[preset]
    else:
        width, layers, heads = st.columns(3)
        config = ModelConfig(
            d_model=int(width.number_input("Width", 8, 2048, 64, 8, key="width") or 64),
            n_layers=int(layers.number_input("Layers", 1, 48, 2, 1, key="layers") or 2),
            n_heads=int(heads.number_input("Heads", 1, 64, 4, 1, key="heads") or 4),
            d_vocab=4096,
        )
    low, high = VOCABULARY_SIZES
    vocabulary = st.select_slider(
        "Vocabulary",
        [size for size in (512, 1024, 2048, 4096, 8192, 10_000, 16_384) if low <= size <= high],
        value=config.d_vocab,
        key=f"vocabulary-{preset}",
    )
    return (config.shape if preset == FREE else preset), replace(config, d_vocab=vocabulary)


def choose_plan(shape: str, config: ModelConfig) -> jobs.Plan:
    """What to read, and how much of it."""
    corpus = st.selectbox(
        "Stories", [*CORPORA, FILE], format_func=lambda c: CORPORA.get(c, c), key="corpus"
    )
    if corpus == FILE:
        corpus = st.text_input(
            "Path", placeholder="stories.txt, .jsonl or .parquet", key="path"
        ).strip()
    unit, amount = st.columns([4, 3], vertical_alignment="bottom")
    by = unit.segmented_control(
        "Budget", ["minutes", "tokens"], default="minutes", required=True, key="by"
    )
    if by == "minutes":
        minutes = amount.number_input("minutes", 0.5, 10_000.0, 5.0, 0.5, key="minutes")
        return jobs.Plan(
            shape=shape, vocabulary=config.d_vocab, corpus=corpus, minutes=float(minutes or 5)
        )
    millions = amount.number_input("million", 0.1, 10_000.0, 5.0, 0.5, key="million")
    return jobs.Plan(
        shape=shape,
        vocabulary=config.d_vocab,
        corpus=corpus,
        tokens=round(float(millions or 5) * 1e6),
    )


def cost(config: ModelConfig, plan: jobs.Plan) -> str:
    """What the budget buys on this machine, in words."""
    speed = cache.speed(config)
    pace = f"This machine reads {show.count(speed.tokens_per_second)} tokens a second with it: "
    if plan.minutes is not None:
        tokens = speed.tokens_in(plan.minutes * 60, Recipe())
        return f"{pace}about {show.count(tokens)} tokens in {plan.minutes:g} minutes."
    seconds = speed.seconds_for(Recipe(tokens=plan.tokens or 1))
    return f"{pace}about {show.duration(seconds)} in all."


def prepare() -> None:
    """Choose, see what it costs, start."""
    shape, config = choose_shape()
    counts = count_parameters(config)
    st.plotly_chart(
        parts(asdict(counts), show.colours()),
        theme=None,
        key="parts",
        config={"displayModeBar": False},
        alt="parameters by part of the model",
    )
    spent = ", ".join(f"{count:,} {part}" for part, count in asdict(counts).items())
    st.markdown(
        f"**{counts.total:,} parameters**, width {config.d_model}, "
        f"{config.n_layers} layers of {config.n_heads} heads, sees {config.n_ctx} tokens back"
    )
    st.caption(spent)
    plan = choose_plan(shape, config)
    name = st.text_input("Name of the run", "first", max_chars=64, key="name").strip()
    with st.container(horizontal=True):
        pressed = st.button("Start training", type="primary", key="start")
        if st.button("How long?", help="Trains a throwaway model of this shape for two seconds."):
            st.session_state["timed"] = config
    if st.session_state.get("timed") == config:
        st.caption(cost(config, plan))
    if pressed:
        if name in {run.name for run in list_runs()}:
            st.error(show.plain(f"There is a run {name!r} already: choose another name."))
            return
        jobs.train(name, plan.arguments())
        st.session_state["watch_next"] = name
        st.rerun()


def watch(name: str) -> None:
    """How a run stands: its loss, what it writes, and how to stop it or let it go on."""
    with show.one_line():
        running = jobs.training() == name
        if jobs.failed(name):
            st.error(f"The training of {show.plain(name)} ended badly. The last it said:")
            st.code(jobs.last_lines(name) or "nothing", language=None)
        if name in {run.name for run in list_runs()}:
            run = open_run(name)
            stand(run)
            buttons(run)
            results(run)
        elif running:
            st.info(show.plain(jobs.last_lines(name, 1) or "Starting …"))
        if st.session_state.get("running") != running:
            st.session_state["running"] = running
            st.rerun()


def stand(run: Run) -> None:
    """How far it has come and how well it does, in words."""
    metrics, info, status = run.metrics(), run.info, run.status
    tokens, goal = metrics[-1].tokens if metrics else 0, int(info.recipe.get("tokens", 0))
    last = run.last_validation()
    facts = [STANDS[status] + (f" {info.message}" if status == "failed" else "")]
    if goal:
        facts.append(f"{show.count(tokens)} of {show.count(goal)} tokens read.")
    if last is not None and last.val_bits_per_byte is not None:
        facts.append(f"{last.val_bits_per_byte:.3f} bits per byte on stories it has never seen.")
    if status == "training" and metrics and (speed := metrics[-1].tokens_per_second):
        facts.append(f"About {show.duration((goal - tokens) / speed)} to go.")
    st.markdown(show.plain(" ".join(facts)))


def buttons(run: Run) -> None:
    """Stop what is learning; let go on what was stopped."""
    if run.status == "training":
        if st.button("Stop", key="stop", help="It saves first, and can go on later."):
            jobs.stop(run.name)
            st.toast("It saves its last step and stops.")
        return
    can_go_on = run.status in ("stopped", "interrupted", "failed") and bool(run.info.recipe)
    if can_go_on and st.button("Go on", key="resume"):
        jobs.train(run.name, ["--resume"])
        st.rerun()


def results(run: Run) -> None:
    """Losses, and what the run wrote at its newest checkpoint."""
    metrics = run.metrics()
    show.figure(
        loss_curve(
            [(m.tokens, m.train_loss) for m in metrics if m.train_loss is not None],
            [(m.tokens, m.val_loss) for m in metrics if m.val_loss is not None],
            show.colours(),
        ),
        name=f"loss-{run.name}",
        table=lambda: numbers(metrics),
        note=f"{run.name}, {run.config.shape}, trained on {run.info.corpus.get('train', '?')}",
    )
    samples = run.samples()
    newest = [sample for sample in samples if sample["step"] == samples[-1]["step"]]
    for index, sample in enumerate(newest):
        if index == 0:
            st.caption(f"What it writes after step {sample['step']:,}, from the same beginnings:")
        story_view(
            [Shown(piece=sample["prompt"], value=1.0), Shown(piece=sample["text"])],
            key=f"sample-{index}",
            label="the beginning it was given",
            full=5,
            small=True,
        )


def numbers(metrics: Sequence[Metric]) -> str:
    """Every evaluation as CSV."""
    names = tuple(asdict(metrics[0])) if metrics else ()
    rows: Iterator[tuple[object, ...]] = (
        tuple("" if value is None else value for value in asdict(metric).values())
        for metric in metrics
    )
    return show.csv(names, rows)


st.title("How does a model learn to tell stories?", anchor=False)
left, right = st.columns([4, 7], gap="large")
with left, show.one_line():
    prepare()
with right:
    names = list(dict.fromkeys([*jobs.started(), *(run.name for run in list_runs())]))
    if "watch_next" in st.session_state:
        st.session_state["run"] = st.session_state.pop("watch_next")
    if names:
        busy = jobs.training()
        first = names.index(busy) if busy in names else 0
        name = st.selectbox("Watch", names, index=first, key="run", bind="query-params")
        st.session_state["running"] = busy == name
        st.fragment(watch, run_every=2 if busy == name else None)(str(name))
    else:
        st.info("No run yet. Start one: its loss and what it writes will appear here.")
