"""Completions side by side, as work that all sessions share."""

from app.cache.checkpoints import key
from app.cache.shared_work import shared_work
from slm.generation.sampler import Sampling
from slm.generation.side_by_side import SideBySide, complete_side_by_side
from slm.progress import Steps


def _weights(addresses: tuple[str, ...], *_rest: object) -> list[tuple[str, int]]:
    return [key(address) for address in addresses]


@shared_work(models=0, max_entries=16, also=_weights)
def completions(
    addresses: tuple[str, ...],
    prompt: str,
    sampling: Sampling,
    temperatures: tuple[float, ...],
) -> Steps[SideBySide]:
    """Complete one opening with each model at each temperature."""
    return complete_side_by_side(addresses, prompt, sampling, temperatures)
