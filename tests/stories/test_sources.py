"""Sources: every kind of file gives the same stories, and what is no corpus gets one clear line."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from slm.errors import BadInput
from slm.stories.cleaning import CleaningReport, cleaned
from slm.stories.instruct import parse_record
from slm.stories.sources import open_source
from tests.conftest import write_corpus

STORIES = ["Tom ran.\nHe fell.", "Amy had a ball."]


def stories_of(path: Path) -> list[str]:
    return [story.strip() for story in open_source(str(path)).raw()]


def test_text_json_lines_and_parquet_give_the_same_stories(tmp_path: Path) -> None:
    write_corpus(tmp_path / "a.txt", STORIES)
    lines = [{"story": STORIES[0], "source": "GPT-4"}, {"text": STORIES[1]}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    parquet.write_table(pyarrow.table({"text": STORIES}), tmp_path / "a.parquet")
    for name in ("a.txt", "a.jsonl", "a.parquet"):
        assert stories_of(tmp_path / name) == STORIES


def test_a_source_can_be_read_twice_and_knows_its_content(tmp_path: Path) -> None:
    source = open_source(str(write_corpus(tmp_path / "a.txt", STORIES)))
    assert list(source.raw()) == list(source.raw())
    other = open_source(str(write_corpus(tmp_path / "b.txt", STORIES)))
    changed = open_source(str(write_corpus(tmp_path / "c.txt", STORIES[:1])))
    assert source.fingerprint == other.fingerprint != changed.fingerprint


def test_a_plus_joins_sources(tmp_path: Path) -> None:
    one = write_corpus(tmp_path / "a.txt", STORIES[:1])
    two = write_corpus(tmp_path / "b.txt", STORIES[1:])
    assert [s.strip() for s in open_source(f"{one}+{two}").raw()] == STORIES


def test_records_with_all_named_fields_are_left_out_and_counted() -> None:
    source = open_source("nursery-instruct:80:0:without=summary,Words")
    report = CleaningReport()
    kept = [set(parse_record(text).order) for text in cleaned(source, report)]
    assert kept and not any({"Words", "Summary"} <= fields for fields in kept)
    assert any("Words" in fields for fields in kept) and any("Summary" in f for f in kept)
    assert report.left_out == 80 - len(kept) > 0
    assert "left out for their fields" in report.in_words()
    whole = open_source("nursery-instruct:80:0")
    assert source.fingerprint != whole.fingerprint
    assert len(list(cleaned(whole))) == 80


def test_stories_only_are_the_stories_of_the_records() -> None:
    records = open_source("nursery-instruct:20:0").raw()
    stories = [parse_record(text).story for text in records]
    assert list(open_source("nursery-instruct:20:0:stories-only").raw()) == stories


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        ("nursery-instruct:20:0:without=Words,Moral", "a record's fields are .* not 'Moral'"),
        ("nursery-instruct:20:0:stories-only:without=Words", "leaves no field to be without"),
        ("nursery-instruct:9:0:without=Words+nursery-instruct:9:1", "of all parts of a corpus or"),
    ],
)
def test_options_of_records_that_mean_nothing_are_one_line(spec: str, wrong: str) -> None:
    with pytest.raises(BadInput, match=wrong):
        open_source(spec)


def test_the_nursery_writes_other_stories_to_validate_than_to_train() -> None:
    train = set(open_source("nursery:50:3").raw())
    valid = set(open_source("nursery:50:3", "valid").raw())
    assert len(train) == 50
    assert valid and not valid & train


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("none.txt", None, "there is no file"),
        ("empty.txt", b"", "is empty"),
        ("blank.txt", b" \n<|endoftext|>\n \n", "holds no story"),
        ("binary.txt", b"Tom\0ran.", "is binary"),
        ("latin.txt", b"caf\xe9 ran.", "UTF-8"),
        ("a.md", b"Tom ran.", "ends in .txt, .jsonl, .json, .csv or .parquet"),
        ("a.jsonl", b'{"title": "Tom"}', 'line 1 of .* needs a text called "text" or "story"'),
        ("b.jsonl", b'{"text": "Tom ran."}\n\nTom ran.', "line 3 of .* is not JSON"),
        ("deep.jsonl", b'{"text":' * 100_000, "line 1 of .* is not JSON"),
        ("deep.json", b"[" * 100_000, "item 1 of .* is not JSON"),
        ("b.json", b'[{"story": "Tom ran."}, {"story": 3}]', "item 2 of .* must be a text, not 3"),
        ("c.json", b'[{"story": "Tom ran."}, {"story"', "item 2 of .* is not JSON"),
        ("a.parquet", b"Tom ran.", "is not a parquet file"),
    ],
)
def test_what_is_no_corpus_gets_one_clear_line(
    tmp_path: Path, name: str, content: bytes | None, rule: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=rule) as caught:
        list(open_source(str(tmp_path / name)).raw())
    assert "\n" not in str(caught.value)


def test_a_parquet_without_a_column_of_text_is_refused(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"text": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(
        BadInput, match=r'needs a text column "text" or "story"; it has .text. .int64.'
    ):
        open_source(str(tmp_path / "a.parquet"))


def test_a_list_of_objects_is_read_item_by_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slm.stories.text_files.BLOCK", 7)  # so that items lie across blocks
    items = [{"story": f'\n\nTom, "{n}]" é.', "instruction": {"words": ["a"]}} for n in range(9)]
    (tmp_path / "data00.json").write_text(json.dumps(items, indent=1, ensure_ascii=False))
    found = list(open_source(str(tmp_path / "data00.json")).raw())
    assert found == [item["story"] for item in items]


@pytest.mark.parametrize("block", [1, 5, 1 << 20])
def test_the_end_of_a_story_is_found_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr("slm.stories.text_files.BLOCK", block)
    text = "\ufeffTom ran.\r\n<|endoftext|>\r\nAmy <|end.<|endoftext|>Zoé\nsang.\n"
    (tmp_path / "a.txt").write_bytes(text.encode())
    assert stories_of(tmp_path / "a.txt") == ["Tom ran.", "Amy <|end.", "Zoé\nsang."]


def test_a_text_that_never_ends_a_story_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slm.stories.text_files.BLOCK", 100)
    monkeypatch.setattr("slm.stories.text_files.LONGEST_STORY", 1000)
    (tmp_path / "a.txt").write_text("Tom ran. <|endoftext|> " + "Tom ran. " * 500)
    with pytest.raises(BadInput, match=r"end with <\|endoftext\|>.* part of over 1,000"):
        list(open_source(str(tmp_path / "a.txt")).raw())
    (tmp_path / "a.txt").write_text("Tom ran. " * 500)
    with pytest.raises(BadInput, match=r"end with a line <\|endoftext\|>"):
        open_source(str(tmp_path / "a.txt"))


def test_a_folder_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a folder"):
        open_source(str(tmp_path))
    with pytest.raises(BadInput, match="tinystories-v2"):
        open_source("tinystorys")


class _Hub(BaseHTTPRequestHandler):
    """The hub's answer for one file, as huggingface_hub asks for it."""

    body = b"Tom ran.\n<|endoftext|>\nAmy had a ball.\n<|endoftext|>\n"
    path_served = "/datasets/roneneldan/TinyStories/resolve/main/TinyStories-valid.txt"

    def do_HEAD(self) -> None:
        found = self.path == self.path_served
        self.send_response(200 if found else 404)
        if found:
            self.send_header("ETag", '"abc"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        if self.path == self.path_served:
            self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def ask_the_hub(endpoint: str, tmp_path: Path, first: str = "") -> subprocess.CompletedProcess[str]:
    """In a process of its own: huggingface_hub reads its settings when it is imported."""
    program = (
        "from slm.stories import sources\n"
        "from slm.errors import BadInput\n"
        f"{first}"
        "try:\n"
        "    stories = sources.open_source('tinystories', 'valid').raw()\n"
        "    print(sum(1 for story in stories if story.strip()), 'stories')\n"
        "except BadInput as error:\n"
        "    print('refused:', error)\n"
    )
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "0"}
    environment = {**os.environ, **settings}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_stories_come_from_the_hub(hub: str, tmp_path: Path) -> None:
    assert ask_the_hub(hub, tmp_path).stdout == "2 stories\n"


def test_a_hub_out_of_reach_names_the_alternatives(tmp_path: Path) -> None:
    answer = ask_the_hub("http://127.0.0.1:9", tmp_path).stdout
    assert answer.startswith("refused: 'tinystories' lies on the Hugging Face hub")
    assert ".txt, .jsonl, .json, .csv or .parquet path, or nursery" in answer
    assert answer.count("\n") == 1


def test_a_hub_that_never_answers_is_given_up_soon(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        answer = ask_the_hub(endpoint, tmp_path, "sources.HUB_PATIENCE = 0.5\n").stdout
    assert "which is out of reach (ReadTimeout)" in answer


def test_what_the_hub_gave_once_needs_no_hub_again(hub: str, tmp_path: Path) -> None:
    ask_the_hub(hub, tmp_path)
    assert ask_the_hub("http://127.0.0.1:9", tmp_path).stdout == "2 stories\n"
