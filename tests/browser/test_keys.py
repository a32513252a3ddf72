"""A key that was typed is the key that is sent."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import App
from tests.llm.server import serving


@pytest.mark.parametrize("leaving", ["Tab", "Shift+Tab", "", "Enter"])
def test_a_key_is_sent_however_its_field_was_left(
    chromium: Browser, app: App, leaving: str
) -> None:
    with serving() as server:
        page = chromium.new_page()
        judge = f"judge=left-by-{leaving.replace('+', '-')}"  # so that nothing was read before
        page.goto(f"{app.url}/grading?a=other&openings=1&samples=1&calibrate=false&{judge}")
        page.get_by_role("textbox", name="Server").fill(server.url, timeout=60_000)
        page.keyboard.press("Tab")
        expect(page.get_by_role("textbox", name="Key")).to_have_attribute("placeholder", "none")
        page.get_by_role("textbox", name="Key").click()
        page.keyboard.type("sk-typed")
        if leaving:
            page.keyboard.press(leaving)
        page.get_by_role("button", name="Grade", exact=True).click()
        for _ in range(300):
            if server.keys:
                break
            page.wait_for_timeout(100)
        assert server.keys == {"Bearer sk-typed"}
        page.close()
