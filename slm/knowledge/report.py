"""The knowledge report: the result that the page downloads and `slm knowledge --json` prints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slm.json_values import json_value
from slm.knowledge.judge_verdicts import agreement
from slm.knowledge.scoring import Answer, scores


@dataclass(frozen=True, kw_only=True)
class KnowledgeReport:
    """Each model's answers, by address. `note` says which prompts were left out."""

    answers: Mapping[str, Sequence[Answer]]
    beams: int
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return scores, answers with the verdict that counts, and the agreement of judge and rule."""
        return {
            "beams": self.beams,
            "note": self.note,
            "models": [
                {
                    "address": address,
                    "scores": json_value(scores(answers)),
                    "answers": [
                        {**json_value(one), "judged": one.judged, "by": one.judged_by}
                        for one in answers
                    ],
                    "agreement": json_value(agreement(answers)),
                }
                for address, answers in self.answers.items()
            ],
        }
