"""A model that cannot hold a shipped text can be looked at: what the app chose itself is cut, and said."""

from pathlib import Path

import pytest

from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.runs import Run, RunInfo
from slm.stories.nursery import stories as nursery_stories
from slm.stories.tokenizer import Tokenizer
from tests.app.conftest import Open, finished, said


@pytest.fixture(scope="session")
def nursery_tokenizer() -> Tokenizer:
    """512 tokens learned from nursery stories: other stories' words fall into many tokens."""
    return Tokenizer.train((story.text for story in nursery_stories(60)), 512)


def small_run(root: Path, tokenizer: Tokenizer, n_ctx: int) -> None:
    config = ModelConfig(d_model=16, n_layers=2, n_heads=2, d_vocab=tokenizer.d_vocab, n_ctx=n_ctx)
    run = Run(root / f"of-{n_ctx}")
    tokenizer.save(run.path / "tokenizer.json")
    run.write_info(RunInfo(config=config, status="finished", corpus={"train": "nursery"}))
    run.save_checkpoint(initialise(config, 0), 0)


@pytest.mark.parametrize("n_ctx", [2, 64])
@pytest.mark.parametrize(
    ("page", "note"),
    [
        ("home", ""),
        ("attention", "The shipped story does not fit"),
        ("predictions", "The shipped story does not fit"),
        ("writing", "The shipped opening takes more than half"),
        ("grading", "shipped openings take more than half"),
        ("knowledge", "shipped prompts do not fit"),
        ("heads", ""),
        ("neurons", ""),
    ],
)
def test_a_page_opens_with_as_much_of_a_text_of_ours_as_the_model_can_read(
    page: str, note: str, n_ctx: int, open_page: Open, runs: Path, nursery_tokenizer: Tokenizer
) -> None:
    small_run(runs, nursery_tokenizer, n_ctx)
    app = finished(open_page(page, a=f"of-{n_ctx}"))
    assert not app.exception and not app.error
    if note:
        assert note in said(app) and f"a context of {n_ctx} tokens" in said(app)


def test_two_models_read_what_both_can_hold(
    open_page: Open, runs: Path, nursery_tokenizer: Tokenizer
) -> None:
    small_run(runs, nursery_tokenizer, 8)
    small_run(runs, nursery_tokenizer, 64)
    for page in ("attention", "predictions", "writing", "compare", "knowledge"):
        app = finished(open_page(page, a="of-64", b="of-8"))
        assert not app.exception and not app.error


def test_a_context_of_one_token_says_that_there_is_nothing_to_look_at(
    open_page: Open, runs: Path, nursery_tokenizer: Tokenizer
) -> None:
    small_run(runs, nursery_tokenizer, 1)
    for page in ("attention", "predictions"):
        app = open_page(page, a="of-1")
        assert not app.exception and not app.error
        assert "holds what opens a story and nothing more" in said(app)
    app = finished(open_page("writing", a="of-1"))
    assert not app.exception and not app.error and "1 tokens." in said(app)


def test_a_readers_own_text_that_does_not_fit_is_refused(
    open_page: Open, runs: Path, nursery_tokenizer: Tokenizer
) -> None:
    small_run(runs, nursery_tokenizer, 8)
    app = open_page("attention", a="of-8", story="My own text", text="A very long text of my own.")
    assert "must fit the context of 8 tokens" in said(app)


def test_end_of_text_in_a_field_is_the_token_and_the_page_says_so(
    open_page: Open, runs: Path, nursery_tokenizer: Tokenizer
) -> None:
    small_run(runs, nursery_tokenizer, 64)
    for page, field in (("attention", "text"), ("predictions", "text"), ("writing", "prompt")):
        chosen = {field: "<|endoftext|>The cat", "story": "My own text", "opening": "My own text"}
        app = finished(open_page(page, a="of-64", **chosen))
        assert not app.exception and not app.error
        assert "is read as the token that opens a story" in said(app)
