"""What a visitor does, in a real browser."""

import contextlib
import re
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from slm.interp.attention import attention
from slm.model.weights import load
from slm.runs import Address, Checkpoint, Run
from slm.stories import shipped
from tests.browser.conftest import App, visit
from tests.llm.server import JudgeServer


def tokens(page: Page) -> list[str]:
    """The pieces of the first story on the page."""
    return page.locator(".story").first.locator(".token").all_text_contents()


def wait_until(condition: Callable[[], bool], page: Page, seconds: float = 30) -> None:
    """Wait for something that is not an element."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        page.wait_for_timeout(50)


def first_token_share(runs: Path, layer: int, head: int) -> str:
    """What the page should say that a head of `tiny` leaves on the first token."""
    run = Run(runs / "tiny")
    checkpoint = Checkpoint(
        address=Address("tiny", 10),
        config=run.config,
        weights=load(run.checkpoint_path(10), run.config),
        tokenizer=run.tokenizer,
    )
    view = attention(checkpoint, shipped.stories()[0].text)
    return f"Layer {layer}, head {head} leaves {view.bos_attention[layer, head]:.0%}"


def test_the_first_page_writes_a_story_and_then_another(page: Page, app: App) -> None:
    visit(page, f"{app.url}/?a=tiny")
    wait_until(lambda: "".join(tokens(page)).startswith("▸Once upon a time"), page)
    expect(page.locator(".story.writing")).to_have_count(0)
    first = tokens(page)
    assert len(first) > 10
    page.get_by_role("button", name="Write another").click()
    wait_until(lambda: len(tokens(page)) > 10 and tokens(page) != first, page)


def test_the_chosen_model_stays_chosen_from_page_to_page(page: Page, app: App) -> None:
    visit(page, f"{app.url}/?a=tiny@0&b=other")
    for name, question in (
        ("Neurons", "What excites a neuron?"),
        ("Writing", "What does the model write, and how sure is it?"),
        ("Train", "How does a model learn to tell stories?"),
    ):
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", name=question)).to_be_visible()
        expect(page).to_have_url(re.compile(r"[?&]a=tiny(@|%40)0(&|$)"))
        expect(page).to_have_url(re.compile(r"[?&]b=other(&|$)"))


def test_a_head_is_picked_among_the_thumbnails_and_survives_a_reload(page: Page, app: App) -> None:
    visit(page, f"{app.url}/attention?a=tiny")
    expect(page.get_by_text(first_token_share(app.runs, 0, 0))).to_be_visible()
    expect(page.get_by_text("key token (is looked at)")).to_be_visible()
    heads = page.locator("[class*=st-key-heads-tiny] .plotly .nsewdrag")
    box = heads.bounding_box()
    assert box is not None
    heads.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.75})
    expect(page.get_by_text(first_token_share(app.runs, 1, 1))).to_be_visible()
    expect(page).to_have_url(re.compile(r"layer=1.*head=1|head=1.*layer=1"))
    page.reload()
    expect(page.get_by_text(first_token_share(app.runs, 1, 1))).to_be_visible()
    expect(page.get_by_text("blocks.1.attn.hook_pattern")).to_be_visible()


def test_hiding_the_first_token_is_seen_and_lies_in_the_link(page: Page, app: App) -> None:
    visit(page, f"{app.url}/attention?a=tiny")
    page.get_by_text("Hide the first token").click()
    expect(page.get_by_text("which is hidden here")).to_be_visible()
    expect(page).to_have_url(re.compile("hide=true"))


def test_a_token_is_chosen_by_mouse_and_by_keyboard(page: Page, app: App) -> None:
    visit(page, f"{app.url}/attention?a=tiny")
    story = page.locator(".story")
    story.locator(".token").nth(4).click()
    expect(story.locator(".token.selected")).to_have_id("token-4")
    expect(page).to_have_url(re.compile("token=4"))
    story.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tip")).to_contain_text("looks at it")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(story.locator(".token.selected")).to_have_id("token-6")
    expect(page).to_have_url(re.compile("token=6"))


def test_markup_in_a_story_is_shown_and_never_obeyed(page: Page, app: App) -> None:
    text = "<img src=x onerror=alert(1)><b>hi</b> fox"
    page.on("dialog", lambda dialog: dialog.dismiss())
    visit(page, f"{app.url}/attention?a=tiny&story=My+own+text&text={text}")
    wait_until(lambda: "".join(tokens(page)) == f"▸{text}", page)
    expect(page.get_by_text("key token (is looked at)")).to_be_visible()
    assert page.locator(".stMain img[src=x]").count() == 0


def test_the_next_neuron_comes_with_its_stories(page: Page, app: App) -> None:
    visit(page, f"{app.url}/neurons?a=tiny&layer=0&neuron=0")
    expect(page.locator(".story .token.selected").first).to_be_visible()
    first = page.locator(".story").all_inner_texts()
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page).to_have_url(re.compile("neuron=1"))
    expect(page.get_by_role("spinbutton", name="Neuron")).to_have_value("1")
    wait_until(lambda: page.locator(".story").all_inner_texts() != first, page)
    assert page.locator(".story").first.locator(".token.selected").count() == 1


def test_a_story_is_written_with_alternatives_and_the_next_one_has_the_next_seed(
    page: Page, app: App
) -> None:
    visit(page, f"{app.url}/writing?a=tiny&b=other&tokens=30")
    expect(page.locator(".story")).to_have_count(2)
    expect(page.locator(".story.writing")).to_have_count(0)
    page.locator(".story").first.locator(".token").last.hover()
    tip = page.locator(".tip").first
    expect(tip).to_contain_text("probability")
    expect(tip.locator(".row")).to_have_count(6)
    first = tokens(page)
    page.get_by_role("button", name="New sample").click()
    expect(page).to_have_url(re.compile("seed=1"))
    wait_until(lambda: tokens(page) != first, page)


def test_two_visitors_look_at_two_heads_at_once(chromium: Browser, app: App) -> None:
    visitors = [chromium.new_context().new_page() for _ in range(2)]
    for _ in range(2):
        for head, visitor in enumerate(visitors):
            visitor.goto(f"{app.url}/attention?a=tiny&layer={head}&head={1 - head}")
        for head, visitor in enumerate(visitors):
            expect(visitor.get_by_text(first_token_share(app.runs, head, 1 - head))).to_be_visible(
                timeout=45_000
            )
    for visitor in visitors:
        visitor.context.close()


def test_stories_are_graded_by_a_judge_on_this_machine(
    page: Page, app: App, server: JudgeServer
) -> None:
    visit(page, f"{app.url}/grading?a=tiny&openings=2&samples=2&calibrate=false")
    expect(page.get_by_text("No judge has read tiny@10 yet")).to_be_visible()
    where = page.get_by_role("textbox", name="Server")
    where.fill(server.url)
    where.press("Enter")
    key = page.locator("input[type=password]")
    key.fill("sk-of-a-visitor")
    key.press("Enter")
    expect(page.get_by_text("8 calls")).to_be_visible()
    page.get_by_role("button", name="Grade", exact=True).click()
    expect(page.get_by_text("It reads well enough.")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("4 stories")).to_be_visible()
    assert "sk-of-a-visitor" not in page.url and server.url not in page.url
    assert server.paid == 8


def press_until(page: Page, key: str, url: re.Pattern[str]) -> None:
    """Press a key until the link is as it should be: a shortcut is not heard while a page is redrawn.

    At the first and at the last checkpoint another press changes nothing.
    """
    for _ in range(5):
        page.keyboard.press(key)
        with contextlib.suppress(AssertionError):
            expect(page).to_have_url(url, timeout=6_000)
            return
    expect(page).to_have_url(url)


def test_checkpoints_play_by_key_to_the_last_and_stay_there(page: Page, app: App) -> None:
    visit(page, f"{app.url}/attention?a=tiny@0")
    expect(page.get_by_text("leaves").first).to_be_visible()
    press_until(page, "k", re.compile(r"[?&]a=tiny(&|$)"))
    expect(page.get_by_role("slider", name="after step")).to_have_attribute("aria-valuetext", "10")
    press_until(page, "j", re.compile(r"[?&]a=tiny(@|%40)0(&|$)"))
