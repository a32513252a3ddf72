"""`slm compare`, `slm curves`, `slm development`: differences of two models, and curves over training."""

import argparse
import shlex
from typing import TYPE_CHECKING

from slm.cli.command import Commands, answer, watched

if TYPE_CHECKING:
    from slm.comparing.comparison import Comparison
    from slm.comparing.curves import Curve


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("compare", _compare, "What changed between two models?")
    sub.add_argument("other", help="the second model: run or run@step")
    sub.add_argument("--corpus", default="shipped", help="stories that both read")
    sub.add_argument("--stories", type=int, default=60, help="how many stories")
    sub.add_argument("--html", help="write a report, one file that needs no network, here")

    sub = commands.add("curves", _curves, "How did several runs learn?", address=False)
    sub.add_argument("runs", nargs="+", metavar="RUN", help="the runs' names")
    sub.add_argument(
        "--measure",
        action="append",
        choices=["knowledge", "heads"],
        default=[],
        help="first measure this of every checkpoint that it is not kept of (may come twice)",
    )

    sub = commands.add("development", _development, "What did a run learn when?", address=False)
    sub.add_argument("run", help="the run's name")


def _compare(chosen: argparse.Namespace) -> None:
    from slm.comparing.comparison import compare
    from slm.comparing.reading import read
    from slm.comparing.report import report
    from slm.files import write_text
    from slm.reading import typed_path
    from slm.runs import load_checkpoint

    html = typed_path(chosen.html) if chosen.html else None  # before anything is measured
    a, b = load_checkpoint(chosen.address), load_checkpoint(chosen.other)
    reading = read(chosen.corpus, chosen.stories)
    arguments = [str(a.address), str(b.address), "--corpus", chosen.corpus]
    arguments += ["--stories", str(chosen.stories)]
    command = "python -m slm compare " + shlex.join(arguments)
    found = watched(compare(a, b, reading, command=command))
    if html:
        write_text(html, report(found))
    answer(chosen, found.to_json(), lambda: _told(found, chosen.html))


def _curves(chosen: argparse.Namespace) -> None:
    from slm.comparing.curves import curves, curves_json
    from slm.comparing.measured import measure
    from slm.runs import open_run

    runs = [open_run(name) for name in dict.fromkeys(chosen.runs)]
    for what in dict.fromkeys(chosen.measure):
        watched(measure(runs, what))
    data = curves_json(runs)

    def text() -> str:
        lines = [line for curve in curves(runs) for line in _curve(curve)]
        for what, steps in data["not measured"].items():
            for name, some in steps.items():
                lines.append(f"{what} of {name} is not measured at {len(some)} of its checkpoints")
        return "\n".join([*lines, *data["damage"]]) or "nothing was measured of these runs"

    answer(chosen, data, text)


def _curve(curve: "Curve") -> list[str]:
    of = f": {curve.of}" if curve.of else ""
    beside = f" (beside it: {curve.baseline})" if curve.baseline else ""
    lines = [f"{curve.run}  {curve.measure}{of}{beside}"]
    for point in curve.points:
        line = f"  step {point.step:>7} {point.tokens:>11,} tokens  {point.value:8.4g}"
        if point.low is not None and point.high is not None:
            line += f" ({point.low:.3g} to {point.high:.3g})"
        if point.baseline is not None:
            line += f" beside {point.baseline:.3g}"
        lines.append(line + (f"  head {point.which}" if point.which else ""))
    return lines


def _development(chosen: argparse.Namespace) -> None:
    from slm.comparing.development import appearances, development, development_json, halfway
    from slm.runs import open_run

    stages = watched(development(open_run(chosen.run)))
    labels, half = appearances(stages), halfway(stages)

    def text() -> str:
        lines = [f"{chosen.run}: half of what is learned of each part of the text, by step"]
        lines += [f"  {part:16} {step}" for part, step in half.items()]
        lines.append("heads that got a label, and keep it to the last step")
        lines += [
            f"  step {label.step:>6}  {label.layer}.{label.head:<3} {label.kind}"
            for label in labels
            if label.stays
        ]
        return "\n".join(lines)

    answer(chosen, development_json(chosen.run, stages), text)


def _told(found: "Comparison", html: str | None) -> str:
    loss = found.loss
    lines = [
        f"{found.a} beside {found.b} on {loss.stories} stories of {found.reading.corpus}",
        "  bits per byte   "
        + "   ".join(
            f"{name} {one.to_text('.4f')}"
            for name, one in (("A", loss.a), ("B", loss.b), ("B - A", loss.gain))
        ),
    ]
    for matching in (found.heads, found.neurons):
        alone = len(matching.unmatched_a), len(matching.unmatched_b)
        lines.append(
            f"  {matching.kind:8} {len(matching.pairs)} matched, {matching.in_place} of them in place; "
            f"unmatched: {alone[0]} of A, {alone[1]} of B (a match is above {matching.chance:.2f})"
        )
    stages = found.similarity.activations
    shared = min(stages.shape)
    lines.append("  same stage, CKA  " + "  ".join(f"{stages[i, i]:.2f}" for i in range(shared)))
    lines.append("  where they differ most (nats that A saves against B):")
    lines += [
        f"    {sentence.gain:+7.2f}  story {sentence.story}: {sentence.text!r}"
        for sentence in found.sentences()[:8]
    ]
    if html:
        lines.append(f"  the report: {html}")
    return "\n".join(lines)
