"""The page of heads: all of them in a map, the chosen one with its proof, tables to save."""

import json
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import cache
from slm.interp.heads.examples import head_examples
from slm.interp.heads.kept import kept_atlas
from slm.interp.heads.scores import head_scores
from slm.runs import load_checkpoint
from slm.stories.annotation.labelled import NURSERY
from tests.app.conftest import ROOT, Open, figure_on, said, story_on
from tests.conftest import little_stories, write_corpus


def until_tested(app: AppTest) -> AppTest:
    """Run the page until its labels are tested; a browser would tick."""
    until = time.monotonic() + 60
    while any(button.key == "cancel-heads" for button in app.button):
        assert time.monotonic() < until
        time.sleep(0.2)
        app.run()
    assert not app.exception and not [error.value for error in app.error]
    return app


def test_every_head_is_in_the_map_and_the_chosen_one_has_its_proof(
    open_page: Open, two_runs: Path
) -> None:
    app = until_tested(open_page("heads", a="tiny", b="other", layer=1, head=1, told=16))
    scores = head_scores(load_checkpoint("tiny"), stories=16)
    cells = figure_on(app, "map-tiny@10")["data"][1]
    assert cells["customdata"] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    left = figure_on(app, "figure-head-tiny@10-layer1-head1")["data"][0]
    measured = [kind for kind in range(len(scores.kinds)) if scores.rows[kind] >= 8]
    assert [left["x"][kind] for kind in measured] == pytest.approx(
        scores.score.mean[1, 1, measured], abs=1e-6
    )
    assert "Head 1.1." in said(app) and "Unclassified" in said(app)
    assert "This model has no head 1 in layer 1." in said(app)  # the other has one layer


def test_what_is_cancelled_can_be_begun_again(open_page: Open, two_runs: Path) -> None:
    work = cache.head_atlas("tiny@0", NURSERY, 16)
    work.cancel()
    work.begin()
    work.wait(60)
    app = open_page("heads", a="tiny@0", told=16)
    assert "Cancelled." in said(app)
    app.button(key="test-tiny@0").click().run()
    assert "of 4** heads have a confirmed label" in said(until_tested(app))


def test_who_walks_through_steps_sees_scores_and_tests_labels_when_asked(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("heads", a="tiny@0", told=16)
    until_tested(app)
    app.button(key="a_on").click().run()
    assert "none is tested yet" in said(app)
    drawn = figure_on(app, "figure-head-tiny@10-layer0-head0")
    assert "not tested yet" in [note["text"] for note in drawn["layout"]["annotations"]]
    app.button(key="test-tiny@10").click().run()
    assert "of 4** heads have a confirmed label" in said(until_tested(app))
    app.button(key="a_back").click().run()  # what was tested stays so
    assert "of 4** heads have a confirmed label" in said(app)


def test_real_stories_are_read_by_word_class(
    open_page: Open, two_runs: Path, tmp_path: Path
) -> None:
    stories = little_stories(160)
    long = [" ".join(stories[at : at + 4]) for at in range(0, len(stories), 4)]
    corpus = write_corpus(tmp_path / "long.txt", long)
    app = open_page("heads", a="other", told=16, read="a corpus")
    assert "Name a corpus" in said(app)
    app.text_input(key="corpus").set_value(str(corpus)).run()
    until_tested(app)
    (frame,) = [frame.value for frame in app.dataframe]
    assert "pronoun" in frame and "names" not in frame
    app.selectbox(key="heads.kind").set_value("pronoun").run()
    assert not app.exception and not app.error


def test_a_table_has_a_row_a_head(open_page: Open, two_runs: Path) -> None:
    app = until_tested(open_page("heads", a="other", told=16))
    (frame,) = [frame.value for frame in app.dataframe]
    assert list(frame["layer"]) == [0, 0] and list(frame["head"]) == [0, 1]
    assert json.loads(frame.to_json())["names"]["0"] is not None


def test_the_attention_page_tells_how_far_back_the_chosen_head_looks(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("attention", a="tiny@0", layer=1, head=1, far="true")
    assert not app.exception and not app.error
    drawn = figure_on(app, "figure-distances-tiny@0-layer1-head1")["data"]
    assert drawn[1]["customdata"][0] == [1, 1]
    assert "Layer 1, head 1 looks more than its baseline at: nothing in particular." in said(app)


def test_the_card_of_the_best_head_has_its_proof_and_three_places(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(ROOT / "runs"))
    app = open_page("heads", a="four-layer", b="one-layer")
    assert not app.exception and not app.error
    assert not any(button.key == "cancel-heads" for button in app.button)  # it was kept
    atlas = kept_atlas(load_checkpoint("four-layer"))
    assert atlas is not None
    at = 3, 5, atlas.scores.kinds.index("names")
    assert f"names**, confirmed: {atlas.scores.score.mean[at]:.0%} of its attention" in said(app)
    assert atlas.effect.at(at, 0).to_text("+.2f") in said(app)
    proof = figure_on(app, "card-proof-four-layer@7324")["data"]
    assert "names" in proof[0]["y"][0]
    assert proof[2]["x"][0] == pytest.approx(atlas.ablation_on_target.mean[at])
    (place, *_) = head_examples(load_checkpoint("four-layer"), 3, 5, "names")
    shown = story_on(app, "card-example-four-layer@7324-0")
    assert shown["str_tokens"][shown["selected"]] == place.str_tokens[place.query]
    assert max(value for value in shown["values"] if value) == pytest.approx(place.weight, abs=1e-4)
    assert "This model has no head 5 in layer 3." in said(app)
