"""Writing: the right distribution, the same story for the same seed, honest about why it stopped."""

from dataclasses import replace

import pytest
import torch
from jaxtyping import Float

from slm.errors import BadInput
from slm.generation.sampler import (
    NOTHING_FORCED,
    Completion,
    Sampling,
    _Batch,
    complete,
    distribution,
    stream,
)
from slm.model import functional
from slm.runs import Checkpoint

LOGITS = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()


def written(checkpoint: Checkpoint, prompt: str, sampling: Sampling) -> tuple[list, Completion]:
    generator, tokens = stream(checkpoint, prompt, sampling), []
    while True:
        try:
            tokens.append(next(generator))
        except StopIteration as end:
            return tokens, end.value


def test_temperature_one_is_the_models_own_distribution() -> None:
    assert distribution(LOGITS, Sampling()).tolist() == pytest.approx([0.5, 0.25, 0.125, 0.125])


def test_temperature_half_squares_the_probabilities() -> None:
    total = 0.25 + 0.0625 + 2 * 0.015625
    expected = [0.25 / total, 0.0625 / total, 0.015625 / total, 0.015625 / total]
    assert distribution(LOGITS, Sampling(temperature=0.5)).tolist() == pytest.approx(expected)


def test_top_k_keeps_the_k_most_likely_and_renormalises() -> None:
    found = distribution(LOGITS, Sampling(top_k=2)).tolist()
    assert found == pytest.approx([2 / 3, 1 / 3, 0, 0])


@pytest.mark.parametrize(
    ("top_p", "expected"),
    [(0.4, [1, 0, 0, 0]), (0.6, [2 / 3, 1 / 3, 0, 0]), (1.0, [0.5, 0.25, 0.125, 0.125])],
)
def test_top_p_keeps_the_fewest_that_reach_it(top_p: float, expected: list[float]) -> None:
    assert distribution(LOGITS, Sampling(top_p=top_p)).tolist() == pytest.approx(expected)


def test_temperature_zero_takes_the_most_likely_token_each_time(checkpoint: Checkpoint) -> None:
    completion = complete(checkpoint, ["One day"], Sampling(temperature=0.0, max_tokens=8))[0]
    tokens = checkpoint.tokenizer.encode_story("One day")
    for token in completion.tokens:
        assert (
            functional.logits(checkpoint.weights, torch.tensor([tokens]))[0, -1].argmax() == token
        )
        tokens.append(token)


def test_first_tokens_follow_the_true_probabilities(checkpoint: Checkpoint) -> None:
    prompt = checkpoint.tokenizer.encode_story("Tom")
    logits = functional.logits(checkpoint.weights, torch.tensor([prompt]))[0, -1]
    sampling = Sampling(temperature=0.3, top_k=6, max_tokens=1)
    expected = distribution(logits, sampling)
    drawn = complete(checkpoint, ["Tom"] * 2000, sampling)
    counts = torch.zeros(checkpoint.config.d_vocab)
    for completion in drawn:
        counts[completion.tokens[0] if completion.tokens else checkpoint.tokenizer.end] += 1
    likely = expected > 0
    assert counts[~likely].sum() == 0
    chi_square = ((counts - 2000 * expected)[likely] ** 2 / (2000 * expected[likely])).sum()
    assert chi_square < 20.5  # 99.9 % point at 5 degrees of freedom


def test_the_same_seed_writes_the_same_story_whatever_is_written_beside_it(
    checkpoint: Checkpoint,
) -> None:
    sampling = Sampling(seed=5, max_tokens=20)
    alone = complete(checkpoint, ["One day"], sampling)[0]
    torch.rand(3)
    among = complete(checkpoint, ["One day", "A", "Tom went to the park with"], sampling)[0]
    assert alone == among
    other = complete(checkpoint, ["One day"], replace(sampling, seed=6))[0]
    assert other.tokens != alone.tokens


def test_streaming_writes_what_complete_writes_with_its_probabilities(
    checkpoint: Checkpoint,
) -> None:
    sampling = Sampling(seed=3, max_tokens=12, alternatives=4)
    tokens, completion = written(checkpoint, "Amy", sampling)
    assert completion == complete(checkpoint, ["Amy"], sampling)[0]
    assert tuple(t.token for t in tokens) == completion.tokens
    seen = checkpoint.tokenizer.encode_story("Amy")
    for token in tokens:
        probabilities = functional.logits(checkpoint.weights, torch.tensor([seen]))[0, -1].softmax(
            -1
        )
        assert token.probability == pytest.approx(float(probabilities[token.token]), abs=1e-5)
        assert len(token.alternatives) == 4
        assert token.alternatives[0].probability == pytest.approx(
            float(probabilities.max()), abs=1e-5
        )
        seen.append(token.token)


def test_a_story_stops_at_its_end_its_budget_or_the_context(checkpoint: Checkpoint) -> None:
    budget = complete(checkpoint, ["One"], Sampling(temperature=0.0, max_tokens=3))[0]
    assert (budget.stopped, len(budget.tokens)) == ("max tokens", 3)
    never_ends = checkpoint.weights.b_U.clone()
    checkpoint.weights.b_U[checkpoint.tokenizer.end] = -1e4
    full = complete(checkpoint, ["One"], Sampling(max_tokens=500))[0]
    prompt = len(checkpoint.tokenizer.encode_story("One"))
    assert full.stopped == "context full"
    assert prompt + len(full.tokens) == checkpoint.config.n_ctx + 1
    checkpoint.weights.b_U.copy_(never_ends)
    checkpoint.weights.b_U[checkpoint.tokenizer.end] = 1e4
    ended = complete(checkpoint, ["One"], Sampling())[0]
    assert (ended.stopped, ended.text) == ("story end", "")
    assert written(checkpoint, "One", Sampling()) == ([], ended)


def test_a_prompt_that_fills_the_context_gets_one_token_and_a_longer_one_is_refused(
    checkpoint: Checkpoint,
) -> None:
    checkpoint.weights.b_U[checkpoint.tokenizer.end] = -1e4
    text = "ha" * 100
    while len(checkpoint.tokenizer.encode_story(text)) > checkpoint.config.n_ctx:
        text = text[:-1]
    assert len(checkpoint.tokenizer.encode_story(text)) == checkpoint.config.n_ctx
    (told,) = complete(checkpoint, [text], Sampling(max_tokens=9))
    assert (len(told.tokens), told.stopped) == (1, "context full")
    with pytest.raises(BadInput, match="must fit the context of 48 tokens"):
        complete(checkpoint, ["ha " * 200], Sampling())


def test_an_empty_prompt_begins_a_story(checkpoint: Checkpoint) -> None:
    assert complete(checkpoint, [""], Sampling(max_tokens=3))[0].tokens


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": -1.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}, {"max_tokens": 0}],
)
def test_values_that_make_no_distribution_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        Sampling(**wrong)


@pytest.mark.parametrize("kind", [{}, {"top_k": 20, "temperature": 0.7}, {"top_p": 0.9}])
def test_a_story_is_the_same_to_the_last_bit_whatever_is_written_beside_it(
    kind: dict[str, float], checkpoint: Checkpoint
) -> None:
    prompts = ["One day", *(f"{'Tom went to the park. ' * (n % 4)}Amy {n}" for n in range(12))]
    for seed in range(4):
        sampling = replace(Sampling(**kind), seed=seed, max_tokens=30)
        alone = logits_of(checkpoint, prompts[:1], sampling)
        for size in (2, 3, 5, 13):
            among = logits_of(checkpoint, prompts[:size], sampling)
            assert len(among) == len(alone)
            assert all(torch.equal(a, b) for a, b in zip(alone, among, strict=True))


def logits_of(
    checkpoint: Checkpoint, prompts: list[str], sampling: Sampling
) -> list[Float[torch.Tensor, "d_vocab"]]:
    """What each token of the first story was drawn from."""
    batch = _Batch(checkpoint, prompts, sampling, NOTHING_FORCED, functional.identity)
    found = [drawn.logits[0] for drawn in batch.run()]
    return found[: len(batch.written[0]) + (batch.stopped[0] == "story end")]
