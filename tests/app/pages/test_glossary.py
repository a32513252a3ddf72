"""The Glossary page opens the entry that a link names, and finds others by words."""

from pathlib import Path

from app.terms import help_of
from tests.app.conftest import Open, said


def test_a_link_opens_its_entry(open_page: Open, two_runs: Path) -> None:
    app = open_page("glossary", term="logit-lens")
    assert "What the model would say next if it stopped after this layer." in said(app)
    assert app.code[0].value == "softmax(LN(resid_post) · W_U)"
    assert "dead neuron" not in said(app)


def test_words_find_entries_by_their_meaning(open_page: Open, two_runs: Path) -> None:
    app = open_page("glossary")
    app.text_input(key="glossary.term").set_value("coin").run()
    assert "## ROC AUC" in said(app) and "## nats" in said(app)


def test_what_no_entry_has_is_said(open_page: Open, two_runs: Path) -> None:
    app = open_page("glossary", term="<script>alert(1)</script>")
    assert not app.exception and not app.error
    assert "No entry has these words" in said(app)


def test_help_explains_terms_in_the_glossarys_words() -> None:
    assert help_of("temperature", "nats").startswith("**temperature**: How daring")


def test_an_entry_leads_to_the_lessons_that_use_its_term(open_page: Open, two_runs: Path) -> None:
    app = open_page("glossary", term="induction-head")
    links = [one.proto for one in app.get("page_link") if one.proto.label.startswith("Lesson: ")]
    assert "lesson=induction" in links[0].query_string and "step=6" in links[0].query_string
