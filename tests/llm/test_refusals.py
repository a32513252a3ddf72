"""What a server refuses, told apart: a schema, a parameter, this text, the model, the path, the key."""

import json
from typing import Any

import pytest

from slm.errors import BadInput
from slm.grading.rubric import PAPER
from slm.llm.judge import NO_KEY, Judge, NoReply, Refused
from tests.llm.server import Answer, refuses, says, serving

ASKED = [{"role": "user", "content": "Hello"}]
FORM = PAPER.response_format
PAGE = "<!doctype html><html><head><title>Sign in</title></head><body>no</body></html>"


def body(status: int, what: Any) -> Answer:
    return Answer(status=status, body=what if isinstance(what, str) else json.dumps(what))


def error(status: int, message: str, **more: Any) -> Answer:
    return body(status, {"error": {"message": message, **more}})


def ask(answer: Answer, *, without: str | None = None, key: str = "sk-x", **judge: Any) -> Any:
    """Ask once, with a schema; the server answers so as long as `without` is sent (or always)."""

    def script(_: int, request: dict[str, Any]) -> Answer:
        return answer if without is None or without in request else says("yes")

    with serving(script) as server:
        url = server.url.removesuffix("/v1") if judge.pop("bare", False) else server.url
        asking = Judge(model="m", base_url=url, key=key, **judge)
        for _ in range(2):
            reply = asking.ask(ASKED, form=FORM)
        assert reply.text == "yes"
        asked = server.asked
    assert without is not None
    refused = [one for one in asked if without in one]
    assert len(refused) == 1 and len(asked) == 3, "what was refused is sent again"
    return asked[-1]


SCHEMAS = {
    "vllm": body(
        400, {"message": "[{'type': 'extra_forbidden', 'loc': ('body', 'response_format')}]"}
    ),
    "deepseek": error(400, "This response_format type is unavailable now"),
    "lm studio": body(400, {"error": "'response_format.type' must be 'text'"}),
    "groq": error(400, "This model does not support response format `json_schema`."),
    "openrouter": error(404, "No endpoints found that can handle the requested parameters."),
    "llama.cpp": error(500, "JSON schema conversion failed: unrecognized schema"),
    "501": error(501, "response_format is not implemented"),
    "501 in no words": error(501, "no"),
    "mistral": body(422, {"message": {"detail": [{"loc": ["body", "response_format"]}]}}),
    "gemini": body(400, [{"error": {"message": 'Unknown name "additionalProperties" in schema'}}]),
    "no words": error(400, "Bad Request"),
}


@pytest.mark.parametrize("server", SCHEMAS)
def test_a_schema_is_given_up_on_any_refusal_that_may_be_about_it(server: str) -> None:
    last = ask(SCHEMAS[server], without="response_format")
    assert last["temperature"] == 0 and last["max_tokens"] == 400


@pytest.mark.parametrize(
    ("parameter", "answer", "instead"),
    [
        ("temperature", error(400, "not allowed for this model", param="temperature"), None),
        ("temperature", error(422, "Only the default (1) value is supported: 'temperature'"), None),
        ("max_tokens", error(400, "Unsupported parameter for it.", param="max_tokens"), "max_c"),
        ("max_tokens", error(400, "'max_tokens': use 'max_completion_tokens' instead"), "max_c"),
    ],
)
def test_a_parameter_is_given_up_or_named_otherwise(
    parameter: str, answer: Answer, instead: str | None
) -> None:
    last = ask(answer, without=parameter)
    assert "response_format" in last, "the schema was not what it was about"
    assert instead is None or last["max_completion_tokens"] == 400


def test_what_did_not_help_is_not_given_up() -> None:
    refusing = True

    def script(_: int, request: dict[str, Any]) -> Answer:
        return error(400, "Bad Request") if refusing else says("yes")

    with serving(script) as server:
        judge = Judge(model="m", base_url=server.url, key="sk-x")
        with pytest.raises(BadInput, match=r"refused the request \(400\): Bad Request"):
            judge.ask(ASKED, form=FORM)
        assert judge.has_structured_output is None
        refusing = False
        judge.ask(ASKED, form=FORM)
        assert {"temperature", "max_tokens", "response_format"} <= server.asked[-1].keys()
        assert judge.has_structured_output


def test_a_server_without_any_limit_keeps_no_cap() -> None:
    def script(_: int, request: dict[str, Any]) -> Answer:
        named = [name for name in ("max_tokens", "max_completion_tokens") if name in request]
        return error(400, f"Unrecognized request argument: {named[0]}") if named else says("yes")

    with serving(script) as server:
        judge = Judge(model="m", base_url=server.url, key="sk-x")
        assert judge.ask(ASKED).text == "yes"
        with pytest.raises(BadInput, match="takes no limit on an answer's tokens, so a cap cannot"):
            judge.ask(ASKED, must_limit=True)


def test_a_limit_above_what_is_left_of_the_context_is_lowered_for_this_text() -> None:
    def script(_: int, request: dict[str, Any]) -> Answer:
        words = "'max_tokens' is too large: {}. This model's maximum context length is 512 tokens."
        limit = request["max_tokens"]
        return error(400, words.format(limit)) if limit > 212 else says("yes")

    with serving(script) as server:
        assert Judge(model="m", base_url=server.url, key="sk-x").ask(ASKED).text == "yes"
        assert [one["max_tokens"] for one in server.asked] == [400, 200]


TEXTS = {
    "azure": error(400, "triggering the content management policy.", code="content_filter"),
    "openrouter": error(403, "Your input was flagged", metadata={"reasons": ["violence"]}),
    "too long": error(400, "maximum context length is 512 tokens", code="context_length_exceeded"),
    "too large": error(413, "Request too large"),
}


@pytest.mark.parametrize("why", TEXTS)
def test_a_text_that_is_refused_is_told_from_everything_else(why: str) -> None:
    with pytest.raises(Refused, match="refused this text"):
        ask(TEXTS[why])


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (
            error(404, 'model "m" not found, try pulling it first'),
            "has no model 'm' for you .404.: mod",
        ),
        (
            error(400, "m is not a valid model ID"),
            "has no model 'm' for you .400.: m is not a valid",
        ),
        (
            error(404, "The model `m` does not exist or you do not have access to it."),
            "no model 'm'",
        ),
        (error(403, "Project does not have access to model m"), "has no model 'm' for you .403."),
        (error(404, "no"), "has no model 'm', or no such path .404.: no"),
        (
            body(404, "404 page not found"),
            "nothing answers under .*/chat/completions .404.: 404 page",
        ),
        (
            body(404, {"detail": "Not Found"}),
            "nothing answers under .*chat/completions .404.: Not F",
        ),
        (body(404, PAGE), "nothing answers under .*chat/completions .404.: Sign in"),
        (
            body(200, {"error": "Unexpected endpoint or method. (POST /x)"}),
            "an error .Unexpected end",
        ),
        (error(401, "Incorrect API key provided"), "refused the key .401.: Incorrect API key"),
        (error(403, "Permission denied"), "refused the key .403.: Permission denied"),
        (body(403, PAGE), "a page before .* refuses this machine .403.: Sign in"),
        (error(402, "Insufficient Balance"), "asks for payment .402.: Insufficient Balance"),
    ],
)
def test_a_missing_model_a_missing_path_a_wrong_key_and_a_page_are_told_apart(
    answer: Answer, line: str
) -> None:
    with pytest.raises(BadInput, match=line) as caught:
        ask(answer)
    assert not isinstance(caught.value, Refused) and "\n" not in str(caught.value)


def test_a_missing_key_is_asked_for() -> None:
    with pytest.raises(BadInput, match=r"no key was given, and .* asks for one"):
        ask(error(401, "who are you?"), key=NO_KEY)


@pytest.mark.parametrize("answer", [body(404, "404 page not found"), body(200, PAGE)])
def test_an_address_without_a_version_is_noticed(answer: Answer) -> None:
    with pytest.raises((BadInput, NoReply), match=r"most addresses end in /v1: http://.*\d/v1"):
        ask(answer, bare=True)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (body(200, PAGE), r"answered with a web page \(Sign in\)"),
        (body(200, ""), "answered nothing"),
        (body(200, "yes"), "answered nonsense"),
        (body(200, 'data: {"choices": []}\n\n'), "answered with an event stream"),
        (
            body(200, {"error": {"message": "Provider returned error", "code": 502}}),
            "Provider returned",
        ),
        (
            body(200, {"choices": [{"finish_reason": "error", "error": {"message": "Upstream"}}]}),
            r"answered with an error \(Upstream\)",
        ),
        (refuses(429, "daily limit"), "answered 429: daily limit"),
        (body(502, PAGE), "answered 502: Sign in"),
        (body(500, [{"error": {"message": "quota"}}]), "answered 500: quota"),
    ],
)
def test_what_is_no_answer_may_be_asked_again_and_says_what_came(answer: Answer, line: str) -> None:
    with pytest.raises(NoReply, match=line):
        ask(answer)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "2"}, 2),
        ({"Retry-After": "250ms"}, None),
        ({"Retry-After": "nan"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ],
)
def test_the_servers_own_waiting_time_is_read(headers: dict[str, str], wait: float | None) -> None:
    answer = Answer(status=429, body="{}", headers=headers)
    with pytest.raises(NoReply) as caught:
        ask(answer)
    assert caught.value.wait == wait


def test_a_key_that_a_server_repeats_is_in_no_line() -> None:
    with pytest.raises(BadInput) as caught:
        ask(error(401, "wrong key sk-secret-1"), key="sk-secret-1")
    assert "sk-secret-1" not in str(caught.value) and "(key)" in str(caught.value)
