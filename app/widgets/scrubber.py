"""The steps of a run as something to walk through: a slider, one step back and on, and play.

What is chosen lies in the session's state under the model's letter, as `run@step`. A slider that the
app itself moves is made anew at the new step: a value that Streamlit is told to set is lost where the
run that set it is cut short.
"""

import time

import streamlit as st

from slm.runs import Address

SECONDS_A_STEP = 0.8
KEYS = {"a": ("J", "K", "L"), "b": ("Shift+J", "Shift+K", "Shift+L")}
"""Back, play, on: as in video players."""


def scrub(letter: str, run: str, steps: list[int], step: int) -> int:
    """Show the steps of a run with `step` chosen; the step that is chosen now."""
    state = st.session_state
    fresh = f"{state.get(f'{letter}_fresh', 0)}_{state.get(f'{letter}_moved', 0)}"
    chosen = st.select_slider(
        "after step",
        steps,
        value=step,
        key=f"{letter}_step_{run}_{fresh}",
        format_func="{:,}".format,
    )
    at, last = steps.index(chosen), len(steps) - 1
    # a callback would also be told of a slider that is new to the browser, and of no touch at all
    touched = chosen != step
    if touched:
        state[f"{letter}_walked"] = True
    playing = state.get(f"{letter}_playing") == run and at < last and not touched
    if not playing:
        _stop(letter)
    back, play, on = KEYS[letter]
    with st.container(horizontal=True, gap="xxsmall", horizontal_alignment="center"):
        st.button(
            "",
            icon=":material/skip_previous:",
            key=f"{letter}_back",
            type="tertiary",
            shortcut=back,
            help="The checkpoint before",
            disabled=at == 0,
            on_click=_move,
            args=(letter, run, steps[max(at - 1, 0)]),
        )
        st.button(
            "",
            icon=":material/pause:" if playing else ":material/play_arrow:",
            key=f"{letter}_{'pause' if playing else 'play'}",
            type="tertiary",
            shortcut=play,
            help="Stop here" if playing else "Play: through all checkpoints, one after the other",
            on_click=_stop if playing else _play,
            args=(letter,) if playing else (letter, run, steps[0 if at == last else at]),
        )
        st.button(
            "",
            icon=":material/skip_next:",
            key=f"{letter}_on",
            type="tertiary",
            shortcut=on,
            help="The next checkpoint",
            disabled=at == last,
            on_click=_move,
            args=(letter, run, steps[min(at + 1, last)]),
        )
    st.fragment(_tick, run_every=SECONDS_A_STEP if playing else None)(letter, run, steps)
    return chosen


def rest() -> None:
    """Note that the page stands complete: the next step comes when it has been seen for a while."""
    st.session_state["seen_since"] = time.monotonic()


def _tick(letter: str, run: str, steps: list[int]) -> None:
    """Go one step on, unless the page has only just been shown."""
    state = st.session_state
    if state.get(f"{letter}_playing") != run:
        return
    if time.monotonic() - state.get("seen_since", 0.0) < 0.75 * SECONDS_A_STEP:
        return
    now = Address.parse(state[letter])
    later = [step for step in steps if step > (now.step or 0)]
    if now.run != run or not later:
        _stop(letter)
    else:
        _go(letter, run, later[0])
        rest()  # at the earliest: the page is not shown yet
    st.rerun()


def _go(letter: str, run: str, step: int) -> None:
    state = st.session_state
    state[letter] = str(Address(run, step))
    state[f"{letter}_moved"] = state.get(f"{letter}_moved", 0) + 1
    state[f"{letter}_walked"] = True


def _move(letter: str, run: str, step: int) -> None:
    _stop(letter)
    _go(letter, run, step)


def _play(letter: str, run: str, step: int) -> None:
    st.session_state[f"{letter}_playing"] = run
    _go(letter, run, step)
    rest()


def _stop(letter: str) -> None:
    st.session_state.pop(f"{letter}_playing", None)
