"""Every page is free of what axe-core calls a violation, light and dark, but for Streamlit's own."""

import importlib.resources
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.state import PAGES
from slm.cli import main
from tests.app.conftest import two_runs as two_runs
from tests.browser.conftest import ROOT, serving_app

AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js")
RUNS = ("four-layer", "nursery-100", "grid-32x1x2")
STREAMLITS_OWN = {
    "list": "the navigation puts a div between its ul and the li",
    "listitem": "the same",
}
DARK = "getComputedStyle(document.querySelector('.stApp')).backgroundColor === 'rgb(21, 24, 29)'"
VIEWS = (
    "predictions?predictions.view=Direct+logit+attribution",
    "compare?b=four-layer@512&compare.view=Stories",
    "lessons?lesson=induction&step=4",
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app over some of the runs that come with it."""
    runs = tmp_path_factory.mktemp("bundled")
    for name in RUNS:
        shutil.copytree(ROOT / "runs" / name, runs / name)
    with serving_app(runs) as (_, url):
        yield url


def violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds on the page by these rules, or by all; a line each, without Streamlit's own."""
    asked: dict[str, object] = {"resultTypes": ["violations"], "preload": False}
    if rules:
        asked["runOnly"] = list(rules)
    found = page.evaluate("asked => axe.run(document, asked)", asked)["violations"]
    return [
        f"{one['id']}: {node['html'][:150]} {json.dumps([why['message'] for why in node['any']])}"
        for one in found
        if one["id"] not in STREAMLITS_OWN
        for node in one["nodes"]
    ]


def settled(page: Page) -> None:
    """Wait until the page is whole and nothing runs."""
    page.wait_for_selector("h1, h3")
    page.wait_for_function(
        "document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"
        " && !document.querySelector('[data-testid=stSkeleton]')"
    )


def test_a_report_to_mail_has_no_violation_and_fits_a_phone(
    chromium: Browser, two_runs: Path, tmp_path: Path
) -> None:
    html = tmp_path / "report.html"
    assert main(["compare", "tiny@10", "other@0", "--stories", "5", "--html", str(html)]) == 0
    context = chromium.new_context(viewport={"width": 420, "height": 800}, bypass_csp=True)
    page = context.new_page()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(html.as_uri())
        page.evaluate(AXE.read_text(encoding="utf-8"))
        assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    page.locator(".story").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tip")).to_contain_text("nats")
    context.close()


def test_no_page_has_a_violation(chromium: Browser, url: str) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(45_000)
    page = context.new_page()
    wrong: dict[str, list[str]] = {}
    axe = AXE.read_text(encoding="utf-8")
    for view in (*PAGES, *VIEWS):
        page.emulate_media(color_scheme="light")
        page.goto(f"{url}/{view}")
        settled(page)
        page.wait_for_timeout(200)  # figures are drawn after the script has run
        page.evaluate(axe)
        if found := violations(page):
            wrong[f"{view or 'home'}, light"] = found
        page.emulate_media(color_scheme="dark")
        page.wait_for_function(DARK)
        settled(page)
        if found := violations(page, "color-contrast"):
            wrong[f"{view or 'home'}, dark"] = found
    context.close()
    assert not wrong, json.dumps(wrong, indent=1, ensure_ascii=False)
