"""What stands under a figure, and a story that is walked through by keyboard."""

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import App, visit


def test_a_figure_is_saved_in_every_format(page: Page, app: App, tmp_path: Path) -> None:
    visit(page, f"{app.url}/attention?a=tiny")
    expect(page.get_by_text("Layer 0, head 0 leaves")).to_be_visible()
    name = "attention-tiny@10-layer0-head0"
    tools = page.locator("[class*=st-key-footer-attention-tiny]")
    first = {"svg": b"<svg", "png": b"\x89PNG", "csv": b"query,query token", "json": b"{"}
    for format, begins in first.items():
        with page.expect_download() as saved:
            tools.get_by_role("button", name=format.upper()).click()
        assert saved.value.suggested_filename == f"{name}.{format}"
        saved.value.save_as(tmp_path / name)
        written = (tmp_path / name).read_bytes()
        assert written.replace(b'"', b"").startswith(begins), written[:40]
    assert json.loads(written)["address"] == "tiny@10"


def test_a_figure_is_saved_on_the_ground_of_the_page(page: Page, app: App, tmp_path: Path) -> None:
    page.emulate_media(color_scheme="dark")
    visit(page, f"{app.url}/attention?a=tiny")
    expect(page.get_by_text("Layer 0, head 0 leaves")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save attention-tiny@10-layer0-head0.svg").click()
    saved.value.save_as(tmp_path / "figure.svg")
    assert "rgb(21, 24, 29)" in (tmp_path / "figure.svg").read_text(encoding="utf-8")


def test_figures_6_to_8_are_saved_each_as_itself(page: Page, app: App, tmp_path: Path) -> None:
    visit(page, f"{app.url}/attention?a=tiny&attention.view=Figures+6+to+8")
    pictures = []
    for name in ("heads-by-distance-tiny@10", "words-tiny@10-text"):
        with page.expect_download() as saved:
            page.get_by_role("button", name=f"Save {name}.svg").click()
        assert saved.value.suggested_filename == f"{name}.svg"
        saved.value.save_as(tmp_path / name)
        pictures.append((tmp_path / name).read_text(encoding="utf-8"))
    assert "banana" in pictures[1] and "banana" not in pictures[0]


def test_the_command_line_of_a_view_can_be_copied(page: Page, app: App) -> None:
    visit(page, f"{app.url}/attention?a=tiny")
    expect(page.locator(".story .token").last).to_be_attached()
    tools = page.locator("[class*=st-key-footer-attention-tiny]")
    tools.get_by_role("button", name="Command line").click()
    command = page.locator("code", has_text="python -m slm attention tiny@10")
    expect(command).to_be_visible()
    expect(command).to_contain_text("--json")


def test_tabbing_into_a_story_shows_where_one_is_and_the_view_follows(page: Page, app: App) -> None:
    page.set_viewport_size({"width": 420, "height": 400})
    visit(page, f"{app.url}/attention?a=tiny")
    expect(page.get_by_text("Layer 0, head 0 leaves")).to_be_visible()
    story = page.locator(".story").first
    expect(story.locator(".token").last).to_be_attached()  # its script may be loaded last
    page.get_by_role("spinbutton", name="Token").focus()
    for _ in range(6):
        page.keyboard.press("Tab")
        if story.evaluate("story => story.matches(':focus')"):
            break
    expect(story.locator(".token.active")).to_have_id("token-12")  # the chosen one
    page.keyboard.press("End")
    last = story.locator(".token").last
    expect(last).to_have_class("token active")
    expect(last).to_be_in_viewport()
    page.keyboard.press("Home")
    expect(story.locator(".token").first).to_be_in_viewport()


def test_a_figure_of_the_presenters_view_is_shown_whole(page: Page, app: App) -> None:
    visit(page, f"{app.url}/lessons?lesson=induction&step=4&lessons.presenter=true")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.wait_for_timeout(500)
    cut = page.evaluate(
        """() => {
            const [frame, drawn] = ["[data-testid=stPlotlyChart]", ".js-plotly-plot .main-svg"]
              .map(one => document.querySelector(one).getBoundingClientRect());
            return drawn.right > frame.right + 1 || drawn.bottom > frame.bottom + 1;
        }"""
    )
    assert not cut
