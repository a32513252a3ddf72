"""Predictions: what is shown is what the hooked model says, and the parts sum to the whole."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from slm.cli import main
from slm.errors import BadInput
from slm.interp.predictions.attribution import attribute
from slm.interp.predictions.logit_lens import logit_lens
from slm.interp.predictions.next_token import next_token_predictions, one_token
from slm.model.config import ModelConfig
from slm.model.hooked import hooked, run_with_cache
from slm.model.weights import initialise
from slm.runs import Address, Checkpoint
from slm.stories.tokenizer import Tokenizer

TEXT = "Tom went to the park and saw a dog."


def random_model(tokenizer: Tokenizer, seed: int = 0, **changes: object) -> Checkpoint:
    """A model in which every bias and gain is something."""
    sizes = {"d_model": 16, "n_layers": 2, "n_heads": 2, "n_ctx": 32, **changes}
    config = ModelConfig(d_vocab=tokenizer.d_vocab, **sizes)  # type: ignore[arg-type]
    weights = initialise(config, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, leaf in weights.named_parameters():
            leaf.add_(torch.randn(leaf.shape, generator=generator) * 0.2)
    address = Address("random", 0)
    return Checkpoint(address=address, config=config, weights=weights, tokenizer=tokenizer)


def test_expectations_are_those_of_the_hooked_model(checkpoint: Checkpoint) -> None:
    found = next_token_predictions(checkpoint, TEXT)
    logits, _ = run_with_cache(hooked(checkpoint.weights), torch.tensor([found.tokens]), [])
    log_probs = logits[0].log_softmax(-1)
    assert np.isnan(found.probability[0]) and "".join(found.str_tokens[1:]) == TEXT
    for at in range(1, len(found.tokens)):
        before = log_probs[at - 1]
        assert found.surprisal[at] == pytest.approx(
            -float(before[found.tokens[at]]) / np.log(2), abs=1e-3
        )
        assert found.rank[at] == 1 + int((before > before[found.tokens[at]]).sum())
        assert found.likely[at, 0] == int(before.argmax())
        assert found.entropy[at] == pytest.approx(
            float(torch.distributions.Categorical(logits=before).entropy()) / np.log(2), abs=1e-3
        )
        assert (np.diff(found.probs[at]) <= 0).all()


def test_the_lens_ends_with_the_model_itself_and_begins_with_the_embedding(
    checkpoint: Checkpoint,
) -> None:
    found = next_token_predictions(checkpoint, TEXT)
    lens = logit_lens(checkpoint, found.tokens)
    assert lens.stages == ("embedding", "attention 0", "MLP 0", "attention 1", "MLP 1")
    assert lens.probability[-1, 1:] == pytest.approx(found.probability[1:], abs=1e-5)
    assert (lens.likeliest[-1, 1:] == found.likely[1:, 0]).all()
    model = hooked(checkpoint.weights)
    _, cache = run_with_cache(
        model, torch.tensor([found.tokens]), ["blocks.0.hook_resid_mid", "blocks.1.hook_resid_pre"]
    )
    for row, name in ((1, "blocks.0.hook_resid_mid"), (2, "blocks.1.hook_resid_pre")):
        with torch.no_grad():
            said = model.unembed(model.ln_final(cache[name]))[0].softmax(-1)
        expected = [float(said[at - 1, found.tokens[at]]) for at in range(1, len(found.tokens))]
        assert lens.probability[row, 1:] == pytest.approx(expected, abs=1e-5)


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 99),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 3]),
    st.integers(1, 9),
)
def test_the_parts_sum_to_the_logit_minus_the_mean_or_a_rivals(
    tokenizer: Tokenizer, seed: int, scaled: bool, tied: bool, window: int | None, length: int
) -> None:
    model = random_model(
        tokenizer, seed, attn_scale=scaled, tied=tied, local_window=window, n_layers=1 + seed % 3
    )
    tokens = tokenizer.encode_story(TEXT)[:length]
    logits, _ = run_with_cache(hooked(model.weights), torch.tensor([tokens]), [])
    found = attribute(model, tokens, 77)
    assert found.logit == pytest.approx(float(logits[0, -1, 77]), rel=1e-4, abs=1e-4)
    mean = float(logits[0, -1].mean())
    assert found.baseline == pytest.approx(mean, rel=1e-4, abs=1e-4)
    assert found.total == pytest.approx(float(logits[0, -1, 77]) - mean, rel=1e-4, abs=1e-3)
    assert sum(value for _, value in found.parts()) == pytest.approx(found.total, abs=1e-4)
    assert found.neurons.sum(-1) == pytest.approx(found.mlps, abs=1e-4)
    against = attribute(model, tokens, 77, 78)
    difference = float(logits[0, -1, 77] - logits[0, -1, 78])
    assert against.difference == pytest.approx(difference, abs=1e-3)
    assert against.total == pytest.approx(difference, abs=1e-3)


def test_what_is_written_for_all_words_alike_is_written_for_none(tokenizer: Tokenizer) -> None:
    """MLP 1 writes along what all words' unembeddings share: much of the logit, nothing of the word."""
    model = random_model(tokenizer, tied=False)
    tokens, word, blank = tokenizer.encode_story(TEXT)[:6], 77, 5
    unembed = model.weights.unembed
    with torch.no_grad():
        shared = torch.randn(16, generator=torch.Generator().manual_seed(1))
        shared -= shared.mean()
        model.weights.ln_final_w.fill_(1.0)
        unembed -= torch.outer(unembed @ shared, shared) / shared.square().sum()
    before = attribute(model, tokens, word)
    with torch.no_grad():
        unembed.add_(shared)  # to every word's, so no probability moves
        model.weights.b_U.add_(3.0)
    after = attribute(model, tokens, word)
    assert dict(after.parts()) == pytest.approx(dict(before.parts()), abs=1e-4)
    assert after.difference == pytest.approx(before.difference, abs=1e-4)
    with torch.no_grad():
        model.weights.blocks[1].b_out.copy_(9 * shared)
        unembed[blank], model.weights.b_U[blank] = 0.0, 0.0
    uncentred = attribute(model, tokens, word, blank)  # against a logit of 0: the raw logit
    assert uncentred.baseline == 0
    assert uncentred.parts()[0][0] == "biases of MLPs"
    assert attribute(model, tokens, word).parts()[0][0] != "biases of MLPs"


def test_a_word_that_is_not_one_token_is_named(checkpoint: Checkpoint) -> None:
    assert checkpoint.tokenizer.to_str_tokens([one_token(checkpoint, "a")]) == ["a"]
    with pytest.raises(BadInput, match="must be one token, and it is"):
        one_token(checkpoint, "hippopotamus")
    for text, rule in (("", "at least one token"), ("ha " * 100, "context of 48 tokens")):
        with pytest.raises(BadInput, match=rule):
            next_token_predictions(checkpoint, text)


def test_the_commands_say_what_the_page_says(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "tiny", "--text", TEXT, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    found = next_token_predictions(checkpoint, TEXT)
    assert told["tokens"][3]["surprisal"] == pytest.approx(float(found.surprisal[3]), abs=1e-4)
    assert main(["predict", "tiny", "--text", TEXT, "--position", "4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["parts"][0]["logit"] >= told["parts"][-1]["logit"]
    shares = sum(part["logit"] for part in told["parts"])
    assert shares == pytest.approx(told["logit"] - told["baseline"], abs=1e-4)
    assert told["attributed"] == "logit minus the mean logit of the vocabulary"
    foil = ["--position", "4", "--foil", " park", "--json"]
    assert main(["predict", "tiny", "--text", TEXT, *foil]) == 0
    against = json.loads(capsys.readouterr().out)
    assert against["foil"] == " park" and against["attributed"] == "logit minus that of the foil"
    shares = sum(part["logit"] for part in against["parts"])
    assert shares == pytest.approx(told["logit"] - against["baseline"], abs=1e-4)
    assert [stage["stage"] for stage in told["layers"]][-1] == "MLP 1"
    assert main(["ablate", "tiny", "--text", TEXT, "--neurons", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["heads"]) == 2 and len(told["neurons"]["loss"]) == 64
    for wrong in (
        ["--position", "0"],
        ["--position", "99"],
        ["--position", "3", "--target", "zz zz"],
    ):
        assert main(["predict", "tiny", "--text", TEXT, *wrong]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
