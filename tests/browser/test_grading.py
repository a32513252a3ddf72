"""A person grades with the keyboard alone."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import App


def test_grades_are_typed_one_after_the_other_without_the_mouse(page: Page, app: App) -> None:
    where = "a=other&openings=3&samples=1&calibrate=false&view=By+hand&person=amy"
    page.goto(f"{app.url}/grading?{where}")
    expect(page.get_by_text("0 of 3 read")).to_be_visible(timeout=60_000)
    field = page.get_by_role("textbox", name="Type: grammar creativity consistency plot age")
    field.click()
    for done, typed in enumerate(("7 5 8 6 C", "3 4 2 2 A"), 1):
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"{done} of 3 read")).to_be_visible()
        expect(field).to_be_focused()
        expect(field).to_have_value("")
    page.keyboard.type("7 5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Type 4 grades from 0 to 10")).to_be_visible()
    expect(page.get_by_text("2 of 3 read")).to_be_visible()
