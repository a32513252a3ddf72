"""A visitor takes another word and comes back to it by the link; and writes a story without a head."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import App, visit
from tests.browser.test_journeys import tokens, wait_until


def test_another_word_is_taken_and_the_link_leads_back_to_the_branch(page: Page, app: App) -> None:
    visit(page, f"{app.url}/writing?a=tiny&seed=5&tokens=20")
    expect(page.get_by_text("20 tokens.")).to_be_visible()
    wait_until(lambda: len(tokens(page)) > 20, page)
    before = tokens(page)
    at = len(before) - 10
    page.locator(".story .token").nth(at).click()
    expect(page.get_by_text("Take another:")).to_be_visible()
    page.locator("[class*=st-key-take-a] button:not([disabled])").first.press("Enter")
    wait_until(lambda: tokens(page)[at : at + 1] != before[at : at + 1], page)
    expect(page.get_by_text("20 tokens.")).to_be_visible()
    after = tokens(page)
    assert after[:at] == before[:at]
    expect(page.locator(".token.marked")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"branch=10\.\d+"))
    page.reload()
    expect(page.get_by_text("20 tokens.")).to_be_visible()
    wait_until(lambda: tokens(page) == after, page)
    page.get_by_role("button", name="as it was drawn").click()
    wait_until(lambda: tokens(page) == before, page)


def test_a_head_is_pressed_and_the_story_is_written_without_it(page: Page, app: App) -> None:
    visit(page, f"{app.url}/predictions?a=tiny&view=Switched+off&token=20&tokens=5")
    squares = page.locator("[class*=st-key-figure-without-tiny] .plotly .nsewdrag").first
    box = squares.bounding_box()
    assert box is not None
    squares.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.75})
    expect(page.get_by_text("With 1.1, the same seed")).to_be_visible()
    expect(page).to_have_url(re.compile(r"predictions\.interventions=1\.1"))
