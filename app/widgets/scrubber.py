"""The steps of a run as something to walk through: a slider, one step back and on, and play.

What is chosen lies in the model's slot (`app.state.ModelSlot`) as `run@step`. A slider that the
app itself moves is made anew at the new step: a value that Streamlit is told to set is lost where the
run that set it is cut short.
"""

import time

import streamlit as st

from app.state import Letter, Shared, slot
from slm.runs import Address

SECONDS_A_STEP = 0.8
KEYS: dict[Letter, tuple[str, str, str]] = {
    "a": ("J", "K", "L"),
    "b": ("Shift+J", "Shift+K", "Shift+L"),
}
"""Back, play, on: as in video players."""


def scrub(letter: Letter, run: str, steps: list[int], step: int) -> int:
    """Show the steps of a run as a slider; return the step that is chosen now."""
    model = slot(letter)
    chosen = st.select_slider(
        "after step",
        steps,
        value=step,
        key=f"model.{letter}.step.{run}.{model.new_pickers}.{model.new_sliders}",
        format_func="{:,}".format,
    )
    at, last = steps.index(chosen), len(steps) - 1
    # a callback would also be told of a slider that is new to the browser, and of no touch at all
    touched = chosen != step
    if touched:
        model.walked = True
    playing = model.playing == run and at < last and not touched
    if not playing:
        model.playing = None
    back, play, on = KEYS[letter]
    with st.container(
        key=f"steps-{letter}", horizontal=True, gap="small", horizontal_alignment="center"
    ):
        st.button(
            "Previous checkpoint",
            icon=":material/skip_previous:",
            key=f"{letter}_back",
            type="tertiary",
            shortcut=back,
            help=f"The checkpoint before (key {back})",
            disabled=at == 0,
            on_click=_move,
            args=(letter, run, steps[max(at - 1, 0)]),
        )
        st.button(
            "Pause" if playing else "Play",
            icon=":material/pause:" if playing else ":material/play_arrow:",
            key=f"{letter}_{'pause' if playing else 'play'}",
            type="tertiary",
            shortcut=play,
            help=f"Stop here (key {play})"
            if playing
            else f"Play: through all checkpoints, one after the other (key {play})",
            on_click=_stop if playing else _play,
            args=(letter,) if playing else (letter, run, steps[0 if at == last else at]),
        )
        st.button(
            "Next checkpoint",
            icon=":material/skip_next:",
            key=f"{letter}_on",
            type="tertiary",
            shortcut=on,
            help=f"The next checkpoint (key {on})",
            disabled=at == last,
            on_click=_move,
            args=(letter, run, steps[min(at + 1, last)]),
        )
    st.fragment(_tick, run_every=SECONDS_A_STEP if playing else None)(letter, run, steps)
    return chosen


def rest() -> None:
    """Note that the page stands complete: the next step comes when it has been seen for a while."""
    Shared.seen_since.set(time.monotonic())


def _tick(letter: Letter, run: str, steps: list[int]) -> None:
    """Go one step on, unless the page has only just been shown."""
    model = slot(letter)
    if model.playing != run or model.address is None:
        return
    if time.monotonic() - (Shared.seen_since.get() or 0.0) < 0.75 * SECONDS_A_STEP:
        return
    now = Address.parse(model.address)
    later = [step for step in steps if step > (now.step or 0)]
    if now.run != run or not later:
        _stop(letter)
    else:
        _go(letter, run, later[0])
        rest()  # at the earliest: the page is not shown yet
    st.rerun()


def _go(letter: Letter, run: str, step: int) -> None:
    model = slot(letter)
    model.address = str(Address(run, step))
    model.new_sliders += 1
    model.walked = True


def _move(letter: Letter, run: str, step: int) -> None:
    _stop(letter)
    _go(letter, run, step)


def _play(letter: Letter, run: str, step: int) -> None:
    slot(letter).playing = run
    _go(letter, run, step)
    rest()


def _stop(letter: Letter) -> None:
    slot(letter).playing = None
