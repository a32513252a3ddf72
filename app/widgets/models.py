"""Models A and B: chosen in the sidebar or by a link, and their places on a page.

They are written as addresses, `?a=one-layer@2000`, the same string as in the command line. What the
link asks for and is not there is said in one line, and something that is there is shown instead.
"""

from collections.abc import Callable, Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import cache
from app.state import LETTERS, Letter, slot
from app.widgets import show
from app.widgets.scrubber import scrub
from slm.errors import BadInput
from slm.model.config import ModelConfig
from slm.runs import DEFAULT_RUN, Address, Checkpoint, list_runs, resolve

NOTHING = "nothing"


def sidebar(first: str = DEFAULT_RUN, beside: Callable[[str], str | None] | None = None) -> None:
    """Choose checkpoint A, and B beside it; call once a run of the app, before the page.

    `first` is the run that is shown before any was chosen. `beside` is the page's own choice of a B
    for an A where nobody chose one; it goes when the page is left.
    """
    steps = {run.name: run.steps for run in list_runs()}
    steps = {name: found for name, found in steps.items() if found}
    if not steps:
        slot("a").address = slot("b").address = None
        return
    with st.sidebar:
        favourite = first if first in steps else next(iter(steps))
        _pick("a", "Model", list(steps), favourite, steps)
        _choose_beside(beside)
        _pick("b", "Compare with", ["", *steps], "", steps)
        if slot("b").by_page and slot("b").by_page == slot("b").address:
            st.caption("Chosen by this page: the step before the run learnt something.")
        if slot("a").address == slot("b").address:
            st.caption("That is the same model; pick another or another step.")


def _choose_beside(beside: Callable[[str], str | None] | None) -> None:
    """Choose B as the page would, as long as nobody chose one here; take it back on another page."""
    b, a, own = slot("b"), slot("a").address, ""
    if st.query_params.get("b") not in (None, b.in_link):  # a link was opened that names one
        b.by_page = None
        return
    if b.address != (b.by_page or None):
        return
    if beside is not None and a is not None:
        own = beside(a) or ""
    if own != (b.by_page or ""):
        b.address, b.in_link = own or None, None
        b.new_pickers += 1
        st.query_params.pop("b", None)
    b.by_page = own if beside is not None else None


def _pick(
    letter: Letter, label: str, names: list[str], default: str, steps_of: dict[str, list[int]]
) -> None:
    """Show two widgets for one address, which lies in the model's slot as `run@step`.

    The widgets are given it anew as their default at each run, and a link that is followed makes new
    ones: a value that Streamlit is told to set is lost where the run that set it is cut short.
    """
    model, url = slot(letter), st.query_params
    if url.get(letter) not in (None, model.in_link):  # a link was opened, or one went back
        model.notice = _follow(letter, url[letter])
        model.new_pickers += 1
    chosen = Address.parse(model.address) if model.address else Address(default)
    name = st.selectbox(
        label,
        names,
        index=names.index(chosen.run if chosen.run in names else default),
        key=f"model.{letter}.run.{model.new_pickers}",
        format_func=lambda name: name or NOTHING,
        on_change=_forget_notice,
        args=(letter,),
    )
    if not name:
        model.address = model.in_link = None
        url.pop(letter, None)
        return
    steps = steps_of[name]
    step = chosen.step if chosen.run == name and chosen.step in steps else steps[-1]
    if len(steps) > 1:
        step = scrub(letter, name, steps, step)
    model.address = str(Address(name, step))
    model.in_link = name if step == steps[-1] else model.address
    if url.get(letter) != model.in_link:
        url[letter] = model.in_link


def _follow(letter: Letter, address: str) -> str | None:
    """Choose what the link asks for; return what is wrong with it, or None."""
    try:
        run, step = resolve(address)
    except BadInput as error:
        return str(error)
    slot(letter).address = str(Address(run.name, step))
    return None


def put_beside(address: str) -> None:
    """Choose model B (from a widget's callback)."""
    put("b", address)


def put(letter: Letter, address: str) -> None:
    """Choose model A or B (from a widget's callback)."""
    slot(letter).address = address
    slot(letter).new_pickers += 1


def notices() -> None:
    """Say what the link asked for in vain, until something else is chosen."""
    for letter in LETTERS:
        if notice := slot(letter).notice:
            instead = slot(letter).address
            shown = f"Showing {instead} instead." if instead else "Showing nothing beside A."
            st.warning(show.sentence(f"{notice}. {shown}"))


def _forget_notice(letter: Letter) -> None:
    slot(letter).notice = None


def addresses() -> list[str]:
    """Return A, and B where another is picked, as `run@step`; stops the page without a model."""
    if not any_model():
        st.stop()
    picked = (slot(letter).address for letter in LETTERS)
    return list(dict.fromkeys(address for address in picked if address is not None))


def letter(address: str) -> Letter:
    """Return whether an address of `addresses` is A or B."""
    return "a" if address == slot("a").address else "b"


def any_model() -> bool:
    """Return whether there is a model; where there is none, say how to get one."""
    if slot("a").address is not None:
        return True
    st.info("There is no trained model yet. Train one here, or in a terminal:")
    st.page_link("../pages/train.py", label="Train a model")
    st.code("python -m slm train --name first --corpus nursery --minutes 5", language="bash")
    return False


def columns(*, titled: bool = True) -> Iterator[tuple[DeltaGenerator, str]]:
    """Yield a place on the page and a checkpoint's address: for A, and for B beside it."""
    chosen = addresses()
    for column, address in zip(st.columns(len(chosen), gap="large"), chosen, strict=True):
        if titled and len(chosen) > 1:
            column.header(show.plain(address), anchor=False)
        yield column, address


def config() -> ModelConfig:
    """Return model A's shape, which the choice of a head or neuron follows."""
    return cache.checkpoint(addresses()[0]).config


def readers() -> list[Checkpoint]:
    """Return the models that read what is chosen."""
    return [cache.checkpoint(address) for address in addresses()]
