"""Heads stand by the distance they look back, and words are averaged over those that do not."""

import numpy as np
import pytest

from slm.interp.heads.query_keys import (
    averaged_heads,
    by_distance,
    mean_distance,
    query_keys,
    query_keys_in_stories,
)
from slm.interp.heads.scores import head_scores
from slm.progress import result_of
from slm.stories.tokenizer import Tokenizer
from tests.interp import golden_heads


def test_the_mean_distance_leaves_the_first_token_out() -> None:
    pattern = np.zeros((4, 4))
    pattern[2, [0, 1]] = 0.5, 0.5
    pattern[3, [0, 1, 2]] = 0.2, 0.4, 0.4
    assert mean_distance(pattern) == pytest.approx((0.5 * 1 + 0.4 * 2 + 0.4 * 1) / 1.3)


def test_a_head_built_to_look_back_is_by_distance_and_left_out_of_the_mean(
    tokenizer: Tokenizer,
) -> None:
    golden = golden_heads.looks_back(tokenizer, 3)
    scores = head_scores(golden, stories=16)
    assert by_distance(scores) == {(0, 0): 3} and averaged_heads(scores) == ((0, 1),)
    found = query_keys(golden, scores)
    assert found.mean_distance[0, 0] == pytest.approx(3, abs=0.2)
    assert found.heads[0] == (0, 0) and found.by_meaning == ()
    told = result_of(query_keys_in_stories(golden, found.averaged, stories=12))
    there = ~np.isnan(told.found.mean)
    assert told.stories == 12 and there.any()
    # head 0.1 looks everywhere alike: words get what shuffled places get
    assert (np.abs(told.difference.mean[there]) < 0.02).all()
    data = told.to_json()
    assert data["averaged_heads"] == ["0.1"] and len(data["difference"][0][0]) == 3
