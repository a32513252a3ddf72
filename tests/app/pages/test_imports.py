"""The import page: what is there is told first, then it becomes a run, or one line says why not."""

import json
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.jobs.work import Work
from slm.model.hooked import hooked
from slm.model.weights import initialise
from slm.progress import Progress
from slm.runs import Checkpoint, list_runs, load_checkpoint
from slm.stories.tokenizer import Tokenizer
from tests.app.conftest import Open, said, story_on
from tests.importing.conftest import transformers_model
from tests.importing.hub_server import REPOSITORY, Hub, reach_only, serving


@pytest.fixture
def state_dict(tmp_path: Path, checkpoint: Checkpoint) -> Path:
    """A TransformerLens state dict with all it needs."""
    model = hooked(initialise(checkpoint.config, 3))
    config = {
        name: getattr(model.cfg, name)
        for name in ("d_model", "n_layers", "n_heads", "d_vocab", "n_ctx", "act_fn", "eps")
    }
    folder = tmp_path / "their model"
    folder.mkdir()
    state = {"state_dict": model.state_dict(), "cfg": config | {"normalization_type": "LN"}}
    torch.save(state, folder / "theirs.pt")
    checkpoint.tokenizer.save(folder / "tokenizer.json")
    return folder / "theirs.pt"


def until(app: AppTest, seen: Callable[[AppTest], bool]) -> AppTest:
    """Run the page until something is seen; a browser would tick."""
    end = time.monotonic() + 60
    while not seen(app):
        assert not app.exception and time.monotonic() < end
        time.sleep(0.05)
        app.run()
    return app


def until_done(app: AppTest) -> AppTest:
    """Run the page until nothing is awaited."""
    return until(app, lambda app: all(button.key != "cancel-import" for button in app.button))


def test_a_model_is_described_before_it_becomes_a_run(open_page: Open, state_dict: Path) -> None:
    app = open_page("imports", path=state_dict)
    until_done(app.button(key="look").click().run())
    assert not app.exception and not app.error
    assert "TransformerLens state dict" in app.table[0].value.to_string()
    str_tokens = story_on(app, "import-pieces")["str_tokens"]
    assert str_tokens[0] is None and "".join(str_tokens[1:]).startswith("Once upon a time")
    assert [run.name for run in list_runs()] == ["tiny"]
    until_done(app.button(key="import").click().run())
    assert not app.exception and not app.error
    assert app.success[0].value == "theirs is a run now."
    assert load_checkpoint("theirs").config.n_heads == 2
    app.run()
    app.switch_page("../pages/home.py").run()
    row = next(row for row in app.dataframe[0].value.to_dict("records") if row["run"] == "theirs")
    assert (row["status"], row["bits per byte"]) == ("imported", "not measured yet")


def test_what_cannot_be_imported_says_why_in_one_line(open_page: Open, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"ak")
    app = open_page("imports", path=tmp_path / "model.bin")
    until_done(app.button(key="look").click().run())
    assert not app.exception
    assert len(app.error) == 1 and "too short for a model of llama2" in said(app)
    assert not list_runs()


def test_files_from_the_browser_are_looked_at_like_a_folder(
    open_page: Open, state_dict: Path
) -> None:
    app = open_page("imports", **{"from": "Files from this browser"})
    files = [
        (path.name, path.read_bytes(), "application/octet-stream")
        for path in sorted(state_dict.parent.iterdir())
    ]
    app.file_uploader(key="files").set_value(files).run()
    until_done(app.button(key="look").click().run())
    assert not app.exception and not app.error
    assert "16x2x2" in app.table[0].value.to_string()


def test_what_its_tokenizer_does_otherwise_is_shown_before_and_after(
    open_page: Open, state_dict: Path
) -> None:
    path = state_dict.parent / "tokenizer.json"
    made_of = json.loads(path.read_text())
    path.write_text(json.dumps(made_of | {"normalizer": {"type": "Lowercase"}}))
    app = open_page("imports", path=state_dict)
    until_done(app.button(key="look").click().run())
    assert not app.exception and "changes texts" in said(app)
    until_done(app.button(key="import").click().run())
    assert app.success and "changes texts" in said(app)


def test_a_tokenizer_that_cannot_read_the_example_can_be_imported(
    open_page: Open, state_dict: Path
) -> None:
    path = state_dict.parent / "tokenizer.json"
    made_of = json.loads(path.read_text())
    made_of["model"]["vocab"] = {
        str_token: index
        for str_token, index in made_of["model"]["vocab"].items()
        if "c" not in str_token
    }
    made_of["model"]["merges"] = [
        pair for pair in made_of["model"]["merges"] if "c" not in "".join(pair)
    ]
    path.write_text(json.dumps(made_of))
    app = open_page("imports", path=state_dict)
    until_done(app.button(key="look").click().run())
    assert not app.exception and not app.error
    assert "has no token for 'c'" in said(app) and "has no token for 1 of the 256" in said(app)
    until_done(app.button(key="import").click().run())
    assert app.success[0].value == "theirs is a run now."


@pytest.fixture
def hub(tmp_path: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The only hub that can be reached, whose weights stop half-way until they are let go."""
    folder = tmp_path / "theirs"
    transformers_model("gpt_neo", tokenizer.d_vocab).save_pretrained(folder)
    tokenizer.save(folder / "tokenizer.json")
    with serving(folder) as hub:
        hub.held = "model.safetensors"
        reach_only(hub, tmp_path / "cache", monkeypatch)
        yield hub


def test_a_download_tells_its_bytes_is_cancelled_and_goes_on(open_page: Open, hub: Hub) -> None:
    def bar(app: AppTest) -> str:
        return "".join(str(one.proto.text) for one in app.get("progress"))

    app = open_page("imports", path=REPOSITORY)
    app.button(key="look").click().run()
    until(app, lambda app: "Fetching model.safetensors" in bar(app).replace("\\", ""))
    assert " of " in bar(app) and "kB" in bar(app) and not app.table
    app.button(key="cancel-import").click().run()
    until(app, lambda app: "look at it again to go on" in said(app))
    hub.go.set()
    until_done(app.button(key="look").click().run())
    assert not app.error and "16x4x4" in app.table[0].value.to_string()
    first, second = hub.got("model.safetensors")
    assert first == "" and second.startswith("bytes=")


def test_cancelled_when_all_was_written_the_run_is_told_of(
    open_page: Open, checkpoint: Checkpoint
) -> None:
    def endless() -> Generator[Progress, None, None]:
        while True:
            yield Progress(doing="writing", share=None)

    app = open_page("imports")
    for name, told in (("tiny", "tiny was whole already"), ("theirs", "There is no new run.")):
        work = Work(endless())
        work.cancel()
        work.wait(10)
        app.session_state["imports.importing"] = (name, work)
        app.run()
        assert not app.exception and told in said(app)
