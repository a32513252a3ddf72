"""Take one prediction apart: alternatives, logit lens and direct logit attribution, in one value."""

from dataclasses import dataclass
from typing import Any

from slm.errors import BadInput
from slm.interp.predictions.attribution import Attribution, attribute
from slm.interp.predictions.logit_lens import LogitLens, logit_lens
from slm.interp.predictions.next_token import NextTokenPredictions
from slm.runs import Checkpoint


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictionBreakdown:
    """A prediction taken apart: probabilities, logit lens and attribution at `position`.

    `says[stage]` is the likeliest token of each stage of `lens`.
    """

    predictions: NextTokenPredictions
    position: int
    lens: LogitLens
    says: tuple[str, ...]
    attribution: Attribution

    @property
    def alternatives(self) -> list[tuple[str, float]]:
        """The likeliest tokens with their probabilities."""
        found, at = self.predictions, self.position
        return list(zip(found.likely_str_tokens[at], map(float, found.probs[at]), strict=True))

    @property
    def stages(self) -> list[tuple[str, float, str]]:
        """Each stage, the probability it gives the word, and its likeliest token."""
        probabilities = map(float, self.lens.probability[:, self.position])
        return list(zip(self.lens.stages, probabilities, self.says, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return the prediction and its parts as plain values."""
        parts = self.attribution
        return {
            "address": str(self.predictions.address),
            "position": self.position,
            "word": parts.word,
            "alternatives": [
                {"str_token": str_token, "probability": round(chance, 6)}
                for str_token, chance in self.alternatives
            ],
            "layers": [
                {"stage": stage, "probability": chance, "likeliest": str_token}
                for stage, chance, str_token in self.stages
            ],
            "foil": parts.foil,
            "logit": parts.logit,
            "baseline": parts.baseline,
            "attributed": "logit minus that of the foil"
            if parts.foil
            else "logit minus the mean logit of the vocabulary",
            "parts": [{"part": name, "logit": value} for name, value in parts.parts()],
        }


def break_down(
    checkpoint: Checkpoint,
    predictions: NextTokenPredictions,
    position: int,
    word: int | None = None,
    foil: int | None = None,
) -> PredictionBreakdown:
    """Take apart the prediction of `word`, by default the token that stands at `position`.

    Raises `BadInput` where there is no such position, or nothing is predicted there.
    """
    if not 1 <= position < len(predictions.tokens):
        last = len(predictions.tokens) - 1
        raise BadInput(f"--position lies between 1 and {last}, not at {position}")
    before = predictions.tokens[:position]
    word = predictions.tokens[position] if word is None else word
    lens = logit_lens(checkpoint, (*before, word))
    return PredictionBreakdown(
        predictions=predictions,
        position=position,
        lens=lens,
        says=tuple(checkpoint.tokenizer.to_str_tokens(lens.likeliest[:, position].tolist())),
        attribution=attribute(checkpoint, before, word, foil),
    )
