"""Every neuron of a checkpoint with its firing rate, its strongest role and its top tokens."""

from collections import Counter

import numpy as np

from slm.interp.neurons.index import Index
from slm.interp.roles.confirming import NONE
from slm.interp.roles.scoring import LayerRoles, Roles
from slm.overview.records import LayerNeurons, NeuronsOverview, RoleNeuron
from slm.stats.proportions import difference

TOP_TOKENS = 3
BEST, OF_EACH_ROLE = 24, 3
"""Neurons that are named as the best, and how many of them may have the same role."""


def neurons_of(roles: Roles, index: Index) -> NeuronsOverview:
    """Put roles (of words that excite a neuron) and an index of the shipped stories side by side."""
    top = index.top_tokens()
    layers = tuple(_layer(layer, index.fires[at], top[at]) for at, layer in enumerate(roles.layers))
    best: list[RoleNeuron] = []
    for one in roles.confirmed():
        if not above_chance(roles.layers[one.layer]):
            continue
        if sum(other.role == one.label for other in best) == OF_EACH_ROLE:
            continue
        label = roles.names.index(one.label)
        best.append(
            RoleNeuron(
                layer=one.layer,
                neuron=one.neuron,
                role=one.label,
                auc=round(one.auc, 4),
                low=round(one.low, 4),
                high=round(one.high, 4),
                threshold=round(float(roles.layers[one.layer].threshold[label]), 4),
                fires_on_role=round(one.fires_on_role, 4),
                fires_elsewhere=round(one.fires_elsewhere, 4),
            )
        )
    others = [
        value
        for layer, scored in zip(layers, roles.layers, strict=True)
        for value, confirmed in zip(layer.auc, layer.confirmed, strict=True)
        if value is not None and not (confirmed and above_chance(scored))
    ]
    return NeuronsOverview(
        roles=roles.names,
        layers=layers,
        best=tuple(best[:BEST]),
        highest=max(others, default=None),
    )


def above_chance(layer: LayerRoles) -> bool:
    """Return whether significantly more neurons are confirmed than under the null."""
    return difference(layer.share, layer.null_share).low > 0


def _layer(scored: LayerRoles, firing_rate: np.ndarray, top: np.ndarray) -> LayerNeurons:
    role = scored.role
    auc = scored.held_out[np.maximum(role, 0), np.arange(len(role))]
    return LayerNeurons(
        firing_rate=tuple(float(f"{rate:.3g}") for rate in firing_rate),
        role=tuple(role.tolist()),
        auc=tuple(
            None if chosen == NONE else _rounded(value)
            for chosen, value in zip(role.tolist(), auc.tolist(), strict=True)
        ),
        confirmed=tuple(scored.confirmed.tolist()),
        top_tokens=tuple(map(_commonest, top.tolist())),
        thresholds=tuple(map(_rounded, scored.threshold.tolist())),
        confirmed_share=round(scored.share.value, 4),
        random_directions_share=round(scored.random_directions.value, 4),
        shuffled_share=round(scored.shuffled.value, 4),
        dealt_share=round(scored.dealt.value, 4),
    )


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 3)


def _commonest(places: list[int]) -> tuple[int, ...]:
    """Return the most frequent tokens among a neuron's top activations; ties go to the stronger."""
    counts = Counter(token for token in places if token >= 0)
    return tuple(token for token, _ in counts.most_common(TOP_TOKENS))
