"""What a person says of a continuation, kept with the run: it stands above the rule."""

import json
from collections.abc import Sequence
from dataclasses import replace

from slm.errors import BadInput
from slm.files import write_text
from slm.judging.knowledge import Answer
from slm.judging.prompts import VERDICTS, Verdict
from slm.runs import Run


def with_verdicts(run: Run, answers: Sequence[Answer]) -> list[Answer]:
    """Answers with what a person said of the same continuation of the same prompt, if anything."""
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
    write_text(run.verdicts_path, json.dumps(lines, ensure_ascii=False, indent=1) + "\n")


def _said(run: Run) -> dict[tuple[str, str], Verdict]:
    path = run.verdicts_path
    if not path.exists():
        return {}
    try:
        lines = json.loads(path.read_text(encoding="utf-8"))
        said = {(line["prompt"], line["continuation"]): line["verdict"] for line in lines}
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from None
    return {key: verdict for key, verdict in said.items() if verdict in VERDICTS}
