"""What excites a neuron?"""

from collections.abc import Iterator, Sequence
from functools import partial

import streamlit as st

from app import cache, selection, show, trust
from app.story_view import Shown, story_view
from slm.lens.neurons import Example

STRONGEST, WEAKEST = "highest", "lowest"
AROUND = 24  # tokens shown on either side of the place


def step(by: int, last: int) -> None:
    """Go to the next neuron, or the one before."""
    st.session_state["neuron"] = min(max(0, st.session_state["neuron"] + by), last)


def place(example: Example, title: str, full: float, key: str) -> None:
    """One place in its story: the tokens around it, coloured by the neuron's activation."""
    first = max(0, example.position - AROUND)
    last = min(len(example.pieces), example.position + AROUND + 1)
    st.caption(f"**{example.activation:+.2f}** · {show.plain(title)}, token {example.position}")
    story_view(
        [
            Shown(piece=piece, value=float(act))
            for piece, act in zip(example.pieces[first:last], example.acts[first:last], strict=True)
        ],
        key=key,
        label="activation",
        scale="which way",
        full=full,
        selected=example.position - first,
        small=True,
    )


def numbers(examples: Sequence[Example], titles: Sequence[str]) -> str:
    """The places as CSV, a line a token of their stories."""
    rows: Iterator[tuple[object, ...]] = (
        (rank, titles[example.story], at, piece, f"{act:.5f}", int(at == example.position))
        for rank, example in enumerate(examples)
        for at, (piece, act) in enumerate(zip(example.pieces, example.acts, strict=True))
    )
    return show.csv(("rank", "story", "position", "piece", "activation", "extreme"), rows)


st.title("What excites a neuron?", anchor=False)
config = selection.config()
with st.container(horizontal=True, vertical_alignment="bottom"):
    layer, neuron = selection.neuron(config)
    last = config.d_mlp - 1
    st.button("Previous", on_click=step, args=(-1, last), disabled=neuron == 0)
    st.button("Next", on_click=step, args=(1, last), disabled=neuron == last)
    side = st.segmented_control(
        "Activation",
        [STRONGEST, WEAKEST],
        default=STRONGEST,
        required=True,
        key="side",
        bind="query-params",
    )
    texts = selection.texts()

found: dict[str, list[Example]] = {}
for address in selection.addresses():
    with show.one_line():
        found[address] = cache.examples(
            address, layer, neuron, tuple(texts.values()), side == STRONGEST
        )
full = max((float(abs(e.acts).max()) for examples in found.values() for e in examples), default=1.0)
titles = list(texts)
for column, address in selection.columns():
    if address not in found:
        continue
    with column:
        for rank, example in enumerate(found[address]):
            place(example, titles[example.story], full, f"place-{address}-{rank}")
        show.footer(
            name=f"neuron-{address}-layer{layer}-{neuron}",
            table=partial(numbers, found[address], titles),
            note=f"{address}, blocks.{layer}.mlp.hook_post, neuron {neuron}: the {side} activation "
            f"in each of {len(texts)} stories, every position counted. Blue is positive, orange "
            f"negative; full colour is {full:.3g}, the same for all stories and models here.",
        )
for column, address in selection.columns(titled=False):
    with column, show.one_line():
        trust.panel(address)
