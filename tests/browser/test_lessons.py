"""Somebody finishes the induction lesson with the keyboard alone."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import App


def at_step(page: Page, number: int) -> None:
    """Wait until a step stands there, whole."""
    expect(page.get_by_text(f"Step {number} of 11", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(rf"lesson=induction.*step={number}\b"))
    page.wait_for_function(
        "document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'"
    )


def test_the_induction_lesson_is_finished_by_keyboard_alone(page: Page, app: App) -> None:
    page.goto(f"{app.url}/lessons?lesson=induction&step=1")
    at_step(page, 1)
    page.keyboard.press("ArrowRight")
    at_step(page, 2)
    page.keyboard.press("ArrowUp")  # a number, walked to
    expect(page.get_by_role("slider", name="Your guess (%)")).to_have_value("55")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your guess: 55 %")).to_be_visible()
    page.keyboard.press("ArrowRight")
    at_step(page, 3)
    expect(page.get_by_text("You guessed")).to_be_visible()
    expect(page.get_by_role("heading", name="55 %")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    at_step(page, 2)
    for number in (3, 4, 5):
        page.keyboard.press("ArrowRight")
        at_step(page, number)
    page.keyboard.press("ArrowDown")  # a token, walked to
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile(r"Your guess: .* \(token \d+\)"))).to_be_visible()
    for number in (6, 7, 8):
        page.keyboard.press("ArrowRight")
        at_step(page, number)
    page.keyboard.press("1")  # a choice
    expect(page.get_by_text("Your guess: They are less likely to come back")).to_be_visible()
    page.keyboard.press("ArrowRight")
    at_step(page, 9)
    expect(
        page.get_by_text(
            re.compile("Holds here|Does not hold for this model|Cannot be measured here")
        )
    ).to_be_visible()
    for number in (10, 11):
        page.keyboard.press("ArrowRight")
        at_step(page, number)
    expect(page.get_by_text("Try alone.")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="What would you like to find out?")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/lessons\b(?!.*step=)"))


def test_a_lesson_goes_to_a_page_and_back_to_its_step(page: Page, app: App) -> None:
    page.goto(f"{app.url}/lessons?lesson=induction&step=4")
    at_step(page, 4)
    page.get_by_role("link", name="Open this on its own page").click()
    expect(page.get_by_role("heading", name="Where does each head look?")).to_be_visible()
    page.get_by_role("link", name="Back to the lesson, step 4").click()
    at_step(page, 4)
