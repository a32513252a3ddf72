"""Training and validation stories of a corpus have nothing in common; an empty split is refused."""

from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.stories.corpus import prepare
from tests.conftest import write_corpus
from tests.stories.test_corpus import STORIES


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


def test_about_as_many_are_held_out_of_a_corpus_too_long_to_look_through(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slm.stories.splits.JUDGED_BY", 5000)
    monkeypatch.setattr("slm.stories.splits.HELD_OUT_AT_MOST", 12)
    prepared = prepare(str(corpus), d_vocab=512, n_ctx=32, cache=tmp_path / "cache")
    assert 3 <= len(prepared.valid) <= 40
    assert len(prepared.train) + len(prepared.valid) == 300


def test_progress_tells_how_far_a_long_text_has_been_read(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slm.stories.splits.REPORT_EVERY", 10_000)
    shares: list[float | None] = []
    prepare(
        str(corpus),
        d_vocab=512,
        n_ctx=32,
        cache=tmp_path / "cache",
        progress=lambda stage, share: shares.append(share) if "tokenizing" in stage else None,
    )
    assert shares[0] == 0.0
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert 0.5 < shares[-1] <= 1.0


@pytest.mark.parametrize("stories", [["Tom ran."], ["Tom ran.", "Tom  ran."], ["Tom ran.", "Amy"]])
def test_too_few_stories_to_hold_one_out_are_refused(tmp_path: Path, stories: list[str]) -> None:
    few = write_corpus(tmp_path / "few.txt", stories)
    with pytest.raises(
        BadInput, match=r"a corpus needs 2 stories, one to validate with: of .* kept"
    ):
        prepare(str(few), d_vocab=512, n_ctx=2, cache=tmp_path / "cache")


def test_a_split_left_empty_is_said_in_a_sentence(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"every story of the corpus .* is a validation story"):
        prepare(str(corpus), valid=str(corpus), d_vocab=512, n_ctx=2, cache=tmp_path / "cache")
    most = write_corpus(tmp_path / "most.txt", [*STORIES, "Tom went to"])
    with pytest.raises(BadInput, match=r"no story of .* is left to train on: 0 of 301") as caught:
        prepare(str(most), valid=str(corpus), d_vocab=512, n_ctx=2, cache=tmp_path / "cache")
    assert "CleaningReport" not in str(caught.value)
    assert "1 cut off (“Tom went to”)" in str(caught.value)
