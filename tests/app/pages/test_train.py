"""The train page: what a training will cost, how it goes, and how it goes on."""

import re
import time
from collections.abc import Callable
from pathlib import Path

from slm.runs import open_run
from slm.training import queue
from tests.app.conftest import Open, figure_on, said, story_on
from tests.conftest import little_stories, write_corpus


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_train_counts_the_parameters_of_the_shape(open_page: Open, runs: Path) -> None:
    app = open_page("train", shape="quick")
    # 2048x64 + 256x64 + 2(4x64x64 + 4x64) + 2(8x64x64 + 4x64 + 64) + (2x4+2)x64 + 2048
    assert "249,600 parameters" in said(app)
    app.selectbox(key="train.shape").set_value("my own shape").run()
    app.number_input(key="train.heads").set_value(7).run()
    assert not app.exception
    assert "n_heads must divide d_model" in said(app)


def test_what_a_paper_shape_shares_with_the_paper_is_said_where_it_is_chosen(
    open_page: Open, runs: Path
) -> None:
    assert "Not the paper's" not in said(open_page("train", shape="quick"))
    app = open_page("train", shape="paper-1M")
    assert "Not the paper's: the vocabulary is a BPE learned from the corpus" in said(app)


def test_the_papers_recipe_has_one_rate_and_is_what_is_trained(
    open_page: Open, runs: Path, corpus: Path
) -> None:
    app = open_page("train", shape="my own shape")
    for key, value in (("width", 8), ("layers", 1), ("heads", 1)):
        app.number_input(key=f"train.{key}").set_value(value)
    app.selectbox(key="train.vocabulary.my_own_shape").set_value(512)
    app.selectbox(key="train.corpus").set_value("a file on this machine").run()
    app.text_input(key="train.path").set_value(str(corpus))
    app.segmented_control(key="train.budget").set_value("tokens").run()
    app.number_input(key="train.millions").set_value(0.1)
    app.selectbox(key="train.recipe").set_value("paper").run()
    assert [box.label for box in app.number_input if "Learning rate" in box.label] == [
        "Learning rate of everything (AdamW)"
    ]
    app.text_input(key="train.name").set_value("published").run()
    app.button(key="start").click().run()
    wait_until(lambda: queue.exit_code("published") is not None)
    recipe = open_run("published").info.recipe
    assert (recipe["optimizer"], recipe["schedule"]) == ("adamw", "constant")
    assert (recipe["adam_lr"], recipe["weight_decay"]) == (5e-4, 0.1)


def test_records_can_be_left_out_of_a_corpus_that_has_requests_and_of_no_other(
    open_page: Open, runs: Path
) -> None:
    label = "Leave out records with all of"
    app = open_page("train")
    assert label not in [box.label for box in app.multiselect]
    app.selectbox(key="train.corpus").set_value("nursery-instruct").run()
    assert not app.exception
    (box,) = [box for box in app.multiselect if box.label == label]
    box.set_value(["Words", "Summary"]).run()
    assert not app.exception and box.value == ["Words", "Summary"]


def test_a_name_that_no_run_can_have_is_one_line(open_page: Open, runs: Path) -> None:
    app = open_page("train")
    app.text_input(key="train.name").set_value("../x").run()
    app.button(key="start").click().run()
    assert not app.exception
    assert len(app.error) == 1 and "A run's name is" in said(app)
    assert not runs.exists() or not any(runs.iterdir())


def test_train_shows_how_a_run_went_and_what_it_wrote(open_page: Open, two_runs: Path) -> None:
    app = open_page("train", run="tiny")
    assert "It has finished." in said(app)
    figure = figure_on(app, "figure-loss-tiny")
    assert [trace["name"] for trace in figure["data"]] == [
        "train",
        "validation",
    ]
    assert story_on(app, "sample-0")["str_tokens"] == ["Once", " a fox."]


def test_a_damaged_run_does_not_keep_others_from_training(open_page: Open, two_runs: Path) -> None:
    (two_runs / "other" / "run.json").write_text("{", encoding="utf-8")
    app = open_page("train", run="tiny")
    assert not app.exception and not app.error
    assert "It has finished." in said(app)


def test_the_time_is_measured_on_this_machine_when_asked(open_page: Open, runs: Path) -> None:
    app = open_page("train", shape="quick")
    next(button for button in app.button if button.label == "Estimate time").click().run()
    assert re.search(r"This machine reads [\d.]+( k)? tokens a second .* in 5 minutes\.", said(app))


def test_a_training_that_cannot_begin_says_why_on_the_page(open_page: Open, runs: Path) -> None:
    app = open_page("train")
    app.selectbox(key="train.corpus").set_value("a file on this machine").run()
    app.text_input(key="train.path").set_value("no/such.txt").run()
    app.text_input(key="train.name").set_value("lost").run()
    app.button(key="start").click().run()
    wait_until(lambda: queue.exit_code("lost") is not None)
    app.run()
    assert not app.exception
    assert "ended badly" in said(app) and "no/such.txt'" in app.code[0].value


def test_losses_are_told_in_nats_or_in_bits(open_page: Open, two_runs: Path) -> None:
    app = open_page("train", run="tiny", unit="bits per byte")
    figure = figure_on(app, "figure-loss-tiny")
    assert [trace["name"] for trace in figure["data"]] == ["validation"]
    assert figure["layout"]["yaxis"]["title"]["text"] == "loss (bits per byte)"


def test_the_heads_are_shown_as_they_took_shape(open_page: Open, two_runs: Path) -> None:
    app = open_page("train", run="tiny")
    pictures = [image.proto.imgs[0].caption for image in app.get("image")]
    assert pictures == ["step 0", "step 10"]


def test_what_it_wrote_earlier_can_be_read(open_page: Open, two_runs: Path) -> None:
    open_run("tiny").add_samples(
        [{"step": 20, "prompt": "Once", "text": " a cat.", "stopped": "story end"}]
    )
    app = open_page("train", run="tiny")
    assert story_on(app, "sample-0")["str_tokens"] == ["Once", " a cat."]
    next(s for s in app.select_slider if s.label == "What it writes after step").set_value(0).run()
    assert story_on(app, "sample-0")["str_tokens"] == ["Once", " a fox."]


def test_the_stories_can_be_looked_at_before_anything_is_trained(
    open_page: Open, runs: Path, tmp_path: Path
) -> None:
    texts = little_stories(20)
    corpus = write_corpus(tmp_path / "mine.txt", [*texts, texts[0]])
    app = open_page("train")
    app.selectbox(key="train.corpus").set_value("a file on this machine").run()
    app.text_input(key="train.path").set_value(str(corpus)).run()
    app.toggle(key="train.preview").set_value(True).run()
    assert not app.exception and not app.error
    assert "The first 21 stories: 20 of 21 stories kept; dropped: 1 repeated" in said(app)
    assert "".join(story_on(app, "look-story")["str_tokens"]) == texts[0]


def test_how_a_file_is_read_is_chosen_where_it_has_no_marks(
    open_page: Open, runs: Path, tmp_path: Path
) -> None:
    texts = [story.replace("\n", " ").rstrip('."!?') for story in little_stories(20)]
    corpus = tmp_path / "mine.txt"
    corpus.write_text("\n".join(texts), encoding="utf-8")
    app = open_page("train")
    app.selectbox(key="train.corpus").set_value("a file on this machine").run()
    app.text_input(key="train.path").set_value(str(corpus)).run()
    app.toggle(key="train.preview").set_value(True).run()
    assert len(app.error) == 1 and "Its beginning has 20 lines" in said(app)
    app.selectbox(key="train.ends").set_value("lines").run()
    assert len(app.error) == 1 and "20 of the first 20 stories end without" in said(app)
    app.selectbox(key="train.cut_off").set_value("keep-truncated").run()
    assert not app.exception and not app.error
    assert "20 of 20 stories kept" in said(app)
    assert "".join(story_on(app, "look-story")["str_tokens"]) == texts[0]


def test_a_run_says_what_cleaning_dropped_of_its_corpus(open_page: Open, two_runs: Path) -> None:
    run = open_run("tiny")
    examples = {"truncated": "Tom *went* to"}
    cleaning = {"kept": 20, "truncated": 2, "duplicate": 1, "examples": examples}
    run.update(corpus={"train": "mine.txt", "cleaning": cleaning})
    app = open_page("train", run="tiny")
    assert "20 of 23 stories kept; dropped: 2 cut off" in said(app)


def test_a_branch_fills_in_the_form_and_has_its_parents_shape(
    open_page: Open, two_runs: Path
) -> None:
    run = open_run("tiny")
    run.update(recipe={"tokens": 1000, "batch": 1})
    app = open_page("train", run="tiny")
    app.button(key="branch").click().run()
    assert app.selectbox(key="train.parent").value == "tiny"
    assert app.text_input(key="train.name").value == "tiny-2"
    assert "width 16, 2 layers of 2 heads" in said(app)


def test_a_run_that_was_stopped_can_be_ended(open_page: Open, two_runs: Path) -> None:
    open_run("tiny").update(status="stopped", recipe={"tokens": 1000, "batch": 1})
    app = open_page("train", run="tiny")
    assert "It was paused and can go on." in said(app)
    app.button(key="end").click().run()
    assert "It has finished." in said(app) and open_run("tiny").status == "finished"
