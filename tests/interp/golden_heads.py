"""Models whose heads are built by hand, so that what each head does is known.

The stream has parts: a code for the token (±1, each code summing to 0), a one-hot vector for the
position (+4 and -4, so that LayerNorm only scales), the code of the token before, and what a head
copied. Head 0 of each layer is built; head 1 looks everywhere alike and writes nothing.
"""

from collections.abc import Sequence

import numpy as np
import torch

from slm.interp.heads.rows import make_rows
from slm.model import functional
from slm.model.config import ModelConfig
from slm.model.weights import Weights, empty
from slm.runs import Address, Checkpoint
from slm.stories.tokenizer import Tokenizer

N_CTX, CODE = 48, 64
TOKEN = slice(0, CODE)
PLACE = slice(CODE, CODE + N_CTX)
BEFORE = slice(CODE + 2 * N_CTX, 2 * CODE + 2 * N_CTX)
COPIED = slice(2 * CODE + 2 * N_CTX, 3 * CODE + 2 * N_CTX)
SHARP = 20.0


def looks_back(tokenizer: Tokenizer, distance: int) -> Checkpoint:
    """One layer; head 0 looks `distance` back and copies; the readout says what usually follows."""
    golden = _blank(tokenizer, n_layers=1)
    _look_back(golden.weights, 0, distance)
    _write(golden.weights, 0, COPIED)
    return _read_out(golden)


def finds_duplicates(tokenizer: Tokenizer) -> Checkpoint:
    """One layer; head 0 looks at the same token earlier, or rests on the first token."""
    golden = _blank(tokenizer, n_layers=1)
    W_Q, W_K = _head(golden.weights, 0, "Q"), _head(golden.weights, 0, "K")
    code, place = torch.arange(CODE), torch.arange(N_CTX)
    W_Q[code, code] = 1.0
    W_K[code, code] = 1.0
    W_Q[CODE + place, CODE + place] = -4 * SHARP  # not itself
    W_Q[CODE + place, CODE] += 2.0  # where nothing matches, the first
    W_K[CODE + place, CODE + place] = 1.0
    _write(golden.weights, 0, COPIED)
    return _read_out(golden)


def completes_repeats(tokenizer: Tokenizer) -> Checkpoint:
    """Two layers: 0.0 tells each place the token before it, 1.0 looks for the one it is at now.

    What 1.0 copies is said: the induction pair.
    """
    golden = _blank(tokenizer, n_layers=2)
    weights = golden.weights
    _look_back(weights, 0, 1)
    _write(weights, 0, BEFORE)
    code, place = torch.arange(CODE), torch.arange(N_CTX)
    W_Q, W_K = _head(weights, 1, "Q"), _head(weights, 1, "K")
    W_Q[code, code] = 1.0
    W_K[BEFORE.start + code, code] = 1.0
    W_Q[CODE + place, CODE] = 2.0
    W_K[CODE + place, CODE + place] = 1.0
    _write(weights, 1, COPIED)
    weights.W_U[:, COPIED] = weights.W_E[:, TOKEN] * 0.03
    weights.b_U[:] = _unigram(golden)
    return golden


def looks_at(tokenizer: Tokenizer, words: Sequence[str]) -> Checkpoint:
    """One layer; head 0 looks at these words wherever they stand, or rests on the first token.

    What it copies is said again. Words are one token each.
    """
    golden = _blank(tokenizer, n_layers=1)
    weights = golden.weights
    flag = BEFORE.start
    for word in words:
        (token,) = tokenizer.encode(word)
        weights.W_E[token, flag : flag + 2] = torch.tensor([4.0, -4.0])
    _head(weights, 0, "K")[flag, 0] = SHARP
    _head(weights, 0, "K")[CODE, 0] = 2.0  # where there is none, the first
    place = torch.arange(N_CTX)
    _head(weights, 0, "Q")[CODE + place, 0] = 1.0
    _write(weights, 0, COPIED)
    weights.W_U[:, COPIED] = weights.W_E[:, TOKEN] * 0.03
    weights.b_U[:] = _unigram(golden)
    return golden


def _blank(tokenizer: Tokenizer, n_layers: int) -> Checkpoint:
    """Codes and positions; heads and readout still say nothing."""
    config = ModelConfig(
        d_model=COPIED.stop,
        n_layers=n_layers,
        n_heads=2,
        d_vocab=tokenizer.d_vocab,
        n_ctx=N_CTX,
        tied=False,
        attn_scale=False,
    )
    weights = empty(config)
    draw = np.random.default_rng(0)
    signs = np.repeat([1.0, -1.0], CODE // 2)
    codes = np.array([draw.permutation(signs) for _ in range(config.d_vocab)])
    weights.W_E[:, TOKEN] = torch.from_numpy(codes).float()
    weights.W_E[tokenizer.end] = 0.0  # the first token has nothing to copy
    place = torch.arange(N_CTX)
    weights.W_pos[place, CODE + place] = 4.0
    weights.W_pos[place, CODE + N_CTX + place] = -4.0
    return Checkpoint(
        address=Address("golden", 0), config=config, weights=weights, tokenizer=tokenizer
    )


def _head(weights: Weights, layer: int, letter: str) -> torch.Tensor:
    """W_Q, W_K or W_V of head 0, [d_model d_head]."""
    return weights.named_views()[f"blocks.{layer}.attn.W_{letter}"][0]


def _look_back(weights: Weights, layer: int, distance: int) -> None:
    place = torch.arange(N_CTX)
    _head(weights, layer, "K")[CODE + place, place] = 1.0
    back = place[distance:]
    _head(weights, layer, "Q")[CODE + back, back - distance] = SHARP


def _write(weights: Weights, layer: int, part: slice) -> None:
    """Head 0 moves the code of what it looks at to a part of the stream."""
    code = torch.arange(CODE)
    _head(weights, layer, "V")[code, code] = 1.0
    weights.blocks[layer].W_O[code, part.start + code] = 1.0


def _unigram(golden: Checkpoint) -> torch.Tensor:
    """Log-frequencies of the tokens in the stories (of which every one is seen once more)."""
    rows = make_rows(golden, stories=16)
    counts = np.bincount(rows.tokens[: rows.stories].ravel(), minlength=golden.config.d_vocab)
    return torch.from_numpy(np.log((counts + 1) / (counts + 1).sum())).float()


def _read_out(golden: Checkpoint) -> Checkpoint:
    """Say what usually comes next where this was copied: a ridge regression on the stories.

    To first order, log P(v | x) = log P(v) + (P(v | x) - P(v)) / P(v).
    """
    rows, weights = make_rows(golden, stories=16), golden.weights
    tokens = torch.from_numpy(rows.tokens[: rows.stories])
    copied = functional.hidden(weights, tokens)[:, :-1, COPIED].reshape(-1, CODE)
    unigram = _unigram(golden)
    coming = torch.eye(golden.config.d_vocab)[tokens[:, 1:].flatten()] - unigram.exp()
    ridge = torch.linalg.solve(copied.T @ copied + len(copied) * torch.eye(CODE), copied.T @ coming)
    weights.W_U[:, COPIED] = (ridge / (unigram.exp() + 0.01)).T
    weights.b_U[:] = unigram
    return golden
