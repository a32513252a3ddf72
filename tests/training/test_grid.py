"""The table of width and depth: what is ranked, and what is shown beside it."""

from slm.training.grid import GridRun, grid_cells
from slm.training.sweep import Standing


def grid_run(run: str, width: int, standing: Standing, loss: float) -> GridRun:
    return GridRun(
        run=run, width=width, layers=2, heads=2, standing=standing, step=1, scores={"loss": loss}
    )


def test_a_run_that_has_not_ended_stands_in_its_own_cell_and_is_not_ranked() -> None:
    found = [
        grid_run("a", 16, "finished", 2.0),
        grid_run("b", 16, "training", 1.0),
        grid_run("c", 32, "finished", 1.5),
    ]
    cells = grid_cells(found, "loss")
    assert [one.run for one in cells[16, 2].ranked] == ["a"]
    assert [one.run for one in cells[16, 2].unfinished] == ["b"]
    assert cells[32, 2].unfinished == ()
    assert (cells[16, 2].mean, cells[16, 2].place, cells[32, 2].place) == (2.0, 0.0, 1.0)
