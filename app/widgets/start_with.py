"""The strongest heads and neurons of the model shown, one click each: where to begin looking."""

import streamlit as st

from app import cache
from app.widgets import models, selection


def heads() -> None:
    """Offer the strongest head of each kind of label, with what switching it off costs."""
    overview = cache.overview(models.addresses()[0])
    if overview is None or not overview.heads.confirmed:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Start with", width="content")
        for kind, one in overview.heads.strongest().items():
            st.button(
                f"{one.layer}.{one.head} {one.name}",
                key=f"start-head-{kind}",
                on_click=selection.choose_head,
                args=(one.layer, one.head),
                type="tertiary",
                help=f"The strongest head of this kind, by its ablation effect where the label says it "
                f"serves: {one.effect:+.2f} nats (95 % {one.effect_low:+.2f} to {one.effect_high:+.2f}). "
                f"Score {one.score:.0%}, by chance {one.baseline:.0%}.",
            )


def neurons(most: int = 6) -> None:
    """Offer the neurons whose role is confirmed most surely, with the AUC that it has."""
    overview = cache.overview(models.addresses()[0])
    if overview is None or not overview.neurons.best:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption("Start with", width="content")
        for one in overview.neurons.best[:most]:
            st.button(
                f"{one.layer}.{one.neuron} {one.role}",
                key=f"start-neuron-{one.layer}-{one.neuron}",
                on_click=selection.choose_neuron,
                args=(one.layer, one.neuron),
                type="tertiary",
                help=f"ROC AUC of its role {one.auc:.2f} (95 % {one.low:.2f} to {one.high:.2f}); shuffled "
                f"labels reach {one.threshold:.2f}.",
            )
