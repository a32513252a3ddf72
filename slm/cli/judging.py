"""`slm grade`: a judge reads the stories, with the bill before and the intervals after."""

import argparse
import os
from dataclasses import asdict
from pathlib import Path

from slm.cli.command import Commands, answer
from slm.errors import BadInput


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("grade", _grade, "Let a judge grade the model's stories.")
    sub.add_argument("--prompts", help="openings: .txt, .json or .yaml; default: the fifty shipped")
    sub.add_argument("--samples", type=int, default=10, help="completions of each opening")
    sub.add_argument("--judge", default="gpt-4o", help="the judge's model name")
    sub.add_argument("--base-url", help="any OpenAI-compatible server")
    sub.add_argument("--max-cost", type=float, help="US dollars never to be passed")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--resume", action="store_true", help="the default: nothing is paid twice")


def _grade(chosen: argparse.Namespace) -> None:
    """Where the cap or the server ends it early, what was graded until then is still answered.

    The key comes from OPENAI_API_KEY; a server of one's own (`--base-url`) may need none.
    """
    from rich.console import Console
    from rich.progress import Progress

    from slm.judging.grades import GradeStore
    from slm.judging.grading import Graded, estimate, grade, items, summary
    from slm.judging.judge import Judge, Unavailable
    from slm.judging.openings import read_openings
    from slm.runs import load_checkpoint, open_run
    from slm.stories.shipped import openings

    key = os.environ.get("OPENAI_API_KEY", "") or ("none" if chosen.base_url else "")
    judge = Judge(model=chosen.judge, base_url=chosen.base_url, key=key)
    checkpoint = load_checkpoint(chosen.address)
    given = openings() if chosen.prompts is None else read_openings(Path(chosen.prompts))
    todo = items(checkpoint, given, chosen.samples, chosen.seed)
    console = Console(stderr=True)
    bill = estimate(todo, chosen.judge)
    cost = "unknown price" if bill.cost is None else f"about ${bill.cost:.2f}"
    console.print(f"{bill.calls} calls, about {bill.input_tokens} tokens to read, {cost}")
    store = GradeStore(open_run(checkpoint.address.run).grades_path)
    graded: list[Graded] = []
    stopped: str | None = None
    with Progress(console=console) as bar:
        task = bar.add_task("grading", total=len(todo))
        try:
            for one in grade(todo, judge, store, max_cost=chosen.max_cost):
                graded.append(one)
                bar.update(task, advance=1)
        except (BadInput, Unavailable) as error:
            if not graded:
                raise
            stopped = str(error)
    result = summary(graded)
    data = {
        "address": str(checkpoint.address),
        "judge": chosen.judge,
        "stopped": stopped,
        **asdict(result),
        "items": [asdict(one) for one in graded],
    }

    def text() -> str:
        lines = [f"{checkpoint.address} graded by {chosen.judge}"]
        for name, mean in result.means.items():
            between = "  (one opening: no interval)"
            if mean.interval:
                between = "  95 % between {:.2f} and {:.2f}".format(*mean.interval)
            lines.append(f"  {name:12} {mean.mean:5.2f}{between}")
        lines.append(f"  {result.graded} graded, {result.ungraded} ungraded")
        spent = "unknown" if result.spent is None else f"${result.spent:.4f}"
        return "\n".join([*lines, f"  paid for these grades, earlier ones included: {spent}"])

    answer(chosen, data, text)
    if stopped:
        raise BadInput(stopped)
