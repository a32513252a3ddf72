"""Which page shows a find in exactly its state, and by which parameters of the link."""

from slm.overview.records import Find, FindKind

PAGES: dict[FindKind, tuple[str, dict[str, str]]] = {
    "induction head": ("attention", {}),
    "role neuron": ("neurons", {"show": "In my text"}),
    "largest ablation": ("predictions", {"view": "Switched off"}),
    "pronoun flipped": ("predictions", {"view": "Written again", "temperature": "0.0"}),
    "names return": ("compare", {"compare": "Curves", "measure": "best head"}),
    "grammar first": ("compare", {"compare": "Development"}),
    "two checkpoints": ("writing", {}),
    "copied and not copied": ("memorization", {}),
    "width and depth": ("grid", {}),
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
    """The page of a find, and the parameters of the link to it."""
    page, view = PAGES[find.kind]
    return page, view | {NAMES_OF.get(name, name): value for name, value in find.link.items()}
