"""Kept replies of judges, read without making a file."""

from pathlib import Path

from slm.grading.items import ItemKind
from slm.grading.questions import Graded
from slm.grading.questions import graded as read
from slm.grading.store import GradeStore, judges_path
from slm.runs import Address, open_run


def graded(address: str, kind: ItemKind = "story") -> dict[str, list[Graded]]:
    """Return the stored replies about a checkpoint, by judge; those with most replies first."""
    path = open_run(Address.parse(address).run).grades_path
    return _by_judge([one for one in _stored(path, address) if one.item.kind == kind])


def preferences(a: str, b: str) -> dict[str, list[Graded]]:
    """Return every verdict between two checkpoints, by judge."""
    path = open_run(Address.parse(min(a, b)).run).grades_path
    return _by_judge([one for one in _stored(path, a) if one.item.kind == "pair"])


def tested() -> dict[str, list[Graded]]:
    """Return what judges said of their check stories."""
    return _by_judge(_stored(judges_path(), ""))


def tests_of(judge: str) -> list[Graded]:
    """Return what one judge said of its check stories."""
    return tested().get(judge, [])


def _stored(path: Path, address: str) -> list[Graded]:
    return [read(said) for said in GradeStore(path).conversations(address) if said.finished]


def _by_judge(every: list[Graded]) -> dict[str, list[Graded]]:
    found: dict[str, list[Graded]] = {}
    for one in every:
        found.setdefault(one.judged_by, []).append(one)
    return dict(sorted(found.items(), key=lambda judge: -len(judge[1])))
