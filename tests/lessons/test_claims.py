"""Claims fail on a model that has learned nothing, and say what they lack.

That they hold on the bundled runs is seen where every lesson is gone through: app/pages/test_lessons.py.
"""

import json
from pathlib import Path

import pytest

from slm.lessons import claims
from slm.lessons.claims import CLAIMS, Checked, check
from slm.lessons.kept import kept
from slm.lessons.measures.measured import Measured, paired
from slm.lessons.reading import lessons
from slm.runs import Checkpoint, load_checkpoint

ROOT = Path(__file__).resolve().parents[2]
OF_THE_TOKENIZER = {"common words are tokens"}
"""Made before the model learns, so that it holds at step 0, too."""
NOT_TRAINED_YET = {"the dog is gone", "grammar is not"}


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs that ship with the app."""
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))


def test_every_claim_is_in_a_lesson(bundled: None) -> None:
    asked = {step.claim for one in lessons().lessons for step in one.steps if step.claim}
    assert asked == set(CLAIMS)


@pytest.mark.parametrize("name", sorted(CLAIMS.keys() - OF_THE_TOKENIZER))
def test_on_an_untrained_model_no_claim_holds(name: str, bundled: None) -> None:
    found = check(load_checkpoint("one-layer@0"), name)
    assert found.verdict != "holds", found.sentence


def test_what_cannot_be_measured_says_what_it_lacks(checkpoint: Checkpoint) -> None:
    found = check(checkpoint, "it recites")
    assert found.verdict == "not measured" and found.found is None
    assert found.sentence.startswith(
        "cannot be measured here: the stories that tiny was trained on"
    )
    assert json.loads(json.dumps(found.to_json()))["verdict"] == "not measured"


def test_what_two_trainings_gave_once_is_told_as_such(checkpoint: Checkpoint) -> None:
    there = kept()
    assert there is not None, "trainings have changed: measure them anew for kept.json"
    found = check(checkpoint, "the dog is gone")
    assert found.verdict == "not measured"
    assert found.before.startswith(
        "measured once, with two such trainings: 0.012 against less than"
    )
    assert there.claims.keys() == NOT_TRAINED_YET and len(there.stories) == 2
    assert all(one.holds for one in there.claims.values())


def test_a_claim_that_raises_anything_else_is_a_fault_of_ours(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Checkpoint) -> Measured:
        raise ZeroDivisionError

    claim = claims.Claim(name="x", says="", measured="", control="", holds_from="", measure=broken)
    monkeypatch.setitem(CLAIMS, "x", claim)
    with pytest.raises(ZeroDivisionError):
        check(checkpoint, "x")


def test_a_difference_holds_from_its_threshold_where_its_interval_is_above_0() -> None:
    ten = list(range(10))
    sure = paired([0.5 + 0.01 * at for at in ten], [0.1] * 10, least=0.4, unit="share")
    assert (
        sure.holds and sure.measured == pytest.approx(0.545) and sure.control == pytest.approx(0.1)
    )
    assert sure.low is not None and 0.4 < sure.low < 0.445 < sure.high < 0.5  # type: ignore[operator]
    assert not paired([0.5] * 10, [0.1] * 10, least=0.41, unit="share").holds  # too small
    assert not paired([3.0, *[0.0] * 9], [0.0] * 10, least=0.1, unit="share").holds  # one of ten
    assert not paired([0.5] * 7, [0.1] * 7, least=0.1, unit="share").holds  # too few to say
    assert not paired([0.5] * 10, [0.1] * 10, least=0.1, unit="share", also=False).holds


@pytest.mark.parametrize(
    ("measured", "control", "unit", "what", "told"),
    [
        (0.431, 0.022, "share", "head 2.3", "0.43 against 0.02 (head 2.3)"),
        (7.18, -6.32, "logits", "", "7.18 against -6.32 logits"),
        (0.0122, 4e-7, "share", "", "0.012 against less than 0.001"),
        (0.0, 0.0, "share", "", "0.000 against 0.000"),
    ],
)
def test_both_numbers_are_told(
    measured: float, control: float, unit: str, what: str, told: str
) -> None:
    found = Measured(holds=True, measured=measured, control=control, unit=unit, what=what)  # type: ignore[arg-type]
    assert found.told == told
    assert Checked(claim="next word", address="a", found=found).sentence == f"holds here: {told}"
