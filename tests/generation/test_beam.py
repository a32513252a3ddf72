"""Beam search: exhaustive where it has room for everything, greedy with one beam."""

import itertools

import pytest
import torch

from slm.errors import BadInput
from slm.generation.beam import beam_search, grow, log_probabilities
from slm.generation.sampler import Sampling, complete
from slm.model import functional
from slm.model.config import ModelConfig
from slm.model.weights import Weights, initialise
from slm.runs import Checkpoint

END = 0
LENGTH = 3
STARTS = ([0, 3, 1], [0, 2], [0, 4, 4, 1, 5])


@pytest.fixture
def weights() -> Weights:
    """A random model of six tokens that is sure of itself, so that beams differ."""
    config = ModelConfig(d_model=16, n_layers=2, n_heads=2, d_vocab=6, n_ctx=12)
    weights = initialise(config, 3)
    with torch.no_grad():
        for _, leaf in weights.named_parameters():
            leaf.add_(torch.randn(leaf.shape, generator=torch.Generator().manual_seed(4)) * 0.3)
    return weights


def every_continuation(weights: Weights, start: list[int]) -> dict[tuple[int, ...], float]:
    """All of them, each with its log-probability; what follows an end counts nothing."""
    tails = list(itertools.product(range(6), repeat=LENGTH))
    with torch.no_grad():
        rows = torch.tensor([[*start, *tail] for tail in tails])
        chances = functional.logits(weights, rows).log_softmax(-1)
    found = {}
    for row, tail in zip(chances, tails, strict=True):
        last = tail.index(END) if END in tail else LENGTH - 1
        if not any(tail[last + 1 :]):  # else the same as one that is written with ends
            told = [float(row[len(start) - 1 + at, tail[at]]) for at in range(last + 1)]
            found[tail] = sum(told)
    return found


def test_with_room_for_all_continuations_it_is_an_exhaustive_search(weights: Weights) -> None:
    found = grow(weights, STARTS, END, 6**LENGTH, LENGTH)
    for row, start in enumerate(STARTS):
        naive = every_continuation(weights, list(start))
        best = sorted(naive.values(), reverse=True)
        assert found.totals[row, :20].tolist() == pytest.approx(best[:20], abs=1e-4)
        first = tuple(found.tokens[row, 0].tolist())
        assert naive[first + (END,) * (LENGTH - len(first))] == pytest.approx(best[0], abs=1e-4)


def test_prompts_do_not_know_of_each_other(weights: Weights) -> None:
    together = grow(weights, STARTS, END, 3, LENGTH)
    for row, start in enumerate(STARTS):
        alone = grow(weights, [start], END, 3, LENGTH)
        assert together.totals[row].tolist() == pytest.approx(alone.totals[0].tolist(), abs=1e-5)
        assert together.tokens[row].tolist() == alone.tokens[0].tolist()


def test_one_beam_is_greedy_and_more_are_never_less_likely(checkpoint: Checkpoint) -> None:
    prompts = ["One day, Tom", "The cake", "Look at my"]
    greedy = complete(checkpoint, prompts, Sampling(temperature=0.0, max_tokens=8))
    one = beam_search(checkpoint, prompts, beams=1, max_tokens=8)
    assert [beam.tokens for beam in one] == [completion.tokens for completion in greedy]
    five = beam_search(checkpoint, prompts, max_tokens=8)
    for beam, alone, prompt in zip(five, one, prompts, strict=True):
        assert beam.log_probability >= alone.log_probability - 1e-5
        if not beam.ended:
            (again,) = log_probabilities(checkpoint, prompt, [beam.text])
            if tuple(checkpoint.tokenizer.encode(beam.text)) == beam.tokens:
                assert again == pytest.approx(beam.log_probability, abs=1e-3)


def test_a_prompt_that_leaves_no_room_is_one_line(checkpoint: Checkpoint) -> None:
    with pytest.raises(BadInput, match="must have at most 32 tokens, not"):
        beam_search(checkpoint, ["One day, " * 30])
