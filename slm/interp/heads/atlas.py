"""The head atlas: what each head does, as far as that is proven.

A head gets a label where its score clearly exceeds its baseline (`head_scores`); the label is confirmed
where switching the head off hurts what the label says it serves. Everything else is unconfirmed, or
the head stays unclassified.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from slm.interp.heads.rows import STORIES, make_rows
from slm.interp.heads.scores import HeadScores, mean_intervals, measure, scores_of
from slm.interp.heads.targets import BY_PLACE, HeadLabel, Rows
from slm.model import functional
from slm.model.weights import Weights
from slm.progress import Progress
from slm.runs import Address, Checkpoint
from slm.stats.interval import Intervals
from slm.stories.annotation.labelled import NURSERY

LEAST_ABLATION_EFFECT = 0.01
"""Nats a token that switching a head off must cost what it serves, for a label to be confirmed."""
STORIES_WITHOUT, RANDOM_WITHOUT = 24, 8
"""Rows that are read again without each head."""
POSITIONS_AT_ONCE = 512  # whose logits are written down together


@dataclass(frozen=True, kw_only=True)
class Label:
    """A head's label; `name` includes the distance, as in `3 back`."""

    kind: str
    name: str
    confirmed: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadAtlas:
    """Scores of every head, and what it costs (nats a token) when its output is its mean.

    `ablation_on_target` is the effect of mean ablation where a kind of head would be of use,
    `ablation_off_target` that at other places, `effect` the difference that confirms a label; all are
    [layer head kind] with intervals over stories:

    - previous token, fixed distance, current token serve every position: `effect` is the
      one on target itself;
    - duplicate token serves tokens that stood in the story before;
    - induction serves predictions that come true: what followed the token before follows it again;
    - names, protagonist, object and place serve the positions before such a word is said again (or
      its pronoun);
    - a word class serves the positions before another word of it; the first mention of a name, and
      what stands after “named”, those before a name is said again;
    - the first token is where a head rests. It is confirmed the other way round: positions where the
      head attends to it less than at its median must suffer more than those where it does more.
    """

    scores: HeadScores
    ablation_on_target: Intervals
    ablation_off_target: Intervals
    effect: Intervals

    @property
    def address(self) -> Address:
        """The checkpoint."""
        return self.scores.address

    def confirmed(self) -> np.ndarray:
        """Return which labels are confirmed, [layer head kind]: significant score and ablation effect."""
        return np.asarray(
            self.scores.is_significant() & self.effect.is_significant(LEAST_ABLATION_EFFECT)
        )

    def labels(self, layer: int, head: int) -> tuple[Label, ...]:
        """Return a head's labels, confirmed or not, the strongest score first."""
        return labels(self.scores, self.confirmed())[layer][head]


def labels(
    scores: HeadScores, confirmed: Bool[np.ndarray, "layer head kind"] | None = None
) -> list[list[tuple[Label, ...]]]:
    """Return the labels of every head of every layer, the strongest first.

    Labels that were not tested count as unconfirmed.
    """
    significant, above = scores.is_significant(), np.nan_to_num(scores.difference.mean)
    proven = np.zeros_like(significant) if confirmed is None else confirmed

    def of(layer: int, head: int) -> Iterator[Label]:
        for index in np.argsort(-above[layer, head]):
            if significant[layer, head, index]:
                kind = scores.kinds[index]
                back = f"{scores.distance[layer, head]} back"
                yield Label(
                    kind=kind,
                    name=back if kind == HeadLabel.DISTANCE else kind,
                    confirmed=bool(proven[layer, head, index]),
                )

    layers, heads = scores.distance.shape
    return [[tuple(of(layer, head)) for head in range(heads)] for layer in range(layers)]


def head_atlas(
    checkpoint: Checkpoint, *, corpus: str = NURSERY, stories: int = STORIES, seed: int = 0
) -> Generator[Progress, None, HeadAtlas]:
    """Score every head, then switch each off.

    Raises `BadInput` as `make_rows` does.
    """
    rows = make_rows(checkpoint, corpus=corpus, stories=stories, seed=seed)
    yield Progress(share=0.0, doing="reading stories")
    measured = measure(checkpoint, rows)
    scores = scores_of(checkpoint, rows, measured, seed)
    config = checkpoint.config
    some = np.concatenate(
        [
            np.arange(rows.stories)[:STORIES_WITHOUT],
            np.linspace(rows.stories, len(rows.tokens) - 1, RANDOM_WITHOUT).astype(np.int64),
        ]
    )
    every = config.n_layers * config.n_heads
    costs: list[Float32[np.ndarray, "row predicted"]] = []
    for cost in without_each(checkpoint.weights, rows.tokens[some], measured.mean_z):
        costs.append(cost)
        done = len(costs)
        yield Progress(share=0.1 + 0.9 * done / every, doing=f"head {done} of {every} switched off")
    cost = np.stack(costs).reshape(config.n_layers, config.n_heads, *costs[0].shape)
    first = measured.first[some].transpose(1, 2, 0, 3)[..., :-1]
    return _proven(scores, rows, some, cost, first, seed)


@torch.no_grad()
def without_each(
    weights: Weights, tokens: Int64[np.ndarray, "row pos"], mean_z: Tensor
) -> Iterator[Float32[np.ndarray, "row predicted"]]:
    """Yield the rise in loss (nats) of every prediction with each head of each layer mean-ablated.

    Only what comes after the head is recomputed.
    """
    config = weights.config
    ids = torch.from_numpy(tokens)
    x = functional.embed(weights, ids)
    whole = _losses(weights, ids, _rest(weights, 0, functional.add_attention(weights, 0, x)))
    for layer, block in enumerate(weights.blocks):
        cache = functional.ActivationCache([f"blocks.{layer}.attn.hook_z"])
        x = functional.add_attention(weights, layer, x, hook=cache)
        (z,) = cache.values()
        W_O = block.W_O.view(config.n_heads, config.d_head, config.d_model)
        for head in range(config.n_heads):
            lost = (z[:, :, head] - mean_z[layer, head]) @ W_O[head]
            yield (_losses(weights, ids, _rest(weights, layer, x - lost)) - whole).numpy()
        x = functional.add_mlp(weights, layer, x)


def _rest(weights: Weights, layer: int, x: Tensor) -> Tensor:
    """Compute the final residual stream from the stream after this layer's attention."""
    x = functional.add_mlp(weights, layer, x)
    for after in range(layer + 1, weights.config.n_layers):
        x = functional.add_mlp(weights, after, functional.add_attention(weights, after, x))
    return x


def _losses(weights: Weights, tokens: Tensor, x: Tensor) -> Tensor:
    """Compute the loss in nats of each token but the first of each row, [row predicted]."""
    final = functional.ln_final(weights, x[:, :-1]).flatten(0, 1)
    target = tokens[:, 1:].flatten()
    found = []
    for some, right in zip(
        final.split(POSITIONS_AT_ONCE), target.split(POSITIONS_AT_ONCE), strict=True
    ):
        logits = functional.unembed(weights, some)
        found.append(logits.logsumexp(-1) - logits.gather(1, right[:, None])[:, 0])
    return torch.cat(found).view(len(tokens), -1)


def _proven(
    scores: HeadScores,
    rows: Rows,
    some: Int64[np.ndarray, "row"],
    cost: Float32[np.ndarray, "layer head row predicted"],
    first: Float32[np.ndarray, "layer head row predicted"],
    seed: int,
) -> HeadAtlas:
    """Estimate ablation effects on and off target for each kind, with intervals over rows."""
    is_story, asked = some < rows.stories, rows.asked[some]
    in_stories = cost[:, :, is_story]
    everywhere = in_stories[..., 1:].mean(-1).transpose(2, 0, 1)  # [row layer head]
    nothing = np.zeros_like(everywhere)
    found: dict[str, tuple[np.ndarray, np.ndarray]] = dict.fromkeys(BY_PLACE, (everywhere, nothing))
    on_first = first[:, :, is_story, 1:]
    attends_first = on_first > np.median(on_first, -1, keepdims=True)
    found[HeadLabel.FIRST] = (
        _means(in_stories[..., 1:], ~attends_first),
        _means(in_stories[..., 1:], attends_first),
    )
    for index, kind in enumerate(rows.kinds):
        on_target = rows.predicted_positions[some, index, :-1]
        off_target = ~on_target
        off_target[:, 0] = False
        here = asked[:, index] & on_target.any(-1) & off_target.any(-1)
        mine = cost[:, :, here]
        found[kind] = _means(mine, on_target[here]), _means(mine, off_target[here])
    return HeadAtlas(
        scores=scores,
        ablation_on_target=mean_intervals([found[kind][0] for kind in scores.kinds], seed),
        ablation_off_target=mean_intervals([found[kind][1] for kind in scores.kinds], seed),
        effect=mean_intervals([found[kind][0] - found[kind][1] for kind in scores.kinds], seed),
    )


def _means(
    cost: Float32[np.ndarray, "layer head row predicted"],
    at: Bool[np.ndarray, "*row predicted"],
) -> Float32[np.ndarray, "row layer head"]:
    """Average the loss of each row over the positions `at` (0 where there are none)."""
    mean = (cost * at).sum(-1) / np.maximum(at.sum(-1), 1)
    return np.asarray(mean.transpose(2, 0, 1), dtype=np.float32)
