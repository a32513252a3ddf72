"""What judges said, as one JSON object and as lines to read."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slm.grading.questions import Graded

REASONS = 5
"""Of the reasons why stories have no grade, so many are told, the commonest first."""


def findings(graded: "Sequence[Graded]", addresses: Sequence[str]) -> dict[str, Any]:
    """What grades say, ready for JSON: of the stories, of a pairwise comparison, and of the judge."""
    from slm.grading.judge_checks import judge_checks, passes
    from slm.grading.protocol import Ungraded
    from slm.grading.scores import compare_pairwise, noise, spent, summary

    of_stories = [one for one in graded if one.item.kind == "story"]
    checks = judge_checks(graded)
    found: dict[str, Any] = {
        **asdict(summary(of_stories)),
        "noise": {name: asdict(each) for name, each in noise(of_stories).items()},
        "judge_checks": [asdict(each) for each in checks],
        "judge_passes": passes(checks),
        "pairwise_comparison": None,
        "ungraded_because": Counter(
            one.outcome.reason for one in graded if isinstance(one.outcome, Ungraded)
        ),
        "spent": spent(graded),
    }
    if len(addresses) > 1 and (between := compare_pairwise(graded, addresses[0], addresses[1])):
        found["pairwise_comparison"] = asdict(between)
    return found


def told(heading: str, found: dict[str, Any]) -> str:
    """The same as lines."""
    lines = [heading]
    lines += [f"  {name:12} {number(mean)}" for name, mean in found["means"].items()]
    if found["graded"] or found["ungraded"]:
        lines.append(f"  {found['graded']} graded, {found['ungraded']} ungraded")
    if found["ungraded_because"]:
        lines += [
            f"  ungraded ({count}): {reason}"
            for reason, count in found["ungraded_because"].most_common(REASONS)
        ]
        lines.append("  --again-ungraded asks about these anew")
    for name, each in found["noise"].items():
        lines.append(
            f"  {name:12} asked again, the judge differs by {number(each['within'])}; "
            f"stories differ by {number(each['between'])}"
        )
    if between := found["pairwise_comparison"]:
        lines += [
            f"  {between['a']} is preferred to {between['b']} in {number(between['win_rate'])} "
            f"of {between['pairs']} pairs ({between['unread']} unread)",
            f"  what stood first was preferred in {number(between['position_bias'])}; "
            f"the same winner both ways in {between['consistency']:.0%}",
        ]
    for each in found["judge_checks"]:
        says = {True: "passed", False: "NOT PASSED", None: "too few stories to say"}[each["passed"]]
        lines.append(
            f"  {each['what']}: {each['dimension']} falls by {number(each['difference'])}: {says}"
        )
    if found["judge_passes"] == "no":
        lines.append("  this judge does not pass its checks: do not trust its grades")
    spent = "unknown" if found["spent"] is None else f"${found['spent']:.4f}"
    return "\n".join([*lines, f"  paid for these replies, earlier ones included: {spent}"])


def number(mean: dict[str, Any] | None) -> str:
    if mean is None:
        return "  n/a"
    if math.isnan(mean["low"]):
        return f"{mean['mean']:5.2f} (one opening: no interval)"
    return f"{mean['mean']:5.2f} (95 % {mean['low']:.2f} to {mean['high']:.2f})"
