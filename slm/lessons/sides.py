"""Which of two things stands left where a lesson does not say which is which."""

from hashlib import blake2b
from typing import Literal

from slm.lessons.views import View


def first_is(view: View) -> Literal["left", "right"]:
    """Where a view's first thing stands: as if by a coin, and always the same for the same view.

    The first is the smaller model, the model's own ending, or the first text.
    """
    return "left" if blake2b(repr(view).encode(), digest_size=1).digest()[0] % 2 else "right"
