"""The knowledge page: the table, its scores, prompts of one's own, and a person's verdict."""

import html
import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.state import KnowledgeState
from app.views.knowledge.editing import as_rows, from_rows
from app.views.knowledge.table import table
from slm.comparing.measured import kept
from slm.errors import BadInput
from slm.knowledge.prompts import Prompt, shipped
from slm.knowledge.scoring import Answer
from slm.runs import open_run
from tests.app.conftest import ROOT, Open, figure_on, said
from tests.llm.server import says, serving

PARK = Prompt(kind="fact", prompt="Tom went to the", right=("park",), wrong=("moon",))


def answer(continuation: str) -> Answer:
    return Answer(
        prompt=PARK,
        continuation=continuation,
        verdict="wrong",
        preferred=None,
        share=None,
        chance=None,
        log_probabilities={},
    )


def table_on(app: AppTest) -> str:
    """The table of continuations, as HTML."""
    return next(body for html in app.get("html") if "known" in (body := html.proto.body))


def test_a_continuation_is_text_and_never_markup() -> None:
    shown = table({"<b>": [answer("<img src=x onerror=alert(1)>")]}, dark=False)
    assert "<img" not in shown and "<b>" not in shown and "✗" in shown


def test_what_is_edited_comes_back_as_prompts() -> None:
    assert from_rows(as_rows(shipped())) == shipped()
    rows = [{"kind": "fact", "prompt": " A ", "right": "b / c ", "almost": None, "wrong": ""}]
    assert from_rows([*rows, dict.fromkeys(rows[0])]) == (
        Prompt(kind="fact", prompt="A", right=("b", "c")),
    )
    with pytest.raises(BadInput, match="at least one prompt"):
        from_rows([])
    with pytest.raises(BadInput, match="stands there twice"):
        from_rows(rows * 2)


def test_models_stand_beside_each_other_and_a_person_has_the_last_word(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("knowledge", a="tiny", also="other@0")
    app.button(key="begin-knowledge.more_models").click().run()
    assert not app.exception and not app.error
    shown = table_on(app)
    assert "tiny@10" in shown and "other@0" in shown
    assert shown.count("<td class='said'") == 2 * len(shipped())
    figure = figure_on(app, "figure-knowledge-tiny@10-other@0")
    assert [trace["name"] for trace in figure["data"]] == [
        "tiny@10",
        "by chance",
        "other@0",
        "by chance",
    ]
    app.session_state[KnowledgeState.mine.key] = (PARK,)
    app.toggle(key="knowledge.by_hand").set_value(True).run()
    assert not app.exception and not app.error
    app.segmented_control[-1].set_value("almost").run()
    assert "a person's verdict" in html.unescape(table_on(app))
    assert open_run("tiny").verdicts_path.exists() and "Five beams" in said(app)
    app.toggle(key="knowledge.edit").set_value(True).run()
    assert not app.exception and "parted by a slash" in said(app)


def test_a_judge_is_asked_once_the_bill_was_seen(open_page: Open, two_runs: Path) -> None:
    reply = says(json.dumps({"why": "One goes there.", "verdict": "almost"}))
    with serving(lambda number, request: reply) as server:
        app = open_page("knowledge", a="tiny", judging="true")
        app.session_state[KnowledgeState.mine.key] = (PARK,)
        app.text_input(key="server").set_value(server.url).run()
        assert "1 calls at most" in said(app) and not server.asked
        app.button(key="ask-judge").click().run()
        app.session_state[KnowledgeState.asking.key].wait(10)
        app.run()
        assert not app.exception and not app.error and len(server.asked) == 1
        assert "by gpt-4o: One goes there." in table_on(app)
        assert "judge and rule agree" in said(app)


def test_what_is_kept_of_every_checkpoint_is_shown_at_once(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    run = open_run("four-layer")
    app = open_page("knowledge", a="four-layer")
    assert not app.exception and not app.error
    end = {one.of: one.value for one in kept(run, run.steps[-1], "knowledge") or ()}
    assert f"answers {end['all']:.0%}" in said(app)
    shown = app.dataframe[0].value
    assert list(shown["step"]) == run.steps
    assert str(shown["Facts"].iloc[-1]).startswith(f"{end['fact']:.0%} (")
    lines = figure_on(app, "figure-knowledge-over-training-four-layer")["data"]
    assert [line["y"][-1] for line in lines if line["name"] == "Facts"] == [end["fact"]]
    app.segmented_control(key="knowledge.score").set_value("by likelihood").run()
    assert f"answers {end['all, by probability']:.0%}" in said(app)


def test_where_nothing_is_kept_the_page_says_what_would_measure_it(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("knowledge", a="tiny")
    assert not app.exception and "Nothing is kept of tiny" in app.expander[0].label
    assert "curves tiny --measure=knowledge" in app.code[0].value
