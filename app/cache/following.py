"""Shared work that studies how checkpoints follow requests."""

from app.cache.shared_work import shared_work
from slm.following.kept import make_following
from slm.following.study import Following
from slm.progress import Steps


@shared_work(models=0, max_entries=8)
def following(addresses: tuple[str, ...]) -> Steps[dict[str, Following]]:
    """Study these checkpoints, or read what is kept of them."""
    return make_following(addresses)
