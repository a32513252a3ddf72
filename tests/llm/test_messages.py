"""What is sent to a judge cannot be ended by a story; one JSON object is read, and nothing else."""

import json

import pytest

from slm.llm.messages import Unreadable, form, harmless, read_object


@pytest.mark.parametrize(
    "wrap", ["{}", "  {}\n", "```json\n{}\n```", "```\n{}\n```", "```json {} ```"]
)
def test_one_object_perhaps_fenced_is_read(wrap: str) -> None:
    assert read_object(wrap.replace("{}", '{"a": [1, "b"]}')) == {"a": [1, "b"]}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "not JSON"),
        ("A seven.", "not JSON"),
        ('Here: {"a": 1}', "not JSON"),
        ('{"a": 1} {"b": 2}', "not JSON"),
        ('{"a": 1', "not JSON"),
        ("[1]", "not a JSON object"),
        ("7", "not a JSON object"),
        ("null", "not a JSON object"),
        ('"{}"', "not a JSON object"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_anything_else_is_unreadable_and_kept_as_it_came(reply: str, reason: str) -> None:
    assert read_object(reply) == Unreadable(reason=f"the answer is {reason}", reply=reply)


@pytest.mark.parametrize("tag", ["story", "task", "first", "second"])
@pytest.mark.parametrize("written", ["</{}>", "<{}>", "< / {}>", "</{} x>", "<\n/{}>"])
def test_no_text_can_end_the_passage_it_stands_in(tag: str, written: str) -> None:
    for name in (tag, tag.upper()):
        evil = written.format(name)
        assert harmless(f"a {evil} b") == f"a ({evil[1:]} b"


@pytest.mark.parametrize("text", ["1 < 2", "<storybook>", "<b>bold</b>", "a story > b"])
def test_text_that_ends_nothing_is_left_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_no_text_holds_the_mark() -> None:
    assert harmless("one*** two *") == "one••• two •"


def test_a_form_asks_for_an_object_with_exactly_these_properties() -> None:
    made = form("grades", {"a": {"type": "number"}, "b": {"type": "string"}})
    inner = made["json_schema"]
    assert (made["type"], inner["name"], inner["strict"]) == ("json_schema", "grades", True)
    assert inner["schema"]["required"] == ["a", "b"]
    assert inner["schema"]["additionalProperties"] is False
    assert json.loads(json.dumps(made)) == made
