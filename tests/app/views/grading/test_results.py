"""Grades side by side: what is over different openings is said to be."""

import json
from pathlib import Path

import pytest

from slm.grading.items import Item
from slm.grading.store import GradeStore
from slm.runs import open_run
from slm.stories.shipped import openings
from tests.app.conftest import Open, said
from tests.grading.keeping import keep

GRADE = json.dumps({"grammar": 5, "creativity": 5, "consistency": 5, "plot": 5, "age_group": "B"})


@pytest.mark.parametrize("refused", [False, True])
def test_means_over_different_graded_openings_are_said_to_be(
    refused: bool, open_page: Open, two_runs: Path
) -> None:
    for name, step in (("tiny", 10), ("other", 0)):
        store = GradeStore(open_run(name).grades_path)
        for at in range(3):
            lost = refused and name == "other" and at == 2
            keep(
                store,
                Item(
                    address=f"{name}@{step}",
                    opening=openings()[at],
                    completion=" The end.",
                    opening_index=at,
                    completion_index=0,
                ),
                "j",
                assessment=None if lost else "good",
                grade=None if lost else GRADE,
                refusal="no" if lost else None,
            )
    app = open_page("grading", a="tiny", b="other", view="Grades")
    told = "Over the 2 openings that both have" in said(app)
    assert told == refused and not app.exception
