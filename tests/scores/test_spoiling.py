"""Each measure sees what is its business, down to a little, and does not move on what is not."""

import pytest

from slm.scores.score import BETTER, MEASURES, ScoreMeasure
from slm.scores.spoiling import SPOILINGS, ScoreChecks, SpoiledScores, words_swapped
from slm.scores.texts import CompletedStory

LITTLE = 0.2
"""What is not its business moves a measure by less than this share of what its business does."""


def of(checks: ScoreChecks, name: str) -> SpoiledScores:
    return next(one for one in checks.spoiled if one.spoiling == name)


@pytest.mark.parametrize(
    ("name", "measure"),
    [(name, one) for name, (_, business) in SPOILINGS.items() for one in business],
)
def test_a_measure_sees_the_spoilings_that_are_its_business(
    checks: ScoreChecks, name: str, measure: ScoreMeasure
) -> None:
    one = of(checks, name)
    worse = -BETTER[measure] or 1  # joined sentences are read later: older
    assert one.sees(measure)
    assert one.change[measure].mean * worse > 0


@pytest.mark.parametrize("measure", MEASURES)
def test_a_measure_hardly_moves_on_what_is_not_its_business(
    checks: ScoreChecks, measure: ScoreMeasure
) -> None:
    own = max(abs(one.change[measure].mean) for one in checks.spoiled if measure in one.business)
    for one in checks.spoiled:
        if measure not in one.business:
            change = one.change[measure]
            assert abs(change.mean) < LITTLE * own or not one.sees(measure), one.spoiling


def test_more_swapped_words_are_more_findings(checks: ScoreChecks) -> None:
    shares = (1, 2, 5, 10)
    found = [of(checks, f"{share} % of words swapped").change["grammar"].mean for share in shares]
    assert found == sorted(found)


def test_swapping_changes_so_many_words_and_nothing_else() -> None:
    story = CompletedStory(
        opening="Once.", completion=" " + " ".join(f"w{chr(97 + n)}" for n in range(20))
    )
    (spoiled,) = words_swapped([story], 0.1)
    before, after = story.completion.split(), spoiled.completion.split()
    assert sorted(before) == sorted(after) and spoiled.opening == "Once."
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 4
