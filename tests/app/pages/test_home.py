"""Home shows the finds that are kept of the model, and each is one click from its page in that state."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.views.home.links import PAGES, link_of
from slm.overview.kept import keep, provenance
from slm.overview.records import (
    Find,
    FindCurve,
    HeadsOverview,
    LabelledHead,
    NeuronsOverview,
    Overview,
    Text,
)
from slm.runs import open_run
from slm.stories import shipped
from tests.app.conftest import Open, said

TEXTS = (
    Text(name="before", text="because"),
    Text(name="word", text="she"),
    Text(name="instead", text="he"),
)
CURVES = (
    FindCurve(name="best head", steps=(0, 10), values=(0.1, 0.3)),
    FindCurve(name="moved", steps=(0, 10), values=(0.1, 0.1)),
)
TITLE = shipped.stories()[1].title
OPENING = shipped.openings()[1]


def find(kind: Any, link: dict[str, str], **more: Any) -> Find:
    return Find(
        kind=kind, found=True, says=f"The number of {kind}.", link={"a": "tiny", **link}, **more
    )


FINDS = (
    find("induction head", {"story": TITLE, "layer": "1", "head": "1", "token": "9"}),
    find("role neuron", {"layer": "1", "neuron": "5", "text": "Tom had a boat."}),
    find("largest ablation", {"story": TITLE, "token": "9"}, texts=TEXTS),
    find("pronoun flipped", {"story": TITLE, "token": "9", "off": "1.0"}, texts=TEXTS),
    find("names return", {"measure": "best head", "of": "names"}, curves=CURVES),
    find("grammar first", {}, curves=CURVES),
    find("two checkpoints", {"b": "tiny@0", "opening": OPENING, "temperature": "0.0"}, texts=TEXTS),
)
NONE = Find(kind="copied and not copied", found=False, says="No run copies.", link={})


@pytest.fixture
def known(two_runs: Path) -> Path:
    """`tiny@10` with an overview of all kinds of finds that one model can have."""
    head = LabelledHead(
        layer=1,
        head=1,
        kind="induction",
        name="induction",
        score=0.4,
        baseline=0.1,
        effect=0.5,
        effect_low=0.3,
        effect_high=0.7,
    )
    overview = Overview(
        address="tiny@10",
        heads=HeadsOverview(count=4, confirmed=(head,), highest={}),
        neurons=NeuronsOverview(roles=(), layers=(), best=(), highest=None),
        prediction=None,
        pair=None,
        finds=(*FINDS, NONE),
    )
    run = open_run("tiny")
    keep(run, 10, provenance(run, 10), overview)
    return two_runs


def links(app: AppTest) -> list[Any]:
    return [one.proto for one in app.get("page_link") if "See it on" in one.proto.label]


def test_every_find_is_a_card_with_its_sentence_and_a_link_to_its_page(
    open_page: Open, known: Path
) -> None:
    app = open_page("home", a="tiny")
    assert not app.exception and not app.error
    told = said(app)
    assert all(one.says in told for one in FINDS)
    assert "No run copies." in told  # among what was looked for in vain
    assert len(links(app)) == len(FINDS)
    assert "1 of 4 have a confirmed label: induction (1.1)" in told


def test_a_model_of_which_nothing_was_measured_offers_to_and_shows_nothing_made_up(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("home", a="tiny")
    assert not app.exception and not app.error
    assert "Nothing was measured of tiny@10 yet" in said(app)
    assert links(app) == []
    assert [one.label for one in app.button if one.key == "measure-overview"]
    assert not (two_runs / "tiny" / "measured").exists()


@pytest.mark.parametrize("one", FINDS, ids=lambda one: one.kind.replace(" ", "-"))
def test_a_find_s_link_opens_its_page_in_exactly_that_state(
    one: Find, open_page: Open, known: Path
) -> None:
    page, link = link_of(one)
    app = open_page(page, **link)
    assert not app.exception and not app.error
    for key, asked in link.items():
        if key in ("a", "b"):
            assert app.query_params[key] in (asked, [asked])
        elif key != "compare.of_measure.best_head":  # a field that is there once heads were scored
            assert str(app.session_state[key]) == asked, key


def test_every_kind_of_find_has_a_page(known: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    assert all((root / "pages" / f"{page.url}.py").exists() for page, _ in PAGES.values())
