"""Histograms of neurons' values over a corpus, with bins that are fine near zero.

A bin is read off the bits of the number: its sign, then the exponent and the first five bits of the
mantissa of |value| + 1/8, so that counting costs a nanosecond or two a value and nothing has to be
read twice. Zero is an edge between two bins, and the sides mirror each other. Quantiles are
interpolated within a bin and so are off by less than its width, which is at most 1/32 of |value| +
1/8: 0.004 around zero, 0.13 at 4 and at -4.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, Int32
from torch import Tensor

AN_OCTAVE = 32
FIRST_OCTAVE, OCTAVES = -3, 8
ABOVE_ZERO = AN_OCTAVE * OCTAVES
"""The first bin of values above 0, and how many there are on either side."""
BINS = 2 * ABOVE_ZERO
"""From -31.875 to 31.875; what lies beyond is counted in the outermost bins."""

ROUNDING = 1e-4
"""How far the same place may differ when it is read in another batch."""

_SHIFT = 2.0**FIRST_OCTAVE
_SMALLEST = torch.finfo(torch.float32).tiny  # taken from every value: zero itself is not above 0
_DROPPED = 23 - 5  # bits of a float32's mantissa that no bin depends on
_LOWEST = (127 + FIRST_OCTAVE) << 5


def bins(
    acts: Float[Tensor, "*at"],
    *,
    out: Float[Tensor, "*at"] | None = None,
    signs: Int32[Tensor, "*at"] | None = None,
) -> Int32[Tensor, "*at"]:
    """Return the histogram bin of each value, 0 to `BINS` (exclusive).

    `out` and `signs` are memory to reuse; `signs` becomes -1 where a value is not above 0, else 0.
    """
    lowered = torch.sub(acts, _SMALLEST, out=out)
    signs = torch.bitwise_right_shift(lowered.view(torch.int32), 31, out=signs)
    bits = lowered.abs_().add_(_SHIFT).view(torch.int32)
    bits >>= _DROPPED
    from_zero = bits.clamp_max_(_LOWEST + ABOVE_ZERO - 1).sub_(_LOWEST)
    return from_zero.bitwise_xor_(signs).add_(ABOVE_ZERO)  # n ^ -1 is -1 - n: the mirrored bin


class Counter:
    """Counts a layer's values into bins, `rows` positions at a time.

    Its memory is used again and again: asking the system for it anew took longer than counting.
    """

    def __init__(self, n_neurons: int, rows: int) -> None:
        self._room = torch.empty(rows, n_neurons)
        self._signs = torch.empty(rows, n_neurons, dtype=torch.int32)
        self._used = 0
        self._first = torch.arange(n_neurons, dtype=torch.int32) * BINS

    def put(self, acts: Float[Tensor, "pos neuron"]) -> None:
        """Take values up; all that are put before `counted` must fit the room."""
        room = self._room[self._used : self._used + len(acts)]
        bins(acts, out=room, signs=self._signs[: len(acts)]).add_(self._first)
        self._used += len(acts)

    def counted(self) -> Int[Tensor, "neuron bin"]:
        """Count the values put since the last call, by neuron and bin."""
        where = self._room[: self._used].view(torch.int32).view(-1)
        self._used = 0
        size = len(self._first) * BINS
        return torch.bincount(where, minlength=size).view(len(self._first), BINS)


def edges() -> Float[np.ndarray, "edge"]:
    """Return the `BINS + 1` edges of the bins."""
    octaves = 2.0 ** np.arange(FIRST_OCTAVE, FIRST_OCTAVE + OCTAVES)
    within = 1 + np.arange(AN_OCTAVE) / AN_OCTAVE
    above = np.append((octaves[:, None] * within).ravel(), 2.0 ** (FIRST_OCTAVE + OCTAVES)) - _SHIFT
    return np.concatenate([-above[:0:-1], above])


def percentiles(
    counts: Int[np.ndarray, "bin"], lowest: float, highest: float, shares: Sequence[float]
) -> list[float]:
    """Estimate percentiles of a neuron's values from its histogram; `shares` are 0 to 1.

    `lowest` and `highest` are the true extremes. The error is less than one bin's width.
    """
    ends = np.clip(_edges(lowest, highest), lowest, highest)
    below = np.concatenate([[0], counts.cumsum()])
    found = []
    for share in shares:
        wanted = share * below[-1]
        at = int(np.clip(np.searchsorted(below, wanted, side="left") - 1, 0, BINS - 1))
        part = (wanted - below[at]) / max(int(counts[at]), 1)
        found.append(float(ends[at] + part * (ends[at + 1] - ends[at])))
    return found


def histogram(
    counts: Int[np.ndarray, "bin"], low: float, high: float, n_bars: int
) -> tuple[Float[np.ndarray, "edge"], Float[np.ndarray, "bar"]]:
    """Rebin counts to about `n_bars` bars of equal width over `low` to `high`, with an edge at zero.

    A bin that two bars share is divided evenly.
    """
    width = (high - low) / n_bars
    ends = width * np.arange(np.floor(low / width), np.ceil(high / width) + 1)
    below = np.concatenate([[0], counts.cumsum()])
    return ends, np.diff(np.interp(ends, np.clip(_edges(low, high), low, high), below))


def share_above(
    counts: Int[np.ndarray, "*neuron bin"],
    highest: Float[np.ndarray, "*neuron"],
    values: Float[np.ndarray, "*neuron"],
) -> Float[np.ndarray, "*neuron"]:
    """Estimate the share of tokens with a value at least as high as each neuron's `values`.

    The value's whole bin is counted, so the share is never too small; 0 above the neuron's maximum.
    """
    there = bins(torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)))
    from_there = counts[..., ::-1].cumsum(-1)[..., ::-1]
    above = np.take_along_axis(from_there, there.numpy().astype(int)[..., None], axis=-1)[..., 0]
    within = values <= highest + ROUNDING
    return np.where(within, above, 0) / np.maximum(counts.sum(-1), 1)


def _edges(lowest: float, highest: float) -> Float[np.ndarray, "edge"]:
    """Return `edges` with the outermost moved to the extremes."""
    at = edges()
    at[0], at[-1] = min(at[0], lowest), max(at[-1], highest)
    return at
