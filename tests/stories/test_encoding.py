"""Stories are encoded to the same tokens, whoever encodes them."""

from pathlib import Path

import pytest

from slm.stories.corpus import prepare


def test_a_long_corpus_is_encoded_by_several_processes_into_the_same_tokens(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = prepare(str(corpus), d_vocab=512, n_ctx=32, cache=tmp_path / "one")
    monkeypatch.setattr("slm.stories.corpus.LONG", 100)
    monkeypatch.setattr("slm.stories.encoding.TEXT_AT_ONCE", 500)
    together = prepare(str(corpus), d_vocab=512, n_ctx=32, cache=tmp_path / "two")
    assert together.train.hash == alone.train.hash
    assert (together.train.starts == alone.train.starts).all()
