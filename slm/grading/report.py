"""The grading report: the result that the page downloads and the commands print."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slm.grading.judge_checks import judge_checks, passes
from slm.grading.protocol import Ungraded
from slm.grading.questions import Graded
from slm.grading.scores import compare_pairwise, noise, spent, summary
from slm.json_values import json_value


@dataclass(frozen=True, kw_only=True)
class GradingReport:
    """Graded items of one judge. `addresses`: a checkpoint, and another it was compared with."""

    graded: Sequence[Graded]
    addresses: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Return means and noise, the pairwise comparison, the judge checks, and the bill."""
        of_stories = [one for one in self.graded if one.item.kind == "story"]
        checks = judge_checks(self.graded)
        comparison = None
        if len(self.addresses) > 1:
            comparison = compare_pairwise(self.graded, self.addresses[0], self.addresses[1])
        reasons = (one.outcome.reason for one in self.graded if isinstance(one.outcome, Ungraded))
        return {
            **json_value(summary(of_stories)),
            "noise": json_value(noise(of_stories)),
            "judge_checks": json_value(checks),
            "judge_passes": passes(checks),
            "pairwise_comparison": json_value(comparison),
            "read_by": read_by(self.graded),
            "asked_again": sum(one.asked_again for one in self.graded),
            "ungraded_because": dict(Counter(reasons).most_common()),
            "spent": spent(self.graded),
        }

    def items(self) -> list[Any]:
        """Return every item with the judge's outcome, as plain values."""
        return [json_value(one) for one in self.graded]


def read_by(graded: Sequence[Graded]) -> dict[str, int]:
    """Count how many replies each rule read, the commonest first."""
    rules = (one.outcome.rule for one in graded if not isinstance(one.outcome, Ungraded))
    return dict(Counter(rules).most_common())
