"""Where does each head look?"""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from app import cache, commands
from app.figures.attention import attention_map
from app.figures.attention import thumbnails as all_heads
from app.figures.heads import distance_profiles
from app.state import AttentionState, Shared
from app.terms import help_of
from app.views.attention.figures6to8 import figures6to8, shown_for
from app.widgets import models, opening, selection, self_checks, show, start_with
from app.widgets.story_view import Shown, story_view
from slm.interp.attention import AttentionView
from slm.interp.heads.atlas import labels
from slm.interp.heads.rows import STORIES
from slm.stories.annotation.labelled import NURSERY

ATTENTION, MOVED = "attention", "value-weighted"
MAPS, FIGURES = "Attention patterns", "Figures 6 to 8"


def thumbnails(view: AttentionView, layer: int, head: int, text: str) -> None:
    """Every head of every layer, small; a click chooses one, as Layer and Head do."""
    show.figure(
        all_heads(view.pattern, show.colours(), (layer, head)),
        name=f"all-heads-{view.address}",
        key=f"heads-{view.address}",
        alt=f"every head of {view.address}, small; the chosen one is framed",
        table=lambda: show.csv(
            ("layer", "head", "attention on the first token"),
            ((*at, f"{share:.6f}") for at, share in np.ndenumerate(view.bos_attention)),
        ),
        command=commands.attention(str(view.address), text),
        on_pick=lambda point: selection.choose_head(*point["customdata"]),
    )


def tokens(view: AttentionView, layer: int, head: int) -> None:
    """The story around one token: where it looks, and which later tokens look at it."""
    pattern, at = view.pattern[layer, head], selection.token(len(view.str_tokens))
    earlier = np.arange(len(view.str_tokens)) <= at
    values = np.where(earlier, pattern[at], -pattern[:, at])
    story_view(
        [
            Shown(text=str_token, value=float(value))
            for str_token, value in zip(view.str_tokens, values, strict=True)
        ],
        key=f"story-{view.address}",
        label=("is looked at:", "looks at it:"),
        scale="which way",
        brightened=True,
        selected=at,
        on_pick=Shared.token.set,
        lines=True,
        small=True,
    )


def large(view: AttentionView, layer: int, head: int, how: str, hidden: bool, text: str) -> None:
    """One head's map, with its numbers to save."""
    hooks = f"blocks.{layer}.attn.hook_pattern"
    if how == MOVED:
        hooks += " x norm of hook_v W_O, each row scaled to sum to 1"
    first = "hidden and each row scaled to sum to 1" if hidden else "shown"
    show.figure(
        attention_map(view.pattern[layer, head], view.str_tokens, show.colours(), how),
        name=f"attention-{view.address}-layer{layer}-head{head}",
        table=partial(numbers, view, layer, head, how),
        everything=partial(all_numbers, view, how, hidden),
        command=commands.attention(str(view.address), text),
        note=f"{view.address}, layer {layer}, head {head} ({hooks}), first token {first}",
    )


def numbers(view: AttentionView, layer: int, head: int, how: str) -> str:
    """One head's pattern as CSV."""
    rows = ((*at, f"{weight:.6f}") for *at, weight in view.rows(layer, head))
    return show.csv(("query", "query token", "key", "key token", how), rows)


def all_numbers(view: AttentionView, how: str, hidden: bool) -> dict[str, Any]:
    """Every head's pattern, and what was made of it."""
    return {
        **view.to_json(),
        "weights": how,
        "first token": "hidden" if hidden else "shown",
    }


def sentence(view: AttentionView, layer: int, head: int, how: str, hidden: bool) -> str:
    """What the colours mean, and how much the first token takes."""
    verb = "looks" if how == ATTENTION else "takes from"
    return (
        f"Layer {layer}, head {head} leaves **{view.bos_attention[layer, head]:.0%}** of its attention "
        f"on the first token{', which is hidden here' if hidden else ''}. "
        f"Blue: where the framed token {verb}. Orange: later tokens that look at it. Full "
        "colour is all of a token's attention, at every step."
    )


def distances(address: str, layer: int, head: int) -> None:
    """The chosen head's mean attention by distance among those of all heads, and what it may be."""
    scores = cache.head_scores(address, NURSERY, STORIES)
    layers, heads = scores.distance.shape
    if layer >= layers or head >= heads:
        return
    found = (
        ", ".join(label.name for label in labels(scores)[layer][head]) or "nothing in particular"
    )
    st.markdown(f"Layer {layer}, head {head} looks more than its baseline at: {show.plain(found)}.")
    st.page_link(
        "../pages/heads.py",
        label="Tested by switching it off",
        query_params={"a": address, "layer": str(layer), "head": str(head)},
    )
    show.figure(
        distance_profiles(scores.profile, show.colours(), (layer, head)),
        name=f"distances-{address}-layer{layer}-head{head}",
        note=f"{address}, {scores.rows[0]} nursery stories, the first token left out",
        table=lambda: show.csv(
            ("tokens back", "mean attention"),
            (
                (back, f"{value:.6f}")
                for back, value in enumerate(scores.profile[layer, head].tolist())
            ),
        ),
        command=commands.heads(address, NURSERY, STORIES),
    )


st.title("Where does each head look?", anchor=False)
alone = len(models.addresses()) == 1
controls = st.container(horizontal=True, vertical_alignment="bottom")
views = st.container(horizontal=True, vertical_alignment="center", gap="medium")
with views:
    page_view = st.segmented_control(
        "View",
        [MAPS, FIGURES],
        default=MAPS,
        required=True,
        **AttentionState.view.bound,
        label_visibility="collapsed",
    )
if page_view == FIGURES:
    with show.one_line():
        address = models.addresses()[0]
        figures6to8(shown_for(address), address)
    st.stop()
config = models.config()
in_link = bool(Shared.head.in_link() or Shared.layer.in_link())
opening.on_best_head(models.addresses()[0])
opening.where_head_shows(models.addresses()[0], head_in_link=in_link)
with controls:
    story = selection.story()
    layer, head = selection.head(config)
    beside = selection.more_heads(config)
    how = st.segmented_control(
        "Weights",
        [ATTENTION, MOVED],
        default=ATTENTION,
        required=True,
        **AttentionState.weights.bound,
        help=help_of("attention", "value-weighted attention"),
    )
with views:
    hide = st.toggle(
        "Hide the first token",
        **AttentionState.hide.bound,
        help=help_of("attention sink"),
    )
start_with.heads()
text = story.text
show.note(story.note)
for column, address in models.columns():
    with column, show.one_line():
        left, right = column.columns([11, 14], gap="large") if alone else (column, column)
        maps, small, below = right.container(), left.container(), left.container()
        words = below.container()
        if address == models.addresses()[0]:
            with below:  # before the slow part: what the URL asks for stands there at once
                selection.token_field()
        whole = cache.attention(address, text)
        view = whole.value_weighted() if how == MOVED else whole
        view = view.without_first() if hide else view
        layers, heads = view.pattern.shape[:2]
        if layer >= layers or head >= heads:
            st.info(f"This model has no head {head} in layer {layer}.")
            continue
        with small:
            thumbnails(view, layer, head, text)
        with maps:
            for at, which in [(layer, head), *beside]:
                if at < layers and which < heads:
                    if beside:
                        st.caption(f"Layer {at}, head {which}")
                    large(view, at, which, how, hide, text)
        words.markdown(sentence(whole, layer, head, how, hide))
        with below:
            tokens(view, layer, head)
far = st.toggle(
    "How far back it looks in many stories",
    **AttentionState.distances.bound,
    help="Mean attention by distance over nursery stories; the first time takes some seconds.",
)
for column, address in models.columns(titled=False):
    with column, show.one_line():
        if far:
            distances(address, layer, head)
        self_checks.panel(address, AttentionState.checks)
