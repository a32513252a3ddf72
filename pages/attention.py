"""Where does each head look?"""

from collections.abc import Iterator
from functools import partial

import streamlit as st

from app import cache, selection, show
from app.figures.attention import attention_map
from app.figures.attention import thumbnails as all_heads
from app.story_view import Shown, story_view
from slm.lens.attention import AttentionView


def pick_head(key: str) -> None:
    """Take the head that was clicked among the thumbnails."""
    if points := st.session_state[key].selection.points:
        st.session_state["layer"], st.session_state["head"] = points[0]["customdata"]


def thumbnails(view: AttentionView, layer: int, head: int) -> None:
    """Every head of every layer, small."""
    key = f"heads-{view.address}"
    st.plotly_chart(
        all_heads(view.pattern, show.colours(), (layer, head)),
        theme=None,
        key=key,
        selection_mode="points",
        config={"displayModeBar": False},
        on_select=lambda: pick_head(key),
        alt=f"every head of {view.address}, small; the chosen one is framed",
    )


def tokens(view: AttentionView, layer: int, head: int) -> None:
    """The story, coloured by where one token looks or by who looks at it."""
    pattern = view.pattern[layer, head]
    at, looked_at = selection.token(len(view.pieces)), selection.looked_at()
    values = pattern[:, at] if looked_at else pattern[at]
    story_view(
        [
            Shown(piece=piece, value=float(value))
            for piece, value in zip(view.pieces, values, strict=True)
        ],
        key=f"story-{view.address}",
        label="attention",
        full=float(max(values.max(), 0.01)),
        selected=at,
        on_pick=selection.set_token,
        small=True,
    )


def numbers(view: AttentionView, layer: int, head: int) -> str:
    """One head's pattern as CSV."""
    pattern, pieces = view.pattern[layer, head], view.pieces
    rows: Iterator[tuple[object, ...]] = (
        (query, pieces[query], key, pieces[key], f"{pattern[query, key]:.6f}")
        for query in range(len(pieces))
        for key in range(query + 1)
    )
    return show.csv(("query", "token that looks", "key", "token looked at", "attention"), rows)


st.title("Where does each head look?", anchor=False)
alone = len(selection.addresses()) == 1
with st.container(horizontal=True, vertical_alignment="bottom"):
    text = selection.story()
    layer, head = selection.head(selection.config())
    hide = st.toggle(
        "Hide the first token",
        key="hide",
        bind="query-params",
        help="The first token soaks up attention that has nowhere better to go.",
    )
for column, address in selection.columns():
    with column, show.one_line():
        left, right = column.columns([11, 14], gap="large") if alone else (column, column)
        large, small, below = right.container(), left.container(), left.container()
        words = below.container()
        if address == selection.addresses()[0]:
            with below:  # before the slow part: what the URL asks for stands there at once
                selection.token_bar()
        whole = cache.attention(address, text)
        view = whole.without_first() if hide else whole
        if layer >= view.pattern.shape[0] or head >= view.pattern.shape[1]:
            st.info(f"This model has no head {head} in layer {layer}.")
            continue
        with small:
            thumbnails(view, layer, head)
        with large:
            show.figure(
                attention_map(view.pattern[layer, head], view.pieces, show.colours()),
                name=f"attention-{view.address}-layer{layer}-head{head}",
                table=partial(numbers, view, layer, head),
                note=f"{view.address}, layer {layer}, head {head} "
                f"(blocks.{layer}.attn.hook_pattern), first token "
                + ("hidden and each row scaled to sum to 1" if hide else "shown"),
            )
        words.markdown(
            f"Layer {layer}, head {head} leaves **{whole.soaked[layer, head]:.0%}** of its "
            f"attention on the first token{', which is hidden here' if hide else ''}."
        )
        with below:
            tokens(view, layer, head)
