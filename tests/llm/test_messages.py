"""What is sent to a judge cannot be ended by a story."""

import json

import pytest

from slm.llm.messages import form, harmless


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
