"""What is kept of copying can be found in the corpus, which is made again."""

import pytest

from slm.memorization.measures import SHORTEST_COPY
from slm.memorization.rouge import words
from slm.overview.kept import kept_overview
from slm.stories import nursery
from tests.app.conftest import ROOT


def test_the_copies_that_are_kept_stand_in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    overview = kept_overview("nursery-100")
    assert overview is not None and overview.copying is not None
    found = overview.copying
    corpus = [
        " ".join(word.text for word in words(one.text))
        for one in nursery.stories(found.trained_on, seed=0)
    ]
    wrote = [word.text for word in words(found.wrote)]
    assert found.copied
    for start, stop in found.copied:
        assert stop - start >= SHORTEST_COPY and stop <= len(wrote)
        assert any(" ".join(wrote[start:stop]) in story for story in corpus)
