"""Confirmed labels in the order of how sure their ablation effect is; what kinds without any came to."""

import numpy as np
import pytest

from slm.interp.heads.atlas import HeadAtlas
from slm.interp.heads.scores import HeadScores
from slm.overview.heads import labelled_heads
from slm.runs import Address
from slm.stats.interval import Intervals

KINDS = ("induction", "names", "place")


def estimates(mean: list[list[float]], wide: float = 0.01) -> Intervals:
    """One layer: a row a head, a column a kind; every interval so wide on either side."""
    middle = np.array([mean], dtype=np.float32)
    return Intervals(mean=middle, low=middle - wide, high=middle + wide)


def atlas(above: list[list[float]], effect: list[list[float]], wide: float = 0.01) -> HeadAtlas:
    """Heads whose scores lie so much above a baseline of 0.2, and whose ablation has such effects."""
    scores = HeadScores(
        address=Address("a", 0),
        corpus="nursery",
        kinds=KINDS,
        score=estimates((np.array(above) + 0.2).tolist()),
        baseline=estimates(np.full_like(above, 0.2).tolist()),
        difference=estimates(above),
        distance=np.full((1, len(above)), 2),
        profile=np.zeros((1, len(above), 4)),
        rows=(9, 9, 9),
    )
    nothing = estimates(np.zeros_like(effect).tolist())
    found = estimates(effect, wide)
    return HeadAtlas(
        scores=scores, ablation_on_target=found, ablation_off_target=nothing, effect=found
    )


def test_the_surest_effect_comes_first_whatever_the_score() -> None:
    found = labelled_heads(
        atlas([[0.5, 0.1, 0.0], [0.3, 0.2, 0.0]], [[0.1, 1.0, 0.0], [0.4, 0.3, 0.0]])
    )
    assert [(one.head, one.kind) for one in found.confirmed] == [
        (0, "names"),
        (1, "induction"),
        (1, "names"),
        (0, "induction"),
    ]
    first = found.confirmed[0]
    assert (first.score, first.baseline) == (pytest.approx(0.3), pytest.approx(0.2))
    assert (first.effect_low, first.effect, first.effect_high) == (0.99, 1.0, 1.01)
    assert {kind: one.head for kind, one in found.strongest().items()} == {
        "names": 0,
        "induction": 1,
    }
    assert found.count == 2


def test_a_label_without_an_effect_is_not_among_them_and_its_kind_tells_what_it_came_to() -> None:
    found = labelled_heads(
        atlas([[0.5, 0.02, -0.1], [0.3, 0.01, -0.2]], [[0.0, 0.5, 0.5], [0.0, 0.5, 0.5]])
    )
    assert found.confirmed == ()
    assert found.highest == {
        "induction": pytest.approx(0.5),
        "names": pytest.approx(0.02),
        "place": pytest.approx(-0.1),
    }


def test_a_kind_that_was_not_measured_has_no_highest_score() -> None:
    nan = float("nan")
    found = labelled_heads(atlas([[0.1, 0.0, nan]], [[0.0, 0.0, nan]]))
    assert set(found.highest) == {"induction", "names"}
