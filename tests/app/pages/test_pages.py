"""Each page answers its question, with what the URL asks for, and survives what it cannot have."""

import re
import shutil
from pathlib import Path

import pytest

from slm.interp.attention import attention
from slm.interp.neurons.activations import examples
from slm.runs import load_checkpoint
from slm.stories import shipped
from tests.app.conftest import Open, figure_on, finished, said, story_on

PAGES = (
    "home",
    "lessons",
    "glossary",
    "train",
    "compare",
    "imports",
    "grid",
    "attention",
    "heads",
    "neurons",
    "roles",
    "knowledge",
    "memorization",
    "predictions",
    "writing",
    "grading",
)
LOOKING = ("attention", "heads", "neurons", "roles", "predictions", "writing", "grading")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_one_question_and_breaks_nowhere(
    page: str, open_page: Open, two_runs: Path
) -> None:
    app = open_page(page, a="tiny", b="other")
    assert not app.exception and not app.error
    assert [title.value[-1] for title in app.title] == ["?"]


@pytest.mark.parametrize("page", PAGES)
def test_without_any_run_a_page_says_how_to_get_one(page: str, open_page: Open, runs: Path) -> None:
    app = open_page(page)
    assert not app.exception and not app.error
    if page == "train":
        assert "Start training" in [button.label for button in app.button]
    elif page == "imports":
        assert app.code[0].value.startswith("python -m slm import")
    elif page == "grid":
        assert "train a grid first" in said(app)
    elif page == "lessons":
        assert "lessons-begin-induction" in {button.key for button in app.button}
    elif page == "glossary":
        assert "logit lens" in "".join(one.proto.body for one in app.get("html"))
    else:
        assert app.code[0].value.startswith("python -m slm train --name")


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ("gone", "There is no run 'gone'"),
        ("tiny@7", "Run 'tiny' has no step 7"),
        ("../etc", "run's name is"),
        ("tiny@", "An address is run or run@step"),
    ],
)
def test_a_link_to_what_is_not_there_says_so_and_shows_something_else(
    asked: str, complaint: str, open_page: Open, two_runs: Path
) -> None:
    app = open_page("home", a=asked)
    assert not app.exception and not app.error
    (warning,) = [line for line in said(app).splitlines() if complaint in line]
    assert warning.endswith(f"Showing {app.session_state['model.a'].address} instead.")
    assert app.query_params["a"] in (["tiny"], ["other"], "tiny", "other")


def test_a_link_chooses_the_checkpoint_and_the_one_beside_it(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("attention", a="tiny@0", b="other")
    assert (
        app.session_state["model.a"].address == "tiny@0"
        and app.session_state["model.b"].address == "other@0"
    )
    keys = [chart.key for chart in app.get("plotly_chart")]
    assert "heads-tiny@0" in keys and "heads-other@0" in keys


def test_choosing_another_step_moves_the_address_in_the_url(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("home", a="tiny")
    app.select_slider[0].set_value(0).run()
    assert app.query_params["a"] in ("tiny@0", ["tiny@0"])
    assert app.session_state["model.a"].address == "tiny@0"


def test_home_writes_a_story_on_arrival_and_another_when_asked(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("home", a="tiny")
    first = story_on(app, "home-story")["str_tokens"]
    assert "".join(first[1:]).startswith("Once upon a time") and len(first) > 10
    next(button for button in app.button if button.label == "Write another").click().run()
    assert story_on(app, "home-story")["str_tokens"] != first


def test_home_names_the_model_and_the_seed_of_its_story(open_page: Open, two_runs: Path) -> None:
    app = open_page("home", a="tiny")
    story = app.session_state["home.writing"]
    assert f"Written by tiny@10 with seed {story.sampling.seed}." in said(app)


def test_home_lists_every_run_with_what_it_reached(open_page: Open, two_runs: Path) -> None:
    table = open_page("home").dataframe[0].value
    assert list(table["run"]) == ["other", "tiny"]
    assert list(table["last step"]) == [0, 10]
    assert list(table["bits per byte"]) == ["2.000", "1.500"]
    assert list(table["shape"]) == ["16x1x2", "16x2x2"]


def test_a_damaged_run_costs_a_line_and_not_the_page(open_page: Open, two_runs: Path) -> None:
    (two_runs / "other" / "run.json").write_text("{", encoding="utf-8")
    app = open_page("home", a="tiny")
    assert not app.exception
    assert len(app.warning) == 1 and "run.json is not JSON" in said(app)
    assert list(app.dataframe[0].value["run"]) == ["tiny"]
    for page in ("compare", "grid", "train", "knowledge"):
        assert not open_page(page, a="tiny").exception, page


def test_a_copied_folder_is_named_as_one_to_rename_and_offered_nowhere(
    open_page: Open, two_runs: Path
) -> None:
    shutil.copytree(two_runs / "tiny", two_runs / "tiny copy")
    app = open_page("home", a="tiny")
    assert not app.exception
    assert "tiny copy cannot be opened: rename it" in said(app)
    assert "tiny copy" not in {name for box in app.sidebar.selectbox for name in box.options}


def test_a_log_damaged_in_its_middle_is_drawn_up_to_there(open_page: Open, two_runs: Path) -> None:
    path = two_runs / "tiny" / "metrics.jsonl"
    first, *rest = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([first, b"\xff\xfe", *rest]))
    app = open_page("home", a="tiny")
    assert not app.exception
    assert "metrics.jsonl line 2 is no UTF-8 text; the lines before it are shown" in said(app)
    assert list(app.dataframe[0].value["run"]) == ["other", "tiny"]


def test_a_damaged_checkpoint_costs_a_line_and_not_the_app(open_page: Open, two_runs: Path) -> None:
    (two_runs / "tiny" / "checkpoints" / "00000010.safetensors").write_bytes(b"not this")
    app = open_page("attention", a="tiny")
    assert not app.exception
    assert "is not a whole safetensors file" in said(app)


def test_attention_shows_the_head_the_link_names(open_page: Open, two_runs: Path) -> None:
    app = open_page("attention", a="tiny", layer=1, head=1)
    view = attention(load_checkpoint("tiny"), shipped.stories()[0].text)
    figure = figure_on(app, "figure-attention-tiny@10-layer1-head1")
    assert figure["layout"]["xaxis"]["title"]["text"] == "key token (is looked at)"
    assert figure["layout"]["yaxis"]["title"]["text"] == "query token (looks)"
    assert len(figure["data"][0]["x"]) == len(view.str_tokens) == len(set(figure["data"][0]["x"]))
    assert f"{view.bos_attention[1, 1]:.0%}" in said(app)


def test_attention_colours_what_a_token_looks_at_and_what_looks_at_it(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("attention", a="tiny", token=5)
    pattern = attention(load_checkpoint("tiny"), shipped.stories()[0].text).pattern[0, 0]
    shown = story_on(app, "story-tiny@10")
    assert shown["selected"] == 5 and shown["lines"]
    assert shown["values"][:6] == pytest.approx(pattern[5, :6], abs=1e-4)
    assert shown["values"][6:] == pytest.approx(-pattern[6:, 5], abs=1e-4)


def test_attention_shows_several_heads_and_what_they_move(open_page: Open, two_runs: Path) -> None:
    app = open_page("attention", a="tiny", beside="1.1", weights="what is moved")
    view = attention(load_checkpoint("tiny"), shipped.stories()[0].text).value_weighted()
    for layer, head in ((0, 0), (1, 1)):
        figure = figure_on(app, f"figure-attention-tiny@10-layer{layer}-head{head}")
        assert "value-weighted" in figure["data"][0]["hovertemplate"]
    shown = story_on(app, "story-tiny@10")["values"]
    assert shown[:13] == pytest.approx(view.pattern[0, 0, 12, :13], abs=1e-4)


def test_hiding_the_first_token_leaves_it_nothing_and_keeps_the_number(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("attention", a="tiny", token=9)
    (before,) = re.findall(r"leaves \*\*\d+%\*\*", said(app))
    app.toggle(key="attention.hide").set_value(True).run()
    values = story_on(app, "story-tiny@10")["values"]
    assert values[0] == 0 and sum(values[:10]) == pytest.approx(1, abs=0.01)
    assert before in said(app) and "which is hidden here" in said(app)


def test_a_text_too_long_for_the_model_is_one_line(open_page: Open, two_runs: Path) -> None:
    app = open_page("attention", a="tiny")
    app.selectbox(key="story").set_value("My own text").run()
    app.text_area(key="text").set_value("7x" * 900).run()
    assert not app.exception
    assert "must fit the context of 512 tokens" in said(app)


def test_beside_a_smaller_model_a_missing_head_is_named(open_page: Open, two_runs: Path) -> None:
    app = open_page("attention", a="tiny", b="other", layer=1)
    assert not app.exception
    assert "no head 0 in layer 1" in said(app)


def test_neurons_shows_where_a_neuron_is_strongest(open_page: Open, two_runs: Path) -> None:
    app = open_page("neurons", a="tiny", layer=1, neuron=7)
    texts = [story.text for story in shipped.stories()]
    best = examples(load_checkpoint("tiny"), texts, layer=1, neuron=7, k=10)[0]
    first = story_on(app, "place-tiny@10-0")
    assert f"{best.value:+.2f}" in said(app)
    assert first["scale"] == "which way"
    chosen = first["str_tokens"][first["selected"]]
    assert chosen == (best.str_tokens[best.position] if best.position else None)
    app.segmented_control(key="neurons.side").set_value("lowest").run()
    last = examples(load_checkpoint("tiny"), texts, layer=1, neuron=7, strongest=False)[0]
    assert f"{last.value:+.2f}" in said(app)


def test_neurons_of_two_models_share_one_colour_scale(open_page: Open, two_runs: Path) -> None:
    app = open_page("neurons", a="tiny", b="other")
    fulls = {story_on(app, view.key)["full"] for view in app.get("bidi_component") if view.key}
    assert len(fulls) == 1


def test_the_next_neuron_is_one_press_away(open_page: Open, two_runs: Path) -> None:
    app = open_page("neurons", a="tiny", neuron=3)
    next(button for button in app.button if button.label == "Next").click().run()
    assert app.number_input(key="neuron").value == 4
    assert "neuron 4" in said(app)


def test_writing_shows_each_tokens_probability_and_why_it_stopped(
    open_page: Open, two_runs: Path
) -> None:
    app = finished(open_page("writing", a="tiny", tokens=12, seed=5))
    shown = story_on(app, "written-tiny@10")
    written = [value for value in shown["values"] if value is not None]
    assert len(written) == 12 and all(0 < value <= 1 for value in written)
    assert [len(found) for found in shown["alternatives"]][-12:] == [6] * 12
    assert "It reached the number of tokens asked for. 12 tokens." in said(app)


def test_writing_the_same_link_twice_gives_the_same_story(open_page: Open, two_runs: Path) -> None:
    first, again = (finished(open_page("writing", a="tiny", tokens=12, seed=5)) for _ in range(2))
    assert story_on(first, "written-tiny@10") == story_on(again, "written-tiny@10")
    next(button for button in first.button if button.label == "New sample").click().run()
    assert first.number_input(key="seed").value == 6
    assert story_on(first, "written-tiny@10") != story_on(again, "written-tiny@10")


def test_two_models_write_beside_each_other(open_page: Open, two_runs: Path) -> None:
    app = finished(open_page("writing", a="tiny@0", b="tiny", tokens=8))
    assert (
        story_on(app, "written-tiny@0")["str_tokens"]
        != story_on(app, "written-tiny@10")["str_tokens"]
    )


def test_the_same_model_twice_is_shown_once(open_page: Open, two_runs: Path) -> None:
    app = open_page("attention", a="tiny", b="tiny@10")
    assert not app.exception
    assert "That is the same model" in said(app)


def test_a_head_that_the_next_model_lacks_gives_way(open_page: Open, two_runs: Path) -> None:
    app = open_page("attention", a="tiny", layer=1)
    next(box for box in app.selectbox if box.label == "Model").set_value("other").run()
    assert not app.exception and not app.error
    assert app.selectbox(key="layer").value == 0
    assert "other@0, layer 0" in said(app)


def test_a_beginning_longer_than_the_context_is_one_line(open_page: Open, two_runs: Path) -> None:
    app = open_page("writing", a="tiny")
    app.selectbox(key="writing.opening").set_value("My own text").run()
    app.text_area(key="writing.prompt").set_value("7x" * 900).run()
    assert not app.exception
    assert len(app.error) == 1 and "must fit the context of 512 tokens" in said(app)
