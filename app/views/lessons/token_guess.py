"""Guessing a token of a view's text: clicked, or walked to with the arrow keys."""

from collections.abc import Callable

from app import cache
from app.state import LessonsState
from app.widgets.story_view import Shown, story_view
from slm.generation.fitting import story_that_fits
from slm.lessons.answers import GuessedAnswer
from slm.lessons.lesson import Lesson
from slm.lessons.views import View


def tokens_of(address: str, view: View) -> list[str]:
    """Return the tokens of a view's text in this model's vocabulary."""
    model = cache.checkpoint(address)
    text = story_that_fits([model], str(getattr(view, "text", ""))).text
    return cache.to_str_tokens(address, tuple(model.tokenizer.encode_story(text)))


def candidate(lesson: Lesson, at: int, length: int) -> tuple[int, Callable[[int], None]]:
    """Return the token that the arrow keys have reached, and the function that moves it."""
    kept = LessonsState.token.of(f"{lesson.name}.{at}")
    chosen = min(kept.get() or 1, length - 1)

    def move(by: int) -> None:
        kept.set(min(max(chosen + by, 1), length - 1))

    return chosen, move


def show_tokens(
    address: str, view: View, at: int, chosen: int, note: Callable[[GuessedAnswer], None]
) -> None:
    """Show the text without colours; a click is a guess."""
    story_view(
        [Shown(text=token) for token in tokens_of(address, view)],
        key=f"lessons-guess-story-{at}-{address}",
        label="",
        selected=chosen,
        on_pick=note,
    )
