"""The only place for Streamlit's caches, a file a room: pages ask `cache.attention(address, …)`."""

from app.cache.checkpoints import checkpoint
from app.cache.judging import to_grade
from app.cache.looking import (
    attention,
    attribution,
    checks,
    examples,
    expectations,
    facts,
    logit_lens,
    pieces,
    without_heads,
    without_neurons,
)
from app.cache.roles import again, protagonist, roles
from app.cache.shipped import shipped_openings, shipped_stories
from app.cache.training import speed

__all__ = [
    "again",
    "attention",
    "attribution",
    "checkpoint",
    "checks",
    "examples",
    "expectations",
    "facts",
    "logit_lens",
    "pieces",
    "protagonist",
    "roles",
    "shipped_openings",
    "shipped_stories",
    "speed",
    "to_grade",
    "without_heads",
    "without_neurons",
]
