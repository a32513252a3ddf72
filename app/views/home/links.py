"""Links from a find to its page, with the parameters of its state."""

from app import state
from app.state import PageState
from slm.overview.records import Find, FindKind

PAGES: dict[FindKind, tuple[type[PageState], dict[str, str]]] = {
    "induction head": (state.AttentionState, {}),
    "role neuron": (state.NeuronsState, {"view": "On my text"}),
    "largest ablation": (state.PredictionsState, {"view": "Ablation"}),
    "pronoun flipped": (
        state.PredictionsState,
        {"view": "Intervene and regenerate", "temperature": "0.0"},
    ),
    "names return": (state.CompareState, {"view": "Curves"}),
    "grammar first": (state.CompareState, {"view": "Development"}),
    "two checkpoints": (state.WritingState, {}),
    "copied and not copied": (state.MemorizationState, {}),
    "width and depth": (state.GridState, {}),
}
"""Of each kind the page, and the view that is chosen there; the rest is in the find's own link."""
SAID = {
    "attention": "Attention",
    "neurons": "Neurons",
    "predictions": "Predictions",
    "compare": "Compare",
    "writing": "Writing",
    "memorization": "Memorization",
    "grid": "Width and depth",
}
NAMES_OF = {"of": "of_best_head"}
"""Parameters that a page calls otherwise."""


def link_of(find: Find) -> tuple[str, dict[str, str]]:
    """Return a find's page and the parameters of the link to it."""
    page, view = PAGES[find.kind]
    named = view | {NAMES_OF.get(name, name): value for name, value in find.link.items()}
    link = state.translated(page, {name: [value] for name, value in named.items()})
    return page.url, {name: values[0] for name, values in link.items()}
