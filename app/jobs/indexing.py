"""Building of neuron indexes, as steps for `Work`."""

import contextlib
from collections.abc import Generator, Sequence

from slm.interp.neurons.build import build_index
from slm.progress import Progress
from slm.runs import load_checkpoint


def building(addresses: Sequence[str], corpus: str) -> Generator[Progress, None, int]:
    """Build the index of one checkpoint after another; at the end, how many there are.

    Closed early, it keeps what it has read, and goes on from there when it is asked for again.
    """
    for done, address in enumerate(addresses):
        with contextlib.closing(build_index(load_checkpoint(address), corpus)) as readings:
            for reading in readings:
                yield Progress(
                    share=(done + reading.share) / len(addresses),
                    doing=f"{address}: {reading.stories:,} stories, {reading.tokens:,} tokens read",
                )
    return len(addresses)
