"""The report of findings says the same to the page and to the command."""

import json

import pytest

from slm.cli import main
from slm.findings.report import report


def test_without_runs_nothing_is_claimed_and_each_finding_says_what_it_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = report([], None)
    assert {one.verdict for one in found.findings} == {"can't be told"}
    assert all(one.against for one in found.findings)
    assert all("it takes" in one.why or "would measure" in one.why for one in found.findings)
    assert main(["findings", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found.to_json()
