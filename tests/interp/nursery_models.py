"""A tiny model that reads nursery stories, and a neuron built into it that fires on chosen tokens."""

from collections.abc import Iterable, Sequence
from functools import cache

import torch

from slm.model.config import ModelConfig
from slm.model.weights import initialise
from slm.runs import Address, Checkpoint
from slm.stories import nursery
from slm.stories.tokenizer import Tokenizer


@cache
def nursery_tokenizer() -> Tokenizer:
    """A tokenizer of 1,200 tokens, to which most nursery words are one."""
    return Tokenizer.train([story.text for story in nursery.stories(60, seed=9)], 1200)


def random_model(seed: int = 0) -> Checkpoint:
    """A random 16x2x2 model; its embeddings are as large as its positions, so that words differ."""
    tokenizer = nursery_tokenizer()
    config = ModelConfig(d_model=16, n_layers=2, n_heads=2, d_vocab=tokenizer.d_vocab, n_ctx=256)
    weights = initialise(config, seed)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed)
        for _, leaf in weights.named_parameters():
            leaf.add_(torch.randn(leaf.shape, generator=generator) * 0.3)
    return Checkpoint(
        address=Address("tiny", 0), config=config, weights=weights, tokenizer=tokenizer
    )


def fire_on(model: Checkpoint, tokens: Iterable[int], *, neuron: int) -> Checkpoint:
    """Make a neuron of layer 0 fire at these tokens and nowhere else.

    Attention writes nothing there, and two directions of the embedding are its own: no other neuron
    of the layer reads them.
    """
    block = model.weights.blocks[0]
    with torch.no_grad():
        for leaf in (block.W_O, block.b_O, block.ln2_b, model.weights.W_pos):
            leaf.zero_()
        block.ln2_w.fill_(1.0)
        chosen = list(tokens)
        model.weights.W_E[:, :2] = 0.0
        model.weights.W_E[chosen, 0], model.weights.W_E[chosen, 1] = 1.0, -1.0
        block.W_in[:2] = 0.0
        block.W_in[:, neuron] = 0.0
        block.W_in[0, neuron], block.W_in[1, neuron] = 1.0, -1.0
        block.b_in[neuron] = -1.0
    return model


def read_exactly(model: Checkpoint, classes: Sequence[Iterable[int]], *, each: int) -> Checkpoint:
    """Let `each` neurons of layer 0 read each class of tokens exactly, from two dimensions of its own.

    The class is weak in the embedding, so that a direction must be aligned with it to tell it.
    """
    block, own = model.weights.blocks[0], 2 * len(classes)
    with torch.no_grad():
        for leaf in (block.W_O, block.b_O, block.ln2_b, model.weights.W_pos):
            leaf.zero_()
        block.ln2_w.fill_(1.0)
        model.weights.W_E[:, :own] = 0.0
        for at, tokens in enumerate(classes):
            mine = slice(at * each, (at + 1) * each)
            chosen = list(tokens)
            model.weights.W_E[chosen, 2 * at] = 0.1
            model.weights.W_E[chosen, 2 * at + 1] = -0.1
            block.W_in[:, mine] = 0.0
            block.W_in[2 * at, mine], block.W_in[2 * at + 1, mine] = 1.0, -1.0
            block.b_in[mine] = -0.1
    return model
