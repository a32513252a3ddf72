"""A text of ours is cut until every model can read it, and it is said; a person's own is not touched."""

import json
from dataclasses import replace

import pytest

from slm.cli import main
from slm.errors import BadInput
from slm.generation.fitting import (
    cut,
    opening_that_fits,
    openings_that_fit,
    story_that_fits,
    typed,
)
from slm.generation.sampler import Sampling, complete
from slm.interp.attention import attention
from slm.interp.predictions.next_token import next_token_predictions
from slm.interp.self_checks import check
from slm.knowledge.prompts import Prompt
from slm.knowledge.prompts import shipped as shipped_prompts
from slm.knowledge.scoring import ask, askable
from slm.model.weights import initialise
from slm.runs import Address, Checkpoint, Run, RunInfo, runs_dir
from slm.stories.shipped import openings, stories
from slm.stories.tokenizer import END, Tokenizer

CONTEXTS = (2, 8, 32, 64, 256)


def of_context(checkpoint: Checkpoint, n_ctx: int) -> Checkpoint:
    """The same shape with another context, saved as `small@0`."""
    config = replace(checkpoint.config, n_ctx=n_ctx)
    weights = initialise(config, 0)
    run = Run(runs_dir() / "small")
    checkpoint.tokenizer.save(run.path / "tokenizer.json")
    run.write_info(RunInfo(config=config, status="finished"))
    run.save_checkpoint(weights, 0)
    return replace(checkpoint, address=Address("small", 0), config=config, weights=weights)


@pytest.mark.parametrize("n_ctx", CONTEXTS)
def test_every_shipped_story_is_cut_until_it_can_be_looked_at(
    n_ctx: int, checkpoint: Checkpoint
) -> None:
    small = of_context(checkpoint, n_ctx)
    for story in stories():
        fitted = story_that_fits([small], story.text)
        taken = len(small.tokenizer.encode_story(fitted.text))
        assert 2 <= taken <= n_ctx and story.text.startswith(fitted.text)
        assert bool(fitted.note) == (fitted.text != story.text)
    text = story_that_fits([small], stories()[0].text).text
    assert attention(small, text).pattern.shape[-1] == len(
        next_token_predictions(small, text).tokens
    )
    assert all(one.holds for one in check(small, text))


def lacking(checkpoint: Checkpoint, letters: str) -> Checkpoint:
    """The same model with a tokenizer that has no tokens for some letters."""
    made_of = json.loads(checkpoint.tokenizer.to_json())
    model = made_of["model"]
    model["vocab"] = {p: i for p, i in model["vocab"].items() if not set(p) & set(letters)}
    model["vocab"][END] = checkpoint.tokenizer.end
    model["merges"] = [pair for pair in model["merges"] if not set("".join(pair)) & set(letters)]
    return replace(checkpoint, tokenizer=Tokenizer.from_json(json.dumps(made_of)))


def test_characters_without_tokens_are_left_out_of_what_is_shipped_and_it_is_said(
    checkpoint: Checkpoint,
) -> None:
    model = lacking(checkpoint, "To")
    fitted = story_that_fits([model], "Tom ran to Tim.")
    assert fitted.text == "m ran t im."
    assert fitted.note == "The tokenizer has no token for 'To': left out of the shipped story."
    assert all(one.holds for one in check(model, story_that_fits([model], stories()[0].text).text))
    assert opening_that_fits([model], "Tom ran").text == "m ran"
    texts, note = openings_that_fit([model], ["Tom ran", "A cat"])
    assert texts == ("m ran", "A cat") and note.startswith(
        "1 of 2 shipped openings hold characters"
    )
    asked, note = askable([model], shipped_prompts())
    assert all("o" not in one.prompt for one in asked) and "has no token for" in note
    with pytest.raises(BadInput, match="no token for any character of the shipped story"):
        story_that_fits([model], "To To")


def test_it_is_cut_after_a_sentence_else_a_word_else_a_token(tokenizer: Tokenizer) -> None:
    text = "One day, Amy had a ball. Ben went to the park with the ball, extraordinarily."
    sentence, word = (
        len(tokenizer.encode_story(part))
        for part in ("One day, Amy had a ball. Ben", "One day, Amy")
    )
    assert cut(tokenizer, text, 500) == text
    assert cut(tokenizer, text, sentence) == "One day, Amy had a ball."
    assert cut(tokenizer, text, word) == "One day, Amy"
    assert cut(tokenizer, "xyzzy", 3) == "xy"
    assert cut(tokenizer, text, 1) == ""


def test_a_context_of_one_token_has_nothing_to_look_at_and_can_still_be_written_in(
    checkpoint: Checkpoint,
) -> None:
    one = of_context(checkpoint, 1)
    with pytest.raises(BadInput, match="holds what opens a story and nothing more"):
        story_that_fits([one], stories()[0].text)
    assert opening_that_fits([one], "Once upon a time").text == ""
    (told,) = complete(one, [""], Sampling(max_tokens=5))
    assert told.stopped in ("context full", "story end") and len(told.tokens) <= 1
    assert complete(one, [], Sampling()) == []


@pytest.mark.parametrize("n_ctx", CONTEXTS)
def test_an_opening_leaves_every_model_half_of_its_context_to_write_in(
    n_ctx: int, checkpoint: Checkpoint
) -> None:
    small = of_context(checkpoint, n_ctx)
    for text in openings():
        fitted = opening_that_fits([checkpoint, small], text)
        assert len(small.tokenizer.encode_story(fitted.text)) <= n_ctx // 2
        assert text.startswith(fitted.text) and bool(fitted.note) == (fitted.text != text)
    kept, note = openings_that_fit([small], openings())
    assert len(set(kept)) == len(kept) and bool(note) == (kept != openings())
    assert all(
        len(one.tokens) > 0 or one.stopped == "story end"
        for one in complete(small, kept, Sampling(max_tokens=3))
    )


def test_knowledge_leaves_out_our_prompts_that_do_not_fit_and_no_persons(
    checkpoint: Checkpoint,
) -> None:
    middle, tiny = of_context(checkpoint, 110), of_context(checkpoint, 8)
    asked, note = askable([middle], shipped_prompts())
    assert 0 < len(asked) < len(shipped_prompts())
    assert note.startswith(f"{len(shipped_prompts()) - len(asked)} of {len(shipped_prompts())}")
    assert len(ask(middle, asked)) == len(asked)
    none, note = askable([tiny], shipped_prompts())
    assert none == () and "shorter ones of your own" in note
    own = Prompt(kind="fact", prompt="One day, Amy had a ball. It was red. She saw", right=("a",))
    assert askable([tiny], [own]) == ((own,), "")
    with pytest.raises(BadInput, match=r"must have at most 0 tokens, not .* 'One day, Amy"):
        ask(tiny, [own])


@pytest.mark.parametrize("n_ctx", [2, 8, 64])
@pytest.mark.parametrize(
    "command",
    [
        "check small --json",
        "sample small --max-tokens 4 --json",
        "regenerate small --off 0.0 --max-tokens 4 --json",
        "grade small --dry-run --samples 1 --judge gpt-4o --json",
    ],
)
def test_every_command_that_chooses_its_own_text_works_in_a_small_context(
    command: str, n_ctx: int, checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    of_context(checkpoint, n_ctx)
    assert main(command.split()) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    if command.startswith("check"):
        assert told["note"].startswith("The shipped story does not fit")
        assert stories()[0].text.startswith(told["text"])
    elif n_ctx < 20:
        assert "shipped opening" in said.err and "half of a context" in said.err


def test_a_text_of_ones_own_that_does_not_fit_is_refused_with_the_rule(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    of_context(checkpoint, 8)
    text = "One day, Amy had a ball. It was red."
    for command in ("attention", "predict", "check"):
        assert main([command, "small", "--text", text]) == 2
        assert "must fit the context of 8 tokens" in capsys.readouterr().err
    assert main(["sample", "small", "--prompt", text]) == 2
    assert "a prompt must fit the context of 8 tokens" in capsys.readouterr().err


def test_end_of_text_typed_out_is_the_token_everywhere_and_it_is_said(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, marked = "One day, Amy ran.", "<|endoftext|>One day, Amy ran."
    assert typed(plain).note == "" and "is not read twice" in typed(marked).note
    end = checkpoint.tokenizer.end
    both = attention(checkpoint, marked), attention(checkpoint, plain)
    assert both[0].tokens == both[1].tokens
    for command in (["attention"], ["predict"]):
        assert main([*command, "tiny", "--text", marked, "--json"]) == 0
        with_mark = capsys.readouterr()
        assert main([*command, "tiny", "--text", plain, "--json"]) == 0
        without = capsys.readouterr()
        assert with_mark.out == without.out
        assert "is read as the token that opens a story" in with_mark.err and not without.err
    assert main(["sample", "tiny", "--prompt", marked, "--max-tokens", "3", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["completions"]
    assert main(["sample", "tiny", "--prompt", plain, "--max-tokens", "3", "--json"]) == 0
    assert first == json.loads(capsys.readouterr().out)["completions"]
    asked = ["predict", "tiny", "--text", plain, "--position", "3", "--target", "<|endoftext|>"]
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["word"] == "<|endoftext|>"
    assert main(["sample", "tiny", "--branch", "2=<|endoftext|>", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["completions"]
    assert told["stopped"] == "story end" and len(told["tokens"]) == 2
    assert (
        next_token_predictions(checkpoint, "Amy ran.<|endoftext|>Ben sat.").tokens.count(end) == 2
    )
