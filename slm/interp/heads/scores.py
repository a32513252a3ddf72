"""Scores of heads: attention on each label's targets, against the same attention shuffled.

Cheap: one pass over the rows, no ablation. A score is linear in the pattern, so all heads of a layer
and all kinds are one matrix product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from slm.interp.heads.rows import STORIES, make_rows
from slm.interp.heads.targets import BY_PLACE, DISTANCES, HeadLabel, Rows
from slm.model import functional
from slm.runs import Address, Checkpoint
from slm.stats.bootstrap import bootstrap_means
from slm.stats.interval import Intervals
from slm.stories.annotation.labelled import NURSERY

EFFECT = 0.05
"""A score beats its baseline where the difference is at least this share of the attention, and the
95 % interval of the difference lies above 0."""
LEAST_ROWS = 8
"""Rows below which nothing is said of a kind."""
ROWS_AT_ONCE = 8
NEAR = 4  # distances on each side that a distance is compared with


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadScores:
    """Every head's scores on stories of `corpus`, by `kinds`: those by place, by token, by meaning.

    `score` is the share of a token's attention that goes to the kind's targets, averaged over the
    tokens that have one, then over stories. `baseline` is the larger of the kind's two nulls for
    that head, `difference` is score less baseline. `distance[layer, head]` is how far back the kind
    "fixed distance" looks. `profile[layer, head, distance]` is the mean attention that far back,
    the first token left out. `rows[kind]` is the number of stories measured.
    """

    address: Address
    corpus: str
    kinds: tuple[str, ...]
    score: Intervals
    baseline: Intervals
    difference: Intervals
    distance: Int64[np.ndarray, "layer head"]
    profile: Float[np.ndarray, "layer head distance"]
    rows: tuple[int, ...]

    def is_significant(self) -> np.ndarray:
        """Return whether each score clearly exceeds its baseline, [layer head kind]."""
        return self.difference.is_significant(EFFECT)


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadPass:
    """The attention scores and nulls of one pass over the rows, row by row."""

    by_content: Float32[np.ndarray, "row layer head kind_and_nulls"]
    profile: Float32[np.ndarray, "row layer head distance"]
    first: Float32[np.ndarray, "row layer head pos"]
    mean_z: Float[Tensor, "layer head d_head"]


def head_scores(
    checkpoint: Checkpoint, *, corpus: str = NURSERY, stories: int = STORIES, seed: int = 0
) -> HeadScores:
    """Score every head of a checkpoint: one pass over stories and 24 rows of random repeats.

    Takes about two seconds for a bundled run. Raises `BadInput` as `make_rows` does.
    """
    rows = make_rows(checkpoint, corpus=corpus, stories=stories, seed=seed)
    return scores_of(checkpoint, rows, measure(checkpoint, rows), seed)


@torch.no_grad()
def measure(checkpoint: Checkpoint, rows: Rows) -> HeadPass:
    """Read the rows and weigh every head's pattern."""
    config, weights = checkpoint.config, checkpoint.weights
    length = rows.tokens.shape[1]
    total = torch.zeros(config.n_layers, config.n_heads, config.d_head)
    kept: tuple[list[np.ndarray], ...] = ([], [], [])
    for begin in range(0, len(rows.tokens), ROWS_AT_ONCE):
        some = slice(begin, begin + ROWS_AT_ONCE)
        columns = torch.from_numpy(rows.weights(some)).flatten(2).transpose(1, 2).contiguous()
        x = functional.embed(weights, torch.from_numpy(rows.tokens[some]))
        in_stories = max(0, min(rows.stories - begin, len(x)))
        by_layer: list[tuple[Tensor, Tensor, Tensor]] = []
        for layer in range(config.n_layers):
            cache = functional.ActivationCache(
                f"blocks.{layer}.attn.hook_{name}" for name in ("pattern", "z")
            )
            x = functional.add_attention(weights, layer, x, hook=cache)
            x = functional.add_mlp(weights, layer, x)
            z, pattern = (cache[f"blocks.{layer}.attn.hook_{name}"] for name in ("z", "pattern"))
            total[layer] += z[:in_stories].sum((0, 1))
            by_layer.append(
                (pattern.flatten(2) @ columns, _by_distance(pattern), pattern[..., 0].clone())
            )
        for parts, each in zip(kept, zip(*by_layer, strict=True), strict=True):
            parts.append(torch.stack(each, 1).numpy())
    content, profile, first = (np.concatenate(parts) for parts in kept)
    return HeadPass(
        by_content=content,
        profile=profile,
        first=first,
        mean_z=total / max(rows.stories * length, 1),
    )


def scores_of(checkpoint: Checkpoint, rows: Rows, measured: HeadPass, seed: int = 0) -> HeadScores:
    """Estimate scores, baselines and intervals from measured attention.

    The nulls of kinds by content are told at `Rows.weights`. Distances have two of their own: the
    attention shuffled among the nearby distances (up to four on either side), which a head that
    merely prefers what is near beats by little, and among all visible tokens but the first. The first
    token is compared with all visible tokens.
    """
    stories = slice(0, rows.stories)
    profile, first = measured.profile[stories], measured.first[stories]
    length = rows.tokens.shape[1]
    visible = np.arange(1, length)
    anywhere = ((1 - first[..., 1:]) / visible).mean(-1)
    near = _nearby(profile)
    above = (profile - near).mean(0)
    distance = 2 + above[..., 2:].argmax(-1)
    asked = rows.asked
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for kind, back in (
        (HeadLabel.PREVIOUS, 1),
        (HeadLabel.CURRENT, 0),
        (HeadLabel.DISTANCE, distance),
    ):
        at = np.broadcast_to(back, distance.shape)[None, :, :, None]
        score, other = (np.take_along_axis(each, at, -1)[..., 0] for each in (profile, near))
        found[kind] = score, np.stack([other, anywhere])
    uniform = np.full_like(anywhere, (1 / (visible + 1)).mean())
    found[HeadLabel.FIRST] = first[..., 1:].mean(-1), np.stack([uniform, uniform])
    for index, name in enumerate(rows.kinds):
        own, *nulls = (
            measured.by_content[asked[:, index], :, :, index + step * len(rows.kinds)]
            for step in range(3)
        )
        found[name] = own, np.stack(nulls)
    kinds = (*map(str, BY_PLACE), *rows.kinds)
    baseline = {kind: _larger(nulls) for kind, (_, nulls) in found.items()}
    return HeadScores(
        address=checkpoint.address,
        corpus=rows.corpus,
        kinds=kinds,
        score=mean_intervals([found[kind][0] for kind in kinds], seed),
        baseline=mean_intervals([baseline[kind] for kind in kinds], seed),
        difference=mean_intervals([found[kind][0] - baseline[kind] for kind in kinds], seed),
        distance=distance,
        profile=profile.mean(0),
        rows=tuple(len(found[kind][0]) for kind in kinds),
    )


def mean_intervals(kinds: Sequence[np.ndarray], seed: int) -> Intervals:
    """Bootstrap the mean over rows of every kind, [layer head kind]; NaN below `LEAST_ROWS` rows."""
    return Intervals.stack([bootstrap_means(rows, seed, least=LEAST_ROWS) for rows in kinds])


def _larger(
    nulls: Float[np.ndarray, "null row layer head"],
) -> Float[np.ndarray, "row layer head"]:
    """Return, for each head, the null with the larger mean."""
    if not nulls.shape[1]:
        return nulls[0]
    which = nulls.mean(1).argmax(0)
    return np.asarray(np.take_along_axis(nulls, which[None, None], 0)[0])


def _by_distance(
    pattern: Float[Tensor, "row head query key"],
) -> Float[Tensor, "row head distance"]:
    """Compute mean attention at each distance, over the queries that have a key so far back.

    The first token is no target; few queries reach the largest distances.
    """
    length = pattern.shape[-1]
    far = min(DISTANCES, length - 1)
    pos = torch.arange(length)
    key = pos[:, None] - torch.arange(far)  # [query distance]
    there = key >= 1
    index = key.clamp(min=0).expand(*pattern.shape[:2], length, far)
    return (pattern.gather(-1, index) * there).sum(-2) / there.sum(0)


def _nearby(
    profile: Float32[np.ndarray, "row layer head distance"],
) -> Float32[np.ndarray, "row layer head distance"]:
    """Average the profile over the neighbouring distances, each distance itself left out."""
    far = profile.shape[-1]
    at = np.arange(far)
    apart = np.abs(at[:, None] - at[None, :])
    near = ((apart > 0) & (apart <= NEAR)).astype(np.float32)
    return np.asarray(profile @ (near / near.sum(0)), dtype=np.float32)
