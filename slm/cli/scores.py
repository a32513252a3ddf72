"""`slm score`: grammar, consistency, creativity and age of what models write, without a judge."""

import argparse
from typing import TYPE_CHECKING

from slm.cli.command import Commands, answer, watched

if TYPE_CHECKING:
    from slm.scores.score import StoryScores


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add(
        "score", _score, "Score stories without a judge, beside the shipped stories.", address=False
    )
    sub.add_argument("addresses", nargs="+", metavar="ADDRESS", help="run or run@step")
    sub.add_argument(
        "--reference",
        metavar="ADDRESS",
        help="the model that reads the stories for consistency; default: the bundled storyteller",
    )
    sub.add_argument(
        "--corpus",
        help="score stories of this corpus too: a .txt, .jsonl or .parquet file, or a known name",
    )
    sub.add_argument("--stories", type=int, default=50, help="how many stories of the corpus")
    sub.add_argument("--steps", action="store_true", help="every checkpoint of the runs named")
    sub.add_argument("--spoiled", action="store_true", help="what each spoiling of stories changes")


def _score(chosen: argparse.Namespace) -> None:
    from slm.errors import BadInput
    from slm.runs import Address, load_checkpoint, resolve
    from slm.scores.kept import default_reference, measured_checks, measured_scores
    from slm.scores.score import score_stories
    from slm.scores.texts import whole_story
    from slm.stories.cleaning import cleaned
    from slm.stories.sources import open_source

    reference = str(load_checkpoint(chosen.reference or default_reference()).address)
    addresses = list(chosen.addresses)
    if chosen.steps:
        runs = [resolve(address)[0] for address in addresses]
        addresses = [str(Address(run.name, step)) for run in runs for step in run.steps]
    checks = watched(measured_checks(reference))
    found: dict[str, StoryScores] = {"shipped stories": checks.people}
    if chosen.corpus is not None:
        if chosen.stories < 2:
            raise BadInput(f"--stories must be at least 2, not {chosen.stories}")
        texts = zip(range(chosen.stories), cleaned(open_source(chosen.corpus)), strict=False)
        some = [whole_story(text, at) for at, text in texts]
        found[chosen.corpus] = score_stories(some, load_checkpoint(reference))
    for address in addresses:
        checkpoint = load_checkpoint(address)
        found[str(checkpoint.address)] = watched(measured_scores(checkpoint, reference))
    data = {
        "models": {name: one.to_json() for name, one in found.items()},
        **({"checks": checks.to_json()} if chosen.spoiled else {}),
    }

    def text() -> str:
        from slm.scores.score import MEASURES, UNITS

        lines = [f"{'':28}" + "".join(f"{name:>29}" for name in MEASURES)]
        lines.append(f"{'':28}" + "".join(f"{UNITS[name]:>29}" for name in MEASURES))
        for name, one in found.items():
            told = "".join(f"{one.interval(measure).to_text():>29}" for measure in MEASURES)
            itself = "  judges itself" if name == reference else ""
            lines.append(f"{name:28}{told}{itself}")
        lines.append(f"Consistency is read by {reference}. Intervals: 95 %, over openings.")
        if chosen.spoiled:
            lines += ["", "Shipped stories spoiled: change of each measure (* seen)"]
            for case in checks.spoiled:
                marked = (
                    case.change[measure].to_text() + ("*" if case.sees(measure) else " ")
                    for measure in MEASURES
                )
                lines.append(f"{case.spoiling:32}" + "".join(f"{part:>26}" for part in marked))
        return "\n".join(lines)

    answer(chosen, data, text)
