"""A second story that differs in a word: what that costs each token, and which places restore it."""

import re
from collections.abc import Callable

import numpy as np
import streamlit as st

from app import cache, commands
from app.figures.predictions import by_head, restored_map
from app.jobs import waiting
from app.state import PredictionsState
from app.views.predictions.target import Asked, visible
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.errors import BadInput
from slm.interp.predictions.next_token import NextTokenPredictions
from slm.interp.predictions.patching import answers, patching

FULL = 5.0  # nats at full colour
SMALL = 0.5  # logits between the two leads, below which a reader is warned
SAYS = {
    "hook_resid_pre": "all that enters a layer",
    "hook_attn_out": "what heads write",
    "hook_mlp_out": "what neurons write",
}


def controls(text: str) -> tuple[str, str, str]:
    """Choose which word is replaced by which in the story, and the hook that is patched."""
    words = names_first(text)
    gone = st.selectbox(
        "Replace", words, **PredictionsState.replace.bound, accept_new_options=True, width=140
    )
    instead = st.text_input("by", "Tom", **PredictionsState.by.bound, max_chars=60, width=110)
    hook = (
        st.selectbox(
            "Patched",
            list(SAYS),
            format_func=SAYS.__getitem__,
            **PredictionsState.hook.bound,
            width=200,
        )
        or "hook_resid_pre"
    )
    return gone or words[0], instead or "", hook


def names_first(text: str) -> list[str]:
    """Return the words of a text: capitalised ones inside sentences first, the most frequent first."""
    words = re.findall(r"[^\W\d_]+", text) or [text]
    inside = set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+", text)) - {"I"}
    once = dict.fromkeys(words)
    return sorted(once, key=lambda word: (word not in inside, -words.count(word)))


def other_story(text: str, gone: str, instead: str) -> str:
    """Replace one word of the story; `BadInput` where it does not have it."""
    other, count = re.subn(rf"\b{re.escape(gone)}\b", lambda _: instead, text)
    if not count:
        raise BadInput(f"a word to replace stands in the story, and {gone!r} does not")
    return other


def cost(
    found: NextTokenPredictions, text: str, other: str, at: int, pick: Callable[[int], None]
) -> None:
    """Show the story by each token's drop in log-probability, with a button to the largest."""
    lost = cache.log_prob_drop(str(found.address), text, other)
    story_view(
        [
            Shown(text=str_token, value=None if np.isnan(value) else float(value))
            for str_token, value in zip(found.str_tokens, lost, strict=True)
        ],
        key=f"cost-{found.address}",
        label=("nats less likely after the change:", "nats likelier after the change:"),
        scale="which way",
        full=FULL,
        selected=at,
        on_pick=pick,
        small=True,
    )
    most = int(np.nanargmax(lost))
    st.caption(
        "Blue: less likely where the other story was read before it. Where the story changes there "
        "is no colour. Click a token to ask what restores it."
    )
    st.button(
        f"Ask where it costs most: {show.plain(visible(found.str_tokens[most]))} (token {most})",
        key=f"most-{found.address}",
        on_click=pick,
        args=(most,),
        disabled=most == at,
    )


def restored(asked: Asked, other: str, foil: int | None, hook: str) -> None:
    """Show how much of the answer each patch restores."""
    checkpoint = cache.checkpoint(asked.address)
    second = tuple(checkpoint.tokenizer.encode_story(other))[: asked.at]
    first = asked.found.tokens[: asked.at]
    if first == second:
        raise BadInput("the stories are the same up to this token: choose one after the change")
    if foil is None:
        said = answers(checkpoint, first, second)
        foil = said[1] if said[1] != asked.word else said[0]
    found = waiting.latest(
        "patching",
        asked.address,
        (first, second, asked.word, foil),
        lambda: patching(checkpoint, first, second, asked.word, foil),
    )
    if found is None:
        return
    st.markdown(
        f"**{show.plain(visible(found.answer))}** leads "
        f"**{show.plain(visible(found.foil))}** by **{found.clean:+.2f}** (logits) after this story, "
        f"and by **{found.corrupted:+.2f}** after the other."
    )
    if abs(found.clean - found.corrupted) < SMALL:
        st.info(
            "The change hardly moves this lead, and shares of so little say little. Ask about a token "
            "with a strong colour, or choose the word it is weighed against."
        )
    name = f"{asked.address}-token{asked.at}"
    second_text = "".join(checkpoint.tokenizer.to_str_tokens(list(second))[1:])
    command = commands.patch(asked.address, asked.before, second_text, found.answer, found.foil)
    show.figure(
        restored_map(found.restored[hook], found.str_tokens, found.other, show.colours()),
        name=f"restored-{name}-{hook}",
        note=f"{asked.address} reads the other story; blocks.L.{hook} at one position is filled in "
        "from this one. Share of the logit difference that comes back: 1 as after this story, 0 as "
        "after the other",
        table=lambda: show.csv(
            ("hook", "layer", "position", "token", "other token", "restored"),
            (
                (hook, *place, found.str_tokens[place[1]], found.other[place[1]], f"{share:.6f}")
                for hook, shares in found.restored.items()
                for place, share in np.ndenumerate(shares)
            ),
        ),
        everything=lambda: found,
        command=command,
    )
    show.figure(
        by_head(found.heads, show.colours(), "restored"),
        name=f"restored-{name}-heads",
        note=f"{asked.address}: the same with one head's hook_z filled in at every position",
        table=lambda: show.csv(
            ("layer", "head", "restored"),
            ((*place, f"{share:.6f}") for place, share in np.ndenumerate(found.heads)),
        ),
        command=command,
    )
