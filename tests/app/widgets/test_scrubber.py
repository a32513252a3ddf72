"""The steps of a run can be walked through: by slider, one by one, and by themselves."""

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from slm.stories.tokenizer import Tokenizer
from tests.app.conftest import Open, make_run


@pytest.fixture
def three_steps(runs: Path, tokenizer: Tokenizer) -> Path:
    """One run of three steps."""
    make_run(runs, "tiny", tokenizer, n_layers=1, seed=1, steps=(0, 10, 20))
    return runs


def step(app: AppTest) -> str:
    """What A is."""
    assert not app.exception and not app.error
    assert app.select_slider[0].value == int(app.session_state["model.a"].address.split("@")[1])
    return str(app.session_state["model.a"].address)


def test_one_back_and_one_on(open_page: Open, three_steps: Path) -> None:
    app = open_page("attention", a="tiny@10")
    app.button(key="a_on").click().run()
    assert step(app) == "tiny@20" and app.button(key="a_on").disabled
    assert app.query_params["a"] in ("tiny", ["tiny"])
    app.button(key="a_back").click().run()
    app.button(key="a_back").click().run()
    assert step(app) == "tiny@0" and app.button(key="a_back").disabled
    assert app.query_params["a"] in ("tiny@0", ["tiny@0"])


def test_play_begins_anew_at_the_end_goes_on_by_itself_and_stops(
    open_page: Open, three_steps: Path
) -> None:
    app = open_page("attention", a="tiny")
    app.button(key="a_play").click().run()
    assert step(app) == "tiny@0" and app.button(key="a_pause").icon == ":material/pause:"
    for expected in ("tiny@10", "tiny@20"):
        time.sleep(0.7)
        app.run()  # what the timer asks for
        assert step(app) == expected  # and no further: a page is seen before it is left
    assert app.session_state["model.a"].playing is None
    assert app.button(key="a_play").icon == ":material/play_arrow:"


def test_other_widgets_do_not_stop_it_and_the_slider_does(
    open_page: Open, three_steps: Path
) -> None:
    app = open_page("attention", a="tiny@0")
    app.button(key="a_play").click().run()
    app.toggle(key="attention.hide").set_value(True).run()
    assert app.session_state["model.a"].playing == "tiny"
    app.select_slider[0].set_value(10).run()
    assert app.session_state["model.a"].playing is None and step(app) == "tiny@10"


def neighbours(prepared: list[str]) -> None:
    """A page that asks for what its neighbours will need."""
    from app.jobs import prefetch
    from app.widgets import models

    models.sidebar()
    prefetch.look("neighbours", prepared.append)


def test_who_walks_through_steps_finds_the_neighbours_prepared(three_steps: Path) -> None:
    prepared: list[str] = []
    app = AppTest.from_function(neighbours, args=(prepared,), default_timeout=60)
    app.query_params["a"] = "tiny@0"
    app.run()
    time.sleep(0.2)
    assert prepared == []  # nobody has walked yet
    app.button(key="a_on").click().run()
    until = time.monotonic() + 10
    while len(prepared) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    assert prepared == ["tiny@20", "tiny@0"]
