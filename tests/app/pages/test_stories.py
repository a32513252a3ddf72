"""The stories page: every view of a corpus, and the way from a story to the other pages."""

from pathlib import Path

import pytest

from tests.app.conftest import Open, said, settled, story_on, told_to_read


@pytest.mark.parametrize("view", ["Read", "Search", "Statistics", "Cleaning", "Loss"])
def test_every_view_opens_on_our_own_stories(view: str, open_page: Open, two_runs: Path) -> None:
    app = settled(open_page("stories", a="tiny", source="the shipped stories", view=view, sample=5))
    assert not app.exception and not app.error
    assert "20 stories" in said(app).replace("**", "")


def test_a_story_is_read_with_its_tokens(open_page: Open, two_runs: Path) -> None:
    app = settled(open_page("stories", a="tiny", source="the shipped stories", number=2))
    shown = story_on(app, "read-tiny@10-2")
    assert shown.get("tokens", shown) and not app.error


def test_a_corpus_in_a_link_is_not_read_before_a_person_says_so(
    open_page: Open, two_runs: Path, corpus: Path
) -> None:
    where = {"source": "a corpus of mine or the hub's", "corpus": str(corpus)}
    app = open_page("stories", a="tiny", **where)
    assert "Nothing is read before you say so" in said(app)
    app = settled(told_to_read(app))
    assert "300 stories" in said(app).replace("**", "") and not app.error


def test_a_search_in_a_link_is_made_and_counted(open_page: Open, two_runs: Path) -> None:
    link = {"source": "the shipped stories", "view": "Search", "query": "the"}
    app = settled(open_page("stories", a="tiny", **link))
    assert "of 20 stories" in said(app).replace("**", "")
