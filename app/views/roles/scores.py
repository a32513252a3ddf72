"""The scores: how many neurons have a confirmed role, the best of each, and one looked at."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import streamlit as st

from app import commands
from app.figures.roles import LayerShares, activation_by_label, shares_by_layer
from app.state import Linked, picked_rows
from app.widgets import selection, show
from slm.interp.roles.confirming import RoleKind
from slm.interp.roles.scoring import SHOWN, NeuronRole, Roles, ScoredRoles

EACH = 3  # neurons shown of each label, where all labels are
TITLES = {
    RoleKind.EXCITED: "share that a role excites",
    RoleKind.INHIBITED: "share that a role inhibits",
}


def headline(found: Roles) -> None:
    """Say how many neurons are confirmed, beside random directions."""
    neurons, random = found.confirmed_share, found.random_share
    done = "excites" if found.kind is RoleKind.EXCITED else "inhibits"
    st.markdown(
        f"**{neurons.hits:,} of {neurons.count:,}** neurons of {show.plain(str(found.address))} "
        f"({neurons.value:.0%}) have a confirmed role that {done} them; of random directions that read "
        f"the same residual stream {random.interval.to_text('.0%')}. "
        f"{show.plain(found.beside_random)} Where labels mean nothing, at most "
        f"{max(layer.null_share.value for layer in found.layers):.1%} of a layer are confirmed."
    )


def by_layer(
    results: Mapping[str, ScoredRoles], kind: RoleKind, corpus: str, command: commands.Command
) -> None:
    """Show the confirmed share in each layer beside its controls, models side by side."""
    all_found = {address: found.of(kind) for address, found in results.items()}
    shares = {
        address: [
            LayerShares(
                neurons=layer.share.value,
                random=layer.random_directions.interval,
                null=layer.null_share.value,
            )
            for layer in found.layers
        ]
        for address, found in all_found.items()
    }
    one = next(iter(all_found.values()))
    show.figure(
        shares_by_layer(shares, TITLES[one.kind], show.colours()),
        name="roles-by-layer-" + "-".join(all_found),
        note=f"{one.stories} stories, {one.words:,} words. Random directions: the entries of the layer's "
        "W_in permuted, each direction with a bias by which it fires as often as the neuron in its "
        "place; intervals (95 %) over directions, the stories held fixed. Meaningless labels: the "
        "greater of what labels shuffled within stories and labels dealt to other words come to",
        table=lambda: show.csv(
            (
                "model",
                "layer",
                "confirmed",
                "random directions",
                "from",
                "to",
                "neurons above random directions",
                "from",
                "to",
                "labels shuffled",
                "labels dealt to other words",
            ),
            (
                (
                    address,
                    at,
                    layer.share.value,
                    layer.random_directions.value,
                    *layer.random_directions.interval.whiskers,
                    layer.above_random.mean,
                    *layer.above_random.whiskers,
                    layer.shuffled.value,
                    layer.dealt.value,
                )
                for address, found in all_found.items()
                for at, layer in enumerate(found.layers)
            ),
        ),
        everything=lambda: [{"corpus": corpus, **found.to_json()} for found in results.values()],
        command=command,
    )


def rules() -> None:
    """Say how a role is confirmed."""
    with st.popover("When is a role confirmed?"):
        st.markdown(
            "A neuron's role is chosen on half of the stories, and there on half of the different "
            "words: the label whose words excite it most surely. It is confirmed where the other half "
            "of the stories says so three times:\n"
            "1. **The places.** Of two words at about the same place of a story, how often does the one "
            "with the role excite it more (AUC)? The whole 95 % interval over stories must lie above "
            "what the luckiest of all neurons and labels reaches when labels are shuffled within "
            "stories.\n"
            "2. **The words.** The AUC over the different words that it was not chosen on, each counted "
            "once, must be one that shuffled labels reach once in a hundred. A detector of a few words "
            "fails here.\n"
            "3. **The firing.** It must surely fire (be above 0) more often on the role's words than on "
            "other words at about the same places. A neuron that these words only inhibit less fails "
            "here, and one that is silent has no role.\n\n"
            "What is compared in 1 and 2 is the pre-activation, for GELU is not monotone; of a gated MLP "
            "the activation. *Inhibited by* is the same on the low side, with less firing for more.\n\n"
            "**Random directions** read the same residual stream through the entries of the layer's "
            "input weights, permuted, and go through all of it. Where as many of them have a role, the "
            "stream carries the roles, and single neurons are not where they live.\n\n"
            "*Same word* holds the word fixed: where it is 0.5, only the word decides."
        )


def pick(neuron: Linked[str], table: str, rows: Sequence[NeuronRole]) -> None:
    """Choose the neuron of the row that was clicked."""
    if chosen := picked_rows(table):
        neuron.set(f"{rows[chosen[0]].layer}.{rows[chosen[0]].neuron}")


def best(found: Roles, label: str | None, neuron: Linked[str], command: commands.Command) -> None:
    """Show the best neurons of each label, or of one."""
    labels = range(len(found.names)) if label is None else [found.names.index(label)]
    rows = [one for at in labels for one in found.best(at, EACH if label is None else SHOWN)]
    table = f"table-{found.address}"
    st.dataframe(
        {
            "role": [one.label for one in rows],
            "neuron": [
                f"neurons?a={found.address}&layer={one.layer}&neuron={one.neuron}"
                f"#{one.layer}.{one.neuron}"
                for one in rows
            ],
            "AUC": [number(one.auc) for one in rows],
            "confirmed": [one.confirmed for one in rows],
            "95 %": [f"{one.low:.2f} to {one.high:.2f}" for one in rows],
            "fires": [percent(one.fires_on_role) for one in rows],
            "elsewhere": [percent(one.fires_elsewhere) for one in rows],
            "new words": [number(one.unseen) for one in rows],
            "same word": [number(one.same_word) for one in rows],
        },
        column_config={
            "role": st.column_config.TextColumn(width=165),
            "neuron": st.column_config.LinkColumn(
                display_text="#(.*)$", width=62, help="Its strongest places, in their stories."
            ),
            "confirmed": st.column_config.CheckboxColumn("holds", width=52),
            "AUC": st.column_config.NumberColumn(
                format="%.2f",
                width=52,
                help="How often a word of this role "
                f"{'excites' if found.kind is RoleKind.EXCITED else 'inhibits'} it more than another word "
                "at about the same place of a story, on stories it was not chosen on.",
            ),
            "95 %": st.column_config.TextColumn(width=100, help="Interval over stories."),
            "fires": st.column_config.NumberColumn(
                format="%.1f %%", width=62, help="On how many words of this role it is above 0."
            ),
            "elsewhere": st.column_config.NumberColumn(
                format="%.1f %%", width=76, help="On how many other words at about the same places."
            ),
            "new words": st.column_config.NumberColumn(
                format="%.2f",
                width=84,
                help="The AUC over different words that it was not "
                "chosen on, each counted once. A detector of a few words comes to 0.5.",
            ),
            "same word": st.column_config.NumberColumn(
                format="%.2f",
                width=84,
                help="The AUC where only places of one and the same word "
                "are compared. 0.5: the word alone decides. Empty: no word occurs both ways.",
            ),
        },
        hide_index=True,
        height=330,
        key=table,
        selection_mode="single-row",
        on_select=partial(pick, neuron, table, rows),
    )
    missing = [found.names[at] for at in labels if not found.best(at, 1)]
    show.footer(
        name=f"roles-{found.address}",
        note=f"{found.address}, blocks.L.mlp.{found.hook} at the first token of each word, ordered by the "
        "half they were chosen on; click a row for its distribution"
        + (f". Too rare in these stories: {', '.join(missing)}" if missing else ""),
        table=lambda: show.csv(
            tuple(plain(rows[0])) if rows else ("label",),
            (tuple("" if v is None else v for v in plain(one).values()) for one in rows),
        ),
        command=command,
    )


def distribution(found: Roles, chosen: Linked[str], command: commands.Command) -> None:
    """Show one neuron's activations on words of each label."""
    written = st.text_input(
        "Neuron (layer.neuron)", **chosen.bound, placeholder=first(found), width=190
    )
    layer, neuron = selection.layer_and_neuron(
        written or first(found), len(found.layers), len(found.layers[0].role)
    )
    st.page_link(
        "../pages/neurons.py",
        label=f"Open the card of neuron {layer}.{neuron}",
        icon=":material/open_in_new:",
        query_params={"a": str(found.address), "neurons.layer": str(layer), "neuron": str(neuron)},
    )
    there = found.layers[layer]
    role = int(there.role[neuron])
    name = found.names[role] if role >= 0 else None
    if name is None:
        st.markdown(f"Neuron {layer}.{neuron} was given no role that it is {found.kind.value}.")
    else:
        one = found.finding(role, layer, neuron)
        st.markdown(
            f"Neuron {layer}.{neuron}, chosen as {found.kind.value} **{show.plain(name)}**: "
            f"AUC {one.auc:.2f} "
            f"({one.low:.2f} to {one.high:.2f}), threshold {there.threshold[role]:.2f}; "
            f"new words {said(one.unseen)}, threshold {said(float(there.unseen_threshold[role]))}; "
            f"fires on {one.fires_on_role:.1%} of them, elsewhere on {one.fires_elsewhere:.1%}; "
            f"same word {said(one.same_word)}. "
            + ("**Confirmed.**" if one.confirmed else "Not confirmed.")
        )
    quantiles = there.quantiles[:, neuron]
    ranked = "activation" if found.hook == "hook_post" else "pre-activation"
    show.figure(
        activation_by_label(
            quantiles, found.names, name, f"{ranked} (fires above 0)", show.colours()
        ),
        name=f"activation-{found.address}-layer{layer}-{neuron}",
        note=f"{found.address}, blocks.{layer}.mlp.{found.hook} ({ranked}), neuron {neuron}, on the "
        "stories it was not chosen on: middle half, median, and 5 to 95 %. Orange: its role",
        table=lambda: show.csv(
            ("label", "words", "5 %", "25 %", "50 %", "75 %", "95 %"),
            (
                (label, int(found.counts[at]), *(f"{value:.5f}" for value in quantiles[at]))
                for at, label in enumerate(found.names)
                if found.counts[at]
            ),
        ),
        command=command,
    )


def first(found: Roles) -> str:
    """Return the clearest confirmed neuron; where there is none, the first."""
    confirmed = found.confirmed()
    return f"{confirmed[0].layer}.{confirmed[0].neuron}" if confirmed else "0.0"


def said(value: float) -> str:
    """Format a number, also where there is none."""
    return "not measurable" if math.isnan(value) else f"{value:.2f}"


def number(value: float) -> float | None:
    """Format a number for a table: empty where there is none."""
    return None if math.isnan(value) else round(value, 3)


def percent(value: float) -> float | None:
    """Format a share in per cent for a table: empty where there is none."""
    return None if math.isnan(value) else round(100 * value, 2)


def plain(one: Any) -> dict[str, Any]:
    """Convert a dataclass of numbers for JSON, which knows no NaN."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(one).items()
    }
