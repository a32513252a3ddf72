"""Stories are encoded to the same tokens, whoever encodes them."""

import sys
from pathlib import Path
from types import ModuleType

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


def test_the_processes_do_not_run_the_script_that_asked_for_them(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.py"  # Streamlit puts the page that runs in the place of `__main__`
    page.write_text("raise RuntimeError('a page ran')")
    main = ModuleType("__main__")
    main.__file__ = str(page)
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr("slm.stories.corpus.LONG", 100)
    assert len(prepare(str(corpus), d_vocab=512, n_ctx=32, cache=tmp_path / "two").train)
    assert sys.modules["__main__"] is main
