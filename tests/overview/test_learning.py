"""When something was learnt: the first step from which it stands above its control to the end."""

from slm.comparing.measured import BEST_HEAD, KNOWLEDGE, MeasuredValue
from slm.overview.learning import History, is_there, pair


def value(
    mean: float, *, baseline: float = 0.1, wide: float = 0.01, measure: str = KNOWLEDGE
) -> MeasuredValue:
    return MeasuredValue(
        measure=measure,
        of="any",
        value=mean,
        low=mean - wide,
        high=mean + wide,
        baseline=baseline,
        count=9,
    )


def history(what: str, *means: float) -> History:
    values = tuple(map(value, means))
    return History(what=what, steps=tuple(range(0, 10 * len(means), 10)), values=values)


def test_a_value_is_there_once_its_whole_interval_lies_above_its_baseline() -> None:
    assert is_there(value(0.12)) and not is_there(value(0.105))


def test_a_head_must_be_ahead_by_the_effect_that_its_label_needs() -> None:
    assert not is_there(value(0.14, measure=BEST_HEAD))
    assert is_there(value(0.16, measure=BEST_HEAD))


def test_what_comes_and_goes_counts_from_when_it_stays() -> None:
    learnt = history("x", 0.1, 0.5, 0.1, 0.3, 0.4).learnt()
    assert learnt is not None and (learnt.step, learnt.before, learnt.after) == (30, 0.1, 0.3)


def test_what_is_lost_at_the_end_or_was_there_from_the_first_is_not_learnt() -> None:
    assert history("x", 0.1, 0.5, 0.1).learnt() is None
    assert history("x", 0.5, 0.5).learnt() is None
    assert history("x").learnt() is None


def test_the_pair_is_where_most_appeared_and_says_so_with_the_control() -> None:
    found = pair(
        [history("a", 0.1, 0.3, 0.3), history("b", 0.1, 0.1, 0.4), history("c", 0.0, 0.1, 0.5)]
    )
    assert found is not None
    assert (found.earlier, found.later) == (10, 20)
    assert [one.what for one in found.learnt] == ["b", "c"]
    assert found.says == (
        "Between step 10 and step 20: b 10% → 40% (control 10%); c 10% → 50% (control 10%)."
    )


def test_of_two_such_pairs_the_earlier_is_taken_and_none_where_nothing_was_learnt() -> None:
    found = pair([history("late", 0.1, 0.1, 0.4), history("early", 0.1, 0.4, 0.4)])
    assert found is not None and (found.earlier, found.later) == (0, 10)
    assert pair([history("never", 0.1, 0.1)]) is None
