"""The likeliest continuation there is, as far as a beam search finds it: nothing is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from slm.errors import BadInput
from slm.model import functional
from slm.model.weights import Weights
from slm.runs import Checkpoint

BEAMS = 5
"""As the TinyStories paper has it."""
ROWS = 160
"""Beams that are grown together."""


@dataclass(frozen=True, kw_only=True)
class Beam:
    """A continuation, with the log-probability (nats) of all its tokens, the end among them."""

    tokens: tuple[int, ...]
    text: str
    log_probability: float
    ended: bool


def beam_search(
    checkpoint: Checkpoint, prompts: Sequence[str], *, beams: int = BEAMS, max_tokens: int = 16
) -> list[Beam]:
    """Return, for each prompt, the most probable of the continuations that beam search ends with.

    Raises `BadInput` where prompt and continuation do not fit the context together.
    """
    if beams < 1 or max_tokens < 1:
        raise BadInput(f"beams and max_tokens must be at least 1, not {beams} and {max_tokens}")
    tokenizer, room = checkpoint.tokenizer, checkpoint.config.n_ctx - max_tokens
    starts = [tokenizer.encode_story(prompt) for prompt in prompts]
    for prompt, start in zip(prompts, starts, strict=True):
        if len(start) > room:
            raise BadInput(
                f"a prompt to which {max_tokens} tokens are added must have at most {max(0, room)} "
                f"tokens, not {len(start)}: {prompt[:40]!r} …"
            )
    found = []
    at_once = max(1, ROWS // beams)
    for first in range(0, len(starts), at_once):
        grown = grow(
            checkpoint.weights, starts[first : first + at_once], tokenizer.end, beams, max_tokens
        )
        found += [
            Beam(
                tokens=tuple(kept := [token for token in row.tolist() if token != tokenizer.end]),
                text=tokenizer.decode(kept),
                log_probability=float(total),
                ended=len(kept) < len(row),
            )
            for row, total in zip(grown.tokens[:, 0], grown.totals[:, 0], strict=True)
        ]
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class BeamSet:
    """The beams of each prompt, the likeliest first. After an end follow only ends."""

    tokens: Int[Tensor, "prompt beam pos"]
    totals: Float[Tensor, "prompt beam"]


@torch.no_grad()
def grow(
    weights: Weights, starts: Sequence[Sequence[int]], end: int, beams: int, length: int
) -> BeamSet:
    """Keep the `beams` likeliest beginnings of a continuation, one token longer at a time.

    What has ended keeps its place with the probability that it has. Nothing is divided by a length,
    so with as many beams as there are continuations this is an exhaustive search.
    """
    prompts, d_vocab = len(starts), weights.config.d_vocab
    device = weights.W_E.device  # the model computes there; beams are kept on the CPU
    lengths = torch.tensor([len(start) for start in starts])
    tokens = torch.full((prompts, int(lengths.max())), end)
    for row, start in zip(tokens, starts, strict=True):
        row[: len(start)] = torch.tensor(start)
    cache = functional.KVCache(weights.config, prompts * beams, int(lengths.max()) + length, device)
    logits = functional.prefill(weights, cache, tokens.to(device), lengths.to(device)).cpu()
    cache.reorder(torch.arange(prompts, device=device).repeat_interleave(beams))
    logits = logits.repeat_interleave(beams, 0)

    totals: Float[Tensor, "prompt beam"] = torch.full((prompts, beams), -torch.inf)
    totals[:, 0] = 0.0  # the others are the same prompt once more
    written: Int[Tensor, "prompt beam pos"] = torch.zeros(prompts, beams, 0, dtype=torch.long)
    ended: Bool[Tensor, "prompt beam"] = torch.zeros(prompts, beams, dtype=torch.bool)
    only_end = torch.full((d_vocab,), -torch.inf)
    only_end[end] = 0.0
    for at in range(length):
        log_probs = logits.view(prompts, beams, d_vocab).log_softmax(-1)
        log_probs = torch.where(ended[:, :, None], only_end, log_probs)
        totals, chosen = (totals[:, :, None] + log_probs).flatten(1).topk(beams)
        parent, token = chosen // d_vocab, chosen % d_vocab
        written = written.gather(1, parent[:, :, None].expand(-1, -1, at))
        written = torch.cat([written, token[:, :, None]], -1)
        ended = ended.gather(1, parent) | (token == end)
        if at + 1 == length or bool(ended.all()):
            break
        cache.reorder((torch.arange(prompts)[:, None] * beams + parent).flatten().to(device))
        logits = functional.step(weights, cache, token.flatten().to(device)).cpu()
    return BeamSet(tokens=written, totals=totals)


@torch.no_grad()
def log_probabilities(
    checkpoint: Checkpoint, prompt: str, continuations: Sequence[str]
) -> list[float]:
    """Compute the log-probability, in nats, of each continuation after `prompt`."""
    tokenizer = checkpoint.tokenizer
    start = tokenizer.encode_story(prompt)
    ends = [tokenizer.encode(text) for text in continuations]
    length = len(start) + max(map(len, ends), default=0)
    if length > checkpoint.config.n_ctx:
        raise BadInput(
            f"a prompt with its answer must fit {checkpoint.config.n_ctx} tokens, not take {length}"
        )
    rows = torch.full((len(ends), length), tokenizer.end)
    for row, added in zip(rows, ends, strict=True):
        row[: len(start) + len(added)] = torch.tensor([*start, *added])
    weights = checkpoint.weights
    logits = functional.logits(weights, rows.to(weights.W_E.device)).cpu()
    log_probs = logits[:, len(start) - 1 : -1].log_softmax(-1)
    picked = log_probs.gather(-1, rows[:, len(start) :, None])[:, :, 0]
    return [float(row[: len(added)].sum()) for row, added in zip(picked, ends, strict=True)]
