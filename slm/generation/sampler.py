"""Sampling of completions from a checkpoint, one token at a time."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from slm.errors import BadInput
from slm.generation.branches import BranchPath
from slm.model import functional
from slm.model.fp16 import packed_addmm
from slm.runs import Checkpoint
from slm.seeds import check_seed, generator_seed

StopReason = Literal["story end", "max tokens", "context full", "cut short"]

NOTHING_FORCED: Mapping[int, int] = {}

CACHE_BYTES = 1 << 27
"""How much memory the keys and values of the stories being written may take."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Sampling settings; temperature 0 takes the most probable token.

    `top_k` keeps the k most likely, `top_p` the fewest that reach that probability together; what is
    kept is renormalised. `alternatives` is how many of the most likely tokens to report.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    max_tokens: int = 200
    seed: int = 0
    alternatives: int = 0

    def __post_init__(self) -> None:
        """Raise `BadInput` on values that make no distribution."""
        if not 0 <= self.temperature <= 100:
            raise BadInput(f"temperature must lie between 0 and 100, not {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise BadInput(f"top_k must be at least 1, not {self.top_k}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise BadInput(f"top_p must lie above 0 and at most 1, not {self.top_p}")
        if self.max_tokens < 1:
            raise BadInput(f"max_tokens must be at least 1, not {self.max_tokens}")
        check_seed(self.seed)
        if self.alternatives < 0:
            raise BadInput(f"alternatives must be at least 0, not {self.alternatives}")


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """A token that could have come, with the model's probability for it (temperature 1)."""

    token: int
    str_token: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class GeneratedToken:
    """A token that was drawn, with the model's own probability for it (temperature 1, no cut)."""

    token: int
    str_token: str
    probability: float
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A completion of a prompt, and why it stopped."""

    prompt: str
    text: str
    tokens: tuple[int, ...]
    stopped: StopReason


def stories_json(
    address: str,
    prompt: str,
    sampling: Sampling,
    path: BranchPath,
    completions: Sequence[Completion],
    tokens: Sequence[GeneratedToken] = (),
) -> dict[str, Any]:
    """Return what was written and how; `tokens` are those of one story, with their alternatives."""
    return {
        "address": address,
        "prompt": prompt,
        "sampling": asdict(sampling),
        "branch": [asdict(choice) for choice in path],
        "completions": [
            {"text": one.text, "tokens": list(one.tokens), "stopped": one.stopped}
            for one in completions
        ],
        **({"alternatives": [asdict(token) for token in tokens]} if tokens else {}),
    }


def stream(
    checkpoint: Checkpoint,
    prompt: str,
    sampling: Sampling,
    *,
    forced: Mapping[int, int] = NOTHING_FORCED,
    intervention: functional.InterventionFn = functional.identity,
) -> Generator[GeneratedToken, None, Completion]:
    """Write one story, yielding each token as it is drawn; the generator returns the Completion.

    Draws what `complete` draws for the same prompt, seed, `forced` and `intervention`.
    """
    batch = _Batch(checkpoint, [prompt], sampling, forced, intervention)
    for drawn in batch.run():
        token = int(drawn.tokens[0])
        if token != checkpoint.tokenizer.end:
            yield _written(checkpoint, token, drawn.logits[0], sampling.alternatives)
    return batch.completions()[0]


def complete(
    checkpoint: Checkpoint,
    prompts: Sequence[str],
    sampling: Sampling,
    *,
    forced: Mapping[int, int] = NOTHING_FORCED,
    intervention: functional.InterventionFn = functional.identity,
) -> list[Completion]:
    """Write on after each prompt, many at once; finished stories leave the batch.

    Completion i draws from a random stream of its own, made from (seed, i), and no number that it is
    drawn from depends on what else is being written: on one machine's CPU it is the same to the last
    bit. (Another machine, or a GPU, adds up in another order, and a draw may fall between.)

    `forced` are tokens by their place among those written, which are taken there whatever is drawn; the
    draws elsewhere stay what they were. `intervention` changes activations. A prompt that fills the
    context is given one token more. Raises `BadInput` for a prompt that does not fit, and for a token
    to be taken that the model does not have, or after the end.
    """
    batch = _Batch(checkpoint, prompts, sampling, forced, intervention)
    for _ in batch.run():
        pass
    return batch.completions()


@torch.no_grad()
def distribution(
    logits: Float[Tensor, "*row d_vocab"], sampling: Sampling
) -> Float[Tensor, "*row d_vocab"]:
    """Compute the probabilities to sample from: temperature, then top-k, then top-p, renormalised."""
    if sampling.temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    probabilities = (logits / sampling.temperature).softmax(-1)
    if sampling.top_k is not None and sampling.top_k < logits.shape[-1]:
        kept = probabilities.topk(sampling.top_k, dim=-1)
        probabilities = torch.zeros_like(probabilities).scatter(-1, kept.indices, kept.values)
        probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    if sampling.top_p is not None and sampling.top_p < 1:
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        reached_before = ordered.cumsum(-1) - ordered
        ordered = ordered.masked_fill(reached_before >= sampling.top_p, 0.0)
        probabilities = torch.zeros_like(probabilities).scatter(-1, order, ordered)
        probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    return probabilities


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    tokens: Int[Tensor, "batch"]
    logits: Float[Tensor, "batch d_vocab"]


class _Batch:
    """Stories being written, as many together as fit, and when those have ended, the next.

    A new story does not join before: the step would take as long for it as for the longest.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        prompts: Sequence[str],
        sampling: Sampling,
        forced: Mapping[int, int],
        intervention: functional.InterventionFn,
    ) -> None:
        self.checkpoint, self.sampling, self.prompts = checkpoint, sampling, list(prompts)
        self.forced, self.intervention = forced, intervention
        config = checkpoint.config
        for place, token in forced.items():
            if not 0 <= token < config.d_vocab:
                raise BadInput(f"a token lies between 0 and {config.d_vocab - 1}, not at {token}")
            if not 0 <= place < sampling.max_tokens:
                raise BadInput(
                    f"a token can be taken at place 0 to {sampling.max_tokens - 1}, not at {place}"
                )
        self.starts = [checkpoint.tokenizer.encode_story(prompt) for prompt in prompts]
        for prompt, start in zip(prompts, self.starts, strict=True):
            if len(start) > config.n_ctx:
                raise BadInput(
                    f"a prompt must fit the context of {config.n_ctx} tokens, not take {len(start)}: "
                    f"{prompt[:40]!r} …"
                )
        longest = max(map(len, self.starts), default=1)
        slots = min(longest + sampling.max_tokens, config.n_ctx)
        fitting = CACHE_BYTES // (2 * 4 * config.n_layers * config.d_model * slots)
        self.places = min(len(self.prompts), max(1, fitting))
        device = checkpoint.weights.W_E.device
        self.cache = functional.KVCache(config, self.places, slots, device)
        self.written: list[list[int]] = [[] for _ in prompts]
        self.stopped: list[StopReason] = ["max tokens"] * len(self.prompts)
        self.uniform = torch.empty(len(self.prompts), config.n_ctx, dtype=torch.double)
        for index, row in enumerate(self.uniform):
            seed = generator_seed(sampling.seed, index)
            row.uniform_(generator=torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def run(self) -> Iterator[_Drawn]:
        """Draw a token for every story in a place at a time, until all have ended."""
        weights, addmm = self.checkpoint.weights, packed_addmm(self.checkpoint.weights)
        waiting = list(reversed(range(len(self.prompts))))
        writing: list[int] = []  # the story in each row of the cache
        while waiting or writing:
            if writing:
                last = [self.written[story][-1] for story in writing]
                following = torch.tensor(last, device=weights.W_E.device)
                logits = functional.step(
                    weights, self.cache, following, intervention=self.intervention, addmm=addmm
                )
            else:
                writing = [waiting.pop() for _ in range(min(self.places, len(waiting)))]
                logits = self._read(writing)
            logits = logits.cpu()  # tokens are drawn there, whatever computes the model
            drawn = self._draw(logits, writing)
            if self.forced:
                drawn = self._or_forced(drawn, writing)
            yield _Drawn(tokens=drawn, logits=logits)
            for row, token in reversed(list(enumerate(drawn.tolist()))):
                if not self._goes_on(writing[row], token):
                    self.cache.drop(row)
                    writing[row] = writing[-1]
                    del writing[-1]

    def _read(self, stories: Sequence[int]) -> Float[Tensor, "batch d_vocab"]:
        """Read the beginnings of these stories into the cache."""
        starts = [self.starts[story] for story in stories]
        lengths = torch.tensor([len(start) for start in starts])
        tokens = torch.full((len(starts), int(lengths.max())), self.checkpoint.tokenizer.end)
        for row, start in zip(tokens, starts, strict=True):
            row[: len(start)] = torch.tensor(start)
        weights = self.checkpoint.weights
        device = weights.W_E.device
        return functional.prefill(
            weights,
            self.cache,
            tokens.to(device),
            lengths.to(device),
            intervention=self.intervention,
        )

    def _goes_on(self, story: int, token: int) -> bool:
        """Write down a token that was drawn; tell whether the story has room for another."""
        if token == self.checkpoint.tokenizer.end:
            self.stopped[story] = "story end"
            return False
        written = self.written[story]
        written.append(token)
        if len(written) >= self.sampling.max_tokens:
            return False
        if len(self.starts[story]) + len(written) > self.checkpoint.config.n_ctx:
            self.stopped[story] = "context full"
            return False
        return True

    def _draw(self, logits: Float[Tensor, "batch d_vocab"], writing: list[int]) -> Tensor:
        """Draw by inverting the distribution function at each story's next uniform number."""
        if self.sampling.temperature == 0:
            return logits.argmax(-1)
        cumulative = distribution(logits, self.sampling).cumsum(-1, dtype=torch.double)
        at = torch.tensor([len(self.written[story]) for story in writing])
        uniform = self.uniform[torch.tensor(writing), at][:, None]
        drawn = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
        return drawn[:, 0].clamp_(max=logits.shape[-1] - 1)

    def _or_forced(self, drawn: Tensor, writing: list[int]) -> Tensor:
        """Replace drawn tokens by the forced ones."""
        instead = [self.forced.get(len(self.written[story])) for story in writing]
        kept = zip(drawn.tolist(), instead, strict=True)
        return torch.tensor([was if token is None else token for was, token in kept])

    def completions(self) -> list[Completion]:
        """Return the completions so far; `BadInput` where a story ended before a forced token."""
        last = max(self.forced, default=-1)
        for written, stopped in zip(self.written, self.stopped, strict=True):
            if last >= len(written) + (stopped == "story end"):
                raise BadInput(
                    f"a token can be taken while the story goes on, and it ends after {len(written)} "
                    f"tokens, before place {last}"
                )
        decode = self.checkpoint.tokenizer.decode
        return [
            Completion(prompt=prompt, text=decode(written), tokens=tuple(written), stopped=stopped)
            for prompt, written, stopped in zip(
                self.prompts, self.written, self.stopped, strict=True
            )
        ]


def _written(
    checkpoint: Checkpoint, token: int, logits: Float[Tensor, "d_vocab"], alternatives: int
) -> GeneratedToken:
    probabilities = logits.softmax(-1)
    top = probabilities.topk(min(alternatives, len(probabilities)))
    str_tokens = checkpoint.tokenizer.to_str_tokens([token, *top.indices.tolist()])
    return GeneratedToken(
        token=token,
        str_token=str_tokens[0],
        probability=float(probabilities[token]),
        alternatives=tuple(
            Alternative(token=index, str_token=str_token, probability=probability)
            for index, str_token, probability in zip(
                top.indices.tolist(), str_tokens[1:], top.values.tolist(), strict=True
            )
        ),
    )
