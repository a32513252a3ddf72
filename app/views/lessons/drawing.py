"""Which function draws which view; each returns the link that opens its page in that state."""

from collections.abc import Callable
from typing import Any

from app.views.lessons import heads, predictions, runs, writing
from slm.lessons import views

DRAW: dict[type[views.View], Callable[[Any, str], dict[str, str]]] = {
    views.NextToken: predictions.next_token,
    views.Surprisal: predictions.surprisal,
    views.LogitLens: predictions.logit_lens,
    views.Attribution: predictions.attribution,
    views.Patching: predictions.patched,
    views.Attention: heads.attention,
    views.Heads: heads.heads,
    views.Distances: heads.distances,
    views.QueryKeys: heads.query_keys,
    views.WithoutHeads: heads.without_heads,
    views.Neuron: heads.neuron,
    views.Protagonist: heads.protagonist,
    views.Writing: writing.writing,
    views.Tokens: writing.tokens,
    views.Checkpoints: writing.checkpoints,
    views.Shapes: writing.shaped,
    views.Ending: writing.ending,
    views.TwoStories: writing.two_stories,
    views.TwoTrainings: writing.two_trainings,
    views.Learning: runs.learning,
    views.Losses: runs.losses,
}


def draw(view: views.View, address: str) -> dict[str, str]:
    """Show a view on a model; returns its page's link."""
    return DRAW[type(view)](view, address)
