"""Activation patching: how much of an answer each position and hook of another run restores.

Two prompts of as many tokens that differ in a word (Lucy, Tom) and after which the model answers
differently. The model reads the second; in one place, one layer, what it computed for the first is
put in; how far does its answer go back to the first? (Activation patching: Meng et al. 2022,
"Locating and Editing Factual Associations in GPT"; the score is the normalised logit difference of
Wang et al. 2022, "Interpretability in the Wild", 0 as after the second prompt, 1 as after the first.)
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from slm.errors import BadInput
from slm.interp.predictions.next_token import story_tokens
from slm.model import functional
from slm.model.config import ModelConfig
from slm.progress import Progress, result_of
from slm.runs import Address, Checkpoint

HOOKS = ("hook_resid_pre", "hook_attn_out", "hook_mlp_out")
"""What is filled in, a layer and a position at a time: all that the layer is given, and what its heads
and its neurons write."""
LEAST_GAP = 0.02
"""Logit differences nearer to each other than this leave nothing to restore."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Patching:
    """The logit difference of `answer` and `foil` that each patch restores.

    `clean` and `corrupted` are that lead (logit of the answer minus the foil's) after the first and
    the second prompt, whose `str_tokens` (END first) and `other` tokens align. `restored[hook]` is
    [layer pos]: (patched - corrupted) / (clean - corrupted). `heads[layer, head]` is the same with
    that head's `hook_z` filled in at every position.
    """

    address: Address
    str_tokens: tuple[str, ...]
    other: tuple[str, ...]
    answer: str
    foil: str
    clean: float
    corrupted: float
    restored: dict[str, Float[np.ndarray, "layer pos"]]
    heads: Float[np.ndarray, "layer head"]

    @property
    def differ(self) -> list[int]:
        """The positions at which the prompts differ."""
        pairs = enumerate(zip(self.str_tokens, self.other, strict=True))
        return [at for at, (str_token, other) in pairs if str_token != other]

    def to_json(self) -> dict[str, Any]:
        """Return all that was restored as plain values."""
        return {
            "address": str(self.address),
            "str_tokens": self.str_tokens,
            "other": self.other,
            "answer": self.answer,
            "foil": self.foil,
            "logit_difference": {"clean": self.clean, "corrupted": self.corrupted},
            "unit": "share of the logit difference that is restored: 1 as after the text, "
            "0 as after the other",
            "restored": {hook: share.round(6).tolist() for hook, share in self.restored.items()},
            "heads": self.heads.round(6).tolist(),
        }


def aligned(checkpoint: Checkpoint, text: str, other: str) -> tuple[list[int], list[int]]:
    """Encode two prompts, END first.

    Raises `BadInput`, showing both, where their token counts differ or they are equal.
    """
    first, second = (story_tokens(checkpoint, prompt) for prompt in (text, other))
    if len(first) != len(second):
        shown = (" | ".join(checkpoint.tokenizer.to_str_tokens(ids[1:])) for ids in (first, second))
        raise BadInput(
            f"two prompts must have as many tokens, not {len(first) - 1} and {len(second) - 1}: "
            + "  and  ".join(shown)
        )
    if first == second:
        raise BadInput("two prompts must differ in at least one token, and these are the same")
    return first, second


@torch.no_grad()
def answers(checkpoint: Checkpoint, first: Sequence[int], second: Sequence[int]) -> tuple[int, int]:
    """Return the most probable token after each prompt; for the second, the next where both agree."""
    logits = functional.logits(checkpoint.weights, torch.tensor([list(first), list(second)]))[:, -1]
    answer = int(logits[0].argmax())
    return answer, next(int(one) for one in logits[1].topk(2).indices if int(one) != answer)


@torch.no_grad()
def log_prob_drop(
    checkpoint: Checkpoint, first: Sequence[int], second: Sequence[int]
) -> Float[np.ndarray, "pos"]:
    """Compute the drop in log-probability (nats) of each token of `first` after reading `second`.

    NaN at END, which is given, and where the tokens differ.
    """
    rows = torch.tensor([list(first), list(second)])
    said = functional.logits(checkpoint.weights, rows)[:, :-1].log_softmax(-1)
    targets = rows[:1, 1:, None].expand(2, -1, 1)
    own = said.gather(-1, targets)[..., 0]
    lost = torch.where(rows[0, 1:] == rows[1, 1:], own[0] - own[1], torch.nan)
    return torch.cat([torch.full((1,), torch.nan), lost]).numpy()


@torch.no_grad()
def patch(
    checkpoint: Checkpoint,
    first: Sequence[int],
    second: Sequence[int],
    answer: int,
    foil: int,
) -> Patching:
    """Fill every place of the second prompt's run from the first's, each alone.

    The places of one position are rows of one batch, which starts there: what stands before has not
    changed, and its keys and values are looked up. Raises `BadInput` where the prompts do not align,
    the answer is the foil, or neither prompt favours it over the other.
    """
    return result_of(patching(checkpoint, first, second, answer, foil))


@torch.no_grad()
def patching(
    checkpoint: Checkpoint,
    first: Sequence[int],
    second: Sequence[int],
    answer: int,
    foil: int,
) -> Generator[Progress, None, Patching]:
    """Run `patch` one position at a time, yielding progress."""
    if len(first) != len(second) or not 2 <= len(first) <= checkpoint.config.n_ctx:
        raise BadInput(
            f"two prompts must have as many tokens, 2 to {checkpoint.config.n_ctx}, "
            f"not {len(first)} and {len(second)}"
        )
    str_tokens = checkpoint.tokenizer.to_str_tokens
    if answer == foil:
        raise BadInput(
            f"an answer needs a foil that is another token, not {str_tokens([foil])[0]!r}"
        )
    lead = partial(_lead, checkpoint, answer=answer, foil=foil)
    clean, corrupted = (_Run(checkpoint, tokens) for tokens in (first, second))
    last = checkpoint.config.n_layers - 1
    before = float(lead(corrupted.after_mlp[last][:, -1])[0])
    whole = float(lead(clean.after_mlp[last][:, -1])[0])
    if abs(whole - before) < LEAST_GAP:
        raise BadInput(
            f"after both prompts the model is as much for {str_tokens([answer])[0]!r} over "
            f"{str_tokens([foil])[0]!r} (logits {whole:.2f} and {before:.2f} apart): nothing to restore"
        )
    found = []
    for at in range(len(first)):
        found.append(lead(_places(checkpoint, clean, corrupted, at)).numpy())  # layer x hook
        share = 1 - (1 - (at + 1) / len(first)) ** 2  # later positions have less after them
        yield Progress(doing="filling in every place", share=share)
    heads = lead(_heads(checkpoint, clean, corrupted))
    restored = (np.stack(found) - before) / (whole - before)
    restored = restored.reshape(len(first), -1, len(HOOKS))
    return Patching(
        address=checkpoint.address,
        str_tokens=tuple(str_tokens(first)),
        other=tuple(str_tokens(second)),
        answer=str_tokens([answer])[0],
        foil=str_tokens([foil])[0],
        clean=whole,
        corrupted=before,
        restored={hook: restored[:, :, index].T for index, hook in enumerate(HOOKS)},
        heads=((heads - before) / (whole - before))
        .view(checkpoint.config.n_layers, checkpoint.config.n_heads)
        .numpy(),
    )


class _Run:
    """A prompt's activations: the stream around each part, and z, keys and values."""

    def __init__(self, checkpoint: Checkpoint, tokens: Sequence[int]) -> None:
        layers = range(checkpoint.config.n_layers)
        key = "hook_rot_k" if checkpoint.config.rotary else "hook_k"
        streams = ("hook_resid_pre", "hook_resid_mid", "hook_resid_post")
        names = (*streams, "attn.hook_z", f"attn.{key}", "attn.hook_v")
        cache = functional.ActivationCache(
            f"blocks.{layer}.{name}" for layer in layers for name in names
        )
        functional.hidden(checkpoint.weights, torch.tensor([list(tokens)]), hook=cache)
        found = [[cache[f"blocks.{layer}.{name}"] for layer in layers] for name in names]
        self.given, self.after_attention, self.after_mlp, self.z, keys, values = found
        self.keys = [k.transpose(1, 2) for k in keys]  # [1 head pos d_head]
        self.values = [v.transpose(1, 2) for v in values]


def _places(
    checkpoint: Checkpoint, clean: _Run, corrupted: _Run, at: int
) -> Float[Tensor, "layer_hook d_model"]:
    """Compute the last streams of the corrupted run with each hook at position `at` patched alone."""
    weights, last = checkpoint.weights, checkpoint.config.n_layers - 1
    rows = corrupted.given[0][:0, at:]
    where = torch.arange(at, corrupted.given[0].shape[1])[None]
    for layer in range(last + 1):
        rows = torch.cat([rows, _filled(corrupted.given[layer], clean.given[layer], at)])
        attend = _after(corrupted.keys[layer], corrupted.values[layer], at)
        rows = functional.add_attention(weights, layer, rows, positions=where, attend=attend)
        mid, was_mid = clean.after_attention[layer], corrupted.after_attention[layer]
        wrote = mid - clean.given[layer] + corrupted.given[layer]
        rows = torch.cat([rows, _filled(was_mid, wrote, at)])
        if layer == last:
            rows = rows[:, -1:]  # only the place where the answer is given
        rows = functional.add_mlp(weights, layer, rows)
        post = clean.after_mlp[layer] - mid + was_mid
        filled = _filled(corrupted.after_mlp[layer], post, at)
        rows = torch.cat([rows, filled[:, -rows.shape[1] :]])
    return rows[:, -1]


def _filled(
    stream: Float[Tensor, "1 pos d_model"], other: Float[Tensor, "1 pos d_model"], at: int
) -> Float[Tensor, "1 rest d_model"]:
    """Return a stream from position `at` on, with the vector at `at` taken from `other`."""
    return torch.cat([other[:, at : at + 1], stream[:, at + 1 :]], dim=1)


def _after(
    keys: Float[Tensor, "1 head pos d_head"], values: Float[Tensor, "1 head pos d_head"], at: int
) -> functional.Attend:
    """Build the attention of positions from `at` on, to themselves and to earlier keys."""

    def attend(
        q: Tensor, k: Tensor, v: Tensor, config: ModelConfig, layer: int
    ) -> Float[Tensor, "row head rest d_head"]:
        def whole(before: Tensor, new: Tensor) -> Tensor:
            return torch.cat([before[:, :, :at].expand(len(new), -1, -1, -1), new], dim=2)

        seen = functional.causal_mask(keys.shape[2], config.window(layer), q.device)[at:]
        return functional.masked_attention(q, whole(keys, k), whole(values, v), seen, config)

    return attend


def _heads(
    checkpoint: Checkpoint, clean: _Run, corrupted: _Run
) -> Float[Tensor, "layer_head d_model"]:
    """Compute the last streams of the corrupted run with each head's z patched at every position."""
    config, weights = checkpoint.config, checkpoint.weights
    rows = corrupted.given[0][:0]
    for layer, block in enumerate(weights.blocks):
        if len(rows):
            rows = functional.add_attention(weights, layer, rows)
        W_O = block.W_O.view(config.n_heads, config.d_head, config.d_model)
        gained = torch.einsum("phd,hdm->hpm", (clean.z[layer] - corrupted.z[layer])[0], W_O)
        rows = torch.cat([rows, corrupted.after_attention[layer] + gained])
        if layer == config.n_layers - 1:
            rows = rows[:, -1:]
        rows = functional.add_mlp(weights, layer, rows)
    return rows[:, -1]


def _lead(
    checkpoint: Checkpoint, stream: Float[Tensor, "row d_model"], *, answer: int, foil: int
) -> Float[Tensor, "row"]:
    """Compute the logit difference of answer and foil from last streams."""
    weights = checkpoint.weights
    final = functional.ln_final(weights, stream)
    wanted = weights.unembed[answer] - weights.unembed[foil]
    return final @ wanted + weights.b_U[answer] - weights.b_U[foil]
