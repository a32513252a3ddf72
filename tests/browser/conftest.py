"""A real app on a free port of this machine, and a real Chromium to look at it with."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from slm.stories.tokenizer import Tokenizer
from tests.app.conftest import make_run
from tests.browser.chromium import FLAGS, find
from tests.conftest import little_stories, write_corpus

ROOT = Path(__file__).resolve().parents[2]

expect.set_options(timeout=30_000)  # two cores may be busy with the other tests


LOST = ("'setIn' cannot be called on an ElementNode", "Cannot set a node at a delta path")
"""What Streamlit's frontend throws when it loses a part of a page whose run was cut short."""
logged: list[str] = []
"""What pages of the browser have told of them since the test began."""


class LostPart(Exception):
    """A browser test failed after Streamlit's frontend had told of a lost part."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Repeat a browser test, up to twice, for LostPart and for nothing else."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.flaky(reruns=2, only_rerun="LostPart"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Raise LostPart from a test's failure where a part was lost."""
    logged.clear()
    try:
        return (yield)
    except Exception as failure:
        if logged:
            raise LostPart(f"{logged[0]}; then {failure}") from failure
        raise


def _listen(context: BrowserContext) -> None:
    """Keep what a context's pages log or throw of a lost part."""
    context.on("console", lambda said: is_lost_part(said.text) and logged.append(said.text))
    context.on(
        "weberror", lambda web: is_lost_part(str(web.error)) and logged.append(str(web.error))
    )


def is_lost_part(message: str) -> bool:
    """Whether a message of the browser is one of LOST."""
    return any(one in message for one in LOST)


def visit(page: Page, url: str) -> None:
    """Open a page and wait until its script has run: a press before that may be lost in a redraw."""
    page.goto(url)
    script_ended(page)


def script_ended(page: Page) -> None:
    """Wait until the page's script has run to its end."""
    expect(page.locator("[data-test-script-state=notRunning]")).to_have_count(1, timeout=60_000)


@dataclass(frozen=True, kw_only=True)
class App:
    """Where the app answers and which runs it shows."""

    url: str
    runs: Path
    corpus: Path


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> Iterator[App]:
    """The app over two small runs."""
    folder = tmp_path_factory.mktemp("app")
    runs = folder / "runs"
    make_run(runs, "tiny", tokenizer, n_layers=2, seed=1, steps=(0, 10))
    make_run(runs, "other", tokenizer, n_layers=1, seed=2, steps=(0,))
    corpus = write_corpus(folder / "corpus.txt", little_stories(300))
    with serving_app(runs) as (_, url):
        yield App(url=url, runs=runs, corpus=corpus)


@contextmanager
def serving_app(runs: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The app over `runs` and where it answers, ended by its own process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "streamlit", "run", "app/main.py", "--server.port", str(port)]
    process = subprocess.Popen(
        [sys.executable, *command, "--server.headless", "true"],
        cwd=ROOT,
        env={**os.environ, "SLM_RUNS": str(runs)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while not _answers(f"{url}/_stcore/health"):
            assert process.poll() is None, "the app ended before it answered"
            assert time.monotonic() < until, "the app did not answer within a minute"
            time.sleep(0.1)
        yield process, url
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A Chromium; where there is none, these tests are skipped, and fail under CI=true."""
    path = find()
    if path is None:
        reason = "no Chromium found; python -m tests.browser.chromium installs one"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        browser.on("context", _listen)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A new visitor's page, 1280 x 800; an error in its scripts fails the test, and what CSP blocks."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(45_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def said(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            errors.append(message.text)

    page.on("console", said)
    yield page
    context.close()
    assert not [error for error in errors if not is_lost_part(error)]  # LostPart tells of those
