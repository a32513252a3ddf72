"""What is being looked at: models A and B, the story, the head, the neuron. All of it in the URL.

A and B are written as addresses, `?a=one-layer@2000`, the same string as in the command line. What
the URL asks for and is not there is said in one line, and something that is there is shown instead.
"""

import re
from collections.abc import Iterator, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import cache
from app.widgets import show
from app.widgets.scrubber import scrub
from slm.errors import BadInput
from slm.generation.fitting import FittedText, opening_that_fits, story_that_fits, typed
from slm.generation.sampler import Sampling
from slm.model.config import ModelConfig
from slm.runs import DEFAULT_RUN, Address, Checkpoint, list_runs, resolve
from slm.stories.instruct import FEATURES, compose, request

NOTHING = "nothing"
OWN = "My own text"
REQUEST = "A request: features, words, a summary"
FIRST_WORDS, FIRST_TEXT = "Once upon a time", "Once upon a time, there was a fox."
"""What stands in a field for a text of one's own before anything was typed."""
AS_IT_STANDS, NO_RIVAL = "the one that stands there", "by default"
TOKEN = 12


def sidebar(first: str = DEFAULT_RUN) -> None:
    """Choose checkpoint A, and B beside it; call once a run of the app, before the page.

    `first` is the run that is shown before any was chosen.
    """
    there = {run.name: run.steps for run in list_runs()}
    there = {name: steps for name, steps in there.items() if steps}
    if not there:
        st.session_state["a"] = st.session_state["b"] = None
        return
    with st.sidebar:
        favourite = first if first in there else next(iter(there))
        _pick("a", "Model", list(there), favourite, there)
        _pick("b", "Compare with", ["", *there], "", there)
        if st.session_state["a"] == st.session_state["b"]:
            st.caption("That is the same model; pick another or another step.")


def _pick(
    letter: str, label: str, names: list[str], default: str, there: dict[str, list[int]]
) -> None:
    """Two widgets for one address. What is chosen lies in the state under `letter`, as `run@step`.

    The widgets are given it anew as their default at each run, and a link that is followed makes
    new ones: a value that Streamlit is told to set is lost where the run that set it is cut short.
    """
    state, url = st.session_state, st.query_params
    told, fresh = f"{letter}_told", f"{letter}_fresh"
    if url.get(letter) not in (None, state.get(told)):  # a link was opened, or one went back
        state[f"{letter}_notice"] = _follow(letter, url[letter])
        state[fresh] = state.get(fresh, 0) + 1
    chosen = Address.parse(state[letter]) if state.get(letter) else Address(default)
    name = st.selectbox(
        label,
        names,
        index=names.index(chosen.run if chosen.run in names else default),
        key=f"{letter}_run_{state.get(fresh, 0)}",
        format_func=lambda name: name or NOTHING,
        on_change=_forget_notice,
        args=(letter,),
    )
    if not name:
        state[letter] = state[told] = None
        url.pop(letter, None)
        return
    steps = there[name]
    step = chosen.step if chosen.run == name and chosen.step in steps else steps[-1]
    if len(steps) > 1:
        step = scrub(letter, name, steps, step)
    state[letter] = str(Address(name, step))
    state[told] = name if step == steps[-1] else state[letter]
    if url.get(letter) != state[told]:
        url[letter] = state[told]


def _follow(letter: str, address: str) -> str | None:
    """Choose what the URL asks for; what is wrong with it, or None."""
    try:
        run, step = resolve(address)
    except BadInput as error:
        return str(error)
    st.session_state[letter] = str(Address(run.name, step))
    return None


def put_beside(address: str) -> None:
    """Choose model B (from a widget's callback)."""
    put("b", address)


def put(letter: str, address: str) -> None:
    """Choose model A or B (from a widget's callback)."""
    st.session_state[letter] = address
    st.session_state[f"{letter}_fresh"] = st.session_state.get(f"{letter}_fresh", 0) + 1


def notices() -> None:
    """Say what the URL asked for in vain, until something else is chosen."""
    for letter in "ab":
        if notice := st.session_state.get(f"{letter}_notice"):
            instead = st.session_state.get(letter)
            shown = f"Showing {instead} instead." if instead else "Showing nothing beside A."
            st.warning(show.sentence(f"{notice}. {shown}"))


def _forget_notice(letter: str) -> None:
    st.session_state[f"{letter}_notice"] = None


def addresses() -> list[str]:
    """A, and B where another is picked, as `run@step`. Stops the page where there is no model."""
    if not any_model():
        st.stop()
    picked = [st.session_state["a"], st.session_state["b"]]
    return list(dict.fromkeys(address for address in picked if address is not None))


def any_model() -> bool:
    """Whether there is a model to look at; where there is none, say how to get one."""
    if st.session_state["a"] is not None:
        return True
    st.info("There is no trained model yet. Train one here, or in a terminal:")
    st.page_link("../pages/train.py", label="Train a model")
    st.code("python -m slm train --name first --corpus nursery --minutes 5", language="bash")
    return False


def columns(*, titled: bool = True) -> Iterator[tuple[DeltaGenerator, str]]:
    """A place on the page and a checkpoint's address: for A, and for B beside it."""
    chosen = addresses()
    for column, address in zip(st.columns(len(chosen), gap="large"), chosen, strict=True):
        if titled and len(chosen) > 1:
            column.subheader(show.plain(address), anchor=False)
        yield column, address


def config() -> ModelConfig:
    """Model A's shape, which the choice of a head or neuron follows."""
    return cache.checkpoint(addresses()[0]).config


def story() -> FittedText:
    """A shipped story by its title, as much of it as the models can read, or the reader's own text."""
    shipped = cache.shipped_stories()
    title = st.selectbox("Story", [*shipped, OWN], key="story", bind="query-params")
    return own_text() if title == OWN else _ours(shipped[title])


def _ours(text: str) -> FittedText:
    """As much of a text of ours as the models can read; stops the page where that is nothing."""
    try:
        return story_that_fits(readers(), text)
    except BadInput as error:
        st.info(show.sentence(str(error)))
        st.stop()


def readers() -> list[Checkpoint]:
    """The models that read what is chosen."""
    return [cache.checkpoint(address) for address in addresses()]


def head(config: ModelConfig) -> tuple[int, int]:
    """Layer and head."""
    layer = st.selectbox(
        "Layer", range(config.n_layers), key="layer", bind="query-params", width=90
    )
    chosen = st.selectbox("Head", range(config.n_heads), key="head", bind="query-params", width=90)
    return layer or 0, chosen or 0


def more_heads(config: ModelConfig) -> list[tuple[int, int]]:
    """Heads to show beside the chosen one, as (layer, head); written `layer.head`."""
    every = [f"{at}.{head}" for at in range(config.n_layers) for head in range(config.n_heads)]
    chosen = st.multiselect(
        "Beside it",
        every,
        key="beside",
        bind="query-params",
        placeholder="no other head",
        width=190,
    )
    return [(int(at), int(head)) for at, head in (name.split(".") for name in chosen)]


def token_field() -> None:
    """Which token of the story is asked about."""
    st.number_input(
        "Token",
        0,
        None,
        TOKEN,
        1,
        key="token",
        bind="query-params",
        width=124,
        help="Or click one in the story.",
        on_change=_forget_words,
    )


def token(length: int) -> int:
    """The chosen token's position in a story of so many."""
    return min(int(st.session_state.get("token", TOKEN)), length - 1)


def set_token(position: int) -> None:
    """Choose a token (from a widget's callback); words that were asked about at another go."""
    st.session_state["token"] = position
    _forget_words()


def _forget_words() -> None:
    for key, nothing in (("word", AS_IT_STANDS), ("rival", NO_RIVAL)):
        if key in st.session_state:
            st.session_state[key] = nothing


def word(names: Sequence[str]) -> str | None:
    """Another word to ask about than the one that stands there, picked or written; None for that."""
    chosen = st.selectbox(
        "Word asked about",
        _with_own("word", AS_IT_STANDS, names),
        key="word",
        bind="query-params",
        accept_new_options=True,
        width=210,
        help="Pick one that was likely, or write another.",
    )
    return None if chosen in (None, AS_IT_STANDS) else chosen


def _with_own(key: str, first: str, names: Sequence[str]) -> list[str]:
    """What can be picked, with what was written or stands in the link."""
    own = st.session_state.get(key) or st.query_params.get(key) or first
    return list(dict.fromkeys([first, *names, own]))


def rival(names: Sequence[str], help: str) -> str | None:
    """A word to weigh the word asked about against; None where none was chosen."""
    chosen = st.selectbox(
        "Against",
        _with_own("rival", NO_RIVAL, names),
        key="rival",
        bind="query-params",
        accept_new_options=True,
        width=150,
        help=help,
    )
    return None if chosen in (None, NO_RIVAL) else chosen


def sampling() -> Sampling:
    """How the next token is drawn; the two choices that matter first, the rest behind "More"."""
    temperature = st.slider(
        "Temperature",
        0.0,
        2.0,
        0.8,
        0.05,
        key="temperature",
        bind="query-params",
        width=190,
        help="0 always takes the likeliest token; higher values dare more.",
    )
    seed = st.number_input(
        "Seed", 0, show.LARGEST_SEED, 0, 1, key="seed", bind="query-params", width=120
    )
    with st.popover("More"):
        tokens = st.number_input(
            "At most so many tokens", 1, 2000, 200, 10, key="tokens", bind="query-params"
        )
        top_k = st.number_input(
            "Only the k likeliest tokens (0: all)", 0, 1000, 0, key="top_k", bind="query-params"
        )
        top_p = st.slider(
            "Only the likeliest tokens that make up this share",
            0.05,
            1.0,
            1.0,
            0.05,
            key="top_p",
            bind="query-params",
        )
    return Sampling(
        temperature=temperature,
        top_k=top_k or None,
        top_p=top_p if top_p < 1 else None,
        max_tokens=tokens,
        seed=seed,
        alternatives=6,
    )


def prompt() -> FittedText:
    """How a story begins: a shipped opening that fits, the reader's own, or a request for one."""
    openings = cache.shipped_openings()
    chosen = st.selectbox(
        "Beginning", [*openings, OWN, REQUEST], key="opening", bind="query-params"
    )
    if chosen == REQUEST:
        return FittedText(text=_request())
    if chosen != OWN:
        return opening_that_fits(readers(), str(chosen))
    written = (
        st.text_area(
            "Your beginning",
            FIRST_WORDS,
            key="prompt",
            bind="query-params",
            max_chars=2000,
            height=68,
        )
        or ""
    )
    return opening_that_fits(readers(), written) if written == FIRST_WORDS else typed(written)


def _request() -> str:
    """What is asked of a story, in the words of Instruct data; `BadInput` where it is nothing."""
    with st.popover("What it asks for"):
        features = st.multiselect(
            "Features", FEATURES, ["Dialogue"], key="features", bind="query-params"
        )
        words = st.text_input(
            "Words that must occur, with commas between",
            "dog, jump, happy",
            key="words",
            bind="query-params",
            max_chars=200,
        )
        summary = st.text_area(
            "Summary", "", key="summary", bind="query-params", max_chars=1000, height=80
        )
        sentence = st.text_input(
            "A sentence that must occur", "", key="sentence", bind="query-params", max_chars=400
        )
    return compose(request(features, words or "", summary or "", sentence or ""))


def own_text() -> FittedText:
    """The reader's own text; until there is one, as much of ours as the models can read."""
    written = st.text_area(
        "Your text", FIRST_TEXT, key="text", bind="query-params", max_chars=2000, height=90
    )
    return _ours(FIRST_TEXT) if written == FIRST_TEXT else typed(written or "")


def neuron(config: ModelConfig) -> tuple[int, int]:
    """Layer and neuron; its field steps to the next and the one before."""
    layer = st.selectbox(
        "Layer", range(config.n_layers), key="layer", bind="query-params", width=90
    )
    chosen = st.number_input(
        f"Neuron (0 to {config.d_mlp - 1})",
        0,
        config.d_mlp - 1,
        0,
        1,
        key="neuron",
        bind="query-params",
        width=170,
    )
    return layer or 0, int(chosen or 0)


def layer_and_neuron(written: str, n_layers: int, d_mlp: int) -> tuple[int, int]:
    """Layer and neuron from `2.933`; raises `BadInput` where there is no such neuron."""
    found = re.fullmatch(r"(\d{1,4})\.(\d{1,6})", written.strip())
    if found is None or int(found[1]) >= n_layers or int(found[2]) >= d_mlp:
        raise BadInput(
            f"a neuron is written layer.neuron, from 0.0 to {n_layers - 1}.{d_mlp - 1}, "
            f"not {written!r}"
        )
    return int(found[1]), int(found[2])
