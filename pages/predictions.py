"""Why this word?"""

import json
from functools import partial

import numpy as np
import streamlit as st

from app import cache, selection, show, trust
from app.figures.predictions import bars, by_head, stages, story_by_stage
from app.story_view import Shown, story_view
from slm.lens.ablation import DRAWS, HeadAblation, Replacement
from slm.lens.attribution import Attribution
from slm.lens.logit_lens import LogitLens
from slm.lens.prediction import Expectations

ALTERNATIVES, LAYERS, PARTS, OFF = "Alternatives", "Layer by layer", "Parts", "Switched off"
VIEWS = (ALTERNATIVES, LAYERS, PARTS, OFF)
MOST = 24  # bars in a figure


def place(pieces: tuple[str, ...], offset: int) -> int:
    """The position of the token that holds the character at `offset`; never END's."""
    ends = np.cumsum([len(piece) for piece in pieces[1:]])
    return min(1 + int(np.searchsorted(ends, offset, side="right")), len(pieces) - 1)


def offset(pieces: tuple[str, ...], position: int) -> int:
    """How many characters of the story stand before a token."""
    return sum(len(piece) for piece in pieces[1:position])


def story(found: Expectations, at: int, ours: tuple[str, ...]) -> None:
    """The story, coloured by surprise; `ours` are model A's tokens, which the choice is counted in."""
    surprise = np.nan_to_num(found.surprise)
    likely = cache.pieces(str(found.address), tuple(found.likely.ravel().tolist()))
    kept = found.likely.shape[1]
    story_view(
        [
            Shown(
                piece=piece,
                value=float(surprise[i]) if i else None,
                alternatives=tuple(
                    zip(likely[kept * i :][:5], map(float, found.chances[i][:5]), strict=True)
                )
                if i
                else (),
            )
            for i, piece in enumerate(found.pieces)
        ],
        key=f"story-{found.address}",
        label="surprise in bits:",
        full=12,
        selected=at,
        on_pick=lambda i: selection.set_token(place(ours, offset(found.pieces, max(i, 1)))),
        small=True,
    )


def alternatives(found: Expectations, at: int) -> None:
    """The likeliest tokens at the place."""
    names = cache.pieces(str(found.address), tuple(found.likely[at].tolist()))
    rows = list(zip(names, map(float, found.chances[at]), strict=True))
    st.dataframe(
        {"token": [repr(name)[1:-1] for name, _ in rows], "probability": [c for _, c in rows]},
        column_config={
            "probability": st.column_config.ProgressColumn(
                format="percent", min_value=0.0, max_value=1.0
            )
        },
        hide_index=True,
    )
    show.footer(
        name=f"prediction-{found.address}-token{at}",
        note=f"{found.address}, the distribution after token {at - 1}, temperature 1",
        table=lambda: show.csv(("token", "probability"), iter(rows)),
        everything=partial(as_json, found),
    )


def as_json(found: Expectations) -> str:
    """Surprise and rank of every token."""
    return json.dumps(
        {
            "address": str(found.address),
            "pieces": found.pieces,
            "surprise in bits": [None, *found.surprise[1:].round(5).tolist()],
            "rank": [None, *found.rank[1:].tolist()],
        },
        ensure_ascii=False,
    )


def layers(found: Expectations, lens: LogitLens, story: LogitLens, at: int) -> None:
    """What each stage of the model would say: of the word asked about, and along the story."""
    says = cache.pieces(str(found.address), tuple(lens.likeliest[:, at].tolist()))
    chances = lens.probability[:, at].tolist()
    show.figure(
        stages(lens.stages, chances, says, show.colours()),
        name=f"layers-{found.address}-token{at}",
        note=f"{found.address}: the residual stream after each part, through the final norm "
        "(computed afresh) and W_U. The last stage is the model itself",
        table=lambda: show.csv(
            ("stage", "probability", "says"), zip(lens.stages, chances, says, strict=True)
        ),
    )
    show.figure(
        story_by_stage(story.probability, story.stages, found.pieces, show.colours()),
        name=f"story-by-layer-{found.address}",
        note=f"{found.address}: the same for every token of the story, as it stands there",
        table=lambda: show.csv(
            ("position", "token", *story.stages),
            (
                (i, piece, *(f"{value:.6f}" for value in story.probability[:, i]))
                for i, piece in enumerate(found.pieces)
                if i
            ),
        ),
    )


def parts(found: Attribution, at: int, layer: int) -> None:
    """The word's logit as a sum."""
    named = found.parts()
    shown = named if len(named) <= MOST else sorted(named, key=lambda part: -abs(part[1]))[:MOST]
    shown = sorted(shown, key=lambda part: -part[1])
    if len(shown) < len(named):
        shown.append(("all others", found.total - sum(value for _, value in shown)))
    show.figure(
        bars([name for name, _ in shown], [v for _, v in shown], show.colours(), "logit"),
        name=f"parts-{found.address}-token{at}",
        note=f"{found.address}: what each part writes for the word, with the final norm frozen. All "
        f"{len(named)} parts sum to {found.total:.3f}, the logit is {found.logit:.3f}; shown: the "
        f"{len(shown)} largest. Only the direct way counts: what a part does through later ones is theirs",
        table=lambda: show.csv(("part", "logit"), iter(named)),
    )
    if layer >= len(found.neurons):
        st.info(f"This model has no layer {layer}.")
        return
    own = found.neurons[layer]
    most = np.argsort(-np.abs(own))[:12]
    most = most[np.argsort(-own[most])]
    show.figure(
        bars([f"neuron {n}" for n in most], own[most].tolist(), show.colours(), "logit"),
        name=f"neurons-{found.address}-token{at}-layer{layer}",
        note=f"{found.address}: the 12 neurons of layer {layer} that write most for or against the "
        f"word (hook_post x W_out, the final norm frozen); all {len(own)} sum to MLP {layer}",
        table=lambda: show.csv(("neuron", "logit"), enumerate(own.tolist())),
    )


def switched_off(
    found: HeadAblation, address: str, prompt: tuple[int, ...], at: int, layer: int | None
) -> None:
    """What the word loses without each head, and without each neuron of a layer."""
    show.figure(
        by_head(found.loss, show.colours(), "nats"),
        name=f"without-{address}-token{at}-{found.replacement}",
        note=f"{address}: how much less likely the word is (log-probability in nats; it has "
        f"{found.whole:.2f}) when blocks.L.attn.hook_z of one head is replaced "
        f"everywhere: {SAID[found.replacement]}",
        table=lambda: show.csv(
            ("layer", "head", "nats lost"),
            ((*place, f"{value:.6f}") for place, value in np.ndenumerate(found.loss)),
        ),
    )
    if layer is None:
        return
    neurons = cache.without_neurons(address, prompt, layer, found.replacement)
    most = np.argsort(-np.abs(neurons.loss))[:MOST]
    most = most[np.argsort(-neurons.loss[most])]
    show.figure(
        bars(
            [f"neuron {n}" for n in most], neurons.loss[most].tolist(), show.colours(), "nats lost"
        ),
        name=f"without-neurons-{address}-token{at}-layer{layer}-{found.replacement}",
        note=f"{address}: the {len(most)} neurons of layer {layer} without which the word changes "
        f"most (blocks.{layer}.mlp.hook_post, {SAID[found.replacement]})",
        table=lambda: show.csv(("neuron", "nats lost"), enumerate(neurons.loss.tolist())),
    )


SAID: dict[Replacement, str] = {
    "mean": "by its mean over the shipped stories",
    "zero": "by zeros",
    "resample": f"by what it says at that place of another shipped story, averaged over {DRAWS}",
}

st.title("Why this word?", anchor=False)
with st.container(horizontal=True, vertical_alignment="bottom"):
    text = selection.story()
    selection.token_field()
    view = st.segmented_control(
        "Show", VIEWS, default=ALTERNATIVES, required=True, key="view", bind="query-params"
    )
    replacement: Replacement = "mean"
    layers_there = range(selection.config().n_layers)
    layer, off_layer = 0, None
    if view == PARTS:
        layer = st.selectbox(
            "Neurons of layer", layers_there, key="layer", bind="query-params", width=150
        ) or 0  # fmt: skip
    if view == OFF:
        replacement = (
            st.selectbox(
                "A part is replaced by",
                list(SAID),
                key="replacement",
                bind="query-params",
                width=150,
                help="its mean, zeros, or what it says in other stories",
            )
            or "mean"
        )
        off_layer = st.selectbox(
            "Also each neuron of layer", layers_there, index=None, key="off_layer",
            bind="query-params", width=190, placeholder="none",
            help="Every neuron is switched off in turn: in the first layers of a wide model, a quarter "
            "of a minute.",
        )  # fmt: skip
ours: tuple[str, ...] | None = None
for column, address in selection.columns():
    with column, show.one_line():
        found = cache.expectations(address, text)
        ours = ours or found.pieces
        at = place(found.pieces, offset(ours, max(1, selection.token(len(ours)))))
        left, right = (
            column.columns([9, 10], gap="large")
            if len(selection.addresses()) == 1
            else (column, column)
        )
        with left:
            story(found, at, ours)
            mean = float(found.surprise[1:].mean())
            st.caption(
                f"Colour: surprise, {mean:.2f} bits a token on average; full colour is 12 bits. "
                "Click a token to ask how it was predicted."
            )
            if (
                found.pieces[at]
                != ours[(first := max(1, min(selection.token(len(ours)), len(ours) - 1)))]
            ):
                st.caption(
                    show.plain(
                        f"This model's tokens differ: asked about is {found.pieces[at]!r}, which holds "
                        f"the beginning of {ours[first]!r}."
                    )
                )
        with right:
            word = found.pieces[at]
            st.markdown(
                f"**{show.plain(word.strip() or repr(word))}** had probability "
                f"**{found.probability[at]:.1%}**, rank {found.rank[at]:,} of "
                f"{cache.checkpoint(address).config.d_vocab:,}; the model wavered between about "
                f"{2 ** found.entropy[at]:.1f} words ({found.entropy[at]:.2f} bits)."
            )
            choices = list(dict.fromkeys([found.tokens[at], *(int(i) for i in found.likely[at])]))
            asked = found.tokens[at]
            if view != ALTERNATIVES:
                names = cache.pieces(address, tuple(choices))
                asked = choices[
                    st.selectbox(
                        "The word asked about", range(len(choices)), format_func=names.__getitem__,
                        key=f"word-{address}-{at}", width=220,
                    ) or 0
                ]  # fmt: skip
            prompt = (*found.tokens[:at], asked)
            if view == ALTERNATIVES:
                alternatives(found, at)
            elif view == LAYERS:
                layers(
                    found,
                    cache.logit_lens(address, prompt),
                    cache.logit_lens(address, found.tokens),
                    at,
                )
            elif view == PARTS:
                parts(cache.attribution(address, prompt), at, layer)
            else:
                without = cache.without_heads(address, prompt, replacement)
                switched_off(without, address, prompt, at, off_layer)
for column, address in selection.columns(titled=False):
    with column, show.one_line():
        trust.panel(address)
