"""Every page over a model, a corpus, a judge and a link whose every text is hostile."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, ConsoleMessage, FilePayload, Page, expect

from slm.knowledge.prompts import Prompt, prompts_yaml
from slm.stories.tokenizer import Tokenizer
from slm.text import visible
from tests.browser.conftest import script_ended, serving_app
from tests.browser.hostile_run import CORPUS, ELSEWHERE, NAME, PIECES, TEXT, make_hostile_runs
from tests.llm.server import says, serving

SEEN = """() => {
  const texts = [], live = [], cells = []
  const look = root => {
    for (const one of root.querySelectorAll('*')) {
      if (one.shadowRoot) look(one.shadowRoot)
      for (const { name, value } of one.attributes)
        if (/^(href|xlink:href|src|srcset|action|data|poster|style|on.*)$/.test(name)
            && !value.startsWith('data:') && (value.includes('ELSEWHERE/') || value.includes('zq')))
          live.push(`${one.tagName} ${name}=${value}`)
      if (['SCRIPT', 'IFRAME', 'OBJECT', 'MATH'].includes(one.tagName)
          && one.textContent.includes('zq')) live.push(one.tagName)
      if (one.dataset.testid === 'stIconMaterial' && one.textContent === 'home') live.push('icon')
      if (one.tagName === 'CANVAS') cells.push(one.textContent)
      if (one.tagName === 'text') texts.push(one.textContent)
    }
    for (const one of root.children) texts.push(one.innerText ?? '')
  }
  look(document)
  return { text: texts.join('\\n'), live, cells: cells.join('\\n') }
}""".replace("ELSEWHERE", ELSEWHERE)
"""What can be read on a page, in shadow trees, too; what in it is live; and what tables hold."""

UNSEEN = {c for c in TEXT if visible(c) != c}
OWN: dict[str, object] = {"story": "My own text", "text": TEXT}
READ: dict[str, object] = {"read_both": "a corpus", "corpus": f"../corpora/{CORPUS}"}
Act = Callable[[Page], None]


@dataclass(frozen=True, kw_only=True)
class View:
    """A page, what the link says beside the models, what is done there, and what must be read then."""

    page: str
    link: Mapping[str, object] = field(default_factory=dict)
    act: Act = lambda page: None
    shows: str = ""


def index(page: Page) -> None:
    """Index the corpus, unless a view before this one did."""
    button = page.get_by_role("button", name="Index the corpus", exact=True)
    looked_up = page.get_by_text(re.compile(r"\d+ copies, \d+ of"))
    expect(button.or_(looked_up).first).to_be_visible(timeout=60_000)
    if button.is_visible():
        button.click()
        page.mouse.move(0, 0)  # else a word that comes to lie under it tells of its copy, cut


def press(label: str) -> Act:
    return lambda page: page.get_by_role("button", name=label, exact=True).first.click()


def hover(label: str) -> Act:
    def act(page: Page) -> None:
        page.get_by_role("button", name=label, exact=True).first.hover()
        expect(page.get_by_test_id("stTooltipContent")).to_be_visible()

    return act


def check_the_model(page: Page) -> None:
    page.get_by_text("Self-check").first.click()


def ask_what_else(page: Page) -> None:
    """Click the last token that was written."""
    expect(page.locator(".story.writing")).to_have_count(0)
    page.locator(".story").first.locator(".token").last.click()
    expect(page.get_by_text("Take another:")).to_be_visible()


def ask_the_judge(page: Page) -> None:
    """Ask a judge who answers in hostile words."""
    answer = json.dumps({"why": TEXT, "verdict": "right"})
    with serving(lambda *_: says(answer)) as server:
        page.get_by_role("textbox", name="Server").fill(server.url)
        page.keyboard.press("Enter")
        press("Ask the judge")(page)
        expect(page.locator(".known .person").first).to_contain_text("by 1. zqa")


def bring_prompts(page: Page) -> None:
    """Bring prompts of one's own, with hostile beginnings and answers."""
    prompt = Prompt(kind="fact", prompt=f"{TEXT}is", right=(TEXT,), wrong=(f"not {TEXT}",))
    buffer = prompts_yaml([prompt]).encode()
    file: FilePayload = {"name": f"{NAME}.yaml", "mimeType": "text/yaml", "buffer": buffer}
    page.locator("input[type=file]").set_input_files(file)
    expect(page.locator(".known td.prompt")).to_have_count(1)


BOTH: dict[str, object] = {"b": "tiny@0"}
VIEWS = (
    View(page="", shows="zqb"),
    View(page="train", link={"run": "tiny"}, shows="zqb"),
    View(page="compare", link=BOTH | READ, act=press("Read it"), shows="zqb"),
    View(page="compare", link={"compare": "Curves"}),
    View(page="import", link={"path": TEXT}, act=press("Look at it"), shows="zqb"),
    View(page="grid", shows="zqb"),
    View(page="grid", link={"see": "the paper's findings"}, shows="zqb"),
    View(page="attention", link=BOTH | OWN, act=check_the_model, shows="zqb"),
    View(page="heads", link={"told": 16}),
    View(page="neurons", link={"show": "What it writes"}, shows="zq"),
    View(page="neurons", link={"show": "In my text", "text": TEXT}, shows="zqb"),
    View(page="neurons", link={"show": "Find neurons", "word": TEXT}),
    View(page="roles", link={"read": "a corpus", "corpus": TEXT}, shows="zqb"),
    View(page="predictions", link=BOTH | OWN | {"token": 3}, shows="zqb"),
    View(page="predictions", link=OWN | {"view": "Layer by layer"}, shows="zqb"),
    View(page="predictions", link=OWN | {"view": "Parts", "rival": PIECES[5]}, shows="zqf"),
    View(page="predictions", link=OWN | {"view": "Switched off", "word": TEXT}, shows="zqb"),
    View(
        page="predictions",
        link=OWN | {"view": "Filled in", "replace": "zqa", "by": PIECES[3]},
        shows="zqb",
    ),
    View(page="predictions", link=OWN | {"view": "Written again", "off": TEXT}, shows="zqb"),
    View(
        page="writing",
        link={"opening": "My own text", "prompt": TEXT},
        act=ask_what_else,
        shows="zqb",
    ),
    View(
        page="writing",
        link={"view": "Models side by side", "opening": "My own text", "prompt": TEXT[:200]},
        shows="zqb",
    ),
    View(
        page="stories",
        link={"source": "the shipped stories", "view": "Search", "query": TEXT[:100]},
        shows="zqb",
    ),
    View(page="grading", link=BOTH | {"view": "Grades"}, act=hover("CSV"), shows="zqb"),
    View(page="grading", link=BOTH | {"view": "A against B"}, act=hover("CSV"), shows="zqb"),
    View(page="grading", link={"view": "The judge"}, shows="zqb"),
    View(page="grading", link={"view": "By hand", "person": TEXT[:40]}, shows="zqb"),
    View(
        page="knowledge",
        link={"judging": "true", "judge": TEXT},
        act=ask_the_judge,
        shows="zqb",
    ),
    View(page="knowledge", link=BOTH | {"edit": "true"}, act=bring_prompts, shows="zqb"),
    View(page="memorization", link={"stories": 2}, act=press("Measure"), shows="zqb"),
    View(page="memorization", link={"view": "any text", "text": TEXT}, act=index, shows="zqb"),
    View(page="attention", link={"a": TEXT, "b": TEXT}, shows="zqb"),
)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One browser that looks at one app, and all that it asked for or that was blocked."""

    page: Page
    url: str
    asked: list[str]


@pytest.fixture(scope="module")
def visit(
    chromium: Browser, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    """The app over hostile runs."""
    runs = tmp_path_factory.mktemp("hostile") / "runs"
    runs.mkdir()
    make_hostile_runs(runs, tokenizer)
    with serving_app(runs) as (_, url):
        page = chromium.new_page(viewport={"width": 1280, "height": 1000})
        asked: list[str] = []

        def said(message: ConsoleMessage) -> None:
            if "Content Security Policy" in message.text:
                asked.append(message.text)

        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: asked.append(f"dialog {dialog.message}"))
        page.on("popup", lambda other: asked.append(f"popup {other.url}"))
        page.on("console", said)
        yield Visit(page=page, url=url, asked=asked)
        page.close()


def settled(page: Page) -> None:
    """Wait until the script has run to its end and the page has its title."""
    script_ended(page)
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def faults(page: Page, *, edited: bool = False) -> list[str]:
    """What is not the characters of the text: live elements, changed or unseen signs.

    A table to be edited holds the text as it is.
    """
    seen = page.evaluate(SEEN)
    found = list(seen["live"])
    unseen = UNSEEN.intersection(seen["text"] + ("" if edited else seen["cells"]))
    found += [f"{c!r} is there as it is" for c in sorted(unseen)]
    text = " ".join(seen["text"].replace("␣", " ").split())
    for piece in PIECES:
        for marker in re.findall("zq[a-u]", piece):
            before, _, after = visible(piece.strip()).partition(marker)
            for at in re.finditer(marker, text):
                left, right = text[: at.start()], text[at.end() :]
                if not (left.endswith(before[-3:]) and right.startswith(after[:2])):  # may be cut
                    found.append(
                        f"{before}{marker}{after} is {text[at.start() - 25 : at.end() + 25]}"
                    )
    return found


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.page or "home")
def test_a_page_shows_the_characters(visit: Visit, view: View) -> None:
    page = visit.page
    visit.asked.clear()
    page.goto(f"{visit.url}/{view.page}?{urlencode({'a': 'tiny@10', **view.link})}")
    settled(page)
    view.act(page)
    settled(page)
    if view.shows:
        read = f"({SEEN})()"
        there = f"() => (({{ text, cells }}) => (text + cells).includes('{view.shows}'))({read})"
        page.wait_for_function(there, timeout=60_000, polling=200)
    assert page.get_by_test_id("stException").count() == 0
    assert faults(page, edited="edit" in view.link) == []
    assert [one for one in visit.asked if not one.startswith((visit.url, "data:", "blob:"))] == []
