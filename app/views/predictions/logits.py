"""Next-token probabilities, logit lens and direct logit attribution of a prediction."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from app import cache
from app.figures.predictions import bars, stages, story_by_stage
from app.views.predictions.target import Asked, visible
from app.widgets import show
from slm.interp.predictions.breakdown import break_down

MOST = 24  # bars in a figure


def alternatives(asked: Asked) -> None:
    """Show the most probable tokens at the position."""
    found, at = asked.found, asked.at
    rows = list(zip(found.likely_str_tokens[at], map(float, found.probs[at]), strict=True))
    st.dataframe(
        {"token": [visible(name) for name, _ in rows], "probability": [c for _, c in rows]},
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
        everything=partial(everything, asked),
        command=asked.command(),
    )


def everything(asked: Asked, foil: int | None = None) -> dict[str, Any]:
    """Return the prediction taken apart, and every token of the story."""
    apart = break_down(cache.checkpoint(asked.address), asked.found, asked.at, asked.word, foil)
    return {**apart.to_json(), "tokens": asked.found.to_json()["tokens"]}


def layers(asked: Asked) -> None:
    """Show the logit lens: of the word asked about, and along the story."""
    found, at = asked.found, asked.at
    lens = cache.logit_lens(asked.address, asked.prompt)
    story = cache.logit_lens(asked.address, found.tokens)
    says = cache.to_str_tokens(str(found.address), tuple(lens.likeliest[:, at].tolist()))
    probabilities = lens.probability[:, at].tolist()
    show.figure(
        stages(lens.stages, probabilities, says, show.colours()),
        name=f"layers-{found.address}-token{at}",
        note=f"{found.address}: the residual stream after each part, through the final norm "
        "(computed afresh) and W_U. The last stage is the model itself",
        table=lambda: show.csv(
            ("stage", "probability", "says"), zip(lens.stages, probabilities, says, strict=True)
        ),
        everything=partial(everything, asked),
        command=asked.command(),
    )
    show.figure(
        story_by_stage(story.probability, story.stages, found.str_tokens, show.colours()),
        name=f"story-by-layer-{found.address}",
        note=f"{found.address}: the same for every token of the story, as it stands there",
        table=lambda: show.csv(
            ("position", "token", *story.stages),
            (
                (i, str_token, *(f"{value:.6f}" for value in story.probability[:, i]))
                for i, str_token in enumerate(found.str_tokens)
                if i
            ),
        ),
        command=asked.command(),
    )


def parts(asked: Asked, layer: int, foil: int | None) -> None:
    """Show direct logit attribution of the word, less the mean logit or the foil's."""
    at, found = asked.at, cache.attribution(asked.address, asked.prompt, foil)
    named_foil = None if found.foil is None else visible(found.foil)
    unit = "logit minus " + ("the mean logit" if named_foil is None else f"that of {named_foil}")
    named = found.parts()
    shown = named if len(named) <= MOST else sorted(named, key=lambda part: -abs(part[1]))[:MOST]
    shown = sorted(shown, key=lambda part: -part[1])
    if len(shown) < len(named):
        shown.append(("all others", found.total - sum(value for _, value in shown)))
    show.figure(
        bars([name for name, _ in shown], [v for _, v in shown], show.colours(), unit),
        name=f"parts-{found.address}-token{at}",
        note=f"{found.address}: what each part writes for the word"
        + (" over the mean of all words" if named_foil is None else f" over {named_foil}")
        + f", with the final norm frozen. All {len(named)} parts sum to {found.total:.3f}, the logit "
        f"{found.logit:.3f} minus {found.baseline:.3f}; shown: the {len(shown)} largest. Only the direct "
        "way counts: what a part does through later ones is theirs",
        table=lambda: show.csv(("part", unit), iter(named)),
        everything=partial(everything, asked, foil),
        command=asked.command(found.foil),
    )
    if layer >= len(found.neurons):
        st.info(f"This model has no layer {layer}.")
        return
    own = found.neurons[layer]
    most = np.argsort(-np.abs(own))[:12]
    most = most[np.argsort(-own[most])]
    show.figure(
        bars([f"neuron {n}" for n in most], own[most].tolist(), show.colours(), unit),
        name=f"neurons-{found.address}-token{at}-layer{layer}",
        note=f"{found.address}: the 12 neurons of layer {layer} that write most for or against the "
        f"word, {unit} (hook_post x W_out, the final norm frozen); all {len(own)} sum to MLP {layer}",
        table=lambda: show.csv(("neuron", unit), enumerate(own.tolist())),
        everything=partial(everything, asked, foil),
        command=asked.command(found.foil),
    )
