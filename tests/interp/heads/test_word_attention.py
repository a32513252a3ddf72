"""Attention between words is the share that queries give to keys before them, beside shuffled places."""

from itertools import permutations

import numpy as np
import pytest

from slm.interp.heads.word_attention import (
    attention_between,
    attention_shuffled,
    words_in_story,
    words_in_text,
)
from slm.stories import nursery
from slm.stories.nursery import Role
from slm.stories.tokenizer import Tokenizer


def mask(length: int, *places: int) -> np.ndarray:
    return np.isin(np.arange(length), places)


def test_only_queries_after_a_key_are_asked_and_all_keys_before_count() -> None:
    pattern = np.tril(np.full((5, 5), 0.1))
    pattern[3, [1, 2]] = 0.2, 0.4
    pattern[4, [1, 2]] = 0.1, 0.3
    keys = mask(5, 1, 2, 4)
    assert attention_between(pattern, mask(5, 0, 3, 4), keys) == pytest.approx((0.6 + 0.4) / 2)
    assert np.isnan(attention_between(pattern, mask(5, 0, 1), keys))  # neither stands after a key


def test_shuffled_places_are_the_mean_over_all_deals() -> None:
    draw = np.random.default_rng(0)
    pattern = np.tril(draw.random((2, 7, 7)))
    pattern /= pattern.sum(-1, keepdims=True)
    queries, places, keys = mask(7, 6), mask(7, 1, 2, 4, 5), mask(7, 1, 4)
    dealt = [
        attention_between(pattern, queries, mask(7, *some))
        for some in permutations((1, 2, 4, 5), 2)
    ]
    found = attention_shuffled(pattern, queries, keys, places)
    assert found == pytest.approx(np.mean(dealt, 0))


def test_attention_that_is_even_among_words_is_that_of_shuffled_places() -> None:
    pattern = np.tril(np.ones((8, 8)))
    pattern /= pattern.sum(-1, keepdims=True)
    words, keys, queries = mask(8, 1, 2, 4, 5, 6), mask(8, 2, 5), mask(8, 3, 6, 7)
    found = attention_between(pattern, queries, keys)
    assert attention_shuffled(pattern, queries, keys, words) == pytest.approx(found)


def test_words_of_several_tokens_are_whole_keys_and_queries_at_their_end(
    tokenizer: Tokenizer,
) -> None:
    text = "The banana. Lucy ran, a banana"
    words = words_in_text(tokenizer, text)
    str_tokens = tokenizer.to_str_tokens(tokenizer.encode_story(text))

    def of(found: np.ndarray) -> str:
        return "".join(token for token, there in zip(str_tokens, found, strict=True) if there)

    assert of(words.keys["banana"]) == " banana banana"
    assert of(words.keys["Lucy"]).strip() == "Lucy"
    assert of(words.queries["full stop"]) == "." and of(words.queries["the"]).endswith("e")
    assert of(words.places).replace(" ", "") == "ThebananaLucyranabanana"
    assert not words.keys["park"].any()


def test_a_story_gives_its_roles_as_keys(tokenizer: Tokenizer) -> None:
    story = next(iter(nursery.stories(1, seed=3)))
    words, text = words_in_story(tokenizer, story), story.text
    str_tokens = tokenizer.to_str_tokens(tokenizer.encode_story(text))
    said = "".join(t for t, there in zip(str_tokens, words.keys["object"], strict=True) if there)
    spans = [text[one.start : one.end] for one in story.spans if one.role == Role.OBJECT]
    assert said.replace(" ", "") == "".join(spans).replace(" ", "") != ""
