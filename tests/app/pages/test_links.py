"""A link fills in a page; it reads no file of this machine and asks no server before a press."""

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import Open, said
from tests.conftest import little_stories, write_corpus

SEEN: list[str] = []


def watch(event: str, given: tuple[Any, ...]) -> None:
    """Note every file that is opened and every host that is looked up."""
    if event in ("open", "socket.getaddrinfo", "socket.connect"):
        SEEN.append(f"{event} {given[:2]}")


sys.addaudithook(watch)

LINKS = {
    "roles": {"read": "a corpus"},
    "heads": {"read": "a corpus", "told": 16},
    "compare": {"compare": "Stories", "read_both": "a corpus", "b": "other"},
    "memorization": {"unseen": "nursery"},
    "imports": {},
}


@pytest.mark.parametrize("page", LINKS)
@pytest.mark.parametrize("names", ["a file", "the hub's"])
def test_what_a_link_names_waits_for_a_press(
    page: str, names: str, open_page: Open, two_runs: Path, tmp_path: Path
) -> None:
    file = write_corpus(tmp_path / "named-by-a-link.txt", little_stories(60))
    name = str(file) if names == "a file" else "tinystories"
    SEEN.clear()
    link = {"corpus": name, "path": name, "tokenizer": name} | LINKS[page]
    app = open_page(page, a="tiny", **link)
    assert not app.exception and not app.error
    touched = [one for one in SEEN if "named-by-a-link" in one or one.startswith("socket.")]
    assert touched == []
    if page != "imports":
        assert "Nothing is read before you say so" in said(app)


@pytest.mark.parametrize("page", ["roles", "compare"])
def test_after_the_press_it_is_read(
    page: str, open_page: Open, two_runs: Path, tmp_path: Path
) -> None:
    file = write_corpus(tmp_path / "named-by-a-link.txt", little_stories(60))
    SEEN.clear()
    app = open_page(page, a="tiny", corpus=str(file), **LINKS[page])
    app.button(key="read-it").click().run()
    assert not app.exception
    assert any("named-by-a-link" in one for one in SEEN)


def test_a_corpus_that_is_typed_in_needs_no_press(open_page: Open, two_runs: Path) -> None:
    app = open_page("compare", a="tiny", **LINKS["compare"])
    app.text_input(key="corpus").set_value("gone.txt").run()
    assert "there is no file" in said(app)


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("roles", {"stories": 1000}),
        ("heads", {"told": 256}),
        ("grading", {"openings": 50, "view": "By hand"}),
        ("compare", {"b": "other", "stories": 200}),
        ("knowledge", {"also": "other@0"}),
        ("grading", {"openings": 1, "samples": 20, "view": "By hand"}),
    ],
)
def test_a_link_begins_nothing_larger_than_the_page_would(
    page: str, link: dict[str, Any], open_page: Open, two_runs: Path
) -> None:
    before = {thread.name for thread in threading.enumerate()}
    app = open_page(page, a="tiny", **link)
    assert not app.exception and not app.error
    assert "Nothing begins before you say so" in said(app)
    assert any(button.label == "Begin" for button in app.button)
    assert {thread.name for thread in threading.enumerate()} <= before | {"MainThread"}
    assert not list(two_runs.rglob("*.sqlite"))


def test_a_grading_in_a_link_writes_no_story_before_its_bill_was_told(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("grading", a="tiny", openings=50, samples=20, calibrate="false")
    assert not app.exception and not app.error
    assert "2,000 calls" in said(app) and "of the 1000 stories" in said(app).replace(",", "")
    assert not list(two_runs.rglob("*.sqlite"))


def test_models_that_are_picked_by_hand_are_asked_at_once(open_page: Open, two_runs: Path) -> None:
    app = open_page("knowledge", a="tiny")
    app.multiselect(key="knowledge.more_models").set_value(["other@0"]).run()
    assert not app.exception and not app.error
    assert "Nothing begins before you say so" not in said(app)
    assert "Bars: 95 % intervals" in said(app)


def test_a_path_in_the_folder_of_nobody_is_one_line(open_page: Open, two_runs: Path) -> None:
    app = open_page("imports", path="~nosuchuser/x")
    app.button(key="look").click().run()
    assert not app.exception
    assert [one.value for one in app.error if "nosuchuser" in one.value]
