"""Branches: a path of choices gives its story again, and a tree of them fits a link."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slm.cli import main
from slm.errors import BadInput
from slm.generation.branches import (
    Branches,
    BranchPath,
    BranchPoint,
    branch_off,
    forced_tokens,
    path_from_link,
    path_to_link,
)
from slm.generation.sampler import Sampling, complete
from slm.model import functional
from slm.runs import Checkpoint


def path(*choices: tuple[int, ...]) -> BranchPath:
    return tuple(
        BranchPoint(place=place, tokens=tokens)
        for place, *rest in choices
        if (tokens := tuple(rest))
    )


def test_a_branch_keeps_what_came_before_and_takes_the_token(checkpoint: Checkpoint) -> None:
    checkpoint.weights.b_U[checkpoint.tokenizer.end] = -1e4
    sampling = Sampling(max_tokens=12, seed=4)
    (whole,) = complete(checkpoint, ["One day"], sampling)
    other = (whole.tokens[5] + 1) % checkpoint.config.d_vocab
    (branch,) = complete(checkpoint, ["One day"], sampling, forced={5: other})
    assert branch.tokens[:5] == whole.tokens[:5] and branch.tokens[5] == other
    (again,) = complete(checkpoint, ["One day"], sampling, forced={5: whole.tokens[5]})
    assert again == whole  # what is drawn elsewhere does not depend on what was chosen


def test_after_a_choice_the_same_luck_draws_from_the_new_distribution(
    checkpoint: Checkpoint,
) -> None:
    sampling = Sampling(max_tokens=4, temperature=0.0)
    (branch,) = complete(checkpoint, ["Tom"], sampling, forced={0: 300})
    seen = [*checkpoint.tokenizer.encode_story("Tom"), 300]
    assert branch.tokens[1] == int(
        functional.logits(checkpoint.weights, torch.tensor([seen]))[0, -1].argmax()
    )


def test_choosing_the_end_ends_the_story_there(checkpoint: Checkpoint) -> None:
    checkpoint.weights.b_U[checkpoint.tokenizer.end] = -1e4
    end = {3: checkpoint.tokenizer.end}
    (branch,) = complete(checkpoint, ["One day"], Sampling(max_tokens=9), forced=end)
    assert (len(branch.tokens), branch.stopped) == (3, "story end")


@pytest.mark.parametrize(
    ("choice", "line"),
    [
        ({9: 3}, "at place 0 to 8, not at 9"),
        ({2: 99999}, "a token lies between 0 and"),
        ({2: 0, 5: 3}, "it ends after 2 tokens, before place 5"),
    ],
)
def test_a_choice_that_cannot_be_taken_is_refused(
    checkpoint: Checkpoint, choice: dict[int, int], line: str
) -> None:
    assert checkpoint.tokenizer.end == 0
    with pytest.raises(BadInput, match=line):
        complete(checkpoint, ["One day"], Sampling(max_tokens=9), forced=choice)


def test_leaving_a_branch_drops_its_later_choices() -> None:
    assert branch_off((), 3, (7,)) == path((3, 7))
    assert branch_off(path((3, 7), (8, 1)), 5, (2, 4)) == path((3, 7), (5, 2, 4))
    assert branch_off(path((3, 7)), 3, (9,)) == path((3, 9))
    assert branch_off(path((3, 7, 8, 9)), 5, (1,)) == path((3, 7, 8, 1))  # within a choice
    assert forced_tokens(path((3, 7, 8), (9, 1))) == {3: 7, 4: 8, 9: 1}


def test_a_branch_brings_those_it_parted_from_and_takes_its_own_along() -> None:
    tree = Branches().grown(path((3, 7), (8, 1))).grown(path((2, 5)))
    assert list(tree.walk()) == [(), path((2, 5)), path((3, 7)), path((3, 7), (8, 1))]
    assert list(tree.without(path((3, 7))).walk()) == [(), path((2, 5))]
    assert tree.without(()) == tree


tokens = st.lists(st.integers(0, 9999), min_size=1, max_size=4).map(tuple)
steps = st.lists(st.tuples(st.integers(0, 60), tokens), min_size=1, max_size=6)


@given(st.lists(steps, max_size=5))
def test_any_tree_comes_back_from_its_link(made: list[list[tuple[int, tuple[int, ...]]]]) -> None:
    tree = Branches()
    for choices in made:
        here: BranchPath = ()
        for place, chosen in choices:
            here = branch_off(here, place, chosen)
        tree = tree.grown(here)
        assert path_from_link(path_to_link(here)) == here
    again = Branches.from_link(tree.to_link())
    assert set(again.paths) == set(tree.paths)
    assert Branches.from_link(again.to_link()) == again


@pytest.mark.parametrize("text", ["x", "3", "3.", "8.1-3.1", "3.1.2-4.5", "-", "3.1--4.1"])
def test_a_link_that_is_no_tree_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="branch"):
        Branches.from_link(text)


def test_a_tree_is_bounded() -> None:
    with pytest.raises(BadInput, match="at most 40 branches"):
        Branches.from_link("~".join(f"{place}.1" for place in range(41)))
    with pytest.raises(BadInput, match="at most 20 choices"):
        path_from_link("-".join(f"{place}.1" for place in range(21)))


def test_the_command_writes_a_branch_and_its_alternatives(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["sample", "tiny", "--prompt", "Tom", "--max-tokens", "6", "--json"]
    assert main([*asked, "--branch", "0= park", "--alternatives", "3"]) == 0
    found = json.loads(capsys.readouterr().out)
    ids = checkpoint.tokenizer.encode(" park")
    (story,) = found["completions"]
    assert story["text"].startswith(" park") and story["tokens"][: len(ids)] == ids
    assert found["branch"] == [{"place": 0, "tokens": ids}]
    assert [len(token["alternatives"]) for token in found["alternatives"]] == [3] * len(
        story["tokens"]
    )
    for wrong, line in (("park", "PLACE=TOKEN"), ("9= park", "place 0 to 5")):
        assert main([*asked, "--branch", wrong]) == 2
        assert line in capsys.readouterr().err


def test_a_request_is_composed_and_an_untrained_model_is_named(
    checkpoint: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["sample", "tiny", "--max-tokens", "2", "--json", "--words", "fox, hat"]
    assert main([*asked, "--features", "Dialogue,Twist"]) == 0
    captured = capsys.readouterr()
    prompt = json.loads(captured.out)["prompt"]
    assert prompt == "Features: Dialogue, Twist\nWords: fox, hat\nStory:"
    assert "does not look like Instruct data" in captured.err
    assert main([*asked, "--features", "Dance"]) == 2
    assert main([*asked, "--prompt", "Tom"]) == 2
