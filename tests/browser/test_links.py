"""What a browser's address says, as a visitor goes from page to page, back, forward, and reloads."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.browser.conftest import App, visit
from tests.browser.test_journeys import wait_until


def link(page: Page) -> dict[str, str]:
    """What the link carries."""
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_an_earlier_link_opens_in_todays_names_and_leaves_nothing_behind(
    page: Page, app: App
) -> None:
    visit(
        page, f"{app.url}/attention?a=tiny&layer=1&head=1&weights=what+is+moved&beside=0.1&show=x"
    )
    expect(page.get_by_text("Layer 1, head 1 leaves")).to_be_visible()
    weights = {"attention.weights": "value-weighted", "attention.more_heads": "0.1"}
    shown = {"a": "tiny", "layer": "1", "head": "1"}
    wait_until(lambda: link(page) == shown | weights, page)
    page.get_by_test_id("stSidebarNav").get_by_text("Heads", exact=True).click()
    expect(page.get_by_text("What does each head do?").first).to_be_visible()
    wait_until(lambda: link(page) == shown, page)
    page.get_by_test_id("stSidebarNav").get_by_text("Train", exact=True).click()
    expect(page.get_by_text("How does a model learn to tell stories?").first).to_be_visible()
    wait_until(lambda: link(page) == {"a": "tiny"}, page)


def test_back_forward_and_reload_restore_the_view(page: Page, app: App) -> None:
    visit(page, f"{app.url}/attention?a=tiny")
    expect(page.get_by_text("Layer 0, head 0 leaves")).to_be_visible()
    page.get_by_text("Hide the first token").click()
    hidden = {"a": "tiny", "attention.hide": "true"}
    wait_until(
        lambda: link(page).items() >= hidden.items(), page
    )  # the head opened on may be named
    page.reload()
    expect(page.get_by_text("which is hidden here")).to_be_visible()
    page.get_by_test_id("stSidebarNav").get_by_text("Neurons", exact=True).click()
    expect(page.get_by_text("What excites a neuron?").first).to_be_visible()
    wait_until(lambda: link(page) == {"a": "tiny"}, page)
    page.go_back()
    expect(page.get_by_text("which is hidden here")).to_be_visible()
    wait_until(lambda: link(page).get("attention.hide") == "true", page)
    page.go_forward()
    expect(page.get_by_text("What excites a neuron?").first).to_be_visible()
