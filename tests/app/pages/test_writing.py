"""The writing page: another token is one press away, and the link leads back to every branch."""

import json
from pathlib import Path

from streamlit.testing.v1 import AppTest

from app.views.writing.branching import LiveBranches, from_links
from app.widgets.show import LARGEST_SEED
from slm.generation.branches import BranchPoint, forced_tokens
from slm.generation.sampler import Sampling, complete
from slm.runs import Checkpoint, load_checkpoint
from slm.text import as_json
from tests.app.conftest import Open, finished, said, story_on

SAMPLING = Sampling(max_tokens=10, seed=3, alternatives=4)


def written(checkpoint: Checkpoint) -> LiveBranches:
    checkpoint.weights.b_U[checkpoint.tokenizer.end] = -1e4  # never ends by itself
    stories = LiveBranches(checkpoint, "One day", SAMPLING)
    stories.finish()
    return stories


def another(stories: LiveBranches) -> int:
    token = stories.asked_token
    assert token is not None
    return next(other.token for other in token.alternatives if other.token != token.token)


def test_taking_an_alternative_writes_the_branch_the_sampler_writes(checkpoint: Checkpoint) -> None:
    stories = written(checkpoint)
    whole = [token.token for token in stories.story.tokens]
    stories.ask(stories.story.opening + 4)
    stories.take((other := another(stories),))
    stories.finish()
    (branch,) = complete(checkpoint, ["One day"], SAMPLING, forced={4: other})
    assert [token.token for token in stories.story.tokens] == list(branch.tokens)
    assert [at for at, shown in enumerate(stories.shown()) if shown.marked] == [
        stories.story.opening + 4
    ]
    stories.ask(stories.story.opening + 4)
    stories.take((whole[4],))  # what the seed drew: no new branch, but the story itself
    assert stories.chosen == () and len(stories.tree.paths) == 1


def test_a_token_of_the_beginning_has_no_alternatives(checkpoint: Checkpoint) -> None:
    stories = written(checkpoint)
    stories.ask(1)
    assert stories.asked_token is None


def test_own_words_are_taken_token_by_token_after_a_space(checkpoint: Checkpoint) -> None:
    stories = written(checkpoint)
    place = next(at for at, t in enumerate(stories.story.tokens) if t.str_token.startswith(" "))
    stories.ask(stories.story.opening + place)
    stories.take_text("zebra")
    ids = tuple(checkpoint.tokenizer.encode(" zebra"))
    assert len(ids) > 1 and stories.chosen == (BranchPoint(place=place, tokens=ids),)


def test_everything_is_saved_and_a_forgotten_branch_takes_its_own_along(
    checkpoint: Checkpoint,
) -> None:
    stories = written(checkpoint)
    for place in (2, 6):
        stories.ask(stories.story.opening + place)
        stories.story.advance(60)
        stories.take((another(stories),))
    saved = json.loads(as_json(stories.to_json()))
    first, second = (path for path in stories.tree.walk() if path)
    assert [branch["at"] for branch in saved["branches"]] == [None, 2, 6]
    assert saved["branches"][2]["parts_from"] == saved["branches"][1]["path"]
    for branch, path in zip(saved["branches"], ((), first, second), strict=True):
        (again,) = complete(checkpoint, ["One day"], SAMPLING, forced=forced_tokens(path))
        assert branch["completions"][0]["text"] == again.text
    assert stories.to_text().count("\n\n") >= 2
    linked = from_links(checkpoint, "One day", SAMPLING, saved["link"], "")
    assert linked.to_json() == stories.to_json()
    stories.choose(first)
    stories.drop()
    assert stories.chosen == () and not stories.tree.paths


def press(app: AppTest, key: str) -> None:
    app.button(key=key).click().run()
    finished(app)


def test_a_press_branches_and_the_link_leads_back(open_page: Open, two_runs: Path) -> None:
    app = finished(open_page("writing", a="tiny", tokens=8, seed=5, branches="3.300"))
    assert not app.exception and not app.error
    press(app, "walk-a-3.300")
    shown = story_on(app, "written-tiny@10")
    opening = shown["values"].index(next(v for v in shown["values"] if v is not None))
    assert shown["marked"] == [opening + 3]
    assert app.query_params["writing.branch"] in ("3.300", ["3.300"])
    linked = finished(open_page("writing", a="tiny", tokens=8, seed=5, branch="3.300"))
    assert story_on(linked, "written-tiny@10")["str_tokens"] == shown["str_tokens"]
    press(app, "drop-a")
    assert not any("branch" in name for name in app.query_params)
    checkpoint = load_checkpoint("tiny")
    assert shown["str_tokens"][opening + 3] == checkpoint.tokenizer.to_str_tokens([300])[0]


def test_a_link_that_holds_no_tree_is_one_line(open_page: Open, two_runs: Path) -> None:
    app = open_page("writing", a="tiny", tokens=4, branches="nonsense")
    assert not app.exception and "A branch is written place.token" in said(app)


def test_a_request_is_asked_by_a_form_and_an_untrained_model_is_named(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("writing", a="tiny", tokens=4)
    app.selectbox(key="writing.opening").set_value(
        app.selectbox(key="writing.opening").options[-1]
    ).run()
    assert not app.exception
    assert "trained on nursery, which does not look like Instruct data" in said(app)
    asked = "".join(str_token or "" for str_token in story_on(app, "written-tiny@10")["str_tokens"])
    assert asked.startswith("Features: Dialogue\nWords: dog, jump, happy\nStory:")


def test_any_seed_a_browser_can_hold_is_written_with_and_the_next_after_the_last_is_the_first(
    open_page: Open, two_runs: Path
) -> None:
    app = finished(open_page("writing", a="tiny", seed=LARGEST_SEED))
    assert not app.exception and app.number_input(key="seed").value == LARGEST_SEED
    next(button for button in app.button if button.label == "New sample").click().run()
    assert not app.exception and app.number_input(key="seed").value == 0
    for wrong in (-1, LARGEST_SEED + 1):
        app = finished(open_page("writing", a="tiny", seed=wrong))
        assert not app.exception and app.number_input(key="seed").value == 0


def test_models_side_by_side_write_on_one_opening_a_row_each(
    open_page: Open, two_runs: Path
) -> None:
    app = open_page("writing", a="tiny", view="Models side by side", tokens=5)
    (chosen,) = app.multiselect
    assert chosen.value == ["other@0", "tiny@10"]  # the smaller first
    table = next(one.proto.body for one in app.get("html") if "completions" in one.proto.body)
    assert table.count("<tr>") == 3 and table.index("other@0") < table.index("tiny@10")
    chosen.set_value([]).run()
    assert "Choose at least one model." in said(app)
