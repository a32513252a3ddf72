"""A teacher trains a model before a class, and nothing that happens to the app costs a step."""

import re
import time
from pathlib import Path

from playwright.sync_api import Page, expect

from slm.runs import Run
from tests.browser.conftest import serving_app
from tests.conftest import little_stories, write_corpus


def fill(page: Page, label: str, text: str) -> None:
    """Type into a field and leave it."""
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Enter")


def reaches(run: Run, step: int) -> None:
    """Wait until a run has kept a checkpoint of `step` or later."""
    until = time.monotonic() + 150
    while (run.last_step or 0) < step:
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


def test_a_model_is_trained_paused_orphaned_resumed_and_branched(
    page: Page, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    corpus = write_corpus(tmp_path / "corpus.txt", little_stories(300))
    first, second = Run(runs / "first"), Run(runs / "first-2")
    with serving_app(runs) as (app, url):
        page.goto(f"{url}/train")
        page.get_by_role("combobox", name="Shape").click()
        page.get_by_role("option", name="quick").click()
        page.get_by_role("combobox", name="Stories").click()
        page.get_by_role("option", name="a file on this machine").click()
        fill(page, "Path", str(corpus))
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text("It is learning now.")).to_be_visible(timeout=90_000)
        expect(page.get_by_text("What it writes after step")).to_be_visible(timeout=60_000)
        reaches(first, 4)
        app.kill()
        app.wait()
    step = first.last_step or 0
    reaches(first, step + 1)  # the training has outlived the app
    with serving_app(runs) as (_, url):
        page.goto(f"{url}/train")
        expect(page.get_by_text("It is learning now.")).to_be_visible(timeout=60_000)
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("It was paused and can go on.")).to_be_visible(timeout=60_000)
        assert first.status == "stopped"
        step = first.last_step or 0
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_text("It is learning now.")).to_be_visible(timeout=90_000)
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("It was paused and can go on.")).to_be_visible(timeout=60_000)
        assert (first.last_step or 0) > step
        page.get_by_role("button", name="End here").click()
        expect(page.get_by_text("It has finished.")).to_be_visible(timeout=60_000)
        page.get_by_role("button", name="Branch from it").click()
        expect(page.get_by_label("Name of the run", exact=True)).to_have_value("first-2")
        expect(page.get_by_label("Path", exact=True)).to_have_value(str(corpus))
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text(re.compile(r"It went on from first@"))).to_be_visible(
            timeout=90_000
        )
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("It was paused and can go on.")).to_be_visible(timeout=60_000)
        assert second.info.parent == f"first@{first.last_step}"
        page.goto(f"{url}/attention?a=first&b=first-2")
        expect(page.get_by_text("Where does each head look?")).to_be_visible()
        expect(page.get_by_text(re.compile("first-2@"))).not_to_have_count(0)
