"""The glossary explains each term once, in a sentence, and what is made of it is up to date."""

import json
import re
from pathlib import Path

import pytest

from slm import glossary
from slm.cli import main
from slm.errors import BadInput
from slm.glossary import as_markdown, lookup, search, terms

ROOT = Path(__file__).resolve().parents[1]


def test_a_name_leads_to_one_entry() -> None:
    named = [name for one in terms() for name in {one.term, *one.also}]
    slugs = [glossary.slug(name) for name in named]
    assert sorted(slugs) == sorted(set(slugs))


@pytest.mark.parametrize("one", terms(), ids=lambda one: one.slug)
def test_an_entry_is_one_sentence_and_names_pages_that_exist(one: glossary.Term) -> None:
    assert one.means.endswith(".") and one.means.count(". ") == 0
    assert len(one.means.split()) <= 40
    assert all((ROOT / "pages" / f"{page}.py").exists() for page in one.seen)


def test_a_term_is_found_by_its_name_another_name_and_its_link() -> None:
    lens = lookup("logit lens")
    assert lookup("logit-lens") is lens and lookup("Logit Lens") is lens
    assert lookup("DLA").term == "direct logit attribution"
    with pytest.raises(BadInput, match=r"^the glossary has no term 'mood'$"):
        lookup("mood")


def test_a_search_finds_words_of_the_meaning_and_names_first() -> None:
    assert search("coin")
    found = [one.term for one in search("attention")]
    assert found[0] == "attention" and "attention sink" in found and "key token" not in found
    assert search("xyzzy") == ()


def test_the_document_is_made_of_the_data() -> None:
    assert (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8") == as_markdown()
    assert len(re.findall(r'<a id="', as_markdown())) == len(terms())


def test_the_command_answers_in_json_and_refuses_what_it_does_not_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["glossary", "induction head", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["terms"]
    assert found["source"] == "Olsson and others 2022"
    assert main(["glossary", "mood"]) == 2
    assert capsys.readouterr().err == "slm: the glossary has no term 'mood'\n"
