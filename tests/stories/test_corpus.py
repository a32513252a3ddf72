"""A corpus on disk: the tokens are the stories, splits never meet, and nothing is done twice."""

from pathlib import Path

import numpy as np
import pytest

from slm.errors import BadInput
from slm.stories.corpus import prepare
from slm.stories.tokenizer import Tokenizer
from tests.conftest import little_stories, write_corpus

STORIES = little_stories(300)


def test_the_tokens_are_the_stories_between_ends(corpus: Path, tmp_path: Path) -> None:
    prepared = prepare(str(corpus), d_vocab=512, n_ctx=32, cache=tmp_path / "cache")
    end, train = prepared.tokenizer.end, prepared.train
    assert train.tokens[0] == train.tokens[-1] == end
    assert (np.asarray(train.tokens)[train.starts] == end).all()
    texts = [prepared.tokenizer.decode(train.story(i).tolist()) for i in range(len(train))]
    assert set(texts) <= set(STORIES)
    assert train.n_bytes == sum(len(text.encode()) for text in texts)
    assert sum(len(train.story(i)) for i in range(len(train))) == len(train.tokens) - 1


def test_a_twentieth_is_held_out_and_never_trained_on(corpus: Path, tmp_path: Path) -> None:
    prepared = prepare(str(corpus), d_vocab=512, n_ctx=32, cache=tmp_path / "cache")
    texts = [
        {prepared.tokenizer.decode(split.story(i).tolist()) for i in range(len(split))}
        for split in (prepared.train, prepared.valid)
    ]
    assert len(texts[1]) == 15
    assert texts[0] | texts[1] == set(STORIES)
    assert not texts[0] & texts[1]


def test_validation_stories_that_stand_in_training_are_dropped_from_it(
    corpus: Path, tmp_path: Path
) -> None:
    valid = write_corpus(tmp_path / "valid.txt", [*STORIES[:10], "A new story was told."])
    prepared = prepare(
        str(corpus), valid=str(valid), d_vocab=512, n_ctx=32, cache=tmp_path / "cache"
    )
    assert prepared.report.in_validation == 10
    assert (len(prepared.train), len(prepared.valid)) == (290, 11)


def test_the_second_time_nothing_is_done(corpus: Path, tmp_path: Path) -> None:
    stages: list[str] = []

    def prepared() -> None:
        prepare(
            str(corpus),
            d_vocab=512,
            n_ctx=32,
            cache=tmp_path / "cache",
            progress=lambda stage, share: stages.append(stage),
        )

    prepared()
    assert "learning the tokenizer" in stages and "tokenizing the train stories" in stages
    stages.clear()
    prepared()
    assert stages == ["reading the corpus"]
    write_corpus(corpus, STORIES[:200])
    prepared()
    assert "tokenizing the train stories" in stages


def test_a_half_written_cache_is_never_seen(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: Tokenizer
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full_disk)
        with pytest.raises(OSError, match="No space"):
            prepare(str(corpus), tokenizer=tokenizer, n_ctx=32, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
    prepared = prepare(str(corpus), tokenizer=tokenizer, n_ctx=32, cache=tmp_path / "cache")
    assert len(prepared.train) == 285


def test_a_corpus_shorter_than_one_context_is_refused(tmp_path: Path) -> None:
    short = write_corpus(tmp_path / "short.txt", ["Tom ran.", "Amy ran."])
    with pytest.raises(BadInput, match="longer than one context of 256 tokens"):
        prepare(str(short), d_vocab=512, n_ctx=256, cache=tmp_path / "cache")
