"""Permutation nulls of AUCs, permuting labels within groups."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from slm.stats.roc_auc import comparable_pairs

PERMUTATIONS = 50
PERMUTATIONS_AT_ONCE = 10
"""Permutations that are scored in one matrix product."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PermutationNull:
    """AUCs that permuted labels reach, of each label.

    `threshold` is the max-T threshold (Westfall and Young 1993): the AUC at the largest deviation from
    0.5 of all neurons, labels and permutations, in the label's own standard deviations, so that a rare
    label, whose AUC varies more, does not set the threshold of the common ones. `p99` is the 99th
    percentile over neurons and permutations, what a single neuron passes once in a hundred.
    """

    threshold: Float[np.ndarray, "label"]
    p99: Float[np.ndarray, "label"]


def permute_labels(
    labels: Bool[np.ndarray, "word label"],
    groups: Int[np.ndarray, "word"],
    generator: np.random.Generator,
) -> Bool[np.ndarray, "word label"]:
    """Permute the rows of labels within each group."""
    there = np.argsort(groups, kind="stable")
    order = np.lexsort((generator.random(len(groups)), groups))
    dealt = np.empty_like(labels)
    dealt[there] = labels[order]
    return dealt


def permutation_null(deviations: Float[np.ndarray, "permutation label neuron"]) -> PermutationNull:
    """Summarise `permuted_deviations` from 0.5; of the deviations negated, on the low side."""
    spread = deviations.std(axis=(0, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        farthest = float(np.nanmax(deviations / spread[:, None], initial=0.0))
    return PermutationNull(
        threshold=0.5 + farthest * spread,
        p99=0.5 + np.quantile(deviations, 0.99, axis=(0, 2)),
    )


def permuted_deviations(
    centred: Float[np.ndarray, "neuron word"],
    labels: Bool[np.ndarray, "word label"],
    strata: Int[np.ndarray, "word"],
    groups: Int[np.ndarray, "word"],
    *,
    seed: int,
    permutations: int = PERMUTATIONS,
) -> Float[np.ndarray, "permutation label neuron"]:
    """Compute AUC - 0.5 for labels permuted within `groups`, each of which lies in one stratum."""
    generator = np.random.default_rng(seed)
    pairs = comparable_pairs(labels, strata)
    count = labels.shape[1]
    found = []
    for first in range(0, permutations, PERMUTATIONS_AT_ONCE):
        dealt = [
            permute_labels(labels, groups, generator)
            for _ in range(first, min(first + PERMUTATIONS_AT_ONCE, permutations))
        ]
        sums = np.concatenate(dealt, axis=1).T.astype(np.float32) @ centred.T
        found.append(sums.reshape(len(dealt), count, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.concatenate(found) / pairs[:, None])
