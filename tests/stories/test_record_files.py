"""Files of records: every form that other tools write gives its stories, or names what it has."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from slm.errors import BadInput
from slm.stories.instruct import parse_record
from slm.stories.record_files import all_data_story
from slm.stories.sources import open_source
from tests.conftest import write_corpus

STORIES = ['Tom said "Hi,\nAmy."\u2028He ran.', "Zoé had a ball;\tand a dog.", "Amy ran."]


def stories_of(path: Path, option: str = "") -> list[str]:
    return list(open_source(f"{path}{option}").raw())


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize("block", [7, 1 << 20])
@pytest.mark.parametrize(
    "write",
    [
        lambda: json.dumps(STORIES),
        lambda: json.dumps([{"text": story} for story in STORIES]),
        lambda: "\n".join(json.dumps({"text": story}) for story in STORIES) + "\n",
        lambda: "\n".join(json.dumps(story, ensure_ascii=False) for story in STORIES),
        lambda: json.dumps({"text": STORIES, "id": [1, 2, 3]}),
        lambda: json.dumps({"text": {str(n): story for n, story in enumerate(STORIES)}}),
    ],
)
def test_json_of_every_form_gives_its_stories(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[], str],
    name: str,
    block: int,
) -> None:
    monkeypatch.setattr("slm.stories.text_files.BLOCK", block)
    (tmp_path / name).write_text(write(), encoding="utf-8")
    assert stories_of(tmp_path / name) == STORIES


def test_a_json_may_be_printed_over_many_lines(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"text": STORIES}, indent=2))
    assert stories_of(tmp_path / "a.json") == STORIES
    records = "\n".join(json.dumps({"story": story}, indent=2) for story in STORIES)
    (tmp_path / "b.json").write_text(records)
    assert stories_of(tmp_path / "b.json") == STORIES


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_csv_gives_its_text_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delimiter: str, end: str
) -> None:
    monkeypatch.setattr("slm.stories.text_files.BLOCK", 7)
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter=delimiter, lineterminator=end)
        rows.writerow(["", "text", "source"])
        rows.writerows([number, story, "GPT-4"] for number, story in enumerate(STORIES))
    assert stories_of(tmp_path / "a.csv") == STORIES


def test_a_mark_inside_a_record_ends_a_story(tmp_path: Path) -> None:
    texts = ["Tom ran.<|endoftext|>", "Amy ran.\n<|endoftext|>\nBen ran.", "Zoé ran."]
    (tmp_path / "a.json").write_text(json.dumps(texts))
    found = [story.strip() for story in stories_of(tmp_path / "a.json")]
    assert found == ["Tom ran.", "Amy ran.", "Ben ran.", "Zoé ran."]


def test_a_csv_of_stories_alone_needs_no_heading(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    long = [f"{story} And so the long day came to its end." for story in STORIES]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([story] for story in long)
    assert stories_of(path) == long
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([n, story] for n, story in enumerate(STORIES))
    assert stories_of(path, ":text=2") == STORIES


def test_a_long_story_in_a_csv_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\n"' + "Tom ran. " * 50_000 + '"\n')
    assert len(stories_of(tmp_path / "a.csv")[0]) == 450_000


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff")


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.text(CHARACTERS), min_size=1, max_size=4))
def test_any_text_survives_every_form(tmp_path: Path, texts: list[str]) -> None:
    stories = [f"Tom: {text}." for text in texts]
    table = [{"text": story} for story in stories]
    (tmp_path / "a.json").write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")
    records = "\n".join(json.dumps(record, ensure_ascii=False) for record in table)
    (tmp_path / "a.jsonl").write_text(records, encoding="utf-8")
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, ["text"])
        rows.writeheader()
        rows.writerows(table)
    parquet.write_table(pyarrow.table({"text": stories}), tmp_path / "a.parquet")
    for name in ("a.json", "a.jsonl", "a.csv", "a.parquet"):
        assert stories_of(tmp_path / name) == stories
    write_corpus(tmp_path / "a.txt", stories)
    found = [
        story.removeprefix("\n").removesuffix("\n") for story in stories_of(tmp_path / "a.txt")
    ]
    assert [story for story in found if story] == stories


TEXTS = [
    pyarrow.string(),
    pyarrow.large_string(),
    pyarrow.string_view(),
    pyarrow.binary(),
    pyarrow.large_binary(),
    pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
]


@pytest.mark.parametrize("kind", TEXTS, ids=str)
def test_parquet_gives_its_text_of_any_type(tmp_path: Path, kind: pyarrow.DataType) -> None:
    stories = [*STORIES, None]
    array = (
        pyarrow.array(stories).dictionary_encode()
        if pyarrow.types.is_dictionary(kind)
        else pyarrow.array(stories).cast(kind)
    )
    parquet.write_table(pyarrow.table({"text": array}), tmp_path / "a.parquet")
    assert stories_of(tmp_path / "a.parquet") == [*STORIES, ""]


def test_a_column_of_another_name_is_found_or_named(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"id": [1], "Text": ["Tom ran."]}), tmp_path / "a.parquet")
    assert stories_of(tmp_path / "a.parquet") == ["Tom ran."]
    (tmp_path / "a.csv").write_text("title,content\nTom,Tom ran.\n")
    with pytest.raises(BadInput, match="it has 'title', 'content': :text=content after"):
        open_source(str(tmp_path / "a.csv"))
    assert stories_of(tmp_path / "a.csv", ":text=content") == ["Tom ran."]
    (tmp_path / "a.jsonl").write_text('{"body": "Tom ran.", "text": "", "story": "x"}')
    with pytest.raises(BadInput, match="has both 'text' and 'story': :text=text"):
        open_source(str(tmp_path / "a.jsonl"))
    assert stories_of(tmp_path / "a.jsonl", ":text=body") == ["Tom ran."]
    with pytest.raises(BadInput, match="has no 'words'; it has 'body', 'text', 'story'"):
        open_source(f"{tmp_path / 'a.jsonl'}:text=words")


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("a.csv", 'text\nTom ran.\n"Amy', "line 3 of 'a.csv' is not CSV"),
        ("b.csv", "id,text\n1,Tom.\n2\n", "line 3 of 'b.csv' has 1 fields, .* in field 2"),
        ("c.json", '{"text": [1]}', "'text' in item 1 of 'c.json' must be a text, not 1"),
        ("d.json", '{"text": "Tom ran."} {', "item 2 of 'd.json' is not JSON"),
        ("e.json", "Tom ran.", "item 1 of 'e.json' is not JSON"),
        ("f.jsonl", "3", "line 1 of 'f.jsonl' must be a text, not 3"),
        ("g.json", '[["Tom ran."], {"a": 1}]', 'item 2 .* "text" or "story"; it has \'a\''),
    ],
)
def test_what_cannot_be_read_names_the_place_and_the_rule(
    tmp_path: Path, name: str, content: str, rule: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=rule):
        stories_of(tmp_path / name)


def test_a_field_of_any_size_is_shown_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"text": "Tom ran."}, {"x" * 5_000_000: 1}]))
    with pytest.raises(BadInput) as caught:
        stories_of(tmp_path / "a.json")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("at", [3, 20, 60, -150, -90, -9])
def test_a_damaged_parquet_is_refused_in_one_line(tmp_path: Path, at: int) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": STORIES}), path)
    data = bytearray(path.read_bytes())
    data[at : at + 6] = b"\xff" * 6
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"a\.parquet"):
        stories_of(path)


def test_binary_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"text": [b"caf\xe9"]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match=r"is UTF-8 text, and 'a.parquet' is not"):
        stories_of(tmp_path / "a.parquet")


ALL_DATA = [
    {
        "story": "\n\nOnce there was a boy. He ran home.",
        "instruction": {
            "prompt:": "Write a short story.",
            "words": ["boy", "run", "big"],
            "features": ["Dialogue", "bad ending"],
        },
        "summary": "A boy ran\nhome.",
        "source": "GPT-4",
    },
    {"story": "She sat.", "instruction": {"words": [], "features": []}, "source": "GPT-3.5"},
]
"""Two items as the all-data shards of TinyStories have them."""


def test_what_all_data_shards_tell_of_a_story_is_kept() -> None:
    found = all_data_story(ALL_DATA[0], "", "item 1")
    assert found.source == "GPT-4"
    assert found.record.words == ("boy", "run", "big")
    assert found.record.features == ("Dialogue", "BadEnding")
    assert found.record.summary == "A boy ran home."
    assert found.record.story == "Once there was a boy. He ran home."


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_all_data_shards_are_read_as_records_of_a_part_of_what_they_tell(
    tmp_path: Path, name: str
) -> None:
    items = [{**ALL_DATA[0], "story": f"He ran {number} miles."} for number in range(60)]
    path = tmp_path / name
    lines = "\n".join(map(json.dumps, items))
    path.write_text(lines if name.endswith("l") else json.dumps(items))
    records = [parse_record(text) for text in open_source(f"{path}:requests").raw()]
    assert [one.story for one in records] == [item["story"] for item in items]
    asked = {frozenset(one.order) for one in records}
    assert len(asked) == 7  # every subset of three fields but the empty one
    assert len({one.order for one in records}) > 7
    assert all(one.words in ((), ("boy", "run", "big")) for one in records)
    assert list(open_source(f"{path}:requests").raw()) == list(
        open_source(f"{path}:requests").raw()
    )


@pytest.mark.parametrize(
    ("item", "wrong"),
    [
        ({"story": "He ran."}, "tells no words, features or summary"),
        ({"story": "He ran.", "instruction": 3}, '"instruction" in item 1 of .* an object, not 3'),
        ({"story": "A.", "instruction": {"words": "boy"}}, "must be a list of texts, not 'boy'"),
        ({"story": 3, "summary": "x"}, "a story in item 1 of .* must be a text, not 3"),
        ("He ran.", "must be an object with a story"),
    ],
)
def test_items_that_tell_nothing_or_wrongly_are_one_line(
    tmp_path: Path, item: object, wrong: str
) -> None:
    (tmp_path / "a.json").write_text(json.dumps([item]))
    with pytest.raises(BadInput, match=wrong):
        list(open_source(f"{tmp_path / 'a.json'}:requests").raw())


def test_only_json_tells_what_stories_were_made_from(tmp_path: Path) -> None:
    write_corpus(tmp_path / "a.txt", ["He ran."])
    with pytest.raises(BadInput, match=r"only a .json or .jsonl tells"):
        open_source(f"{tmp_path / 'a.txt'}:requests")
