"""Matched heads and neurons of two models, and those without a counterpart."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from app import cache, commands
from app.figures import comparing as figures
from app.figures import style
from app.figures.attention import attention_map
from app.state import CompareState
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.comparing.matching import Matching
from slm.generation.fitting import story_that_fits
from slm.interp.attention import AttentionView
from slm.interp.neurons.activations import ranked_name


def show_heads(found: Matching, a: str, b: str, corpus: str) -> None:
    """Show pairs of heads as pictures, one pair large."""
    st.markdown(told(found))
    if not found.pairs:
        unmatched(found)
        return
    text = story_that_fits(
        [cache.checkpoint(address) for address in (a, b)],
        next(iter(cache.shipped_stories().values())),
    ).text
    views = [cache.attention(address, text) for address in (a, b)]
    chosen = min(CompareState.pair.get() or 0, len(found.pairs) - 1)
    patterns = []
    length = min(len(view.str_tokens) for view in views)
    for pair in found.pairs:
        for view, (layer, head) in zip(views, (pair.a, pair.b), strict=True):
            patterns.append(view.pattern[layer, head, :length, :length])
    names = [
        f"{p.a[0]}.{p.a[1]} of A, {p.b[0]}.{p.b[1]} of B: {p.similarity:.2f}" for p in found.pairs
    ]
    show.figure(
        figures.pairs(np.stack(patterns), names, show.colours(), chosen),
        name=f"heads-{a}-{b}",
        key="compare.pairs",
        alt="matched heads, A's on the left of each pair, the most alike first",
        on_pick=lambda point: CompareState.pair.set(int(point["customdata"])),
        **matched(
            found,
            a,
            b,
            commands.compare(a, b, corpus),
            "Similarity of patterns: the correlation of the square roots of attention over everything that "
            "can be looked at but the first token, each row's mean taken out.",
        ),
    )
    CompareState.pair.set(chosen)
    st.selectbox(
        "Pair",
        range(len(names)),
        format_func=lambda at: f"{at + 1}: {names[at]}",
        key=CompareState.pair.key,
        width=330,
    )
    pair = found.pairs[chosen]
    for column, address, view, (layer, head) in zip(
        st.columns(2, gap="large"), (a, b), views, (pair.a, pair.b), strict=True
    ):
        with column:
            st.caption(f"{show.plain(address)}, layer {layer}, head {head}")
            show.figure(
                attention_map(
                    view.pattern[layer, head], view.str_tokens, show.colours(), height=450
                ),
                name=f"attention-{address}-layer{layer}-head{head}",
                key=f"pair-{address}",
                table=partial(pattern_csv, view, layer, head),
                command=commands.attention(address, text),
            )
    unmatched(found)


def show_neurons(found: Matching, a: str, b: str, corpus: str) -> None:
    """Show pairs of neurons, and the top activations of the chosen pair."""
    st.markdown(told(found))
    left, right = st.columns([9, 10], gap="large")
    with left:
        event = st.dataframe(
            [
                {"A": f"{p.a[0]}.{p.a[1]}", "B": f"{p.b[0]}.{p.b[1]}", "similarity": p.similarity}
                for p in found.pairs
            ],
            hide_index=True,
            height=300,
            on_select="rerun",
            selection_mode="single-row-required",
            key="neuron-pair",
            column_config={"similarity": st.column_config.NumberColumn(format="%.3f")},
        )
        if found.pairs:
            show.figure(
                figures.similarity(
                    [p.similarity for p in found.pairs], found.chance, show.colours(), "neurons"
                ),
                name=f"neurons-{a}-{b}",
                key="similarity",
                **matched(
                    found,
                    a,
                    b,
                    commands.compare(a, b, corpus),
                    "Similarity: correlation of pre-activations (hook_pre; of gated neurons hook_post) "
                    "over all places.",
                ),
            )
        unmatched(found)
    rows = event.selection.rows
    if not found.pairs:
        return
    pair = found.pairs[min(rows[0], len(found.pairs) - 1) if rows else 0]
    with right:
        for letter, address, (layer, neuron) in zip("AB", (a, b), (pair.a, pair.b), strict=True):
            name = ranked_name(cache.checkpoint(address).config)
            st.markdown(f"**{letter}: layer {layer}, neuron {neuron}** · {show.plain(address)}")
            for rank, example in enumerate(cache.examples(address, layer, neuron, True)[:3]):
                first = max(0, example.position - 16)
                last = example.position + 12
                story_view(
                    [
                        Shown(text=str_token, value=float(value))
                        for str_token, value in zip(
                            example.str_tokens[first:last], example.values[first:last], strict=True
                        )
                    ],
                    key=f"excited-{address}-{letter}-{rank}",
                    label=name,
                    scale="which way",
                    full=style.rounded_up(float(abs(example.values).max()), 1.0),
                    selected=example.position - first,
                    small=True,
                )


def told(found: Matching) -> str:
    """Say how many units are matched."""
    every = len(found.pairs) + len(found.unmatched_a)
    place = (
        f", {found.in_place} of them in the same layer at the same number" if found.in_place else ""
    )
    return (
        f"**{len(found.pairs)} of A's {every} {found.kind} have a counterpart in B**{place}; "
        f"{len(found.unmatched_a)} of A's and {len(found.unmatched_b)} of B's have none."
    )


def unmatched(found: Matching) -> None:
    """Show the units without a match."""
    for letter, other, units in (("A", "B", found.unmatched_a), ("B", "A", found.unmatched_b)):
        with st.expander(
            f"{found.kind.capitalize()} of {letter} without counterpart: {len(units)}"
        ):
            st.dataframe(
                [
                    {
                        letter: f"{one.unit[0]}.{one.unit[1]}",
                        f"nearest in {other}": f"{one.nearest[0]}.{one.nearest[1]}",
                        "similarity": one.similarity,
                    }
                    for one in units
                ],
                hide_index=True,
                height=200,
                column_config={"similarity": st.column_config.NumberColumn(format="%.2f")},
            )


def matched(found: Matching, a: str, b: str, command: commands.Command, how: str) -> dict[str, Any]:
    """Return `show.figure`'s footer: how units were matched, with all pairs to save."""
    return {
        "table": lambda: show.csv(
            ("layer of a", found.kind[:-1], "layer of b", found.kind[:-1], "similarity"),
            ((*pair.a, *pair.b, f"{pair.similarity:.5f}") for pair in found.pairs),
        ),
        "everything": lambda: {"a": a, "b": b, found.kind: found.to_json()},
        "command": command,
        "note": f"{how} Paired so that similarity sums to the most (Hungarian method). A match is above "
        f"{found.chance:.2f}: 95 % of the pairs with B's weights shuffled, and 95 % of the {found.kind} "
        "that were not given to each other, are less alike",
    }


def pattern_csv(view: AttentionView, layer: int, head: int) -> str:
    """Format one head's attention pattern as CSV."""
    return show.csv(
        ("query", "query token", "key", "key token", "attention"), view.rows(layer, head)
    )
