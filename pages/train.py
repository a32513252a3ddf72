"""How does a model learn to tell stories?"""

from dataclasses import asdict, replace

import streamlit as st

from app import cache, uploads
from app.figures.training import parts
from app.state import TrainState
from app.terms import help_of
from app.views.train import monitor
from app.views.train.corpus_format import read_as
from app.views.train.monitor import CHECKPOINT, CORPORA, FILE
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.model.config import FROM_THE_PAPER, PRESETS, ModelConfig, count_parameters
from slm.recipe import RECIPES, Recipe
from slm.runs import Address, list_runs, open_run
from slm.stories.instruct import FIELDS
from slm.stories.tokenizer import VOCABULARY_SIZES
from slm.text import visible
from slm.training import queue
from slm.training.spec import TrainingSpec

NEW = "a new model"
FREE = "my own shape"
UPLOAD = "a file to upload"
FILES = ("txt", "jsonl", "json", "csv", "parquet")
NAMED = {
    "muon": "ours: Muon and AdamW, rates that fall to 0",
    "paper": "the paper's: AdamW at a constant rate",
}
PUBLISHED = (
    "The paper's, as its models' card has it: AdamW with betas 0.9 and 0.95, a constant 5e-4, weight "
    "decay 0.1. The card's batch is 80 rows, 16 times accumulated; here it is 16 rows, as with ours."
)


def choose_shape() -> ModelConfig:
    """Choose a preset or a shape of one's own, and the size of the vocabulary."""
    shape, words = st.columns([4, 3])
    preset = shape.selectbox("Shape", [*PRESETS, FREE], **TrainState.shape.bound)
    if preset != FREE:
        config = PRESETS[preset]
    else:
        width, layers, heads = st.columns(3)
        config = ModelConfig(
            d_model=int(
                width.number_input(
                    "Width", 8, 2048, 64, 8, **TrainState.width.bound, help=help_of("width")
                )
                or 64
            ),
            n_layers=int(
                layers.number_input(
                    "Layers", 1, 48, 2, 1, **TrainState.layers.bound, help=help_of("layer")
                )
                or 2
            ),
            n_heads=int(
                heads.number_input(
                    "Heads", 1, 64, 4, 1, **TrainState.heads.bound, help=help_of("attention head")
                )
                or 4
            ),
            d_vocab=4096,
        )
    low, high = VOCABULARY_SIZES
    sizes = [size for size in (512, 1024, 2048, 4096, 8192, 10_000, 16_384) if low <= size <= high]
    vocabulary = words.selectbox(
        "Vocabulary",
        sizes,
        index=sizes.index(config.d_vocab),
        **TrainState.vocabulary.of(preset).bound,
        format_func="{:,}".format,
        help=help_of("vocabulary"),
    )
    if preset.startswith("paper-"):
        st.caption(show.plain(FROM_THE_PAPER))
    return replace(config, d_vocab=vocabulary)


def choose_parent() -> str:
    """The checkpoint that training goes on from; empty where there is none."""
    names = [run.name for run in list_runs() if run.steps and run.info.recipe]
    if not names:
        st.info("No run has a checkpoint yet: begin with a new model.")
        return ""
    left, right = st.columns(2)
    name = str(left.selectbox("Run", names, **TrainState.parent.bound))
    steps = open_run(name).steps
    step = right.selectbox(
        "after step",
        steps,
        index=len(steps) - 1,
        **TrainState.parent_step.of(name).bound,
        format_func="{:,}".format,
    )
    return str(Address(name, step))


def choose_corpus() -> str:
    """Choose where the stories come from, as `slm train --corpus` takes it; empty while there is none."""
    corpus = st.selectbox(
        "Stories",
        [*CORPORA, FILE, UPLOAD],
        format_func=lambda c: CORPORA.get(c, c),
        **TrainState.corpus.bound,
    )
    if corpus == FILE:
        placeholder = "stories.txt, .jsonl, .json, .csv or .parquet"
        path = st.text_input("Path", placeholder=placeholder, **TrainState.path.bound).strip()
        return path and path + read_as(path)
    if corpus == UPLOAD:
        given = st.file_uploader(
            "Stories", type=[*FILES], key="upload", label_visibility="collapsed"
        )
        if given is None:
            return ""
        path = str(uploads.keep_corpus(given.name, given.getvalue()))
        return path + read_as(path)
    return str(corpus)


def choose_without(corpus: str) -> tuple[str, ...]:
    """Choose which records are left out, where the corpus has requests."""
    if "instruct" not in corpus and ":requests" not in corpus:
        return ()
    return tuple(
        st.multiselect(
            "Leave out records with all of",
            FIELDS,
            **TrainState.without.bound,
            placeholder="nothing is left out",
            help="To see later how the model follows requests of a kind that it never saw: "
            "Grading, Following instructions. As in the paper: Words and Summary.",
        )
    )


def look(corpus: str, vocabulary: int, parent: str) -> None:
    """The first stories, cleaned and cut into tokens."""
    found = cache.preview(corpus, vocabulary, parent)
    st.caption(
        show.plain(
            f"The first {found.report.read:,} stories: {found.report.in_words()}. "
            f"{found.bytes_per_token:.2f} bytes a token."
        )
    )
    number = st.selectbox(
        "Story",
        range(len(found.stories)),
        **TrainState.previewed.bound,
        format_func=lambda n: visible(found.stories[n][:60]),
    )
    story_view(
        [
            Shown(text=str_token, value=float(at % 2))
            for at, str_token in enumerate(found.str_tokens[number or 0])
        ],
        key="look-story",
        label="every second token is tinted:",
        full=4,
        small=True,
    )


def choose_recipe() -> Recipe:
    """Choose a recipe by name, its seed and its learning rates."""
    with st.popover("More"):
        recipe = st.selectbox(
            "Recipe",
            RECIPES,
            format_func=NAMED.__getitem__,
            **TrainState.recipe.bound,
            help=PUBLISHED,
        )
        usual = RECIPES[recipe]
        seed = st.number_input(
            "Seed", 0, show.LARGEST_SEED, 0, 1, **TrainState.seed.bound, help=help_of("seed")
        )
        muon, rest = usual.muon_lr, "everything"
        if usual.optimizer == "muon":
            rest = "embeddings, gains and biases"
            muon = st.number_input(
                "Learning rate of the matrices (Muon)",
                0.0001,
                1.0,
                usual.muon_lr,
                format="%.4f",
                **TrainState.muon_lr.bound,
            )
        adam = st.number_input(
            f"Learning rate of {rest} (AdamW)",
            0.0001,
            1.0,
            usual.adam_lr,
            format="%.4f",
            **TrainState.adam_lr.of(recipe).bound,
        )
    return replace(
        usual,
        seed=int(seed or 0),
        muon_lr=float(muon or usual.muon_lr),
        adam_lr=float(adam or usual.adam_lr),
    )


def choose_budget() -> tuple[float | None, int]:
    """Choose minutes, or tokens (which count where there are no minutes)."""
    unit, amount = st.columns([4, 3], vertical_alignment="bottom")
    by = unit.segmented_control(
        "Budget", ["minutes", "tokens"], default="minutes", required=True, **TrainState.budget.bound
    )
    if by == "minutes":
        minutes = amount.number_input(
            "minutes", 0.5, 10_000.0, 5.0, 0.5, **TrainState.minutes.bound
        )
        return float(minutes or 5), Recipe().tokens
    millions = amount.number_input("million", 0.1, 10_000.0, 5.0, 0.5, **TrainState.millions.bound)
    return None, round(float(millions or 5) * 1e6)


def size(config: ModelConfig) -> None:
    """How many parameters, and what they are spent on."""
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
        f"{config.n_layers} layers of {config.n_heads} heads, sees {config.n_ctx} tokens back",
        help=spent,
    )


def cost(config: ModelConfig, recipe: Recipe, minutes: float | None) -> str:
    """Say what the budget buys on this machine."""
    speed = cache.speed(config, replace(recipe, tokens=Recipe().tokens))
    pace = (
        f"This machine reads {show.count(speed.tokens_per_second)} tokens a second with it, in "
        f"{show.count(speed.memory)}B of memory besides Python's own: "
    )
    if minutes is not None:
        tokens = speed.tokens_in(minutes * 60, recipe)
        return f"{pace}about {show.count(tokens)} tokens in {minutes:g} minutes."
    return f"{pace}about {show.duration(speed.seconds_for(recipe))} in all."


def prepare() -> None:
    """Choose, see what it costs, start."""
    begin = st.segmented_control(
        "Start from", [NEW, CHECKPOINT], default=NEW, required=True, **TrainState.start.bound
    )
    parent = choose_parent() if begin == CHECKPOINT else ""
    if begin == CHECKPOINT and not parent:
        return
    config = cache.checkpoint(parent).config if parent else choose_shape()
    size(config)
    corpus = choose_corpus()
    without = choose_without(corpus)
    minutes, tokens = choose_budget()
    name = st.text_input("Name of the run", "first", max_chars=64, **TrainState.name.bound).strip()
    with st.container(horizontal=True):
        pressed = st.button("Start training", type="primary", key="start", disabled=not corpus)
        if st.button(
            "Estimate time", help="Trains a throwaway model of this shape for two seconds."
        ):
            TrainState.timed.set(config)
        looking = st.toggle("Look at the stories", **TrainState.preview.bound, disabled=not corpus)
        recipe = replace(choose_recipe(), tokens=tokens)
    if TrainState.timed.get() == config:
        busy = " Something trains now, so this is less than it can do." if queue.training() else ""
        st.caption(cost(config, recipe, minutes) + busy)
    if pressed:
        spec = TrainingSpec(
            name=name,
            config=None if parent else config,
            parent=parent or None,
            corpus=corpus,
            without=without,
            recipe=recipe,
            minutes=minutes,
        )
        queue.add(spec)  # where it begins at once if nothing else trains
        TrainState.watch_next.set(name)
        st.rerun()
    if looking and corpus:
        look(corpus, config.d_vocab, parent)


st.title("How does a model learn to tell stories?", anchor=False)
queue.ensure_worker()
left, right = st.columns([4, 7], gap="large")
with left, show.one_line():
    prepare()
with right:
    busy = queue.training()
    queued = [one.name for one in queue.waiting()]
    # in one order whatever happens: a list that is shuffled while it is looked at loses the choice
    names = sorted({*busy, *queued, *queue.asked_for(), *(run.name for run in list_runs())})
    if (watch_next := TrainState.watch_next.pop()) is not None:
        TrainState.run.set(watch_next)
    for line in queue.damage():
        st.warning(show.plain(line))
    if names:
        name = str(
            st.selectbox(
                "Watch",
                names,
                index=names.index(busy[0]) if busy and busy[0] in names else 0,
                **TrainState.run.bound,
            )
        )
        TrainState.running.set((name in busy, monitor.place_in_queue(name)))
        active = name in busy or name in queued
        st.fragment(monitor.watch, run_every=2 if active else None)(name)
    else:
        st.info("No run yet. Start one: its loss and what it writes will appear here.")
