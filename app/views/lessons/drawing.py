"""Functions that draw each view; each returns the link that opens its page in that state."""

from collections.abc import Callable
from typing import Any

from app.views.lessons import heads, predictions, runs, writing
from slm.lessons import views

DRAW: dict[type[views.View], Callable[[Any, str], dict[str, str]]] = {
    views.ShowNextToken: predictions.next_token,
    views.ShowSurprisal: predictions.surprisal,
    views.ShowLogitLens: predictions.logit_lens,
    views.ShowAttribution: predictions.attribution,
    views.ShowPatching: predictions.patched,
    views.ShowAttention: heads.attention,
    views.ShowHeads: heads.heads,
    views.ShowDistances: heads.distances,
    views.ShowQueryKeys: heads.query_keys,
    views.ShowWithoutHeads: heads.without_heads,
    views.ShowNeuron: heads.neuron,
    views.ShowProtagonist: heads.protagonist,
    views.ShowWriting: writing.writing,
    views.ShowTokens: writing.tokens,
    views.ShowCheckpoints: writing.checkpoints,
    views.ShowShapes: writing.shaped,
    views.ShowEnding: writing.ending,
    views.ShowTwoStories: writing.two_stories,
    views.ShowTwoTrainings: writing.two_trainings,
    views.ShowLearning: runs.learning,
    views.ShowLosses: runs.losses,
}


def draw(view: views.View, address: str) -> dict[str, str]:
    """Show a view on a model; returns its page's link."""
    return DRAW[type(view)](view, address)
