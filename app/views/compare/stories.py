"""Differences in loss of two models: in all, by sentence, by word, and painted on stories."""

import streamlit as st

from app import commands
from app.figures.intervals import intervals
from app.figures.style import span
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.comparing.difference import (
    StoryDifference,
    differences_json,
    loss_difference,
    sentences_by_gain,
    words,
)
from slm.comparing.report import FULL
from slm.text import visible

PAINTED = 6


def show_stories(found: tuple[StoryDifference, ...], a: str, b: str, corpus: str) -> None:
    """Show where the two models differ: in all, by sentence, by word, and painted."""
    loss = loss_difference(found)
    st.markdown(loss.verdict())
    left, right = st.columns([10, 9], gap="large")
    ranked = sorted(found, key=lambda story: -abs(story.bits_per_byte))
    with right:
        rows = [(f"A {a}", loss.a), (f"B {b}", loss.b)]
        reach = span([end for _, one in rows for end in one.whiskers])
        show.figure(
            intervals(
                [(name, one.mean, *one.whiskers) for name, one in rows],
                show.colours(),
                "bits per byte",
                reach,
            ),
            name=f"loss-{a}-{b}",
            table=lambda: show.csv(
                ("model", "bits per byte", "low", "high"),
                (
                    (name, one.mean, *(one.bounds or ("", "")))
                    for name, one in [*rows, ("B - A", loss.gain)]
                ),
            ),
            everything=lambda: {"a": a, "b": b, **differences_json(found)},
            command=commands.compare(a, b, corpus, len(found)),
            note=f"{loss.stories} stories, {loss.bytes:,} bytes; 95 % of 2,000 resamples of the stories",
        )
        st.markdown("**Sentences that differ most**")
        every = sentences_by_gain(found)
        st.dataframe(
            [
                {"A saves": one.gain, "sentence": visible(one.text), "story": one.story}
                for one in every[:60]
            ],
            hide_index=True,
            height=250,
            column_config={"A saves": st.column_config.NumberColumn(format="%+.1f", width="small")},
        )
        st.markdown("**Words that make most difference**")
        st.dataframe(
            [
                {
                    "word": visible(word.text),
                    "times": word.count,
                    "saved each time": word.gain.mean,
                    "95 % from": word.gain.low,
                    "to": word.gain.high,
                    "in all": word.total,
                }
                for word in words(found)[:200]
            ],
            hide_index=True,
            height=250,
            column_config={
                name: st.column_config.NumberColumn(format="%+.2f")
                for name in ("saved each time", "95 % from", "to", "in all")
            },
        )
    with left:
        st.caption(f"Blue: A was less surprised; orange: B was. Full colour is {FULL:g} nats.")
        for story in ranked[:PAINTED]:
            st.caption(f"**Story {story.number}** · {saved(story.bits_per_byte)}")
            story_view(
                [
                    Shown(text=str_token, value=float(gain))
                    for str_token, gain in zip(story.str_tokens, story.gain, strict=True)
                ],
                key=f"differs-{a}-{b}-{story.number}",
                label=("nats that A saves:", "nats that B saves:"),
                scale="which way",
                full=FULL,
                small=True,
            )
        st.caption(
            "The stories that differ most a byte come first. Where the tokenizers differ, a text is cut "
            "where tokens of both end, and what the tokens of each stretch cost is added up."
        )


def saved(gain: float) -> str:
    """Say who expected a story better, and by how much."""
    return f"{'A' if gain > 0 else 'B'} saves {abs(gain):.3f} bits per byte"
