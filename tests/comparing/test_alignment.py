"""Two tokenizers meet where both end a token; nothing is lost, whatever the text."""

import numpy as np
import pytest

from slm.comparing.alignment import align, averaging, total
from slm.stories.tokenizer import END, Tokenizer
from tests.conftest import little_stories

TEXTS = [
    *little_stories(3),
    "",
    "a",
    "Żółć! 😀😀 naïve\n\n  two  spaces ",
    "日本語のテキスト",
    "<b>&amp; <|endoftext|>",
]


@pytest.mark.parametrize("text", TEXTS)
def test_stretches_are_the_text_and_sums_are_conserved(
    text: str, tokenizer: Tokenizer, coarse: Tokenizer
) -> None:
    cut = align(text, tokenizer, coarse)
    assert cut.str_tokens[0] == END and "".join(cut.str_tokens[1:]) == text
    for own, of in ((tokenizer, cut.of_a), (coarse, cut.of_b)):
        assert len(of) == len(own.encode_story(text))
        assert of[0] == 0 and (np.diff(of) >= 0).all() and (of[1:] > 0).all()
        values = np.random.default_rng(0).random(len(of))
        assert total(values, of, len(cut)).sum() == pytest.approx(values.sum())


def test_a_stretch_holds_whole_tokens_of_both(tokenizer: Tokenizer, coarse: Tokenizer) -> None:
    text = little_stories(1)[0]
    cut = align(text, tokenizer, coarse)
    for own, of in ((tokenizer, cut.of_a), (coarse, cut.of_b)):
        str_tokens = own.to_str_tokens(own.encode_story(text))
        for stretch, str_token in enumerate(cut.str_tokens):
            assert "".join(str_tokens[at] for at in np.flatnonzero(of == stretch)) == str_token


def test_of_one_tokenizer_the_stretches_are_its_tokens(tokenizer: Tokenizer) -> None:
    text = little_stories(1)[0]
    cut = align(text, tokenizer, tokenizer)
    assert list(cut.str_tokens) == tokenizer.to_str_tokens(tokenizer.encode_story(text))
    assert cut.of_a.tolist() == cut.of_b.tolist() == list(range(len(cut)))


def test_the_mean_over_a_stretch_is_over_its_tokens() -> None:
    rows = averaging(np.array([0, 1, 1, 3]), 4)
    assert (rows @ np.array([5.0, 1.0, 3.0, 7.0])).tolist() == [5.0, 2.0, 0.0, 7.0]
