"""Next-token predictions at every position of a story, with surprisal, rank and entropy.

Position p is the prediction *of* the token there, made from those before it. END at position 0 is
given and never predicted.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from slm.errors import BadInput
from slm.model import functional
from slm.runs import Address, Checkpoint

KEPT = 12
"""Alternatives kept for each place."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NextTokenPredictions:
    """Predictions at each position of a story; row 0 (END, which is given) holds no numbers.

    `begins` are the characters of the story at which tokens begin (those that share one begin alike).
    `surprisal` (bits, -log2 of its probability) and `rank` (1 is the likeliest) are those of the
    token that stands there, `entropy` (bits) is how undecided the model was. `likely[pos, rank]` are
    the likeliest tokens, `likely_str_tokens` their texts, `probs[pos, rank]` their probabilities; END
    is among the candidates.
    """

    address: Address
    tokens: tuple[int, ...]
    str_tokens: tuple[str, ...]
    begins: tuple[int, ...]
    surprisal: Float[np.ndarray, "pos"]
    rank: Int[np.ndarray, "pos"]
    entropy: Float[np.ndarray, "pos"]
    likely: Int[np.ndarray, "pos rank"]
    likely_str_tokens: tuple[tuple[str, ...], ...]
    probs: Float[np.ndarray, "pos rank"]

    def place(self, other: "NextTokenPredictions", position: int) -> int:
        """Map a position of `other`, the same story in its tokens, to this tokenization; never END's.

        Where the tokens differ, it is the one that holds the first character of the other's.
        """
        if self.tokens == other.tokens:
            return max(position, 1)
        at = int(np.searchsorted(self.begins[1:], other.begins[position], side="right"))
        return 1 + int(np.searchsorted(self.begins[1:], self.begins[max(at, 1)]))

    @property
    def probability(self) -> Float[np.ndarray, "pos"]:
        """The probability of each token; NaN at END, which is given."""
        return np.exp2(-self.surprisal)

    def to_json(self) -> dict[str, Any]:
        """Return every token with its surprisal, rank and what was likeliest; null at END."""
        given = {
            "str_token": self.str_tokens[0],
            "surprisal": None,
            "rank": None,
            "likeliest": None,
        }
        tokens = [
            {
                "str_token": self.str_tokens[at],
                "surprisal": round(float(self.surprisal[at]), 5),
                "rank": int(self.rank[at]),
                "likeliest": self.likely_str_tokens[at][0],
            }
            for at in range(1, len(self.tokens))
        ]
        return {"address": str(self.address), "unit": "bits", "tokens": [given, *tokens]}


@torch.no_grad()
def next_token_predictions(checkpoint: Checkpoint, text: str) -> NextTokenPredictions:
    """Read a story and keep what was expected at every place.

    Raises `BadInput` where the text is empty or does not fit the context.
    """
    tokens = story_tokens(checkpoint, text)
    logits = functional.logits(checkpoint.weights, torch.tensor([tokens]))[0, :-1]
    log_probs = logits.log_softmax(-1)
    targets = torch.tensor(tokens[1:])
    own = log_probs[torch.arange(len(targets)), targets]
    top = log_probs.topk(min(KEPT, log_probs.shape[-1]))
    given = torch.full((1,), float("nan"))
    to_str_tokens = checkpoint.tokenizer.to_str_tokens
    return NextTokenPredictions(
        address=checkpoint.address,
        tokens=tuple(tokens),
        str_tokens=tuple(to_str_tokens(tokens)),
        begins=(0, *(begin for begin, _ in checkpoint.tokenizer.offsets(text))),
        surprisal=torch.cat([given, -own / np.log(2)]).numpy(),
        rank=np.concatenate([[0], 1 + (log_probs > own[:, None]).sum(-1).numpy()]),
        entropy=torch.cat([given, -(log_probs.exp() * log_probs).sum(-1) / np.log(2)]).numpy(),
        likely=np.concatenate([np.zeros((1, top.indices.shape[1]), int), top.indices.numpy()]),
        likely_str_tokens=((), *(tuple(to_str_tokens(ids)) for ids in top.indices.tolist())),
        probs=torch.cat([given.expand(1, top.values.shape[1]), top.values.exp()]).numpy(),
    )


def story_tokens(checkpoint: Checkpoint, text: str) -> list[int]:
    """Encode a story, END first; `BadInput` where it is empty or does not fit the context."""
    tokens = checkpoint.tokenizer.encode_story(text)
    if len(tokens) < 2:
        raise BadInput("a text to look at needs at least one token")
    if len(tokens) > (n_ctx := checkpoint.config.n_ctx):
        raise BadInput(f"a text must fit the context of {n_ctx} tokens, not take {len(tokens)}")
    return tokens


def one_token(checkpoint: Checkpoint, text: str) -> int:
    """Return the id of the single token `text`; `BadInput` where it is none or several."""
    ids = checkpoint.tokenizer.encode_words(text)
    if len(ids) != 1:
        str_tokens = checkpoint.tokenizer.to_str_tokens(ids)
        raise BadInput(f"{text!r} must be one token, and it is {len(ids)}: {str_tokens}")
    return ids[0]
