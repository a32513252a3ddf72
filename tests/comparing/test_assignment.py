"""The best assignment is the best of all, and quick enough for thousands."""

from itertools import permutations

import numpy as np
import pytest

from slm.comparing.assignment import assign


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (3, 6), (6, 3), (5, 5)])
@pytest.mark.parametrize("seed", range(5))
def test_no_other_assignment_is_worth_more(shape: tuple[int, int], seed: int) -> None:
    worth = np.random.default_rng(seed).integers(-9, 9, shape).astype(float)
    pairs = assign(worth)
    rows, columns = pairs.T.tolist()
    assert len(pairs) == min(shape) and rows == sorted(set(rows)) and len(set(columns)) == len(rows)
    wide = worth if shape[0] <= shape[1] else worth.T
    best = max(
        sum(wide[row, column] for row, column in enumerate(order))
        for order in permutations(range(wide.shape[1]), wide.shape[0])
    )
    assert worth[rows, columns].sum() == best


def test_a_hidden_order_of_a_thousand_is_found_in_noise() -> None:
    draw = np.random.default_rng(0)
    order = draw.permutation(1000)
    worth = draw.normal(0, 0.1, (1000, 1000))
    worth[np.arange(1000), order] += 1
    assert assign(worth)[:, 1].tolist() == order.tolist()
