"""Guessing: a choice, a number or a token; what was guessed stays beside the answer."""

from functools import partial

import streamlit as st

from app import cache
from app.jobs import waiting
from app.state import LessonsState
from app.text import token_shown
from app.views.lessons import state
from app.views.lessons.token_guess import candidate, show_tokens, tokens_of
from app.widgets import show
from slm.lessons.answers import GuessedAnswer
from slm.lessons.lesson import Guess, Lesson, Number
from slm.lessons.reading import shown_on

NOT_YET = "Nothing yet: go back a step, or look."


def ask(lesson: Lesson, at: int, address: str) -> None:
    """Ask for the guess of a step. Keys: 1 to 6 for choices, arrows up and down and Enter else."""
    guess = lesson.steps[at].guess
    assert guess is not None
    mine = state.guessed(lesson, at)
    note = partial(state.guess, lesson, at)
    if guess.choices:
        _choices(guess, at, mine, note)
    elif guess.number:
        _number(lesson, at, guess.number, mine, note)
    else:
        _token(lesson, at, address, mine, note)
    if mine is not None:
        st.success(f"Your guess: {said(guess, mine, lesson, at, address)}", icon=":material/edit:")


def _choices(guess: Guess, at: int, mine: GuessedAnswer | None, note: partial[None]) -> None:
    with st.container(gap="small"):
        for number, choice in enumerate(guess.choices, 1):
            st.button(
                show.plain(choice),
                key=f"lessons-choice-{at}-{number}",
                type="primary" if choice == mine else "secondary",
                shortcut=str(number),
                on_click=note,
                args=(choice,),
                width="stretch",
            )


def _number(
    lesson: Lesson, at: int, number: Number, mine: GuessedAnswer | None, note: partial[None]
) -> None:
    kept = LessonsState.number.of(f"{lesson.name}.{at}")
    middle = number.low + number.step * round((number.high - number.low) / 2 / number.step)
    kept.at_first(float(mine) if isinstance(mine, float) else middle)
    leap = max(number.step, number.step * round((number.high - number.low) / 20 / number.step))

    def move(by: float) -> None:
        kept.set(min(max((kept.get() or 0.0) + by, number.low), number.high))

    value = st.slider(
        f"Your guess{f' ({show.plain(number.unit)})' if number.unit else ''}",
        number.low,
        number.high,
        step=number.step,
        key=kept.key,
        format="%g",
    )
    with st.container(horizontal=True):
        st.button("Less", key=f"lessons-less-{at}", shortcut="Down", on_click=move, args=(-leap,))
        st.button("More", key=f"lessons-more-{at}", shortcut="Up", on_click=move, args=(leap,))
        _that_is_it(at, note, float(value))


def _token(
    lesson: Lesson, at: int, address: str, mine: GuessedAnswer | None, note: partial[None]
) -> None:
    view = lesson.steps[at].view
    assert view is not None
    chosen, move = candidate(lesson, at, len(tokens_of(address, view)))
    show_tokens(address, view, at, chosen if mine is None else int(mine), note)
    with st.container(horizontal=True):
        st.button(
            "Token before", key=f"lessons-less-{at}", shortcut="Up", on_click=move, args=(-1,)
        )
        st.button("Next token", key=f"lessons-more-{at}", shortcut="Down", on_click=move, args=(1,))
        _that_is_it(at, note, chosen)


def _that_is_it(at: int, note: partial[None], value: GuessedAnswer) -> None:
    st.button(
        "That is my guess",
        key=f"lessons-guess-{at}",
        type="primary",
        shortcut="Enter",
        on_click=note,
        args=(value,),
    )


def tell(lesson: Lesson, at: int, address: str) -> None:
    """Show the answer of the last guess before a step, and what was guessed."""
    asked = lesson.guess_before(at)
    assert asked is not None
    guess, view = lesson.steps[asked].guess, lesson.steps[asked].view
    assert guess is not None
    address = shown_on(lesson.steps[asked], address)
    mine = state.guessed(lesson, asked)
    left, right = st.columns(2)
    with left.container(border=True):
        st.caption("You guessed")
        st.markdown(NOT_YET if mine is None else f"## {said(guess, mine, lesson, asked, address)}")
    with right.container(border=True):
        st.caption(show.plain(f"{address} says"))
        work = cache.answered(address, guess, view)
        if waiting.under_way({"": work}, f"answer-{at}"):
            return
        if work.error:  # no failure: a step before must be done first
            st.markdown(show.sentence(work.error))
        elif (found := waiting.result(work, f"answer-{at}")) is not None:
            st.markdown(f"## {said(guess, found, lesson, asked, address)}")


def said(guess: Guess, answer: GuessedAnswer, lesson: Lesson, at: int, address: str) -> str:
    """Format a guess or an answer."""
    if guess.number:
        decimals = 0 if guess.number.step >= 1 else 2
        return show.plain(f"{float(answer):.{decimals}f} {guess.number.unit}".strip())
    if guess.token:
        view = lesson.steps[at].view
        assert view is not None
        tokens = tokens_of(address, view)
        where = int(answer)
        shown = token_shown(tokens[where]) if where < len(tokens) else "?"
        return f"“{show.plain(shown)}” (token {where})"
    return show.plain(str(answer))
