"""The app as a browser meets it: server time and bytes of a page view, and memory after many.

A view is measured on the page's own websocket: from the request that the browser sends to the last
message that answers it.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, WebSocket, sync_playwright

from benchmarks.sampling import RUN
from slm.runs import list_runs
from tests.browser.chromium import FLAGS, find

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("", "train", "attention", "neurons", "writing", "grading")
VIEWS = 100
QUIET = 1.0
"""Seconds without a message after which a view counts as answered."""


def run() -> str:
    """Measure page views, then memory."""
    with _app() as (url, process), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=list(FLAGS))
        lines = [_attention(browser, url), "", _memory(browser, url, process)]
        browser.close()
    return "\n".join(lines)


def _attention(browser: Browser, url: str) -> str:
    """The attention page of the model with 32 heads, on the longest text that fits."""
    lines = [
        f"### Attention page, 32 heads of {RUN}, 256 tokens",
        "",
        "| what | server time, ms | sent, MB |",
        "|---|---|---|",
    ]
    page = browser.new_page()
    wire = _Wire(page)
    page.goto(f"{url}/attention?a={RUN}&story=My+own+text")
    wire.wait()
    text = ("Tom saw a dog. " * 51).strip()  # 255 tokens, and END
    page.get_by_label("Your text").fill(text)
    first = wire.during(lambda: page.keyboard.press("Control+Enter"))
    lines.append(f"| a new text | {first[0] * 1000:.0f} | {first[1] / 1e6:.2f} |")
    shown = [wire.during(page.reload) for _ in range(3)]
    lines.append(_row("the page opened again", shown))
    picks = []
    for number in range(5):
        box = page.get_by_label("Head", exact=True)
        box.click()
        option = page.get_by_role("option", name=str(number + 1), exact=True)
        picks.append(wire.during(option.click))
    lines.append(_row("another head picked", picks))
    page.close()
    return "\n".join(lines)


def _row(what: str, found: list[tuple[float, int]]) -> str:
    seconds = statistics.median(one[0] for one in found)
    sent = statistics.median(one[1] for one in found)
    return f"| {what} | {seconds * 1000:.0f} | {sent / 1e6:.2f} |"


def _memory(browser: Browser, url: str, process: psutil.Process) -> str:
    """Every page of every run once, then the same again and again."""
    lines = ["### Memory of the server", "", "| after | MB |", "|---|---|"]
    lines.append(f"| the start | {_megabytes(process)} |")
    views = [f"{url}/{page}?a={run.name}" for run in list_runs() for page in PAGES]
    _visit(browser, views)
    lines.append(f"| every page of every run, once | {_megabytes(process)} |")
    for more in (VIEWS // 2, VIEWS):
        _visit(browser, [views[number % len(views)] for number in range(VIEWS // 2)])
        lines.append(f"| {more} views more | {_megabytes(process)} |")
    return "\n".join(lines)


def _visit(browser: Browser, urls: list[str]) -> None:
    for url in urls:
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        page.locator("h1").wait_for()
        page.wait_for_timeout(500)  # the rest of the page; a story goes on being written
        context.close()


def _megabytes(process: psutil.Process) -> int:
    return int(process.memory_info().rss / 1e6)


class _Wire:
    """What goes over a page's websocket."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked = self.answered = time.perf_counter()
        self.received = 0
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self._sent())
        socket.on("framereceived", self._got)

    def _sent(self) -> None:
        if self.received == 0:
            self.asked = time.perf_counter()

    def _got(self, frame: bytes | str) -> None:
        self.received += len(frame)
        self.answered = time.perf_counter()

    def during(self, act: Callable[[], object]) -> tuple[float, int]:
        """Do something; seconds from the request to the last message, and bytes received."""
        self.received = 0
        self.asked = time.perf_counter()
        act()
        self.wait()
        return self.answered - self.asked, self.received

    def wait(self) -> None:
        """Until nothing more comes."""
        while self.received == 0 or time.perf_counter() - self.answered < QUIET:
            self.page.wait_for_timeout(50)


@contextmanager
def _app() -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "streamlit", "run", "app/main.py", "--server.headless", "true"]
    process = subprocess.Popen(
        [sys.executable, *command, "--server.port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ),
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 60
        while not _answers(url):
            if time.monotonic() > until:
                raise RuntimeError("the app did not answer within a minute")
            time.sleep(0.1)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
