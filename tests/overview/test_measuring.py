"""An overview is measured once and kept, and counts for nothing once its inputs change."""

import json

import pytest

from slm.cli import main
from slm.errors import BadInput
from slm.model.weights import initialise
from slm.overview import kept
from slm.overview.kept import OVERVIEW, kept_overview, steps_read
from slm.overview.measuring import measure_overview
from slm.progress import Progress, result_of
from slm.runs import Run


def test_an_untrained_model_has_no_finds_and_says_the_number_of_each(untrained: Run) -> None:
    shares: list[float | None] = []

    def tell(now: Progress) -> None:
        shares.append(now.share)

    found = result_of(measure_overview("untrained@0"), tell)
    assert found.address == "untrained@0"
    assert [one.kind for one in found.finds if one.found] == []
    assert all("No" in one.says or "cannot be told" in one.says for one in found.finds[:2])
    assert found.heads.confirmed == () and found.heads.count == 2
    assert found.prediction is None and found.pair is None and found.neurons.best == ()
    known = [share for share in shares if share is not None]
    assert known == sorted(known) and known[0] >= 0 and known[-1] <= 1
    (layer,) = found.neurons.layers
    assert len(layer.firing_rate) == len(layer.top_tokens) == len(layer.auc) == 64
    assert kept_overview("untrained@0") == found  # what lies on disk is the same

    run = untrained
    path = run.measured_path(OVERVIEW, 0)
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    assert kept_overview("untrained@0") is None  # damaged
    path.write_text(whole)
    assert kept_overview("untrained@0") is not None
    assert kept_overview("untrained@8") is None  # another step's
    run.save_checkpoint(initialise(run.config, 77), 0)
    assert kept_overview("untrained@0") is None  # trained anew


def test_an_overview_that_is_kept_is_read_and_one_of_another_version_is_not(
    untrained: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["overview", "untrained@0"]) == 2
    assert "no overview of untrained@0 is kept yet" in capsys.readouterr().err
    assert main(["overview", "untrained@0", "--measure", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["overviews"]
    assert [one["address"] for one in told] == ["untrained@0"]
    assert list(measure_overview("untrained@0")) == []  # nothing left to do
    assert main(["overview", "untrained@0"]) == 0
    assert "none: No induction head" in capsys.readouterr().out
    monkeypatch.setattr(kept, "VERSION", kept.VERSION + 1)
    assert kept_overview("untrained@0") is None


def test_closing_it_early_keeps_nothing(untrained: Run) -> None:
    work = measure_overview("untrained@0")
    next(work)
    work.close()
    assert not untrained.measured_path(OVERVIEW, 0).exists()


def test_of_many_checkpoints_twelve_are_read_the_first_and_this_one_among_them(
    untrained: Run,
) -> None:
    for step in range(1, 40):
        untrained.checkpoint_path(step).write_bytes(b"")
    found = steps_read(untrained, 30)
    assert (found[0], found[-1], len(found)) == (0, 30, 12)
    assert found == sorted(found)
    assert steps_read(untrained, 5) == [0, 1, 2, 3, 4, 5]


def test_an_address_that_is_none_is_told_before_anything_is_measured(untrained: Run) -> None:
    with pytest.raises(BadInput, match="there is no run 'gone'"):
        next(measure_overview("gone"))
