"""What answers under an address is said in one line, and an address without /v1 is noticed."""

import json
from typing import Any

import pytest

from slm.cli import main
from slm.llm.judge import NO_KEY
from slm.llm.servers import PRESETS, ServerTest, probe_server, resolve_server
from tests.llm.server import Answer, JudgeServer, refuses, says, serving


def probe(server: JudgeServer, model: str = "loopback", path: str = "/v1") -> ServerTest:
    return probe_server(model, server.url.removesuffix("/v1") + path, NO_KEY)


def test_a_server_that_keeps_to_a_schema_is_said_to_and_its_models_are_named() -> None:
    with serving(lambda *_: says('{"sum": 5}')) as server:
        found = probe(server)
    assert (found.models, found.answers, found.structured_output) == (("loopback",), True, True)
    assert found.line == (
        f"{server.url}/ lists 1 model: loopback; loopback answers and does structured output"
    )


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (says("It is five."), "answers and does not do structured output"),
        (says('<think>2 + 3</think>{"sum": 5}'), "does structured output, and thinks before it"),
        (refuses(404, "model 'x' not found"), "has no model 'loopback' for you (404)"),
        (refuses(401, "no key"), "no key was given, and"),
        (Answer(body="<html><title>Sign in</title></html>"), "answered with a web page (Sign in)"),
    ],
)
def test_what_a_model_does_or_why_it_does_not_answer_is_said(answer: Answer, line: str) -> None:
    with serving(lambda *_: answer) as server:
        assert line in probe(server).line


def test_a_server_that_refuses_the_schema_does_no_structured_output() -> None:
    def script(_: int, request: dict[str, Any]) -> Answer:
        refused = "response_format" in request
        return refuses(400, "response_format?") if refused else says('{"sum": 5}')

    with serving(script) as server:
        assert probe(server).structured_output is False


def test_a_judge_that_thinks_too_long_for_the_question_is_not_judged_by_it() -> None:
    body = {"choices": [{"finish_reason": "length", "message": {"content": "<think>Well"}}]}
    with serving(lambda *_: Answer(body=json.dumps(body))) as server:
        found = probe(server)
    assert found.structured_output is None and "may do structured output, and thinks" in found.line


def test_without_a_model_nothing_is_asked(server: JudgeServer) -> None:
    server.models = []
    found = probe(server, model="")
    assert found.answers is None and server.asked == []
    assert found.line.endswith("lists no model (none is loaded)")


def test_an_address_without_its_version_is_noticed(server: JudgeServer) -> None:
    found = probe(server, path="")
    assert "has no version; " in found.line and f"{server.url}/ lists 1 model" in found.line
    assert server.asked == []


def test_a_server_that_is_not_there_is_said_in_one_line() -> None:
    with serving() as server:
        pass
    assert probe(server).line == f"{server.url}/ cannot be reached"


def test_a_preset_is_found_by_its_name_and_an_address_stays_as_it_is() -> None:
    assert resolve_server("lm studio") == "http://127.0.0.1:1234/v1"
    assert resolve_server("http://h/v1") == "http://h/v1" and resolve_server(None) is None
    assert all(one.base_url.startswith("http://127.0.0.1:") == one.local for one in PRESETS)


def test_the_command_lists_servers_and_says_what_answers(
    server: JudgeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(["judges"]) == 0
    assert "Ollama       http://127.0.0.1:11434/v1  (this machine)" in capsys.readouterr().out
    server.script = lambda *_: says('{"sum": 5}')
    assert main(["judges", server.url, "--judge", "loopback", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["structured_output"] is True
    assert main(["judges", server.url.removesuffix("/v1")]) == 2
    assert "has no version" in capsys.readouterr().err
