"""Hostile text, in every way that the app shows text: the characters it is, and nothing else."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from slm.text import visible
from tests.browser.conftest import ROOT, _answers

TEXTS = (
    "<img src=x onerror=alert(1)>",
    "![p](http://127.0.0.1:9/p.png)",
    "[a](javascript:alert(1)) [b](http://127.0.0.1:9/b)",
    "$x^2$ and $$y$$",
    ":red[x] :material/delete: :material_delete: :streamlit: :smile: :red-badge[x]",
    "**b** _i_ `c` ~~d~~ ***e***",
    "www.example.org and a@example.org and http://example.org",
    "-> <- <-> -- >= <= ~= end ->",
    "&lt;b&gt; &amp; &#60;",
    "1. one",
    "2) two",
    "- three",
    "# heading",
    "> quoted",
    "| a | b |",
    '<b>bold</b><a href="http://127.0.0.1:9/z">z</a>',
    "\u202eabc\u202c zero\u200bwidth no\xa0break",
    "\x1b[31mred \x00\r\u2028\u2029\x85",
    "</script><script>1</script>",
    "%{y} %{customdata}",
    "\\*escaped\\* \\",
)
WAYS = ("markdown", "caption", "heading", "button", "progress", "label", "html", "bold", "error")


def said(text: str) -> str:
    """What a reader should see of it, spaces aside."""
    return squeezed(visible(re.sub(r"[ \t\r\n]+", " ", text)))


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def hostile(chromium: Browser) -> Iterator[tuple[Page, list[str]]]:
    """The page, once it is drawn, and all that it asked for."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).with_name("hostile_page.py")
    options = [
        "--server.headless=true",
        "--server.address=127.0.0.1",
        f"--server.port={port}",
        "--browser.gatherUsageStats=false",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), *options],
        cwd=ROOT,
        env={**os.environ, "HOSTILE": json.dumps(TEXTS), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url, asked = f"http://127.0.0.1:{port}", list[str]()
    try:
        until = time.monotonic() + 60
        while not _answers(f"{url}/_stcore/health"):
            assert time.monotonic() < until, "the page did not answer within a minute"
            time.sleep(0.1)
        page = chromium.new_page(viewport={"width": 1280, "height": 1000})
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: asked.append(f"dialog {dialog.message}"))
        page.goto(url)
        expect(page.locator(".st-key-bars .main-svg").first).to_be_visible(timeout=120_000)
        yield page, asked
        assert [one for one in asked if not one.startswith((url, "data:", "blob:"))] == []
    finally:
        process.terminate()
        process.wait(20)


Hostile = tuple[Page, list[str]]


@pytest.mark.parametrize("way", WAYS)
def test_streamlit_shows_the_characters(hostile: Hostile, way: str) -> None:
    page, _ = hostile
    before, after = {"error": ("no ", ""), "bold": ("", " after")}.get(way, ("", ""))
    for number, text in enumerate(TEXTS):
        place = page.locator(f".st-key-{way}-{number}")
        seen = squeezed(place.inner_text())
        shown = visible(text, keep="\n\t") if way == "html" else said(text)
        expected = squeezed(f"{before}{shown}{after}")
        assert seen.lower() == expected.lower(), way  # an error begins with a capital
        assert place.locator("a, img, em, del, code, .katex, [role=img][aria-label]").count() == 0
        assert place.locator("b").count() == 0


def test_a_help_text_shows_the_characters(hostile: Hostile) -> None:
    page, _ = hostile
    for number, text in enumerate(TEXTS):
        page.locator(f".st-key-help-{number} button").first.hover()
        tip = page.get_by_test_id("stTooltipContent").last
        expect(tip).to_have_text(f"Save {said(text)}.csv", use_inner_text=True)
        assert tip.locator("a, img, em, strong, code").count() == 0
        page.mouse.move(0, 0)
        expect(page.get_by_test_id("stTooltipContent")).to_have_count(0)


def test_a_story_shows_its_tokens_each_on_its_own(hostile: Hostile) -> None:
    page, _ = hostile
    tokens = page.locator(".st-key-story .token")
    assert tokens.count() == len(TEXTS)
    for number, text in enumerate(TEXTS):
        assert tokens.nth(number).evaluate("one => one.textContent") == visible(text, keep="\n\t")
    assert tokens.first.evaluate("one => getComputedStyle(one).unicodeBidi") == "isolate"


def test_plotly_shows_the_characters(hostile: Hostile) -> None:
    page, _ = hostile
    place = page.locator(".st-key-bars")
    ticks = place.locator(".ytick text").evaluate_all("all => all.map(one => one.textContent)")
    assert sorted(map(squeezed, ticks)) == sorted(squeezed(visible(text[:60])) for text in TEXTS)
    title = place.locator(".xtitle").evaluate("one => one.textContent")
    assert title == f"logit, minus that of {TEXTS[0]}"
    assert place.locator("svg a, svg image").count() == 0
    assert place.locator("svg tspan[style*=bold]").count() == 0
