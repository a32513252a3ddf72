"""Self-checks of one loaded model, each a number against a limit, computed live.

Each says something that pages rely on: that the two ways through the model agree, that parts sum,
that nothing is padding. A number that is not a number never passes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from slm.interp.attention import attention
from slm.interp.neurons.activations import activations, examples
from slm.interp.predictions.ablation import ablate_heads
from slm.interp.predictions.attribution import attribute
from slm.interp.predictions.next_token import story_tokens
from slm.model import functional
from slm.model.config import count_parameters
from slm.model.hooked import folded_log_probs, hooked, run_with_cache, run_with_hooks
from slm.runs import Checkpoint, open_run

CLOSE = 1e-3
"""How far two computations of the same logit or log-probability in float32 may lie apart."""
HEADS = 6
"""Heads that are switched off one by one."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that must hold: what was `measured` must not be above `limit`."""

    name: str
    measured: float
    limit: float

    @property
    def holds(self) -> bool:
        """False, too, where what was measured is not a number."""
        return self.measured <= self.limit


@torch.no_grad()
def check(checkpoint: Checkpoint, text: str) -> list[Check]:
    """Check a model on a story. Raises `BadInput` where the story is empty or too long."""
    return [
        Check(name=name, measured=measure(checkpoint, text), limit=limit)
        for name, measure, limit in CHECKS
    ]


def facts(checkpoint: Checkpoint) -> dict[str, str]:
    """Describe what was checked: parameter counts, and the hashes of weights, tokenizer and corpus."""
    run, step = open_run(checkpoint.address.run), checkpoint.address.step
    assert step is not None
    counts = vars(count_parameters(checkpoint.config))
    corpus = run.info.corpus
    return {
        "parameters": ", ".join(f"{name} {count:,}" for name, count in counts.items())
        + f", in all {sum(counts.values()):,}",
        "weights (sha256)": run.weights_hash(step),
        "tokenizer": checkpoint.tokenizer.hash,
        "corpus": str(corpus.get("train_hash", "not known")),
    }


def rows_sum_to_one(checkpoint: Checkpoint, text: str) -> float:
    """Return the largest deviation of an attention row's sum from 1."""
    return _largest(torch.from_numpy(attention(checkpoint, text).pattern).sum(-1) - 1)


def nobody_looks_ahead(checkpoint: Checkpoint, text: str) -> float:
    """Return the largest attention that any head pays to a later token."""
    return _largest(torch.from_numpy(attention(checkpoint, text).pattern).triu(1))


def parts_sum_to_the_logit(checkpoint: Checkpoint, text: str) -> float:
    """Return the deviation of the attribution's sum from the hooked model's logit less the mean logit."""
    tokens = story_tokens(checkpoint, text)
    logits, _ = run_with_cache(hooked(checkpoint.weights), torch.tensor([tokens[:-1]]), [])
    said = logits[0, -1, tokens[-1]] - logits[0, -1].mean()
    return _largest(said - attribute(checkpoint, tokens[:-1], tokens[-1]).total)


def functional_equals_hooked(checkpoint: Checkpoint, text: str) -> float:
    """Return the largest logit difference between the functional and the TransformerLens forward pass."""
    tokens = torch.tensor([story_tokens(checkpoint, text)])
    logits, _ = run_with_cache(hooked(checkpoint.weights), tokens, [])
    return _largest(functional.logits(checkpoint.weights, tokens) - logits)


def folded_equals_raw(checkpoint: Checkpoint, text: str) -> float:
    """Return the largest log-probability difference after folding the LayerNorms into the weights."""
    tokens = torch.tensor([story_tokens(checkpoint, text)])
    raw = functional.logits(checkpoint.weights, tokens).log_softmax(-1)
    return _largest(folded_log_probs(checkpoint.weights, tokens) - raw)


def batched_ablation_equals_single(checkpoint: Checkpoint, text: str) -> float:
    """Return the largest difference in nats between batched and one-by-one (hooked) zero ablation."""
    tokens, config = story_tokens(checkpoint, text), checkpoint.config
    found = ablate_heads(checkpoint, tokens, "zero")
    model = hooked(checkpoint.weights)
    every = [(layer, head) for layer in range(config.n_layers) for head in range(config.n_heads)]
    largest = 0.0
    for layer, head in every[:: max(1, len(every) // HEADS)]:

        def switch_off(z: Tensor, hook: object, head: int = head) -> None:
            z[:, :, head] = 0.0

        hooks = [(f"blocks.{layer}.attn.hook_z", switch_off)]
        logits = run_with_hooks(model, torch.tensor([tokens[:-1]]), hooks)
        alone = logits[0, -1].log_softmax(-1)[tokens[-1]]
        difference = _largest(alone - float(found.without[layer, head]))
        if not difference <= largest:  # a number that is none is kept, too
            largest = difference
    return largest


def token_by_token_equals_whole(checkpoint: Checkpoint, text: str) -> float:
    """Return the largest last-logit difference between decoding with the KV cache and one forward pass."""
    tokens = story_tokens(checkpoint, text)
    half = max(1, len(tokens) // 2)
    cache = functional.KVCache(checkpoint.config, 1)
    logits = functional.prefill(
        checkpoint.weights, cache, torch.tensor([tokens[:half]]), torch.tensor([half])
    )
    for token in tokens[half:]:
        logits = functional.step(checkpoint.weights, cache, torch.tensor([token]))
    whole = functional.logits(checkpoint.weights, torch.tensor([tokens]))
    return _largest(logits[0] - whole[0, -1])


def no_padding_among_the_examples(checkpoint: Checkpoint, text: str) -> float:
    """Return the largest difference between a neuron's activations in a padded batch and alone."""
    stories = [text[: max(1, len(text) // part)] for part in (1, 2, 5, 9)]
    layer = checkpoint.config.n_layers - 1
    largest = 0.0
    for example in examples(checkpoint, stories, layer=layer, neuron=0, k=len(stories)):
        ids = checkpoint.tokenizer.encode_story(stories[example.story])
        (alone,) = activations(checkpoint, [ids])
        if not example.position < len(ids):
            return float("nan")
        difference = _largest(alone[layer, example.position, 0] - example.value)
        if not difference <= largest:
            largest = difference
    return largest


def parameters_are_all_counted(checkpoint: Checkpoint, text: str) -> float:
    """Return how many weights the count by part leaves out or counts twice."""
    there = sum(leaf.numel() for _, leaf in checkpoint.weights.named_parameters())
    return float(abs(there - count_parameters(checkpoint.config).total))


Measure = Callable[[Checkpoint, str], float]
CHECKS: Sequence[tuple[str, Measure, float]] = (
    ("attention rows sum to 1", rows_sum_to_one, 1e-5),
    ("no token looks ahead", nobody_looks_ahead, 0.0),
    ("parts sum to the logit minus the mean logit", parts_sum_to_the_logit, CLOSE),
    ("functional equals hooked, in logits", functional_equals_hooked, CLOSE),
    ("folded equals raw, in log-probabilities", folded_equals_raw, CLOSE),
    ("all heads at once equal one by one, in nats", batched_ablation_equals_single, CLOSE),
    ("token by token equals all at once, in logits", token_by_token_equals_whole, CLOSE),
    ("no padding among the top examples", no_padding_among_the_examples, CLOSE),
    ("every parameter is counted once", parameters_are_all_counted, 0.0),
)


def _largest(difference: Float[Tensor, "*any"]) -> float:
    """Return the largest absolute value; NaN where any is NaN."""
    return float(difference.abs().max())
