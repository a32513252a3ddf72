"""A neuron explained on the roles page: the bill first, the scores beside controls, the key nowhere."""

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.conftest import Open, figure_on, said, told_to_read
from tests.interp.autointerp.explaining_judge import explains
from tests.llm.server import JudgeServer, refuses, serving

KEY = "sk-very-secret-0123456789"
VIEW = {"view_roles": "Explained by a judge", "read": "a corpus", "explaining": 100}


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def press(app: AppTest, server: JudgeServer) -> AppTest:
    app.text_input(key="server").set_value(server.url)
    next(field for field in app.text_input if field.label == "Key").set_value(KEY)
    app.run()
    app.button(key="explain").click().run()
    until = time.monotonic() + 60
    while any(work.running for work in app.session_state["roles.explaining"].values()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return app.run()


def test_an_explanation_stands_beside_its_controls_and_is_paid_once(
    open_page: Open, two_runs: Path, corpus: Path
) -> None:
    with serving(explains) as server:
        app = open_page("roles", a="tiny", corpus=str(corpus), unit_a="1.7", **VIEW)
        app = told_to_read(app)
        assert "14 calls at most" in said(app) and "not asked about neuron 1.7 yet" in said(app)
        assert server.asked == [] and not list(two_runs.rglob("explanations.sqlite"))
        app = press(app, server)
        assert not app.exception and not app.error
        assert "gpt-4o on neuron 1.7:" in said(app).replace("**", "")
        figure = figure_on(app, "figure-explained-tiny@10-1.7-gpt-4o")
        assert list(figure["data"][0]["y"]) == [
            "its own explanation",
            "another neuron's explanation",
            "just its top token",
        ]
        press(app, server)
        assert len(server.asked) == 14
    assert KEY not in str(dict(app.query_params))
    for path in two_runs.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def test_a_server_that_refuses_and_a_missing_key_are_one_line(
    open_page: Open, two_runs: Path, corpus: Path
) -> None:
    app = told_to_read(open_page("roles", a="tiny", corpus=str(corpus), **VIEW))
    app.button(key="explain").click().run()
    assert not app.exception and "No key was given" in said(app)
    with serving(lambda *_: refuses(401)) as server:
        app = press(app, server)
    assert not app.exception and len(app.error) == 1
    assert "refused the key" in said(app) and KEY not in said(app)
