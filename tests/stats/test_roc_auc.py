"""AUC by hand, with ties and strata; its interval is DeLong's, and knows stories."""

import numpy as np
import pytest

from slm.stats.roc_auc import centred_ranks, comparable_pairs, roc_auc, roc_auc_interval

ONE = np.zeros(6, dtype=int)


def test_auc_is_the_share_of_pairs_won_and_a_tie_is_half() -> None:
    acts = np.array([[3.0, 1.0, 2.0, 2.0, 0.0, 5.0]])
    positive = np.array([True, False, True, False, False, False])
    # of 3 against 1, 2, 0, 5: three won; of 2 against them: two won and one tied; 5.5 of 8
    assert roc_auc(centred_ranks(acts, ONE), positive[:, None], ONE)[0, 0] == pytest.approx(5.5 / 8)
    found = roc_auc_interval(acts, positive, ONE, np.arange(6))
    assert found.mean[0] == pytest.approx(5.5 / 8)
    assert found.low[0] < 5.5 / 8 < found.high[0]


def test_only_words_of_one_stratum_are_compared() -> None:
    acts = np.array([[9.0, 8.0, 7.0, 3.0, 2.0, 1.0]])
    strata = np.array([0, 0, 0, 1, 1, 1])
    positive = np.array([True, False, False, False, False, True])
    # the first wins its two comparisons, the last loses its two; over all, it would be 5 of 8
    assert comparable_pairs(positive[:, None], strata)[0] == 4
    assert roc_auc(centred_ranks(acts, strata), positive[:, None], strata)[0, 0] == pytest.approx(
        0.5
    )
    assert roc_auc_interval(acts, positive, strata, np.arange(6)).mean[0] == pytest.approx(0.5)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_sixteen_bits_are_ranked_as_their_values_are(kind: type) -> None:
    acts = np.array([[-2.0, -0.0, 0.0, 1.5, -0.125, 60000.0, -60000.0]], dtype=kind)
    ranks = centred_ranks(acts, np.zeros(7, dtype=int))[0]
    assert ranks.tolist() == [-2.0, 0.5, 0.5, 2.0, -1.0, 3.0, -3.0]


def test_nothing_to_compare_is_not_a_number() -> None:
    acts, nobody = np.ones((2, 6)), np.zeros(6, dtype=bool)
    assert np.isnan(roc_auc(centred_ranks(acts, ONE), nobody[:, None], ONE)).all()
    assert np.isnan(roc_auc_interval(acts, nobody, ONE, np.arange(6)).mean).all()


def test_the_interval_is_that_of_resampled_stories() -> None:
    draw = np.random.default_rng(0)
    story = np.repeat(np.arange(40), 12)
    positive = np.tile(np.arange(12) < 3, 40)
    shared = draw.normal(size=40)[story]  # what the words of a story have in common
    acts = (positive * 1.0 + shared * positive + draw.normal(size=480))[None]
    found = roc_auc_interval(acts, positive, np.zeros(480, dtype=int), story)
    resampled = []
    for _ in range(300):
        chosen = np.concatenate([np.flatnonzero(story == s) for s in draw.integers(0, 40, 40)])
        zeros = np.zeros(480, dtype=int)
        ranks = centred_ranks(acts[:, chosen], zeros)
        resampled.append(roc_auc(ranks, positive[chosen][:, None], zeros)[0, 0])
    low, high = np.percentile(resampled, [2.5, 97.5])
    assert found.low[0] == pytest.approx(low, abs=0.03)
    assert found.high[0] == pytest.approx(high, abs=0.03)


def test_the_interval_is_delongs_where_every_word_is_a_story_of_its_own() -> None:
    draw = np.random.default_rng(4)
    positive = np.arange(600) % 3 == 0
    acts = np.round(draw.normal(size=600) + 0.8 * positive, 1)  # with ties
    one, other = acts[positive][:, None], acts[~positive][None]
    won = (one > other) + 0.5 * (one == other)
    error = (won.mean(1).var(ddof=1) / 200 + won.mean(0).var(ddof=1) / 400) ** 0.5
    found = roc_auc_interval(acts[None], positive, np.zeros(600, dtype=int), np.arange(600))
    mean = won.mean()
    assert found.mean[0] == pytest.approx(mean)
    low, high = (np.log(end / (1 - end)) for end in (found.low[0], found.high[0]))
    assert (low + high) / 2 == pytest.approx(np.log(mean / (1 - mean)))
    assert (high - low) / 2 == pytest.approx(1.96 * error / (mean * (1 - mean)), rel=0.01)


def test_words_of_a_story_that_are_copies_make_the_interval_no_narrower() -> None:
    draw = np.random.default_rng(5)
    acts, positive = draw.normal(size=(1, 100)), np.arange(100) % 2 == 0
    single = roc_auc_interval(acts, positive, np.zeros(100, dtype=int), np.arange(100))
    copies = [np.repeat(each, 4, axis=-1) for each in (acts, positive, np.arange(100))]
    found = roc_auc_interval(copies[0], copies[1], np.zeros(400, dtype=int), copies[2])
    assert (found.low[0], found.high[0]) == pytest.approx((single.low[0], single.high[0]))
