"""Two small runs for the pages to look at, and the app as its pages see it."""

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.runs import Metric, Run, RunInfo
from slm.stories.tokenizer import Tokenizer

ROOT = Path(__file__).resolve().parents[2]


def make_run(
    root: Path,
    name: str,
    tokenizer: Tokenizer,
    *,
    n_layers: int,
    seed: int,
    steps: tuple[int, ...],
    gated_mlp: bool = False,
) -> Run:
    """A run of random models that looks trained."""
    config = ModelConfig(
        d_model=16,
        n_layers=n_layers,
        n_heads=2,
        d_vocab=tokenizer.d_vocab,
        n_ctx=512,
        gated_mlp=gated_mlp,
    )
    run = Run(root / name)
    tokenizer.save(run.path / "tokenizer.json")
    run.write_info(
        RunInfo(config=config, status="finished", corpus={"train": "nursery"}, recipe={})
    )
    for step in steps:
        run.save_checkpoint(initialise(config, seed + step), step)
        run.add_metric(
            Metric(
                step=step,
                tokens=step * 1000,
                seconds=float(step),
                train_loss=6.0 - step / 10,
                val_loss=6.0 - step / 10,
                val_bits_per_byte=2.0 - step / 20,
            )
        )
        run.add_samples(
            [{"step": step, "prompt": "Once", "text": " a fox.", "stopped": "story end"}]
        )
    return run


def make_two_runs(runs: Path, tokenizer: Tokenizer) -> Path:
    """`tiny` with two layers and steps 0 and 10; `other` with one layer."""
    make_run(runs, "tiny", tokenizer, n_layers=2, seed=1, steps=(0, 10))
    make_run(runs, "other", tokenizer, n_layers=1, seed=2, steps=(0,))
    return runs


@pytest.fixture
def two_runs(runs: Path, tokenizer: Tokenizer) -> Path:
    """The runs of `make_two_runs`, unknown to every cache."""
    return make_two_runs(runs, tokenizer)


@pytest.fixture(scope="session")
def two_runs_once(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> Path:
    """What `same_two_runs` copies; no test is to write here."""
    return make_two_runs(tmp_path_factory.mktemp("once") / "runs", tokenizer)


@pytest.fixture
def same_two_runs(runs: Path, two_runs_once: Path) -> Path:
    """A copy with the times of the original's files, by which the app's caches know a checkpoint.

    What a page worked out in an earlier test is not worked out again: for tests that do not care
    whether a page computes or finds its numbers.
    """
    return Path(shutil.copytree(two_runs_once, runs, dirs_exist_ok=True))


Open = Callable[..., AppTest]


@pytest.fixture
def open_page() -> Open:
    """Open a page as a link to it would: `open_page("attention", a="tiny@0")`."""

    def open_page(page: str, **parameters: Any) -> AppTest:
        app = AppTest.from_file(str(ROOT / "app" / "navigation.py"), default_timeout=120)
        if page == "imports":  # the one page that is not called after its file: it must be known
            app.run()
        if page != "home":
            app.switch_page(f"../pages/{page}.py")
        for name, value in parameters.items():
            app.query_params[name] = value if isinstance(value, list) else str(value)
        return app.run()

    return open_page


def said(app: AppTest) -> str:
    """All that a page says in words, as it is read."""
    elements = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error]
    return "\n".join(read(str(element.value)) for element in elements)


def read(markdown: str) -> str:
    """Markdown as it is read, where it holds no more than what `app.text.plain` gives."""
    return re.sub(r"\\(.)", r"\1", markdown.replace(":color[]", ""))


def told_to_read(app: AppTest) -> AppTest:
    """The page once a person pressed Read it, for a corpus that the link names."""
    return app.button(key="read-it").click().run()


def finished(app: AppTest) -> AppTest:
    """The page once its stories are written; a browser would tick."""
    while "Writing …" in said(app):
        app.run()
    return app


def settled(app: AppTest) -> AppTest:
    """The page once what it waits for is worked out; a browser would tick."""
    until = time.monotonic() + 120
    while any(button.label == "Cancel" for button in app.button):
        assert time.monotonic() < until, "it did not end within two minutes"
        time.sleep(0.2)
        app.run()
    return app


def story_on(app: AppTest, key: str) -> dict[str, Any]:
    """What the story component called `key` was given."""
    views = {view.key: view for view in app.get("bidi_component")}
    return dict(json.loads(views[key].proto.json))


def figure_on(app: AppTest, key: str) -> dict[str, Any]:
    """The plotly figure called `key`."""
    charts = {chart.key: chart for chart in app.get("plotly_chart")}
    return dict(json.loads(charts[key].proto.spec))
