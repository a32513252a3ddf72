"""The paper's findings are computed from grades, and claimed only where the grades bear them."""

import pytest

from slm.grading.findings import findings
from slm.grading.history import GradedCheckpoint


def scored(
    run: str, *, step: int = 1, width: int = 64, layers: int = 1, **means: float
) -> GradedCheckpoint:
    """A checkpoint whose openings differ in level but not in what is found."""
    return GradedCheckpoint(
        run=run,
        step=step,
        tokens=step * 1000,
        width=width,
        layers=layers,
        judge="j",
        grades={
            name: {f"opening {number}": mean + 0.1 * number for number in range(8)}
            for name, mean in means.items()
        },
    )


def verdict(found: list[GradedCheckpoint], claim: str) -> str:
    """The verdict on the one finding that speaks of `claim`."""
    (one,) = [finding for finding in findings(found) if claim in finding.claim]
    return one.verdict


def test_without_grades_nothing_is_claimed_and_each_finding_says_what_it_takes() -> None:
    found = findings([])
    assert len(found) == 7
    assert {one.verdict for one in found} == {"not enough data"}
    assert all("it takes" in one.why for one in found)


@pytest.mark.parametrize(
    ("grammar", "consistency", "expected"),
    [
        ([1, 8, 8, 8], [1, 2, 5, 8], "holds"),
        ([1, 2, 5, 8], [1, 8, 8, 8], "does not hold"),
        ([1, 8, 8, 8], [1, 8, 8, 8], "does not hold"),
    ],
)
def test_grammar_levels_off_first_where_its_curve_does(
    grammar: list[float], consistency: list[float], expected: str
) -> None:
    history = [
        scored("r", step=step, grammar=g, consistency=c, creativity=1)
        for step, (g, c) in enumerate(zip(grammar, consistency, strict=True))
    ]
    assert verdict(history, "grammar levels off before consistency") == expected


def test_three_checkpoints_are_no_curve() -> None:
    history = [scored("r", step=s, grammar=s, consistency=s) for s in range(3)]
    assert verdict(history, "grammar levels off") == "not enough data"


def test_depth_helps_consistency_more_where_it_does() -> None:
    shallow = scored("a", layers=1, grammar=6, consistency=4)
    assert verdict([shallow, scored("b", layers=8, grammar=6.5, consistency=7)], "Depth") == "holds"
    other = scored("b", layers=8, grammar=8, consistency=4.5)
    assert verdict([shallow, other], "Depth") == "does not hold"
    wider = scored("b", width=128, layers=8, grammar=6.5, consistency=7)
    assert verdict([shallow, wider], "Depth") == "not enough data"


def test_openings_that_disagree_decide_nothing() -> None:
    shallow = scored("a", layers=1, grammar=5, consistency=5)
    deep = scored("b", layers=2, grammar=5, consistency=5)
    mixed = {f"opening {n}": 5 + 0.1 * n + (1 if n % 2 else -1) for n in range(8)}
    deep = GradedCheckpoint(**{**vars(deep), "grades": {**deep.grades, "consistency": mixed}})
    assert verdict([shallow, deep], "Depth") == "not enough data"


def test_consistency_appears_where_a_doubling_gains_most() -> None:
    widths = {64: 4.0, 128: 7.0, 512: 8.0}  # +3 for a doubling, then +0.5 for each of two
    found = [scored(f"w{w}", width=w, layers=8, consistency=c) for w, c in widths.items()]
    assert verdict(found, "Consistency appears") == "holds"


def test_instructions_and_plot_are_compared_across_shapes() -> None:
    one = scored("a", layers=1, instruction=3, plot=4)
    two = scored("b", layers=2, instruction=6, plot=4.5)
    wide = scored("c", width=128, layers=1, instruction=3, plot=7)
    found = [one, two, wide]
    assert verdict(found, "Two layers") == "holds"
    assert verdict(found, "Plot leans") == "holds"


def test_a_grade_that_does_not_rise_says_nothing_of_when_it_rises() -> None:
    means = {64: (4.0, 5.0), 128: (6.0, 5.0), 256: (8.0, 5.0)}  # grammar rises, creativity does not
    found = [
        scored(f"w{width}", width=width, grammar=grammar, creativity=creativity)
        for width, (grammar, creativity) in means.items()
    ]
    assert verdict(found, "Creativity needs") == "not enough data"


def test_creativity_needs_a_larger_model_where_grammar_has_risen_before_it() -> None:
    means = {64: (4.0, 3.0), 128: (7.5, 3.5), 256: (8.0, 7.0)}
    found = [
        scored(f"w{width}{twin}", width=width, grammar=grammar, creativity=creativity)
        for width, (grammar, creativity) in means.items()
        for twin in "ab"  # two runs of a width are one width
    ]
    assert verdict(found, "Creativity needs") == "holds"
