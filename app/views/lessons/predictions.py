"""Views of a prediction in a lesson: next token, surprisal, logit lens, attribution, patching."""

import numpy as np
import streamlit as st

from app import cache
from app.figures.predictions import bars, restored_map, stages
from app.jobs import waiting
from app.text import token_shown
from app.views.lessons.heads import Link, own_text, plot
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.generation.fitting import story_that_fits
from slm.generation.sampler import Sampling, stream
from slm.interp.predictions.next_token import one_token
from slm.interp.predictions.patching import aligned, answers, patching
from slm.lessons import views

SHOWN = 8
"""Next tokens, and parts of an attribution."""


def next_token(view: views.ShowNextToken, address: str) -> Link:
    """Show the most probable next tokens, as bars."""
    sampling = Sampling(temperature=0.0, max_tokens=1, alternatives=SHOWN)
    first = next(stream(cache.checkpoint(address), view.text, sampling), None)
    if first is None:
        st.caption("The model would end the story here.")
        return own_text(view.text)
    names = [token_shown(one.str_token) for one in first.alternatives]
    plot(
        bars(names, [100 * one.probability for one in first.alternatives], show.colours(), "%"),
        f"next-{address}",
        "the likeliest next tokens with their probability",
    )
    st.caption(show.plain(f"What may come after “…{view.text[-60:]}”, by {address}."))
    return own_text(view.text)


def surprisal(view: views.ShowSurprisal, address: str) -> Link:
    """Show a story coloured by surprisal."""
    text = story_that_fits([cache.checkpoint(address)], view.text).text
    found = cache.next_token_predictions(address, text)
    bits = np.nan_to_num(found.surprisal)
    story_view(
        [
            Shown(text=token, value=float(value) if at else None)
            for at, (token, value) in enumerate(zip(found.str_tokens, bits, strict=True))
        ],
        key=f"lessons-surprisal-{address}",
        label="surprisal in bits:",
        full=12,
    )
    st.caption("The stronger the colour, the less the model expected the token.")
    return own_text(text)


def logit_lens(view: views.ShowLogitLens, address: str) -> Link:
    """Show the logit lens after each layer."""
    model = cache.checkpoint(address)
    start = model.tokenizer.encode_story(view.text)
    word = model.tokenizer.encode_words(f" {view.word}")[0]
    found = cache.logit_lens(address, (*start, word))
    says = cache.to_str_tokens(address, tuple(found.likeliest[:, -1].tolist()))
    plot(
        stages(found.stages, found.probability[:, -1].tolist(), says, show.colours()),
        f"lens-{address}",
        f"the probability of {view.word} after each part of the model",
    )
    st.caption(show.plain(f"Bars: the probability of “{view.word}” if the model stopped there."))
    return own_text(f"{view.text} {view.word}", token=len(start), view="Logit lens")


def attribution(view: views.ShowAttribution, address: str) -> Link:
    """Show which parts raise one word's logit above another's."""
    model = cache.checkpoint(address)
    start = model.tokenizer.encode_story(view.text)
    word, foil = (one_token(model, f" {one}") for one in (view.word, view.foil))
    found = cache.attribution(address, (*start, word), foil)
    most = sorted(found.parts(), key=lambda part: -abs(part[1]))[:SHOWN]
    most.sort(key=lambda part: -part[1])
    plot(
        bars([name for name, _ in most], [value for _, value in most], show.colours(), "logits"),
        f"attribution-{address}",
        f"what each part adds to {view.word} over {view.foil}",
    )
    st.caption(
        show.plain(
            f"Blue speaks for “{view.word}”, orange for “{view.foil}”; the {len(most)} largest."
        )
    )
    return own_text(
        f"{view.text} {view.word}",
        token=len(start),
        view="Direct logit attribution",
        foil=view.foil,
    )


def patched(view: views.ShowPatching, address: str) -> Link:
    """Show how much of the answer each patch restores."""
    model = cache.checkpoint(address)
    first, second = aligned(model, view.text, view.other)
    answer, foil = answers(model, first, second)
    found = waiting.latest(
        "lessons-patching",
        address,
        (view.text, view.other),
        lambda: patching(model, first, second, answer, foil),
    )
    if found is None:
        return {}
    plot(
        restored_map(
            found.restored["hook_resid_pre"], found.str_tokens, found.other, show.colours()
        ),
        f"patched-{address}",
        "the share of the answer that each place brings back",
    )
    st.caption(
        show.plain(
            f"The model reads the second story. Blue: filled in here, the first story's numbers bring "
            f"“{token_shown(found.answer)}” back instead of “{token_shown(found.foil)}”."
        )
    )
    return own_text(f"{view.text}{found.answer}", token=len(first), view="Activation patching")
