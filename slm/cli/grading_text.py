"""What judges said, as one JSON object and as lines to read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slm.grading.questions import Graded

REASONS = 5
"""Of the reasons why stories have no grade, so many are told, the commonest first."""


def findings(graded: "Sequence[Graded]", addresses: Sequence[str]) -> dict[str, Any]:
    """What grades say, ready for JSON: of the stories, of a contest, and of the judge."""
    from slm.grading.judge_checks import awake, contrasts
    from slm.grading.protocol import Ungraded
    from slm.grading.scores import contest, noise, spent, summary

    of_stories = [one for one in graded if one.item.kind == "story"]
    tests = contrasts(graded)
    found: dict[str, Any] = {
        **asdict(summary(of_stories)),
        "noise": {name: asdict(each) for name, each in noise(of_stories).items()},
        "calibration": [asdict(each) for each in tests],
        "judge_sees": awake(tests),
        "contest": None,
        "ungraded_because": Counter(
            one.outcome.reason for one in graded if isinstance(one.outcome, Ungraded)
        ),
        "spent": spent(graded),
    }
    if len(addresses) > 1 and (between := contest(graded, addresses[0], addresses[1])):
        found["contest"] = asdict(between)
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
    if between := found["contest"]:
        lines += [
            f"  {between['a']} is preferred to {between['b']} in {number(between['wins'])} "
            f"of {between['pairs']} pairs ({between['unread']} unread)",
            f"  what stood first was preferred in {number(between['first'])}; "
            f"the same winner both ways in {between['steady']:.0%}",
        ]
    for each in found["calibration"]:
        says = {True: "seen", False: "NOT SEEN", None: "too few stories to say"}[each["sees"]]
        lines.append(
            f"  {each['what']}: {each['dimension']} falls by {number(each['difference'])}: {says}"
        )
    if found["judge_sees"] == "no":
        lines.append("  this judge does not see what it is asked about: do not trust its grades")
    spent = "unknown" if found["spent"] is None else f"${found['spent']:.4f}"
    return "\n".join([*lines, f"  paid for these replies, earlier ones included: {spent}"])


def number(mean: dict[str, Any] | None) -> str:
    if mean is None:
        return "  n/a"
    if mean["interval"] is None:
        return f"{mean['mean']:5.2f} (one opening: no interval)"
    return "{:5.2f} (95 % {:.2f} to {:.2f})".format(mean["mean"], *mean["interval"])
