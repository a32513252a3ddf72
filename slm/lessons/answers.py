"""Answers to guesses that are computed on the model that is shown."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slm.errors import BadInput
from slm.generation.beam import log_probabilities
from slm.generation.fitting import story_that_fits
from slm.interp.attention import attention
from slm.interp.predictions.next_token import next_token_predictions
from slm.lessons.claims import check
from slm.lessons.lesson import Guess
from slm.lessons.sides import first_is
from slm.lessons.strongest import scores_of, strongest
from slm.lessons.views import ShowAttention, ShowEnding, ShowShapes, ShowSurprisal, View
from slm.runs import Checkpoint

GuessedAnswer = str | float | int
"""A choice, a number, or the position of a token in the view's text (END is position 0)."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """An answer that is computed: to which kind of guess, from what."""

    of: Literal["choices", "number", "token"]
    needs: frozenset[str]
    compute: Callable[[Checkpoint, Guess, View | None], GuessedAnswer]


def answer_of(checkpoint: Checkpoint, guess: Guess, view: View | None) -> GuessedAnswer:
    """Compute the answer to a guess on this model; `BadInput` where the model cannot give one."""
    if not guess.computed:
        assert guess.answer is not None
        return guess.answer
    return ANSWERS[guess.computed].compute(checkpoint, guess, view)


def _likeliest(checkpoint: Checkpoint, guess: Guess, _: View | None) -> str:
    """Return the choice with the highest log-probability after the text."""
    said = log_probabilities(checkpoint, guess.given["text"], [f" {one}" for one in guess.choices])
    return guess.choices[int(np.argmax(said))]


def _probability(checkpoint: Checkpoint, guess: Guess, _: View | None) -> float:
    """Compute the probability, in per cent, of a word after a text."""
    (said,) = log_probabilities(checkpoint, guess.given["text"], [f" {guess.given['word']}"])
    return 100 * math.exp(said)


def _continues(checkpoint: Checkpoint, guess: Guess, _: View | None) -> float:
    """Compute the probability, in per cent, of these letters after a text, without a space."""
    (said,) = log_probabilities(checkpoint, guess.given["text"], [guess.given["word"]])
    return 100 * math.exp(said)


def _token_count(checkpoint: Checkpoint, guess: Guess, _: View | None) -> float:
    """Count the tokens of a text."""
    return float(len(checkpoint.tokenizer.encode_words(guess.given["text"])))


def _holds(checkpoint: Checkpoint, guess: Guess, _: View | None) -> str:
    """Return the first choice where a claim holds, else the second."""
    checked = check(checkpoint, guess.given["claim"])
    if checked.found is None:
        raise BadInput(checked.why_not)
    return guess.choices[0 if checked.found.holds else 1]


def _measured(checkpoint: Checkpoint, guess: Guess, _: View | None) -> float:
    """Return a claim's measured value, in per cent where it is a share."""
    checked = check(checkpoint, guess.given["claim"])
    if checked.found is None:
        raise BadInput(checked.why_not)
    in_per_cent = checked.found.unit in ("share", "ROUGE", "AUC")
    return checked.found.measured * (100 if in_per_cent else 1)


def key_position(checkpoint: Checkpoint, view: ShowAttention) -> tuple[int, int, int, int]:
    """Return layer, head, query and key position of the strongest head's highest attention.

    The head is the strongest of the view's kind; the first token is no candidate.
    """
    layer, head, _ = strongest(scores_of(checkpoint), [view.head])
    seen = attention(checkpoint, view.text)
    query = len(seen.str_tokens) - 1
    if view.at:
        at = [i for i, piece in enumerate(seen.str_tokens) if piece.strip() == view.at]
        if not at:
            raise BadInput(f"{view.at!r} is no token of the text in this model's vocabulary")
        query = at[-1]
    row = seen.pattern[layer, head, query].copy()
    row[0] = -1
    return layer, head, query, int(row.argmax())


def _key_token(checkpoint: Checkpoint, _: Guess, view: View | None) -> int:
    """Return the position with the highest attention from the view's query token."""
    if not isinstance(view, ShowAttention):
        raise BadInput("a key token is that of an attention view")
    return key_position(checkpoint, view)[3]


def _most_surprising(checkpoint: Checkpoint, _: Guess, view: View | None) -> int:
    """Return the position of the view's text with the highest surprisal."""
    if not isinstance(view, ShowSurprisal):
        raise BadInput("the most surprising token is that of a surprisal view")
    text = story_that_fits([checkpoint], view.text).text
    return int(np.nanargmax(next_token_predictions(checkpoint, text).surprisal))


def _side(_: Checkpoint, guess: Guess, view: View | None) -> str:
    """Return the first choice where the item in question stands left, else the second."""
    if not isinstance(view, ShowShapes | ShowEnding):
        raise BadInput("which side is a question of a view with two sides")
    return guess.choices[0 if first_is(view) == "left" else 1]


def _computed(
    of: Literal["choices", "number", "token"], compute: Callable[..., GuessedAnswer], *needs: str
) -> Computed:
    return Computed(of=of, needs=frozenset(needs), compute=compute)


ANSWERS: dict[str, Computed] = {
    "the likeliest choice": _computed("choices", _likeliest, "text"),
    "whether a claim holds": _computed("choices", _holds, "claim"),
    "which side": _computed("choices", _side),
    "probability of a word": _computed("number", _probability, "text", "word"),
    "probability of the next token": _computed("number", _continues, "text", "word"),
    "number of tokens": _computed("number", _token_count, "text"),
    "what a claim measures": _computed("number", _measured, "claim"),
    "key token": _computed("token", _key_token),
    "most surprising token": _computed("token", _most_surprising),
}
"""Every computed answer by the name that a lesson calls it."""
