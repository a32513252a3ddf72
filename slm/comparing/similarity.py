"""Similarity of two models layer by layer: CKA of activations, cosines of weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from slm.comparing.alignment import align, averaging, one_each
from slm.model import functional
from slm.model.weights import Weights
from slm.runs import Address, Checkpoint
from slm.stories.windows import windows


@dataclass(frozen=True, kw_only=True, eq=False)
class Similarity:
    """Two models layer by layer.

    `activations[i, j]` is the linear CKA of the residual stream after stage i of A and stage j of B;
    stage 0 is the embedding, stage n follows layer n - 1. `weights` is the cosine of each part's
    weights, None where the shapes differ.
    """

    a: Address
    b: Address
    places: int
    activations: Float[np.ndarray, "stage_a stage_b"]
    weights: dict[str, float] | None

    def to_json(self) -> dict[str, Any]:
        """Return CKA stage by stage, and cosines of weights."""
        cka = "linear CKA of the residual stream, [stage of a][stage of b]"
        return {
            "places": self.places,
            cka: self.activations.round(4).tolist(),
            "cosine of weights": self.weights,
        }


def cka(x: Float[Tensor, "place d_x"], y: Float[Tensor, "place d_y"]) -> float:
    """Compute linear centred kernel alignment, 0 to 1 (Kornblith et al. 2019, arXiv:1905.00414).

    Invariant under rotation and scaling of either side. It needs many more rows than dimensions: with
    few, everything looks alike.
    """
    x, y = (side - side.mean(0) for side in (x.double(), y.double()))
    size = torch.linalg.matrix_norm(x.T @ x) * torch.linalg.matrix_norm(y.T @ y)
    return float((x.T @ y).square().sum() / size.clamp_min(1e-30))


def similarity(a: Checkpoint, b: Checkpoint, texts: Sequence[str]) -> Similarity:
    """Compare the residual streams of two models on `texts`, and their weights where they fit."""
    ours: list[Tensor] = []
    theirs: list[Tensor] = []
    for text in texts:
        cut = align(text, a.tokenizer, b.tokenizer)
        for model, of, side in ((a, cut.of_a, ours), (b, cut.of_b, theirs)):
            stream = _stream(model, text)
            if not one_each(of, len(cut)):
                stream = torch.from_numpy(averaging(of, len(cut))).float() @ stream
            side.append(stream[:, 1:])  # the first token is the same in every story
    x, y = torch.cat(ours, dim=1), torch.cat(theirs, dim=1)
    return Similarity(
        a=a.address,
        b=b.address,
        places=x.shape[1],
        activations=np.array([[cka(one, other) for other in y] for one in x]),
        weights=cosines(a.weights, b.weights) if a.config == b.config else None,
    )


def cosines(a: Weights, b: Weights) -> dict[str, float]:
    """Compute the cosine similarity of each part's weights, for two models of one shape."""
    parts: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for (name, one), (_, other) in zip(a.named_parameters(), b.named_parameters(), strict=True):
        if (part := _part(name)) is not None:
            parts.setdefault(part, []).append((one.flatten(), other.flatten()))
    found = {}
    for part, pairs in parts.items():
        one, other = (torch.cat([pair[side] for pair in pairs]).double() for side in (0, 1))
        found[part] = float(one @ other / (one.norm() * other.norm()).clamp_min(1e-30))
    return found


def _part(name: str) -> str | None:
    """Return the part that a parameter belongs to; None for biases and norms."""
    kind = name.rsplit(".", 1)[-1]
    if not kind.startswith("W_"):
        return None
    if name.startswith("blocks."):
        layer = name.split(".")[1]
        return f"{'attention' if kind in ('W_QKV', 'W_O') else 'MLP'} {layer}"
    return {"W_E": "embedding", "W_pos": "positions", "W_U": "unembedding"}[kind]


@torch.no_grad()
def _stream(model: Checkpoint, text: str) -> Float[Tensor, "stage pos d_model"]:
    """Compute the residual stream after every stage, for a text of any length, in windows."""
    n_layers, tokens = model.config.n_layers, model.tokenizer.encode_story(text)
    names = ["blocks.0.hook_resid_pre"]
    names += [f"blocks.{layer}.hook_resid_post" for layer in range(n_layers)]
    parts = []
    for window in windows(len(tokens), model.config.n_ctx):
        cache = functional.ActivationCache(names)
        functional.hidden(
            model.weights, torch.tensor([tokens[window.start : window.stop]]), hook=cache
        )
        read = torch.stack([cache[name][0] for name in names])
        parts.append(read[:, window.new - window.start :])
    return torch.cat(parts, dim=1)
