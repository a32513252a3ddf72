"""Grades (`GradingReport.to_json`) as lines to read."""

from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slm.llm.prices import Bill

REASONS = 5
"""Of the reasons why stories have no grade, so many are told, the commonest first."""


def told(heading: str, found: dict[str, Any]) -> str:
    """Write a report as lines."""
    lines = [heading]
    lines += [f"  {name:12} {number(mean)}" for name, mean in found["means"].items()]
    if found["graded"] or found["ungraded"]:
        lines.append(
            f"  {found['graded']} graded, {found['ungraded']} ungraded, of {found['openings']} openings"
        )
    if found["cut_known"]:
        share = found["cut"] / found["cut_known"]
        lines.append(
            f"  cut off at the context's end, which the judge was told: {found['cut']} of "
            f"{found['cut_known']} stories ({share:.0%})"
        )
    if found["read_by"]:
        rules = ", ".join(f"{rule} {count}" for rule, count in found["read_by"].items())
        lines.append(f"  replies read by rule: {rules}")
    if found["asked_again"]:
        lines.append(f"  asked for once more, since it could not be read: {found['asked_again']}")
    if found["ungraded_because"]:
        lines += [
            f"  ungraded ({count}): {reason}"
            for reason, count in islice(found["ungraded_because"].items(), REASONS)
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


def told_bill(bill: "Bill") -> str:
    """Write a bill as a line."""
    cost = "unknown price" if bill.cost is None else f"about ${bill.cost:.2f}"
    return f"{bill.calls} calls, about {bill.input_tokens} tokens to read, {cost}"


def number(mean: dict[str, Any] | None) -> str:
    """Format a mean with its interval; n/a where there is none."""
    if mean is None:
        return "  n/a"
    if mean["low"] is None:
        return f"{mean['mean']:5.2f} (one opening: no interval)"
    return f"{mean['mean']:5.2f} (95 % {mean['low']:.2f} to {mean['high']:.2f})"
