"""Finds tell the number that they were found by, or the one that was too low."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slm.comparing.measured import BEST_HEAD, MeasuredValue
from slm.interp.attention import attention
from slm.overview import finds
from slm.overview.across import copied_find, grid_find, positive_and_negative
from slm.overview.kept import keep, provenance
from slm.overview.learning import History
from slm.overview.records import (
    Copying,
    HeadsOverview,
    LabelledHead,
    NeuronsOverview,
    Overview,
    RoleNeuron,
)
from slm.runs import Run, load_checkpoint
from slm.stats.interval import Interval
from slm.stories import shipped

NOTHING = Overview(
    address="",
    heads=HeadsOverview(count=0, confirmed=(), highest={}),
    neurons=NeuronsOverview(roles=(), layers=(), best=(), highest=None),
    prediction=None,
    pair=None,
    finds=(),
)


def head(kind: str, *, head: int = 0) -> LabelledHead:
    return LabelledHead(
        layer=0,
        head=head,
        kind=kind,
        name=kind,
        score=0.4,
        baseline=0.1,
        effect=0.5,
        effect_low=0.3,
        effect_high=0.7,
    )


def neuron(role: str, number: int) -> RoleNeuron:
    return RoleNeuron(
        layer=0,
        neuron=number,
        role=role,
        auc=0.95,
        low=0.9,
        high=0.97,
        threshold=0.6,
        fires_on_role=0.8,
        fires_elsewhere=0.05,
    )


def test_the_induction_head_is_shown_where_it_looks_most_at_what_followed_the_word(
    untrained: Run,
) -> None:
    checkpoint = load_checkpoint("untrained@0")
    heads = HeadsOverview(count=2, confirmed=(head("names"), head("induction", head=1)), highest={})
    found = finds.induction_find(checkpoint, heads)
    assert found.found and (found.value, found.control) == (0.4, 0.1)
    assert found.link["head"] == "1" and found.link["a"] == "untrained@0"
    at = int(found.link["token"])
    view = attention(checkpoint, shipped.story(found.link["story"]).text)
    before = [key for key in range(1, at) if view.tokens[key - 1] == view.tokens[at]]
    looked = max(before, key=lambda key: float(view.pattern[0, 1, at, key]))
    assert f"“{view.str_tokens[looked].strip()}”" in found.says


def test_without_an_induction_head_the_highest_score_is_told(untrained: Run) -> None:
    heads = HeadsOverview(count=2, confirmed=(head("names"),), highest={"induction": 0.03})
    found = finds.induction_find(load_checkpoint("untrained@0"), heads)
    assert not found.found and (found.value, found.needed) == (0.03, 0.05)
    assert "at most 3.0%" in found.says and found.link == {}


def test_a_neuron_of_a_pronoun_goes_before_a_surer_one_of_another_role(untrained: Run) -> None:
    role = "protagonist, pronoun"
    best = (neuron("action", 3), neuron(role, 7))
    neurons = replace(NOTHING.neurons, best=best)
    found = finds.role_find(load_checkpoint("untrained@0"), neurons)
    assert found.link["neuron"] == "7" and "80%" in found.says and "5%" in found.says
    words = [word.strip('.,"').lower() for word in found.link["text"].split()]
    assert sum(word in ("he", "she", "his", "her", "him", "it", "its") for word in words) >= 2


def test_a_neuron_is_shown_where_words_of_its_role_stand(untrained: Run) -> None:
    checkpoint = load_checkpoint("untrained@0")
    text = finds.sentence_with(checkpoint, "opens a quotation")
    assert text.count('"') >= 2 or text.count("“") >= 2
    assert "named" in finds.sentence_with(checkpoint, "after “named”")


def names(*gains: float) -> History:
    values = tuple(
        MeasuredValue(
            measure=BEST_HEAD,
            of="names",
            value=0.1 + gain,
            low=0.09 + gain,
            high=0.11 + gain,
            baseline=0.1,
            count=9,
            which="2.1",
        )
        for gain in gains
    )
    return History(what="names", steps=tuple(range(len(gains))), values=values)


def test_names_come_back_at_the_first_step_that_stays(untrained: Run) -> None:
    found = finds.names_find(untrained, names(0.0, 0.2, 0.0, 0.1, 0.2))
    assert found.found and "At step 3" in found.says and "head 2.1" in found.says
    assert (found.value, found.control) == (pytest.approx(0.2), pytest.approx(0.1))
    assert [len(one.values) for one in found.curves] == [5, 5]
    assert not finds.names_find(untrained, names(0.0, 0.2, 0.0)).found
    assert "one checkpoint" in finds.names_find(untrained, names(0.2)).says


def test_grammar_comes_first_where_function_words_are_half_learnt_at_an_earlier_step(
    untrained: Run,
) -> None:
    def words(frame: tuple[float, ...], later: tuple[float, ...]) -> dict[int, dict[str, float]]:
        steps = (0, 4, 8)
        return {
            step: {
                "frame": float(f),
                "later mentions": float(m),
                "first mentions": 9.0,
                "what happens": 9.0,
            }
            for step, f, m in zip(steps, frame, later, strict=True)
        }

    first = finds.grammar_find(untrained, words((8, 4, 2), (8, 7, 2)))  # type: ignore[arg-type]
    assert first.found and (first.value, first.control) == (8.0, 4.0)
    assert first.curves[0].values == (0.0, pytest.approx(4 / 6, abs=1e-4), 1.0)
    both = finds.grammar_find(untrained, words((8, 4, 2), (8, 4, 2)))  # type: ignore[arg-type]
    assert not both.found and both.says.startswith("Grammar is not learnt before consistency")
    never = finds.grammar_find(untrained, words((8, 8, 8), (8, 4, 2)))  # type: ignore[arg-type]
    assert not never.found and "never" in never.says
    assert not finds.grammar_find(untrained, {}).found


def copying(more: float, wide: float) -> Copying:
    return Copying(
        corpus="nursery:100:0",
        trained_on=100,
        more=Interval(mean=more, low=more - wide, high=more + wide, n=60),
        longest=20,
        given="She went",
        wrote="to the sea.",
        true_ending="to the sea.",
    )


def test_a_run_that_copies_stands_beside_one_that_does_not(untrained: Run, runs: Path) -> None:
    other = Run(runs / "other")
    other.path.mkdir()
    for name in ("run.json", "tokenizer.json"):
        (other.path / name).write_bytes((untrained.path / name).read_bytes())
    other.save_checkpoint(load_checkpoint("untrained@0").weights, 0)
    for run, step, found in ((untrained, 8, copying(0.9, 0.1)), (other, 0, copying(0.01, 0.05))):
        keep(run, step, provenance(run, step), replace(NOTHING, copying=found))
    found = copied_find([other, untrained])
    assert found.found and found.link == {"a": "untrained@8", "corpus": "nursery:100:0"}
    assert (found.value, found.control) == (0.9, 0.01)
    both = positive_and_negative([other, untrained])
    assert both is not None and [one.run for one in both] == ["untrained", "other"]
    assert positive_and_negative([untrained]) is positive_and_negative([other]) is None
    assert not copied_find([untrained]).found and not copied_find([other]).found
    assert not copied_find([]).found


def test_without_a_grid_there_is_no_best_shape(runs: Path) -> None:
    found = grid_find()
    assert not found.found and (found.value, found.needed) == (0.0, 4.0)


def test_what_was_found_stands_before_what_was_not(untrained: Run) -> None:
    some = finds.in_order([finds.grammar_find(untrained, {}), copied_find([])])
    assert [one.kind for one in some] == ["grammar first", "copied and not copied"]
    assert np.all([not one.found for one in some])
