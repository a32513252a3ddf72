"""The grading page against a judge that speaks the real protocol and can misbehave."""

import json
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.grading import GradingJob, graded
from slm.judging.grades import Item
from slm.judging.judge import Judge
from tests.app.conftest import Open, said
from tests.judging.server import JudgeServer

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests, their key is not used."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def press_grade(app: AppTest, server: JudgeServer) -> AppTest:
    """Give the page a server and a key, press Grade, and wait until the judge has spoken."""
    app.text_input(key="server").set_value(server.url)
    next(field for field in app.text_input if field.label == "Key").set_value(KEY)
    app.run()
    app.button(key="grade").click().run()
    until = time.monotonic() + 60
    while (job := app.session_state["grading-job"]).running:
        assert time.monotonic() < until, "the grading did not end"
        time.sleep(0.05)
    assert isinstance(job, GradingJob)
    return app.run()


def test_the_price_is_told_before_anything_is_sent(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    app = open_page("grading", a="tiny", openings=2, samples=3, calibrate="false")
    assert "12 calls" in said(app) and "$" in said(app)
    app.text_input(key="judge").set_value("someone").run()
    assert "The price of this judge is unknown" in said(app)
    assert server.asked == [] and not (two_runs / "tiny" / "grades.sqlite").exists()


def test_without_a_key_or_a_server_the_page_asks_for_one(open_page: Open, two_runs: Path) -> None:
    app = open_page("grading", a="tiny", openings=1, samples=1, calibrate="false")
    assert "No judge has read tiny@10 yet" in said(app)
    app.button(key="grade").click().run()
    assert not app.exception
    assert [error.value for error in app.error] and "needs a key" in said(app)


def test_grades_come_with_the_judges_words_and_are_never_paid_twice(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    app = press_grade(
        open_page("grading", a="tiny", openings=2, samples=2, calibrate="false"), server
    )
    assert not app.exception and not app.error
    assert server.paid == 8
    assert "gpt-4o: It reads well enough." in said(app).replace("**", "")
    assert "4 stories" in said(app)
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert figure["data"][0]["y"] == ["grammar", "creativity", "consistency", "plot"]
    press_grade(app, server)
    assert server.paid == 8


def test_the_key_is_neither_on_disk_nor_in_the_link(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    app = press_grade(
        open_page("grading", a="tiny", openings=1, samples=1, calibrate="false"), server
    )
    assert KEY not in str(dict(app.query_params))
    for path in two_runs.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def test_a_wrong_key_is_one_line(open_page: Open, two_runs: Path, server: JudgeServer) -> None:
    server.misbehave = ["401"] * 8
    app = press_grade(
        open_page("grading", a="tiny", openings=1, samples=1, calibrate="false"), server
    )
    assert not app.exception
    assert len(app.error) == 1 and "What was graded is kept." in said(app)
    assert KEY not in said(app)


def test_a_reply_that_is_no_grade_is_ungraded_and_shown_as_it_came(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    server.misbehave = ["", "prose"]
    app = press_grade(
        open_page("grading", a="tiny", openings=1, samples=1, calibrate="false"), server
    )
    assert not app.exception
    assert "None of the 1 replies could be read as grades" in said(app)
    assert app.code[0].value == "I would give it a solid seven."


def test_a_cancelled_grading_keeps_what_was_paid_and_sends_no_more(
    two_runs: Path, server: JudgeServer
) -> None:
    items = [
        Item(
            address="tiny@10",
            opening=f"Story {index}",
            completion=" ends.",
            opening_index=index,
            completion_index=0,
        )
        for index in range(30)
    ]
    server.misbehave = ["slow"] * 60
    job = GradingJob(items, Judge(model="gpt-4o", base_url=server.url, key=KEY), None)
    while server.paid < 2:
        time.sleep(0.05)
    job.cancel()
    until = time.monotonic() + 30
    while job.running:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert 0 < len(server.asked) < 30
    assert job.error == ""
    kept = sum(len(found) for found in graded("tiny@10").values())
    assert job.done <= kept < 30
