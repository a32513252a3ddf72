"""A body of status 200 is a completion, with its text, its end and its tokens, or says what it is."""

import json
from typing import Any

import pytest

from slm.llm.completions import NoCompletion, read_completion
from slm.llm.messages import Reply


def read(message: Any, usage: Any = None, finish: str = "stop", **more: Any) -> Reply:
    choice = {"finish_reason": finish, "message": message, **more}
    body = {"choices": [choice], "usage": usage}
    return read_completion(json.dumps(body), "application/json", 7)


def test_tokens_are_those_of_the_server_and_what_only_its_total_counts_was_written() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    one = read({"content": "yes"}, usage)
    assert (one.input_tokens, one.output_tokens, one.finish) == (100, 50, "stop")
    assert read({"content": "yes"}, usage | {"total_tokens": 450}).output_tokens == 350
    assert read({}, {"prompt_tokens": 10, "total_tokens": 410}).output_tokens == 400


def test_a_server_that_counts_nothing_is_estimated_with_its_thoughts() -> None:
    one = read({"content": "a" * 8, "reasoning_content": "b" * 40})
    assert (one.input_tokens, one.output_tokens, one.text) == (7, 12, "a" * 8)


@pytest.mark.parametrize(
    ("message", "text", "part"),
    [
        ({"content": "a", "reasoning": "b", "refusal": "c"}, "a", "content"),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "image"}, "b"]},
            "ab",
            "list of parts",
        ),
        ({"content": " ", "refusal": "c"}, "c", "refusal"),
        ({"tool_calls": [{"function": {"arguments": '{"a": 1}'}}]}, '{"a": 1}', "tool call"),
        ({"function_call": {"arguments": {"a": 1}}}, '{"a": 1}', "tool call"),
        ({"content": None, "reasoning": "b"}, "b", "reasoning"),
        ({"content": "\n"}, "\n", "content"),
        ("nonsense", "", "content"),
        (None, "", "content"),
    ],
)
def test_the_text_is_found_where_servers_put_it(message: Any, text: str, part: str) -> None:
    one = read(message)
    assert (one.text, one.part) == (text, part)


def test_thoughts_that_were_cut_off_are_no_answer() -> None:
    one = read({"content": "", "reasoning": "thinking on"}, finish="length")
    assert one.text == "" and one.is_cut


@pytest.mark.parametrize(
    "body", ["{}", "[]", '{"choices": 3, "usage": 4}', '{"choices": [{}]}', "7"]
)
def test_json_that_is_no_completion_has_no_text(body: str) -> None:
    assert read_completion(body, "application/json", 7).text == ""


def test_an_error_beside_a_whole_answer_is_no_error() -> None:
    assert read({"content": "yes"}, error={"message": "late"}).text == "yes"
    with pytest.raises(NoCompletion, match=r"an error \(late\)"):
        read({"content": ""}, error={"message": "late"})
