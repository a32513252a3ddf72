"""Sides of a blinded comparison in a lesson."""

from dataclasses import replace
from hashlib import blake2b
from typing import Literal

from slm.lessons.views import ShowEnding, ShowShapes, View


def first_is(view: View) -> Literal["left", "right"]:
    """Choose the side of a view's first thing by a hash of the view.

    The first is the smaller model, or the model's own ending. Revealing the names does not move it.
    """
    if isinstance(view, ShowShapes | ShowEnding):
        view = replace(view, names=False)
    return "left" if blake2b(repr(view).encode(), digest_size=1).digest()[0] % 2 else "right"
