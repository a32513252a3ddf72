"""A head's baseline is the null that gives it more."""

import numpy as np

from slm.interp.heads.scores import LEAST_ROWS, _larger, mean_intervals


def test_each_head_is_held_against_the_larger_of_its_two_nulls() -> None:
    nulls = np.zeros((2, 3, 1, 2))
    nulls[0, :, 0, 0] = [0.3, 0.1, 0.2]  # of the first head the first null gives more on the whole,
    nulls[1, :, 0, 0] = [0.0, 0.4, 0.1]  # though not in every row
    nulls[1, :, 0, 1] = 0.5
    found = _larger(nulls)
    assert found[:, 0, 0].tolist() == [0.3, 0.1, 0.2]
    assert found[:, 0, 1].tolist() == [0.5, 0.5, 0.5]


def test_a_kind_with_too_few_rows_is_not_measured() -> None:
    enough, few = np.ones((LEAST_ROWS, 1, 2)), np.ones((LEAST_ROWS - 1, 1, 2))
    found = mean_intervals([enough, few], seed=0)
    assert found.mean.shape == (1, 2, 2)
    assert (found.low[..., 0] == 1).all() and np.isnan(found.low[..., 1]).all()
