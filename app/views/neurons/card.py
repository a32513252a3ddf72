"""A neuron's card: top tokens, distribution, logit effect, role with its controls, places by band."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app import cache, commands
from app.cache.neurons import Known
from app.figures import neurons as figures
from app.text import token_shown
from app.views.neurons import one_neuron, panels
from app.widgets import show
from app.widgets.story_view import Shown, story_view
from slm.interp.neurons.activations import Example
from slm.interp.neurons.distributions import histogram

TOKENS = 6
STRONGEST = 3
AROUND = 5  # tokens shown on either side of a place
BARS = 40


def card(
    address: str,
    known: Known,
    layer: int,
    neuron: int,
    *,
    full: float,
    limits: tuple[float, float],
    alone: bool,
) -> None:
    """Show a neuron's card on one screen."""
    st.markdown(
        f"{one_neuron.fires(address, known, layer, neuron)}  \n{role(address, layer, neuron)}"
    )
    left, right = st.columns(2, gap="small")
    with left:
        top_tokens(address, layer, neuron)
    with right:
        edges, tokens = histogram(known.index.counts[layer, neuron], *limits, BARS)
        st.plotly_chart(
            figures.small_spread(edges, tokens, show.colours(), one_neuron.name_of(address)),
            theme=None,
            key=f"card-spread-{address}",
            config={"displayModeBar": False},
            alt=f"Distribution of the {one_neuron.name_of(address)} of neuron {layer}.{neuron}",
        )
        written = cache.neuron_writes(address, layer, neuron)
        st.caption(
            "  \n".join(
                _written(*part)
                for part in (("Promotes", written.promotes), ("Suppresses", written.suppresses))
            )
        )
    columns = st.columns(2, gap="small") if alone else (st.container(), st.container())
    with columns[0]:
        for rank, example in enumerate(cache.examples(address, layer, neuron, True)[:STRONGEST]):
            _line(address, example, "highest", full, f"card-top-{address}-{rank}")
    with columns[1]:
        for rank, band in enumerate(cache.band_examples(address, layer, neuron)):
            name = f"of {band.low:.1f} to {band.high:.1f}"
            _line(address, band.example, name, full, f"card-band-{address}-{rank}")
    footer(address, known, layer, neuron)


def _written(name: str, tokens: Sequence[tuple[str, float]]) -> str:
    return f"**{name}** " + ", ".join(
        f"{panels.word(token)} {value:+.2f}" for token, value in tokens[:4]
    )


def top_tokens(address: str, layer: int, neuron: int) -> None:
    """Show the tokens with the highest mean activation, with how often they occur."""
    _, top = cache.top_tokens(address, layer, neuron, TOKENS)
    name = one_neuron.name_of(address)
    st.dataframe(
        {
            "token": [token_shown(one.token) for one in top],
            "mean": [round(one.mean, 2) for one in top],
            "highest": [round(one.highest, 2) for one in top],
            "occurs": [one.count for one in top],
            "of strongest": [round(100 * one.of_strongest) for one in top],
        },
        column_config={
            "token": st.column_config.TextColumn(width=90),
            "mean": st.column_config.NumberColumn(
                format="%.2f", width=60, help=f"Mean {name} over all places of the token."
            ),
            "highest": st.column_config.NumberColumn(format="%.2f", width=64),
            "occurs": st.column_config.NumberColumn(
                width=60,
                help="Its places in the stories read; tokens that occur once are left out.",
            ),
            "of strongest": st.column_config.NumberColumn(
                format="%d %%",
                width=90,
                help="Its share of the neuron's strongest places where it fires, one a story, 20 at most.",
            ),
        },
        hide_index=True,
        row_height=26,
        height=38 + 26 * TOKENS,
        key=f"top-tokens-{address}",
    )


def footer(address: str, known: Known, layer: int, neuron: int) -> None:
    """Offer the top tokens as files, and say what was read."""
    tokens, top = cache.top_tokens(address, layer, neuron, TOKENS)
    name = one_neuron.name_of(address)
    show.footer(
        name=f"top-tokens-{address}-layer{layer}-{neuron}",
        table=lambda: show.csv(
            ("token", f"mean {name}", f"highest {name}", "occurs", "share of the strongest places"),
            (
                (o.token, f"{o.mean:.5f}", f"{o.highest:.5f}", o.count, f"{o.of_strongest:.4f}")
                for o in top
            ),
        ),
        everything=partial(cache.top_tokens_json, address, layer, neuron, TOKENS),
        command=commands.top_tokens(address, layer, neuron, TOKENS, built=known.built),
        note=f"{one_neuron.over(known)} Top tokens: by mean {name} over {tokens:,} of them, those that "
        "occur twice or more. Right: one place from each lower third, and one where it does not fire.",
    )


def role(address: str, layer: int, neuron: int) -> str:
    """Say a neuron's strongest role beside its controls; or that it was not measured."""
    if (overview := cache.overview(address)) is None:
        return "Role: not measured for this model; the page Roles measures it."
    there, roles = overview.neurons.layers[layer], overview.neurons.roles
    at, auc = there.role[neuron], there.auc[neuron]
    controls = (
        f" In layer {layer}, {there.confirmed_share:.0%} of neurons have a confirmed role; of random "
        f"directions {there.random_directions_share:.0%}, with shuffled labels "
        f"{max(there.shuffled_share, there.dealt_share):.1%}."
    )
    if at < 0 or auc is None:
        return "Role: none." + controls
    threshold = there.thresholds[at]
    against = "" if threshold is None else f" (shuffled labels reach {threshold:.2f})"
    verdict = "**confirmed**" if there.confirmed[neuron] else "not confirmed"
    return f"Role **{show.plain(roles[at])}**: AUC {auc:.2f}{against}, {verdict}.{controls}"


def _line(address: str, example: Example, name: str, full: float, key: str) -> None:
    """Show one example in a line: band, activation, the tokens around it."""
    first = max(0, example.position - AROUND)
    last = min(len(example.str_tokens), example.position + AROUND + 1)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width=118):
            st.caption(f"**{example.value:+.2f}** {name}")
        with st.container(width="stretch"):
            story_view(
                [
                    Shown(text=str_token, value=float(value))
                    for str_token, value in zip(
                        example.str_tokens[first:last], example.values[first:last], strict=True
                    )
                ],
                key=key,
                label=one_neuron.name_of(address),
                scale="which way",
                full=full,
                selected=example.position - first,
                small=True,
            )
