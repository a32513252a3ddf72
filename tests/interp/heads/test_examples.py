"""A head's examples are the places at which it looks at a target of its label most."""

import numpy as np
import pytest

from slm.interp.heads.examples import LEAST_BACK, head_examples, targets_in
from slm.interp.heads.targets import HeadLabel, duplicate_targets, induction_targets, place_targets
from slm.stories.tokenizer import Tokenizer
from tests.interp import golden_heads


@pytest.mark.parametrize(("back", "kind"), [(1, HeadLabel.PREVIOUS), (3, HeadLabel.DISTANCE)])
def test_a_head_built_to_look_back_has_examples_at_its_distance(
    tokenizer: Tokenizer, back: int, kind: str
) -> None:
    golden = golden_heads.looks_back(tokenizer, back)
    found = head_examples(golden, 0, 0, kind, back=back)
    assert len(found) == 3 and len({one.title for one in found}) == 3
    assert all(one.query - one.key == back and one.weight > 0.99 for one in found)
    assert all(one.attention.sum() == pytest.approx(1, abs=1e-4) for one in found)
    assert head_examples(golden, 0, 0, HeadLabel.DISTANCE, back=back + 4) == []  # it never does


def test_an_induction_head_looks_at_what_followed_the_same_token(tokenizer: Tokenizer) -> None:
    golden = golden_heads.completes_repeats(tokenizer)
    found = head_examples(golden, 1, 0, HeadLabel.INDUCTION)
    assert found and found[0].weight > 0.9
    assert all(one.str_tokens[one.key - 1] == one.str_tokens[one.query] for one in found)
    assert [one.weight for one in found] == sorted((one.weight for one in found), reverse=True)


def test_a_name_is_a_capital_inside_a_sentence_some_tokens_back(tokenizer: Tokenizer) -> None:
    golden = golden_heads.looks_back(tokenizer, 1)
    text = "One day Tom had a ball and he ran to the park with it."
    targets = targets_in(golden, text, HeadLabel.NAMES, 0)
    str_tokens = tokenizer.to_str_tokens(tokenizer.encode_story(text))
    queries, keys = np.nonzero(targets)
    assert {str_tokens[key] for key in keys} == {" Tom"}
    assert queries.min() == keys.min() + LEAST_BACK and queries.max() == len(str_tokens) - 1


def test_a_protagonist_is_known_in_nursery_stories_alone(tokenizer: Tokenizer) -> None:
    found = head_examples(golden_heads.looks_back(tokenizer, 1), 0, 0, HeadLabel.HERO)
    assert all(one.title == "" and one.text for one in found)


def test_what_follows_a_repeat_is_the_target_of_induction() -> None:
    tokens = np.array([9, 1, 2, 3, 1, 2])
    assert np.argwhere(duplicate_targets(tokens)).tolist() == [[4, 1], [5, 2]]
    assert np.argwhere(induction_targets(tokens)).tolist() == [[4, 2], [5, 3]]
    assert np.argwhere(place_targets(HeadLabel.FIRST, 3, 0)).tolist() == [[1, 0], [2, 0]]
    assert np.argwhere(place_targets(HeadLabel.DISTANCE, 4, 2)).tolist() == [[3, 1]]
