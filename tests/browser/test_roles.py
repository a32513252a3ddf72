"""The roles page in a real browser: the work is seen to go on, and its answer comes by itself."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import App, visit


def test_roles_come_by_themselves_and_a_cancelled_test_can_begin_again(
    page: Page, app: App
) -> None:
    visit(page, f"{app.url}/roles?a=tiny&stories=20")
    expect(page.get_by_text("have a confirmed role")).to_be_visible(timeout=120_000)
    expect(page.get_by_text("share that a role excites").first).to_be_visible()
    visit(page, f"{app.url}/roles?a=tiny&view_roles=The+protagonist+test&mentioning=300")
    page.get_by_role("button", name="Begin", exact=True).click()  # a link asks for more than usual
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled.")).to_be_visible()
    expect(page.get_by_role("button", name="Begin again")).to_be_visible()
