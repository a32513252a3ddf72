"""Heads, roles and copying: verdicts on hand-made overviews, whichever way they come out."""

import pytest

from slm.findings.inside import DISTANCE, SEMANTIC, SeenRun, heads_of, roles_fade
from slm.findings.recall import Recalled, copies_no_more
from slm.overview.records import (
    HeadsOverview,
    LabelledHead,
    LayerNeurons,
    NeuronsOverview,
    Overview,
)
from slm.stats.interval import Interval


def head(at: int, kind: str, name: str, low: float = 0.1) -> LabelledHead:
    """A confirmed head."""
    return LabelledHead(
        layer=0,
        head=at,
        kind=kind,
        name=name,
        score=0.3,
        baseline=0.1,
        effect=low + 0.1,
        effect_low=low,
        effect_high=low + 0.2,
    )


def seen(
    *heads: LabelledHead,
    best: float = 0.0,
    layers: int = 1,
    parameters: int = 1,
    roles: int = 0,
    random_roles: float = 0.0,
) -> SeenRun:
    """A run with these heads, and `roles` of 1000 neurons with a confirmed role."""
    neurons = LayerNeurons(
        firing_rate=(),
        role=(),
        auc=(),
        confirmed=(True,) * roles + (False,) * (1000 - roles),
        top_tokens=(),
        thresholds=(),
        confirmed_share=roles / 1000,
        random_directions_share=random_roles,
        shuffled_share=0.0,
        dealt_share=0.0,
    )
    overview = Overview(
        address="r@1",
        heads=HeadsOverview(count=16, confirmed=heads, highest={"names": best}),
        neurons=NeuronsOverview(roles=(), layers=(neurons,), best=(), highest=None),
        prediction=None,
        pair=None,
        finds=(),
    )
    return SeenRun(
        run="r",
        layers=layers,
        parameters=parameters,
        corpus="c",
        vocabulary="v",
        budget=1,
        overview=overview,
    )


def test_distance_heads_hold_only_with_several_distances_in_one_layer() -> None:
    two = seen(head(0, "previous token", "previous token"), head(1, "fixed distance", "2 back"))
    assert heads_of([two], DISTANCE, "c", distances=2).verdict == "holds"
    same = seen(head(0, "previous token", "previous token"))
    assert heads_of([same], DISTANCE, "c", distances=2).verdict == "can't be told"
    without_effect = seen(head(0, "previous token", "previous token", low=-0.1))
    assert heads_of([without_effect], DISTANCE, "c").verdict == "does not hold"
    assert heads_of([seen(layers=2)], DISTANCE, "c").number is None


@pytest.mark.parametrize(("best", "verdict"), [(0.01, "does not hold"), (0.04, "can't be told")])
def test_semantic_heads_do_not_hold_only_where_none_comes_near(best: float, verdict: str) -> None:
    assert heads_of([seen(best=best)], SEMANTIC, "c").verdict == verdict


def test_roles_fade_where_the_small_model_has_more_beyond_random_directions() -> None:
    def told(small: int, large: int, random_in_small: float = 0.0) -> str:
        one = seen(roles=small, random_roles=random_in_small)
        return roles_fade([one, seen(roles=large, parameters=2)]).verdict

    assert told(400, 100) == "holds"
    assert told(100, 400) == "does not hold"
    assert told(200, 200) == "can't be told"
    assert told(400, 100, random_in_small=0.3) == "can't be told"
    assert roles_fade([seen()]).number is None


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.01, 0.01, "holds"), (0.05, 0.1, "does not hold"), (-0.01, 0.05, "can't be told")],
)
def test_no_copying_is_claimed_only_where_what_matters_is_ruled_out(
    low: float, high: float, verdict: str
) -> None:
    more = Interval(mean=(low + high) / 2, low=low, high=high, n=60)
    often = Recalled(run="often", more=Interval(mean=0.9, low=0.8, high=1.0, n=60), epochs=200.0)
    found = copies_no_more([Recalled(run="once", more=more, epochs=1.0), often])
    assert found.verdict == verdict and "often" in found.why
    assert copies_no_more([often]).number is None
