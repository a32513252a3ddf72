"""A judge's reply: thoughts are left out, and its one JSON object is found by named rules."""

import pytest

from slm.llm.messages import Unreadable
from slm.llm.reply_reader import (
    Contradiction,
    find_objects,
    objects_alone,
    objects_as_text,
    objects_in_fences,
    objects_in_prose,
    objects_with_slips,
    read_object,
    without_thoughts,
)

HARMONY = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>"


@pytest.mark.parametrize(
    "thoughtful",
    [
        "<think>\nIs it 3?\n</think>\n\nSeven.",
        "<think></think>Seven.",
        "<THINKING>3</THINKING> Seven.",
        "<thought>3</thought>Seven.",
        "<seed:think>3</seed:think>Seven.",
        "[THINK]3[/THINK]Seven.",
        "Well, 3.\n</think>\nSeven.",
        "<think>a</think><think>b</think>Seven.",
        HARMONY + "Seven.",
        HARMONY + "Seven.<|return|>",
        "analysisHm, 3.assistantfinalSeven.",
        "Seven.<think>or 3",
    ],
)
def test_thoughts_are_left_out(thoughtful: str) -> None:
    assert without_thoughts(thoughtful).strip() == "Seven."


@pytest.mark.parametrize("text", ["Seven.", "I think > 3.", " a ", "<b>think</b>", ""])
def test_a_text_without_thoughts_is_left_as_it_is(text: str) -> None:
    assert without_thoughts(text) == text


@pytest.mark.parametrize(
    "text", ["<think>cut off", "<|channel|>analysis<|message|>Hm.", "hm</think>"]
)
def test_thoughts_alone_leave_nothing(text: str) -> None:
    assert without_thoughts(text) == ""
    assert isinstance(read_object(text), Unreadable)


A = {"a": 1}


def test_one_object_or_a_list_of_them_alone_is_read() -> None:
    for text in ('{"a": 1}', ' \n{"a": 1}\n', '[{"a": 1}]', '\ufeff{"a": 1}'):
        found = objects_alone(text)
        assert found is not None and list(found.objects) == [A]
    assert objects_alone('x {"a": 1}') is objects_alone("[1]") is objects_alone("[]") is None


def test_a_doubly_encoded_object_is_read() -> None:
    found = objects_as_text('"{\\"a\\": 1}"')
    assert found is not None and list(found.objects) == [A]
    assert objects_as_text('{"a": 1}') is objects_as_text('"a"') is None


@pytest.mark.parametrize("kind", ["", "json", "JSON", "javascript"])
def test_fenced_objects_are_read_and_the_text_around_them_is_kept(kind: str) -> None:
    found = objects_in_fences(f'Here:\n```{kind}\n{{"a": 1}}\n```\nThere.')
    assert found is not None and list(found.objects) == [A]
    assert found.rest.split() == ["Here:", "There."]
    assert objects_in_fences('{"a": 1}') is None


def test_objects_in_prose_are_read_each_once_with_the_text_around_them() -> None:
    found = objects_in_prose('So {"a": {"b": 2}} and {x} and {"a": 1}.')
    assert found is not None and list(found.objects) == [{"a": {"b": 2}}, A]
    assert found.rest.split() == ["So", "and", "{x}", "and", "."]
    assert objects_in_prose("{} {") is None


@pytest.mark.parametrize(
    ("slip", "value"),
    [
        ("{'a': 'b'}", "b"),
        ('{"a": "b",}', "b"),
        ('{"a": "b" // why\n}', "b"),
        ('{"a": /* why */ "b"}', "b"),
        ("{\u201ca\u201d: \u201cb\u201d}", "b"),
        ('{a: "b"}', "b"),
        ('{"a": 8/10}', "8/10"),
        ('{"a": +8, "c": 1}', "+8"),
        ('{"a": 8,5, "c": 1}', "8,5"),
    ],
)
def test_the_usual_slips_of_json_are_read(slip: str, value: str) -> None:
    assert objects_alone(slip) is None
    found = objects_with_slips(slip)
    assert found is not None and found.objects[0]["a"] == value


def test_rules_are_tried_in_order() -> None:
    assert next(name for name, _ in find_objects('```json\n{"a": 1}\n```')) == "JSON in a fence"
    assert next(name for name, _ in find_objects('So {"a": 1}')) == "JSON in prose"
    assert [name for name, _ in find_objects("{'a': 1}")] == ["nearly JSON"]
    assert list(find_objects("none")) == []


@pytest.mark.parametrize(
    "reply", ['{"a": 1}', 'Sure: {"a": 1}', '<think>{"a": 2}</think>{"a": 1}', '{"a": 1}\n{"a": 1}']
)
def test_the_one_object_of_a_reply_is_read(reply: str) -> None:
    assert read_object(reply) == A


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "no JSON object"),
        ("A seven.", "no JSON object"),
        ('{"a": 1', "no JSON object"),
        ("[1]", "no JSON object"),
        ("null", "no JSON object"),
        ('{"a": 1} {"a": 2}', "several JSON objects"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ("<think>{}</think>", "thoughts and nothing else"),
        ("[" * 100_000, "no JSON object"),
        ('{"a":' * 100_000, "no JSON object"),
    ],
)
def test_what_has_no_object_or_several_is_unreadable_and_kept_as_it_came(
    reply: str, reason: str
) -> None:
    found = read_object(reply)
    assert isinstance(found, Unreadable) and reason in found.reason and found.reply == reply


def test_a_key_that_stands_twice_keeps_both_values() -> None:
    found = objects_alone('{"a": 1, "a": 1, "b": 1, "b": 2, "b": 3}')
    assert found is not None and found.objects[0] == {"a": 1, "b": Contradiction((1, 2, 3))}
