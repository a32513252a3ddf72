"""Openings of a person's own: every form gives the same texts, and requests stay whole."""

import json
import time
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.grading.openings import parse_openings, read_openings
from slm.grading.questions import is_instruct
from slm.knowledge.prompts import parse_prompts
from slm.yaml_files import read_yaml

OPENINGS = ("Tom had a dog", "Amy\u2028saw", "Ben, who ran,")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.txt", "\n".join(OPENINGS)),
        ("o.txt", "\r\n".join(OPENINGS) + "\r\n\r\n"),
        ("o.txt", "\n\n \n".join(OPENINGS)),
        ("o.txt", "\n<|endoftext|>\n".join(OPENINGS) + "\n<|endoftext|>\n"),
        ("o.json", json.dumps(OPENINGS)),
        ("o.json", json.dumps([{"opening": opening, "id": 3} for opening in OPENINGS])),
        ("o.jsonl", "\n".join(json.dumps(o, ensure_ascii=False) for o in OPENINGS)),
        ("o.jsonl", "\n".join(json.dumps({"text": opening}) for opening in OPENINGS) + "\n\n"),
        ("o.csv", "\n".join(f'"{opening}"' for opening in OPENINGS)),
        ("o.csv", "id,Prompt\n" + "\n".join(f'1,"{opening}"' for opening in OPENINGS)),
        ("o.yml", "\n".join(f"- {json.dumps(opening)}" for opening in OPENINGS)),
    ],
)
def test_every_form_gives_the_same_openings(name: str, text: str) -> None:
    assert parse_openings(name, text.encode()) == OPENINGS


def test_one_line_is_one_opening() -> None:
    assert parse_openings("o.txt", b"Tom had a dog") == ("Tom had a dog",)


REQUESTS = (
    "Features: Dialogue\nWords: find, boat, red\nSummary: Rosa loses a boat.\n\n"
    "Story:\n\nRosa had a boat.\n\nOne day it was gone.",
    "Words: kite, red\nStory:",
    "Summary: Tom runs.\nStory: Tom ran",
)


@pytest.mark.parametrize("between", ["\n\n<|endoftext|>\n", "\n\n"])
def test_requests_are_read_whole_whatever_stands_between(between: str) -> None:
    found = parse_openings("o.txt", between.join(REQUESTS).encode())
    assert found == REQUESTS
    assert all(map(is_instruct, found))


def test_a_request_without_its_last_line_gets_it() -> None:
    found = parse_openings("o.txt", b"Words: kite, red\n\nFeatures: Twist\nWords: dog\n")
    assert found == ("Words: kite, red\nStory:", "Features: Twist\nWords: dog\nStory:")


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("o.md", "Tom had", "openings are .txt, .yaml, .yml, .json, .jsonl, .csv, not 'o.md'"),
        ("openings", "Tom had", "not 'openings'"),
        ("o.jsonl", '{"text": "a"}\n{"words": ["b"]}', "opening 2 of o.jsonl must be a text, or"),
        ("o.jsonl", '{"text": "a", "prompt": "b"}', "opening 1 of o.jsonl"),
        ("o.jsonl", "Tom had", "o.jsonl cannot be read"),
        ("o.csv", "id,words\n1,a\n", "opening 1 of o.csv must be a text"),
        ("o.csv", 'prompt\n"Tom', "o.csv cannot be read"),
        ("o.csv", "prompt\n", "must hold a list of openings"),
        ("o.json", '{"text": "a"}', "must hold a list of openings"),
    ],
)
def test_what_holds_no_openings_is_refused_by_its_rule(name: str, text: str, rule: str) -> None:
    with pytest.raises(BadInput, match=rule):
        parse_openings(name, text.encode())


def nested_aliases(levels: int) -> str:
    lines = ["- a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join([*lines, f"  kind: *a{levels - 1}", "  prompt: Tom was", "  right: [happy]"])


def test_yaml_with_aliases_is_refused_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(BadInput, match=r"line 2 has the alias \*a0") as caught:
        parse_prompts("prompts.yaml", nested_aliases(30))
    assert len(str(caught.value)) < 200
    with pytest.raises(BadInput, match="has the alias"):
        parse_openings("o.yaml", b"- &a Tom had\n- *a\n")
    with pytest.raises(BadInput, match="has the alias"):
        read_yaml("o.yaml", "a: &a {b: 1}\nc:\n  <<: *a\n")
    assert time.monotonic() - began < 1
    assert read_yaml("o.yaml", "- &a Tom had\n- Amy") == ["Tom had", "Amy"]


@pytest.mark.parametrize("value", ['"' + "x" * 5_000_000 + '"', "[" + "1, " * 50_000 + "1]"])
def test_a_value_of_any_size_makes_an_error_of_one_line(value: str) -> None:
    for text in (f'- kind: {value}\n  prompt: "Tom was"\n  right: [happy]\n', f"- prompt: {value}"):
        with pytest.raises(BadInput) as caught:
            parse_prompts("prompts.yaml", text)
        assert len(str(caught.value)) < 300
    with pytest.raises(BadInput) as caught:
        parse_openings("o.json", f'[{{"a": {value}}}]'.encode())
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.txt", "Tom had\na dog\n \nAmy saw\n\n\n"),
        ("o.json", '["Tom had\\na dog", "Amy saw"]'),
        ("o.yaml", "- |-\n  Tom had\n  a dog\n- Amy saw\n"),
    ],
)
def test_openings_are_read_from_text_json_and_yaml(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert read_openings(path) == ("Tom had\na dog", "Amy saw")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.json", "{"),
        ("o.json", '{"a": 1}'),
        ("o.json", "[1]"),
        ("o.yaml", "- 'a\n- b: ["),
        ("o.txt", " \n"),
    ],
)
def test_openings_that_cannot_be_read_are_refused_in_one_line(
    tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_openings(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="No such file"):
        read_openings(tmp_path / "missing.txt")


def test_of_whole_records_the_requests_are_read_and_a_given_beginning_stays() -> None:
    story = "Once there was a red boat. " * 12
    records = (
        f"Words: boat, red\nStory: \n\n{story}\n\nIt sailed.\n\nFeatures: Twist\nStory: \n\n{story}"
    )
    found = parse_openings("o.txt", records.encode())
    assert found == ("Words: boat, red\nStory:", "Features: Twist\nStory:")
    begun = "Words: boat, red\nStory: Once there was"
    assert parse_openings("o.txt", begun.encode()) == (begun,)
