"""Train tiny storytelling transformers, watch them learn, and look inside them.

>>> import slm
>>> m = slm.open("one-layer")
>>> m.generate("Once upon a", temperature=0, max_tokens=1).text
' time'

The names below are all there is to learn; `slm.api` documents each. They are imported when they are
first asked for, so that `import slm` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slm.api import (
        BadInput,
        Model,
        Run,
        compare,
        list_runs,
        load_model,
        open,
        resume,
        train,
    )

__all__ = [
    "BadInput",
    "Model",
    "Run",
    "compare",
    "list_runs",
    "load_model",
    "open",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("slm.api"), name)
    raise AttributeError(f"module 'slm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
