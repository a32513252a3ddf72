"""A person's verdicts on continuations, kept with the run; they override the rule."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slm.files import write_text
from slm.knowledge.prompts import Verdict
from slm.knowledge.scoring import Answer
from slm.reading import read_json
from slm.runs import Run


def with_verdicts(run: Run, answers: Sequence[Answer]) -> list[Answer]:
    """Add a person's verdicts to answers with the same prompt and continuation."""
    said = _said(run)
    return [
        replace(one, by_person=said.get((one.prompt.prompt, one.continuation))) for one in answers
    ]


def say(run: Run, prompt: str, continuation: str, verdict: Verdict | None) -> None:
    """Keep a person's verdict with the run; None takes it back."""
    said = _said(run)
    said.pop((prompt, continuation), None)
    if verdict is not None:
        said[prompt, continuation] = verdict
    lines = [
        {"prompt": prompt, "continuation": continuation, "verdict": verdict}
        for (prompt, continuation), verdict in said.items()
    ]
    write_text(run.verdicts_path, json.dumps(lines, indent=1) + "\n")


def _said(run: Run) -> dict[tuple[str, str], Verdict]:
    try:
        lines = read_json(run.verdicts_path, list[_Line])
    except FileNotFoundError:
        return {}
    return {(line.prompt, line.continuation): line.verdict for line in lines}


@dataclass(frozen=True, kw_only=True)
class _Line:
    prompt: str
    continuation: str
    verdict: Verdict
