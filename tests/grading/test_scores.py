"""What grades say: expected values by hand, from noise that is known, and from known formulas."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from slm.grading.agreement import agreement, kappa, spearman
from slm.grading.items import Item
from slm.grading.judge_checks import check_items, judge_checks, mixed, passes
from slm.grading.pairwise import Better, Preference
from slm.grading.protocol import Grade, Ungraded
from slm.grading.questions import Graded
from slm.grading.scores import compare_pairwise, differences, distribution, noise, summary


def graded(opening: int, value: float, repeat: int = 0, sample: int = 0) -> Graded:
    item = Item(
        address="tiny@0",
        opening=f"opening {opening}",
        completion=f" ending {opening}.{sample}",
        opening_index=opening,
        completion_index=sample,
        repeat=repeat,
    )
    others = {"creativity": 5.0, "consistency": 5.0, "plot": 5.0}
    grade = Grade(grades={"grammar": float(value)} | others, age_group="B")
    return Graded(item=item, outcome=grade, assessment="fine", cost=0.5, judge="j")


def test_a_story_asked_about_often_counts_once() -> None:
    found = summary([graded(0, 2), *(graded(1, 8, repeat=r) for r in range(3))])
    assert found.means["grammar"].mean == 5.0
    assert (found.graded, found.stories, found.spent) == (4, 2, 2.0)
    assert "instruction" not in found.means


def test_two_models_are_compared_opening_by_opening() -> None:
    a = [graded(0, 2), graded(1, 6), graded(2, 9)]
    b = [graded(0, 3), graded(0, 5, sample=1), graded(1, 8), graded(3, 1)]
    found = differences(a, b)["grammar"]  # (4 - 2) and (8 - 6); openings 2 and 3 have no partner
    assert found.mean == 2 and found.bounds == (2, 2)
    assert differences(a[2:], b) == {}


def test_the_judges_noise_by_hand() -> None:
    # two stories, asked twice: 4, 6 and 7, 9. Within: ((1+1)+(1+1)) / 2 = 2.
    # Between means 5 and 8: 2 x (1.5² + 1.5²) / 1 = 9; component (9 - 2) / 2 = 3.5
    found = noise([graded(0, 4), graded(0, 6, 1), graded(1, 7), graded(1, 9, 1), graded(2, 9)])
    assert found["grammar"].stories == 2  # the third was asked about once
    assert found["grammar"].within.mean == pytest.approx(math.sqrt(2))
    assert found["grammar"].between.mean == pytest.approx(math.sqrt(3.5))
    assert found["plot"].within.mean == found["plot"].between.mean == 0
    assert noise([graded(0, 4), graded(1, 6)]) == {}


def test_known_noise_is_found_within_its_interval() -> None:
    draw = np.random.default_rng(0)
    every = []
    for opening in range(60):
        true = 5 + draw.normal(0, 1.2)
        every += [graded(opening, true + draw.normal(0, 0.5), repeat=r) for r in range(4)]
    found = noise(every)["grammar"]
    for measured, true in ((found.within, 0.5), (found.between, 1.2)):
        assert measured.bounds is not None
        low, high = measured.bounds
        assert low < true < high and high - low < 0.6


def test_the_distribution_counts_the_nearest_grade() -> None:
    every = [graded(0, 4), graded(1, 4.5), graded(2, 10), graded(3, 0)]
    assert distribution(every, "grammar") == [1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1]
    assert distribution(every, "instruction") == [0] * 11


def verdict(opening: int, better: Better | None, a_first: bool = True) -> Graded:
    texts = (" by a", " by b") if a_first else (" by b", " by a")
    item = Item(
        address="a@1" if a_first else "b@1",
        other_address="b@1" if a_first else "a@1",
        opening=f"opening {opening}",
        completion=texts[0],
        other=texts[1],
        opening_index=opening,
        completion_index=0,
        kind="pair",
    )
    outcome = Ungraded(reason="", reply="?") if better is None else Preference(better=better)
    return Graded(item=item, outcome=outcome, assessment="so", cost=0.1, judge="j")


def both(opening: int, one: Better, other: Better) -> list[Graded]:
    return [verdict(opening, one), verdict(opening, other, a_first=False)]


def test_a_judge_who_only_sees_places_prefers_neither_and_is_seen_to() -> None:
    found = compare_pairwise([v for o in range(6) for v in both(o, "first", "first")], "a@1", "b@1")
    assert found is not None
    assert (found.win_rate.mean, found.position_bias.mean, found.consistency) == (0.5, 1.0, 0.0)
    assert found.win_rate.bounds == (0.5, 0.5)


def test_who_wins_by_hand() -> None:
    every = [*both(0, "first", "second"), *both(1, "first", "second"), *both(2, "tie", "first")]
    found = compare_pairwise([*every, verdict(3, "first"), verdict(4, None)], "a@1", "b@1")
    assert found is not None
    # a wins twice whole; in the third a tie and a loss: (1 + 1 + 0.25) / 3
    assert found.win_rate.mean == pytest.approx(0.75)
    assert found.position_bias.mean == pytest.approx((0.5 + 0.5 + 0.75) / 3)
    assert (found.pairs, found.unread) == (3, 2)
    turned = compare_pairwise(every, "b@1", "a@1")
    assert turned is not None and turned.win_rate.mean == pytest.approx(0.25)
    assert compare_pairwise([verdict(3, "first")], "a@1", "b@1") is None


KINDS = ("human", "shuffled", "elsewhere")


def read_all(grammar: dict[str, float], consistency: dict[str, float]) -> list[Graded]:
    return [
        Graded(
            item=item,
            outcome=Grade(
                grades={
                    "grammar": grammar[item.kind] + 0.1 * item.opening_index,
                    "creativity": 5.0,
                    "consistency": consistency[item.kind],
                    "plot": 5.0,
                },
                age_group="C",
            ),
            assessment="",
            cost=None,
        )
        for item in check_items()
    ]


def test_a_judge_who_sees_is_told_from_one_who_does_not() -> None:
    fair = {"human": 8.0, "shuffled": 2.0, "elsewhere": 7.0}
    lost = {"human": 8.0, "shuffled": 4.0, "elsewhere": 3.0}
    passed = judge_checks(read_all(fair, lost))
    assert [(c.kind, c.passed) for c in passed] == [("shuffled", True), ("elsewhere", True)]
    assert passed[0].difference.mean == pytest.approx(6) and passes(passed) == "yes"
    blind = judge_checks(read_all(fair, dict.fromkeys(lost, 7.0)))
    assert [c.passed for c in blind] == [True, False] and passes(blind) == "no"
    few = judge_checks([g for g in read_all(fair, lost) if g.item.opening_index < 2])
    assert [c.passed for c in few] == [None, None] and passes(few) == "not tested"
    assert judge_checks([]) == [] and passes([]) == "not tested"


def test_spoiled_stories_are_the_same_words_and_never_the_same_story() -> None:
    every = check_items()
    of = {(item.opening, item.kind): item.completion for item in every}
    assert len(every) == len({(i.opening, i.completion) for i in every}) == 24
    for opening in {item.opening for item in every}:
        whole, shuffled = of[opening, "human"], of[opening, "shuffled"]
        assert sorted(whole.split()) == sorted(shuffled.split()) and whole != shuffled
        assert of[opening, "elsewhere"] != whole
    order = [item.kind for item in mixed([], every)]
    assert sorted(order) == sorted(item.kind for item in every)
    assert order[:3] != ["human", "shuffled", "elsewhere"]


def test_spearman_and_kappa_by_hand() -> None:
    x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([10.0, 30.0, 20.0, 40.0])
    assert spearman(x, y) == pytest.approx(1 - 6 * 2 / (4 * 15))  # 1 - 6 Σd² / (n (n² - 1))
    assert spearman(np.array([1.0, 1.0, 2.0]), np.array([5.0, 5.0, 9.0])) == pytest.approx(1)
    assert math.isnan(spearman(x, np.full(4, 5.0)))
    assert kappa(x, x) == 1
    assert kappa(x, x + 1) == pytest.approx(1 - 1 / (1.25 + 1.25 + 1))


def test_kappa_is_that_of_the_table() -> None:
    draw = np.random.default_rng(1)
    x, y = draw.integers(0, 11, 50), draw.integers(0, 11, 50)
    table = np.zeros((11, 11))
    np.add.at(table, (x, y), 1 / 50)
    weights = (np.arange(11)[:, None] - np.arange(11)) ** 2
    expected = table.sum(1)[:, None] * table.sum(0)
    by_table = 1 - (weights * table).sum() / (weights * expected).sum()
    assert kappa(x.astype(float), y.astype(float)) == pytest.approx(by_table)


def test_agreement_compares_what_both_graded() -> None:
    mine = [graded(o, o) for o in range(8)]
    theirs = [graded(o, o - 1) for o in range(1, 9)]
    found = agreement(mine, theirs)["grammar"]
    assert found.stories == 7
    assert found.order is not None and found.order.mean == pytest.approx(1)
    assert found.higher.mean == 1 and found.higher.bounds == (1, 1)
    assert found.level is not None and found.level.mean == pytest.approx(1 - 1 / (4 + 4 + 1))
    assert agreement(mine, theirs)["plot"].order is None  # the same grade for all
    assert agreement(mine[:2], theirs) == {}


def test_the_interval_resamples_openings() -> None:
    same = summary([graded(0, 2), graded(0, 8, sample=1), graded(1, 5), graded(2, 5)])
    assert same.means["grammar"].mean == 5.0
    assert same.means["grammar"].bounds == (5.0, 5.0)  # every opening has the same mean
    apart = summary([graded(0, 2), graded(1, 8)])
    assert apart.means["grammar"].bounds == (2.0, 8.0)
    assert (apart.ages, apart.spent) == ({"B": 2}, 1.0)


def test_one_opening_has_a_mean_and_no_interval() -> None:
    found = summary([graded(0, 2), graded(0, 8, sample=1)]).means["grammar"]
    assert found.mean == 5.0 and found.bounds is None


def test_agreement_is_told_of_three_stories_and_of_no_fewer() -> None:
    mine, theirs = ([graded(o, o + shift) for o in range(3)] for shift in (0, 2))
    assert agreement(mine, theirs)["grammar"].higher.mean == -2
    assert agreement(mine[:2], theirs[:2]) == {}


def test_spearman_with_ties_is_scipys() -> None:
    draw = np.random.default_rng(2)
    x, y = draw.integers(0, 4, 40).astype(float), draw.integers(0, 6, 40).astype(float)
    assert spearman(x, y) == pytest.approx(float(stats.spearmanr(x, y).statistic))
    assert spearman(np.array([1.0, 2.0]), np.array([3.0, 5.0])) == 1


def test_the_interval_of_agreement_resamples_whole_openings() -> None:
    mine, theirs = [], []
    for opening in range(3):
        for sample, grade in enumerate((1, 5, 9)):
            mine.append(graded(opening, grade, sample=sample))
            theirs.append(graded(opening, 10 - grade if opening == 2 else grade, sample=sample))
    found = agreement(mine, theirs)["grammar"]
    # all three draws are the opening of opposite grades in 1 of 27 resamples, 3.7 %: more than 2.5 %
    assert found.order is not None and found.order.low == pytest.approx(-1)
    assert found.order.high == pytest.approx(1) and found.order.mean == pytest.approx(1 / 3)


def test_kappa_of_grades_that_hardly_differ_is_told() -> None:
    x = np.array([5.0, 5.1, 5.2])
    assert kappa(x, x) == 1 and math.isnan(kappa(x[:1], x[:1]))


def test_pairs_of_one_opening_are_several_pairs_and_one_opening() -> None:
    pairs = both(0, "first", "second")
    more = [replace(one, item=replace(one.item, completion_index=1)) for one in pairs]
    found = compare_pairwise([*pairs, *more], "a@1", "b@1")
    assert found is not None and (found.pairs, found.openings) == (2, 1)
    assert found.win_rate.bounds is None  # nothing tells how other openings differ


def test_a_judge_who_marks_spoiled_stories_down_and_up_alike_does_not_pass() -> None:
    fair = read_all({"human": 5.0, "shuffled": 4.5, "elsewhere": 5.0}, dict.fromkeys(KINDS, 5.0))
    for at, one in enumerate(fair):
        if one.item.kind == "shuffled" and isinstance(one.outcome, Grade):
            other = one.outcome.grades["grammar"] + (3 if one.item.opening_index % 2 else -3)
            grades = {**one.outcome.grades, "grammar": other}
            fair[at] = replace(one, outcome=replace(one.outcome, grades=grades))
    (shuffled, _) = judge_checks(fair)
    assert shuffled.difference.low < 0 < shuffled.difference.high
    assert shuffled.difference.mean == pytest.approx(0.5) and shuffled.passed is False
