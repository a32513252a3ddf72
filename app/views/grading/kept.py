"""What judges said before, read from disk. Reads only: makes no file where there is none."""

from pathlib import Path

from slm.grading.grades import GradeStore, Kind
from slm.grading.grading import Graded
from slm.grading.questions import graded as read
from slm.grading.stores import judges_path
from slm.runs import Address, open_run


def graded(address: str, kind: Kind = "story") -> dict[str, list[Graded]]:
    """What is stored of a checkpoint, by judge; those with most replies first."""
    path = open_run(Address.parse(address).run).grades_path
    return _by_judge([one for one in _stored(path, address) if one.item.kind == kind])


def contests(a: str, b: str) -> dict[str, list[Graded]]:
    """Every verdict between two checkpoints, by judge."""
    path = open_run(Address.parse(min(a, b)).run).grades_path
    return _by_judge([one for one in _stored(path, a) if one.item.kind == "pair"])


def tested() -> dict[str, list[Graded]]:
    """What judges said of the stories that they are tested with."""
    return _by_judge(_stored(judges_path(), ""))


def tests_of(judge: str) -> list[Graded]:
    """What one judge said of them."""
    return tested().get(judge, [])


def _stored(path: Path, address: str) -> list[Graded]:
    if not path.exists():
        return []
    return [read(row) for row in GradeStore(path).rows(address) if row.finished]


def _by_judge(every: list[Graded]) -> dict[str, list[Graded]]:
    found: dict[str, list[Graded]] = {}
    for one in every:
        found.setdefault(one.judge, []).append(one)
    return dict(sorted(found.items(), key=lambda judge: -len(judge[1])))
