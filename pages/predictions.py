"""Why this word?"""

from functools import partial

import numpy as np
import streamlit as st

from app import cache
from app.state import PredictionsState, Shared
from app.terms import help_of
from app.views.predictions import patching, regeneration, words
from app.views.predictions.ablation import SAID, switched_off
from app.views.predictions.answers import answers
from app.views.predictions.logits import alternatives, layers, parts
from app.views.predictions.target import Asked, likely_names, token_of
from app.widgets import models, opening, selection, self_checks, show
from app.widgets.story_view import Shown, story_view
from slm.interp.predictions.ablation import Replacement
from slm.interp.predictions.next_token import NextTokenPredictions

ALTERNATIVES, LAYERS, PARTS = "Next token", "Logit lens", "Direct logit attribution"
OFF, PATCHED, AGAIN = "Ablation", "Activation patching", "Intervene and regenerate"
VIEWS = (ALTERNATIVES, LAYERS, PARTS, OFF, PATCHED, AGAIN)


def pick(found: NextTokenPredictions, ours: NextTokenPredictions, index: int) -> None:
    """Choose a token that was clicked in one model's story; the choice is counted in model A's."""
    words.set_token(ours.place(found, max(index, 1)))


def story(found: NextTokenPredictions, at: int, ours: NextTokenPredictions) -> None:
    """The story, coloured by surprise."""
    surprise = np.nan_to_num(found.surprisal)
    likely = cache.to_str_tokens(str(found.address), tuple(found.likely.ravel().tolist()))
    kept = found.likely.shape[1]
    story_view(
        [
            Shown(
                text=str_token,
                value=float(surprise[i]) if i else None,
                alternatives=tuple(
                    zip(likely[kept * i :][:5], map(float, found.probs[i][:5]), strict=True)
                )
                if i
                else (),
            )
            for i, str_token in enumerate(found.str_tokens)
        ],
        key=f"story-{found.address}",
        label="surprise in bits:",
        full=12,
        selected=at,
        on_pick=partial(pick, found, ours),
        small=True,
    )
    st.caption(
        f"Colour: surprise, {float(found.surprisal[1:].mean()):.2f} bits a token on average; full "
        "colour is 12 bits. Click a token to ask how it was predicted."
    )


def rewrite(part: str) -> None:
    """Write the story again without this part."""
    PredictionsState.view.set(AGAIN)
    PredictionsState.interventions.set(part)
    PredictionsState.interventions.into_link(part)  # a field that comes later does not


def which_parts_say_less() -> tuple[Replacement, int | None]:
    """What a part is replaced by, and the layer whose neurons are switched off, too."""
    replacement: Replacement = (
        st.selectbox(
            "Replaced by",
            list(SAID),
            **PredictionsState.replacement.bound,
            width=120,
            help=help_of(
                "ablation", also="A part's mean, zeros, or what it says in other stories."
            ),
        )
        or "mean"
    )
    layer = st.selectbox(
        "Also each neuron of layer",
        range(models.config().n_layers),
        index=None,
        **PredictionsState.ablated_layer.bound,
        width=190,
        placeholder="none",
        help="Every neuron is switched off in turn: in the first layers of a wide model that takes a "
        "while.",
    )
    return replacement, layer


st.title("Why this word?", anchor=False)
chosen = models.addresses()
opening.on_largest_ablation(chosen[0])
with st.container(horizontal=True, vertical_alignment="bottom"):
    read = selection.story()
    words.token_field()
    view = st.segmented_control(
        "Show", VIEWS, default=ALTERNATIVES, required=True, **PredictionsState.view.bound
    )
text = read.text
show.note(read.note)
ours = cache.next_token_predictions(chosen[0], text)
position = max(1, selection.token(len(ours.str_tokens)))
word = rival = off_layer = None
layer, other, hook, switched = 0, "", "", ""
replacement: Replacement = "mean"
if view == ALTERNATIVES:
    answers(chosen[0], Shared.story.get(), text, position)
else:
    names = likely_names(ours, position)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if view != AGAIN:
            word = words.word(names)
        if view == PARTS:
            rival = words.foil(
                names,
                "Its logit is subtracted instead of the mean logit: what says this, not that?",
            )
            layer = (
                st.selectbox(
                    "Neurons of layer",
                    range(models.config().n_layers),
                    **PredictionsState.layer.bound,
                    width=150,
                )
                or 0
            )
        elif view == OFF:
            replacement, off_layer = which_parts_say_less()
        elif view == PATCHED:
            rival = words.foil(names, "By default what the model says after the other story.")
            gone, instead, hook = patching.controls(text)
            other = patching.other_story(text, gone, instead)
        elif view == AGAIN:
            switched = regeneration.controls()
            sampling = selection.sampling()
for column, address in models.columns():
    with column, show.one_line():
        found = cache.next_token_predictions(address, text)
        at = found.place(ours, position)
        left, right = column.columns([9, 10], gap="large") if len(chosen) == 1 else (column, column)
        with left:
            if view == PATCHED:
                patching.cost(found, text, other, at, partial(pick, found, ours))
            else:
                story(found, at, ours)
            if found.str_tokens[at] != ours.str_tokens[position]:
                st.caption(
                    show.plain(
                        f"This model's tokens differ: asked about is {found.str_tokens[at]!r}, which holds "
                        f"the beginning of {ours.str_tokens[position]!r}."
                    )
                )
        with right:
            said = found.str_tokens[at]
            st.markdown(
                f"**{show.plain(said.strip() or repr(said))}** had probability "
                f"**{found.probability[at]:.1%}**, rank {found.rank[at]:,} of "
                f"{cache.checkpoint(address).config.d_vocab:,}; the model wavered between about "
                f"{2 ** found.entropy[at]:.1f} words ({found.entropy[at]:.2f} bits)."
            )
            asked = Asked(text=text, found=found, at=at, word=token_of(found, at, word))
            foil_token = None if rival is None else token_of(found, at, rival)
            if view == ALTERNATIVES:
                alternatives(asked)
            elif view == LAYERS:
                layers(asked)
            elif view == PARTS:
                parts(asked, layer, foil_token)
            elif view == OFF:
                switched_off(asked, replacement, off_layer, rewrite)
            elif view == PATCHED:
                patching.restored(asked, other, foil_token, hook)
            else:
                regeneration.rewritten(asked, switched, sampling)
for column, address in models.columns(titled=False):
    with column, show.one_line():
        self_checks.panel(address, PredictionsState.checks)
