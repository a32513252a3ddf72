"""Tokens, and nearest neighbours of their embeddings."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from jaxtyping import Int64

from slm.errors import BadInput
from slm.lessons.measures.measured import Measured, paired
from slm.runs import Checkpoint
from slm.stories import shipped
from slm.stories.annotation.minimal_pairs import BOYS, GIRLS

COMMON = 200
MORE = 0.5
NAMES = tuple(dict.fromkeys((*GIRLS, *BOYS, "Ben", "Bella", "Daisy", "Ella", "Jane", "Jill", "John",
                             "Kate", "Kitty", "Max", "Molly", "Nina", "Rose", "Spot", "Timmy",
                             "Billy", "Bobby", "Jimmy", "Johnny", "Sally", "Susie", "Tommy")))  # fmt: skip
FEWEST_NAMES = 6
DEALS = 50
NEAR = 0.2


@cache
def commonest_words() -> tuple[str, ...]:
    """Return the most frequent words of the shipped stories with at least three letters."""
    text = " ".join(story.text for story in shipped.stories()).lower()
    counts = Counter(re.findall(r"[a-z]{3,}", text))
    return tuple(word for word, _ in counts.most_common(COMMON))


def common_words(checkpoint: Checkpoint) -> Measured:
    """Compare the share of common words that are one token with that of their letters shuffled."""
    deal = random.Random(0)
    words = commonest_words()
    shuffled = ["".join(deal.sample(word, len(word))) for word in words]

    def one_token(word: str) -> float:
        return float(len(checkpoint.tokenizer.encode_words(f" {word}")) == 1)

    return paired(
        [one_token(word) for word in words],
        [one_token(word) for word in shuffled],
        least=MORE,
        unit="share",
    )


def names_near_names(checkpoint: Checkpoint) -> Measured:
    """Ask of each name that is one token whether the nearest other word is a name, by cosine of W_E.

    A name with and without a space before it are the same word.
    """
    words = [
        piece.strip() for piece in checkpoint.tokenizer.to_str_tokens(range(_size(checkpoint)))
    ]
    ids = [at for at, word in enumerate(words) if word in NAMES]
    if len(ids) < FEWEST_NAMES:
        raise BadInput(
            f"it takes {FEWEST_NAMES} names that are one token, and this tokenizer has {len(ids)}"
        )
    draw = np.random.default_rng(0)
    dealt = [draw.choice(len(words), len(ids), False) for _ in range(DEALS)]
    of_dealt_names = [_share_within(checkpoint, some, words) for some in dealt]
    share = _share_within(checkpoint, np.array(ids), words)
    return Measured(
        holds=bool(share > max(of_dealt_names) and share >= NEAR),
        measured=share,
        control=float(np.mean(of_dealt_names)),
        unit="share",
        what=f"{len(ids)} tokens",
    )


def _size(checkpoint: Checkpoint) -> int:
    return int(checkpoint.weights.W_E.shape[0])


@torch.no_grad()
def _share_within(
    checkpoint: Checkpoint, some: Int64[np.ndarray, "token"], words: Sequence[str]
) -> float:
    """Compute the share of these tokens whose nearest embedding, of another word, is among them."""
    W_E = torch.nn.functional.normalize(checkpoint.weights.W_E.float(), dim=-1)
    alike = W_E[torch.from_numpy(some)] @ W_E.T
    every = np.array(words)
    same = torch.from_numpy(every[some][:, None] == every[None, :])
    return float(np.isin(alike.masked_fill(same, -2.0).argmax(-1).numpy(), some).mean())
