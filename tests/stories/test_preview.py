"""A corpus can be looked at before it is trained on."""

from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.stories.preview import preview
from slm.stories.tokenizer import Tokenizer
from tests.conftest import little_stories, write_corpus


def test_a_preview_counts_what_cleaning_drops_and_cuts_what_is_left(tmp_path: Path) -> None:
    texts = little_stories(30)
    corpus = write_corpus(tmp_path / "c.txt", [*texts, texts[0], "He was about to"])
    found = preview(str(corpus), 512, shown=2)
    assert (found.report.kept, found.report.duplicate, found.report.truncated) == (30, 1, 1)
    assert found.stories == tuple(texts[:2])
    assert ["".join(str_tokens) for str_tokens in found.str_tokens] == texts[:2]
    assert 1 < found.bytes_per_token < 8


def test_a_known_tokenizer_is_used_as_it_is(tmp_path: Path, tokenizer: Tokenizer) -> None:
    corpus = write_corpus(tmp_path / "c.txt", little_stories(5))
    found = preview(str(corpus), 0, tokenizer=tokenizer.to_json())
    first = tokenizer.encode(little_stories(5)[0])
    assert list(found.str_tokens[0]) == tokenizer.to_str_tokens(first)


def test_a_corpus_without_a_whole_story_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="1 of the first 1 stories end without a sentence's mark"):
        preview(str(write_corpus(tmp_path / "c.txt", ["He was about to"])), 512)
    with pytest.raises(BadInput, match="no story that survives"):
        preview(f"{tmp_path / 'c.txt'}:drop-truncated", 512)
