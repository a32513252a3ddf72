"""Which of two things stands left where a lesson does not say which is which."""

from dataclasses import replace
from hashlib import blake2b
from typing import Literal

from slm.lessons.views import ShowEnding, ShowShapes, View


def first_is(view: View) -> Literal["left", "right"]:
    """Where a view's first thing stands: as if by a coin, and always the same for the same view.

    The first is the smaller model, or the model's own ending. Sides stay where they were when it is
    told which is which.
    """
    if isinstance(view, ShowShapes | ShowEnding):
        view = replace(view, names=False)
    return "left" if blake2b(repr(view).encode(), digest_size=1).digest()[0] % 2 else "right"
