"""The grading page against a judge that speaks the real protocol and can misbehave."""

import json
import re
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.jobs.work import Work
from app.views.grading import graded
from slm.grading.grading import grade, grade_with_bill
from slm.grading.items import Item, sample_of
from slm.llm.judge import Judge
from tests.app.conftest import Open, figure_on, said, story_on
from tests.llm.server import JudgeServer, says

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
    while (job := app.session_state["grading.grading"]).running:
        assert time.monotonic() < until, "the grading did not end"
        time.sleep(0.05)
    assert isinstance(job, Work)
    return app.run()


def read_of(work: Work[None]) -> int:
    """How many items a grading has read."""
    found = re.search(r"has read (\d+) of", work.progress.doing)
    return int(found[1]) if found else 0


def test_the_price_is_told_before_anything_is_sent(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    app = open_page("grading", a="tiny", openings=2, samples=3, calibrate="false")
    assert "12 calls" in said(app) and "$" in said(app)
    app.text_input(key="judge").set_value("someone").run()
    assert "The price of this judge is unknown" in said(app)
    assert server.asked == [] and not (two_runs / "tiny" / "grades.sqlite").exists()


def test_no_story_is_written_before_somebody_presses_grade_but_those_that_are_shown(
    open_page: Open, two_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[int, int]] = []

    def note(
        checkpoint: object, openings: tuple[str, ...], sample: int, seed: int = 0
    ) -> list[Item]:
        written.append((len(openings), sample))
        return sample_of(checkpoint, openings, sample, seed)  # type: ignore[arg-type]

    monkeypatch.setattr("slm.grading.items.sample_of", note)
    app = open_page("grading", a="tiny", openings=5, samples=20, calibrate="false")
    assert "200 calls" in said(app) and "3 of the 100 stories" in said(app)
    assert set(written) <= {(3, 0)}


def test_a_click_fills_in_a_usual_server_and_test_says_what_answers_there(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    app = open_page("grading", a="tiny", openings=1, samples=1, calibrate="false")
    app.button(key="server-Ollama").click().run()
    assert app.text_input(key="server").value == "http://127.0.0.1:11434/v1"
    server.models = ["gpt-4o", "another"]
    server.script = lambda *_: says('{"sum": 5}')
    app.text_input(key="server").set_value(server.url).run()
    app.button(key="test-server").click().run()
    assert not app.exception
    (told,) = [each.value for each in app.success]
    assert "lists 2 models" in told and "does structured output" in told
    app.selectbox(key="grading.models_there").select("another").run()
    assert app.text_input(key="judge").value == "another"
    app.text_input(key="server").set_value("http://127.0.0.1:9/v1").run()
    assert not app.success, "what is told is of another server"


def test_how_replies_were_read_and_how_many_stories_were_cut_off_is_shown(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    lines = "Grammar: 7/10\nCreativity: 6/10\nConsistency: 5/10\nPlot: 4/10\nAge group: C"
    server.script = lambda number, asked: says(lines) if number == 1 else None
    where = {"a": "tiny", "openings": 2, "samples": 1, "calibrate": "false", "at_once": 1}
    app = press_grade(open_page("grading", **where), server)
    assert "1 by: names with grades" in said(app) and "1 by: JSON" in said(app)
    assert "Cut off at the context's end, which the judge was told: " in said(app)


def test_without_a_key_or_a_server_the_page_asks_for_one(open_page: Open, two_runs: Path) -> None:
    app = open_page("grading", a="tiny", openings=1, samples=1, calibrate="false")
    assert "No judge has read tiny@10 yet" in said(app)
    assert "1 of the 1 stories that it would read" in said(app)
    assert len(story_on(app, "ungraded-tiny@10-0")["str_tokens"]) == 2
    app.button(key="grade").click().run()
    assert not app.exception
    assert [error.value for error in app.error] and "No key was given" in said(app)


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
    spread = figure_on(app, "figure-spread-tiny@10-gpt-4o")["data"][0]
    assert [sum(int(count or 0) for count in row) for row in spread["text"]] == [4] * 4
    press_grade(app, server)
    assert server.paid == 8


def test_grades_of_other_openings_are_not_mixed_in(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    elsewhere = Item(
        address="tiny@10",
        opening="From a file of mine",
        completion=" x",
        opening_index=0,
        completion_index=0,
    )
    judge = Judge(model="gpt-4o", base_url=server.url, key=KEY)
    list(grade([elsewhere], judge))
    app = open_page("grading", a="tiny", openings=1, samples=1, calibrate="false")
    assert "No judge has read tiny@10 yet" in said(app)
    app = press_grade(app, server)
    assert "tiny@10 graded by gpt-4o: 1 story." in said(app)


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
    assert len(
        app.error
    ) == 1 and "It had come to: gpt-4o has read 0 of 1, 0 answers bought for $0.0000." in said(app)
    assert KEY not in said(app)


def test_a_reply_that_is_no_grade_is_ungraded_and_shown_as_it_came(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    server.misbehave = ["", "prose", "prose"]
    app = press_grade(
        open_page("grading", a="tiny", openings=1, samples=1, calibrate="false"), server
    )
    assert not app.exception
    assert "None of the 1 stories got grades" in said(app)
    assert "1 there are no grades in the reply" in said(app)
    assert "“Ask again what could not be read”" in said(app)
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
    job = Work(grade_with_bill(items, Judge(model="gpt-4o", base_url=server.url, key=KEY)))
    while server.paid < 2:
        time.sleep(0.05)
    job.cancel()
    until = time.monotonic() + 30
    while job.running:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert 0 < len(server.asked) < 30
    assert job.error == "" and job.cancelled
    kept = sum(len(found) for found in graded("tiny@10").values())
    assert read_of(job) <= kept < 30


def test_two_models_are_read_against_each_other_unnamed(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    where = {"a": "tiny", "b": "other", "openings": 5, "samples": 1, "calibrate": "false"}
    app = open_page("grading", **where, view="A against B")
    assert "20 calls" in said(app)
    press_grade(app, server)
    assert not app.exception and not app.error
    assert server.paid == 20
    assert "5 pairs read by gpt-4o, each both ways round" in said(app)
    assert "No favourite place is seen in this judge." in said(app)
    assert "tiny" not in json.dumps(server.asked)
    shown = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]
    assert shown["y"] == ["tiny@10 is preferred", "the one shown first is"]
    assert shown["x"][1] == 0.5


def test_a_judge_who_does_not_see_spoiled_stories_is_named_above_its_grades(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    grades = {"grammar": 7, "creativity": 7, "consistency": 7, "plot": 7, "age_group": "C"}
    server.script = lambda _, asked: (
        says(json.dumps(grades)) if len(asked["messages"]) > 1 else None
    )
    app = press_grade(open_page("grading", a="tiny", openings=2, samples=1, repeats=2), server)
    assert not app.exception
    assert "gpt-4o does not see what it is asked about." in said(app)
    app = open_page("grading", a="tiny", openings=2, samples=1, view="The judge")
    assert "grammar 7.0 before, 7.0 after, over 8 stories. It does not see that." in said(app)
    assert "from 26 stories asked about more than once" in said(app)


def test_a_person_grades_the_same_stories_blinded_and_is_compared(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    where = {"a": "tiny", "openings": 3, "samples": 1, "calibrate": "false"}
    press_grade(open_page("grading", **where), server)
    app = open_page("grading", **where, view="By hand", person="amy")
    assert "0 of 3 read" in app.get("progress")[0].proto.text
    for typed in ("7 5", "7 5 8 6 C", "3 4 2 2 A", "9 5 5 5 D"):
        assert "tiny@10" not in said(app)
        app.text_input(key="typed").set_value(typed)
        next(button for button in app.button if button.label == "Next").click().run()
        complained = [error.value for error in app.error]
        assert bool(complained) == (typed == "7 5")
    assert "You have read them all." in "".join(each.value for each in app.success)
    app = open_page("grading", **where, view="The judge", by="person:amy")
    (table,) = [shown.value for shown in app.dataframe if "stories" in shown.value]
    assert list(table["grade"]) == ["grammar", "creativity", "consistency", "plot"]
    assert list(table["stories"]) == [3] * 4
    assert server.paid == 6


def test_the_key_of_this_machine_goes_to_no_server_that_is_typed_in(
    open_page: Open, two_runs: Path, server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-owner")
    app = open_page("grading", a="tiny", openings=1, samples=1, calibrate="false")
    app.text_input(key="server").set_value(server.url).run()
    app.button(key="grade").click().run()
    until = time.monotonic() + 60
    while app.session_state["grading.grading"].running:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert server.paid == 2
    assert server.keys == {"Bearer none"}


def test_a_grading_is_paused_and_goes_on_by_a_button_of_the_page(
    open_page: Open, two_runs: Path, server: JudgeServer
) -> None:
    server.script = lambda *_: time.sleep(0.4)
    app = open_page("grading", a="tiny", openings=5, samples=2, calibrate="false", at_once=1)
    app.text_input(key="server").set_value(server.url).run()
    app.button(key="grade").click().run()
    assert app.button(key="pause-grading").label == "Pause"
    app.button(key="pause-grading").click().run()
    work = app.session_state["grading.grading"]
    assert work.paused and app.button(key="pause-grading").label == "Go on"
    assert ", paused" in app.get("progress")[0].proto.text
    app.button(key="pause-grading").click().run()
    assert not work.paused and app.button(key="pause-grading").label == "Pause"
    app.button(key="cancel-grading").click().run()
    until = time.monotonic() + 60
    while work.running:
        assert time.monotonic() < until
        time.sleep(0.05)
    told = said(app.run())
    assert "Cancelled. It had come to: " in told and "Every answer is kept." in told


def test_a_paused_grading_sends_nothing_until_it_goes_on(
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
        for index in range(12)
    ]
    server.script = lambda *_: time.sleep(0.05)
    job = Work(grade_with_bill(items, Judge(model="gpt-4o", base_url=server.url, key=KEY)))
    while read_of(job) < 2:
        time.sleep(0.02)
    job.pause()
    time.sleep(0.8)  # those under way come home
    sent = len(server.asked)
    assert job.paused and job.seconds_left is None and sent < 24
    time.sleep(0.4)
    assert len(server.asked) == sent
    job.go_on()
    until = time.monotonic() + 30
    while job.running:
        assert time.monotonic() < until
        assert job.seconds_left is None or job.seconds_left >= 0
        time.sleep(0.02)
    assert (read_of(job), server.paid, job.error) == (12, 24, "")
    assert job.progress.doing.startswith("gpt-4o has read 12 of 12, 12 answers bought for $0.0")
