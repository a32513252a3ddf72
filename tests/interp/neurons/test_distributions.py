"""Bins: zero is an edge, both sides are resolved alike, and quantiles are off by less than a bin."""

import numpy as np
import pytest
import torch

from slm.interp.neurons.distributions import (
    ABOVE_ZERO,
    BINS,
    Counter,
    bins,
    edges,
    histogram,
    percentiles,
    share_above,
)

SMALLEST = torch.finfo(torch.float32).tiny


def test_zero_is_an_edge_to_the_last_bit() -> None:
    above = torch.tensor([2 * SMALLEST, 1e-30, 1e-9, 0.3, 1e9])
    assert torch.all(bins(above.clone()) >= ABOVE_ZERO)
    not_above = torch.cat([-above, torch.tensor([0.0, -0.0])])
    assert torch.all(bins(not_above) < ABOVE_ZERO)


def test_a_bin_is_the_stretch_between_its_edges_on_either_side() -> None:
    at = edges()
    assert len(at) == BINS + 1 and at[ABOVE_ZERO] == 0
    assert np.all(np.diff(at) > 0) and np.array_equal(at, -at[::-1])
    middle = torch.from_numpy((at[:-1] + at[1:]) / 2).float()
    assert bins(middle).tolist() == list(range(BINS))
    assert bins(torch.tensor([-1e9, 1e9])).tolist() == [0, BINS - 1]


@pytest.mark.parametrize("scale", [0.02, 3.0, 40.0])
def test_quantiles_of_either_side_are_off_by_less_than_a_bin(scale: float) -> None:
    values = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0)) * scale - scale / 2
    counter = Counter(1, len(values))
    counter.put(values)
    counts = counter.counted()[0].numpy()
    flat = np.sort(values.double().numpy().ravel())
    low, high = float(flat[0]), float(flat[-1])
    shares = (0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999)
    found = np.array(percentiles(counts, low, high, shares))
    true = np.quantile(flat, shares)
    width = np.where(abs(true) < 31.875, (abs(true) + 0.125) / 32, abs(flat).max() - 31.875)
    assert np.all(np.abs(found - true) <= width + 1e-3 * scale)
    assert percentiles(counts, low, high, (0.0, 1.0)) == pytest.approx([low, high])
    ends, bars = histogram(counts, low, high, 30)
    assert 0 in ends and bars.sum() == pytest.approx(len(flat))
    assert bars[ends[1:] <= 0].sum() == pytest.approx((flat <= 0).sum())
    chosen = np.array([flat[40]])  # strongly inhibited: nearly all tokens are as high
    share = share_above(counts[None], flat[-1:], chosen)[0]
    assert share >= (flat >= chosen).mean() and share > 0.99
