"""Sessions that ask for the same see the same work; one that restarts its own leaves others' alone."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from app.cache.shared_work import SharedWork, Steps, shared_work
from slm.model.weights import initialise
from slm.progress import Progress
from slm.runs import load_checkpoint, open_run


class Paced:
    """Shared work whose steps wait until a test lets the piece of that name go on."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.gates: dict[str, threading.Event] = {}

        @shared_work(models=0, max_entries=8)
        def steps(name: str) -> Steps[str]:
            """Wait for its gate."""
            self.begun.append(name)
            gate = self.gates.setdefault(name, threading.Event())
            while not gate.is_set():
                yield Progress(doing="waiting", share=None)
                gate.wait(0.01)
            return f"{name}, {self.begun.count(name)}"

        self.work: SharedWork[[str], str] = steps

    def let_go(self, name: str) -> None:
        self.gates.setdefault(name, threading.Event()).set()


@pytest.fixture
def paced() -> Iterator[Paced]:
    st.cache_resource.clear()  # Streamlit takes the steps of every test for the same function
    made = Paced()
    yield made
    for gate in made.gates.values():
        gate.set()


def test_who_asks_for_the_same_sees_the_same_work(paced: Paced) -> None:
    assert paced.work("a") is paced.work("a")
    assert paced.work("a") is not paced.work("b")


def test_restarting_one_piece_leaves_another_running_and_its_result_kept(paced: Paced) -> None:
    mine, other, done = paced.work("mine"), paced.work("other"), paced.work("done")
    paced.let_go("done")
    done.wait(30)
    mine.cancel()
    mine.wait(30)
    anew = paced.work.restart("mine")
    assert anew is not mine and paced.work("mine") is anew and anew.running
    assert paced.work("other") is other and other.running and not other.cancelled
    assert paced.work("done") is done and done.result == "done, 1"
    paced.let_go("other")
    paced.let_go("mine")
    other.wait(30)
    anew.wait(30)
    assert (other.result, anew.result) == ("other, 1", "mine, 2")


def test_what_goes_on_is_not_restarted(paced: Paced) -> None:
    work = paced.work("a")
    assert paced.work.restart("a") is work and work.running
    assert paced.begun.count("a") <= 1


def test_work_knows_how_it_is_restarted(paced: Paced) -> None:
    work = paced.work("a")
    work.cancel()
    work.wait(30)
    assert work.restart is not None
    work.restart()
    assert paced.work("a") is not work and paced.work("a").running


def test_two_who_restart_at_once_get_the_same_work(paced: Paced) -> None:
    paced.let_go("a")
    paced.work("a").wait(30)
    paced.gates["a"].clear()
    got, start = [], threading.Barrier(8)

    def press() -> None:
        start.wait(30)
        got.append(paced.work.restart("a"))

    pressed = [threading.Thread(target=press) for _ in range(8)]
    for one in pressed:
        one.start()
    for one in pressed:
        one.join(30)
    assert len(set(map(id, got))) == 1


@shared_work(models=1, max_entries=8, begin=False)
def total(address: str, share: float) -> Steps[tuple[str, float]]:
    """Sum a weight of the model."""
    yield Progress(doing="adding", share=share)
    return address, float(load_checkpoint(address).weights.W_E.sum())


def test_work_that_is_not_to_begin_waits_for_that_or_for_a_restart(two_runs: Path) -> None:
    assert not total("tiny", 0.5).begun
    work = total.restart("tiny", 0.5)
    work.wait(30)
    assert work.result is not None and work.result[0] == "tiny@10"


def test_other_weights_under_the_same_address_are_other_work(two_runs: Path) -> None:
    run = open_run("tiny")
    before = total("tiny@10", 1.0)
    assert total("tiny", 1.0) is before
    run.save_checkpoint(initialise(run.info.config, 99), 10)
    assert total("tiny@10", 1.0) is not before
