"""`slm grade`: the grading from the command line, with the bill before and the intervals after."""

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import Progress

from slm.errors import BadInput
from slm.judging.grades import GradeStore
from slm.judging.grading import Graded, estimate, grade, items, summary
from slm.judging.judge import Judge, Unavailable
from slm.runs import load_checkpoint, open_run
from slm.stories.shipped import openings


def grade_from_command_line(
    address: str,
    *,
    prompts: Path | None,
    samples: int,
    judge: str,
    base_url: str | None,
    max_cost: float | None,
    seed: int,
) -> tuple[dict[str, Any], str]:
    """Grade a checkpoint; return the result as JSON and as text.

    Where the cap or the server ends it early, `stopped` in the JSON says why, and the rest tells
    what was graded until then. The key comes from OPENAI_API_KEY; a server of your own (`base_url`)
    may need none.
    """
    key = os.environ.get("OPENAI_API_KEY", "") or ("none" if base_url else "")
    asked = Judge(model=judge, base_url=base_url, key=key)
    checkpoint = load_checkpoint(address)
    given = openings() if prompts is None else read_openings(prompts)
    todo = items(checkpoint, given, samples, seed)
    console = Console(stderr=True)
    bill = estimate(todo, judge)
    cost = "unknown price" if bill.cost is None else f"about ${bill.cost:.2f}"
    console.print(f"{bill.calls} calls, about {bill.input_tokens} tokens to read, {cost}")
    store = GradeStore(open_run(checkpoint.address.run).grades_path)
    graded: list[Graded] = []
    stopped: str | None = None
    with Progress(console=console) as bar:
        task = bar.add_task("grading", total=len(todo))
        try:
            for one in grade(todo, asked, store, max_cost=max_cost):
                graded.append(one)
                bar.update(task, advance=1)
        except (BadInput, Unavailable) as error:
            if not graded:
                raise
            stopped = str(error)
    result = summary(graded)
    data = {
        "address": str(checkpoint.address),
        "judge": judge,
        "stopped": stopped,
        **asdict(result),
        "items": [asdict(one) for one in graded],
    }
    lines = [f"{checkpoint.address} graded by {judge}"]
    for name, mean in result.means.items():
        between = (
            mean.interval and f"  95 % between {mean.interval[0]:.2f} and {mean.interval[1]:.2f}"
        )
        lines.append(f"  {name:12} {mean.mean:5.2f}{between or '  (one opening: no interval)'}")
    lines.append(f"  {result.graded} graded, {result.ungraded} ungraded")
    spent = "unknown" if result.spent is None else f"${result.spent:.4f}"
    lines.append(f"  paid for these grades, earlier ones included: {spent}")
    return data, "\n".join(lines)


def read_openings(path: Path) -> tuple[str, ...]:
    """Openings from a .txt (blank lines between), .json or .yaml file holding a list of strings."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            found = json.loads(text)
        elif path.suffix in (".yaml", ".yml"):
            found = yaml.safe_load(text)
        else:
            found = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    except OSError as error:
        raise BadInput(f"no openings in {str(path)!r}: {error.strerror}") from None
    except (json.JSONDecodeError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(found, list) or not found or not all(isinstance(o, str) for o in found):
        raise BadInput(f"{path} must hold a list of openings, each a text")
    return tuple(found)
