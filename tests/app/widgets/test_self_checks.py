"""The panel of trust: closed until it is wanted, then every check of the model that is loaded."""

from pathlib import Path

import pytest
import torch

from slm.runs import load_checkpoint, open_run
from tests.app.conftest import Open, said


@pytest.mark.parametrize("page", ["attention", "neurons", "predictions"])
def test_the_panel_opens_for_a_and_for_b(open_page: Open, two_runs: Path, page: str) -> None:
    app = open_page(page, a="tiny", b="other")
    assert "checks hold" not in said(app)
    app.toggle(key=f"{page}.checks.b").set_value(True).run()
    assert not app.exception
    assert [element.value for element in app.success] == ["All 9 checks hold."]
    assert "parameters: embedding" in said(app)


def test_a_spoilt_model_is_red(open_page: Open, two_runs: Path) -> None:
    checkpoint = load_checkpoint("tiny")
    with torch.no_grad():
        checkpoint.weights.ln_final_w[0] = float("nan")
    open_run("tiny").save_checkpoint(checkpoint.weights, 10)
    app = open_page("attention", a="tiny")
    app.toggle(key="attention.checks.a").set_value(True).run()
    assert not app.exception and "checks fail: do not trust these pages" in said(app)
