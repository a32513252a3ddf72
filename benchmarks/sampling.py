"""Sampling throughput: the grading workload, and one story alone, with the same weights everywhere."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from benchmarks import peers
from benchmarks.race import Contender, race, table
from slm.generation.sampler import Sampling, complete
from slm.model.hooked import hooked
from slm.runs import Checkpoint, load_checkpoint
from slm.stories.shipped import openings

RUN = "storyteller"
SAMPLES = 4
NEW_TOKENS = 200
BATCHES = (16, 64, 128)
"""Batch sizes that the peers may choose from; each takes the one at which it is fastest."""

Generate = Callable[[Sequence[str], int], int]
"""Goes on with prompts for at most so many tokens; how many it wrote."""
Write = Callable[[torch.Tensor, int], torch.Tensor]
"""tokens [batch pos] and at most how many more -> tokens [batch longer]."""


def run() -> str:
    """Race the fifty openings x 4 completions of up to 200 tokens, then one story alone."""
    checkpoint = load_checkpoint(RUN)
    everyone = {"slm": ours(checkpoint), "HookedTransformer.generate": hooked_generate(checkpoint)}
    everyone["transformers generate"] = gpt2_generate(checkpoint)
    prompts = [opening for opening in openings() for _ in range(SAMPLES)]
    crowd = [Contender("slm", partial(everyone["slm"], prompts, NEW_TOKENS))]
    for name, generate in list(everyone.items())[1:]:
        size = _best_batch(generate, prompts)
        work = partial(_in_batches, generate, prompts, size)
        crowd.append(Contender(f"{name}, {size} at once", work))
    alone = [
        Contender(name, partial(generate, prompts[:1], NEW_TOKENS))
        for name, generate in everyone.items()
    ]
    return "\n".join(
        (
            table(
                f"Grading workload on {RUN}: {len(prompts)} stories of up to {NEW_TOKENS} tokens",
                "tokens/s",
                race(crowd, rounds=3),
            ),
            table(f"One story alone on {RUN}", "tokens/s", race(alone, rounds=7)),
        )
    )


def ours(checkpoint: Checkpoint) -> Generate:
    """Our sampler, which chooses its batch itself. Counts the tokens written, END among them."""

    def generate(prompts: Sequence[str], new_tokens: int) -> int:
        written = complete(checkpoint, prompts, Sampling(max_tokens=new_tokens))
        return sum(len(one.tokens) + (one.stopped == "story end") for one in written)

    return generate


def hooked_generate(checkpoint: Checkpoint) -> Generate:
    """TransformerLens' own loop with its KV cache.

    In 3.9.0 it asks for positions up to twice the length of what is written, and fails where the
    table of positions ends; so it is given a longer table.
    """
    config = replace(checkpoint.config, n_ctx=2 * checkpoint.config.n_ctx)
    learned = checkpoint.weights.W_pos
    assert learned is not None
    longer = torch.cat([learned, learned])
    model: Any = hooked(replace(checkpoint.weights, config=config, W_pos=longer))
    model.tokenizer = None

    def write(tokens: torch.Tensor, room: int) -> torch.Tensor:
        return model.generate(
            tokens,
            max_new_tokens=room,
            eos_token_id=checkpoint.tokenizer.end,
            temperature=1.0,
            verbose=False,
            return_type="tokens",
        )

    return _counted(checkpoint, write)


def gpt2_generate(checkpoint: Checkpoint) -> Generate:
    """transformers' loop with its KV cache."""
    model = peers.gpt2_of(checkpoint.weights, checkpoint.tokenizer.end)

    def write(tokens: torch.Tensor, room: int) -> torch.Tensor:
        return model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=room,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            use_cache=True,
        )

    return _counted(checkpoint, write)


def _counted(checkpoint: Checkpoint, write: Write) -> Generate:
    """A peer's loop, given all the room that the context leaves, and its tokens counted."""

    @torch.no_grad()
    def generate(prompts: Sequence[str], new_tokens: int) -> int:
        tokens = _same_length(checkpoint, prompts)
        room = min(new_tokens, checkpoint.config.n_ctx - tokens.shape[1])
        written = write(tokens, room)[:, tokens.shape[1] :]
        return _count(written, checkpoint.tokenizer.end)

    return generate


def _same_length(checkpoint: Checkpoint, prompts: Sequence[str]) -> torch.Tensor:
    """Prompts cut to the shortest, which spares the peers the padding that they would pay for."""
    encoded = [checkpoint.tokenizer.encode_story(prompt) for prompt in prompts]
    shortest = min(map(len, encoded))
    return torch.tensor([ids[:shortest] for ids in encoded])


def _count(written: torch.Tensor, end: int) -> int:
    """Tokens written up to END, with it; what a loop adds to a finished story is no work done."""
    ended = (written == end).long().cumsum(1)
    return int(((ended == 0) | ((ended == 1) & (written == end))).sum())


def _in_batches(generate: Generate, prompts: Sequence[str], size: int) -> int:
    return sum(
        generate(prompts[first : first + size], NEW_TOKENS)
        for first in range(0, len(prompts), size)
    )


def _best_batch(generate: Generate, prompts: Sequence[str]) -> int:
    """The size at which a quarter of the length goes fastest."""
    speeds = {}
    for size in BATCHES:
        generate(prompts[:size], 4)
        began = time.perf_counter()
        speeds[size] = generate(prompts[:size], NEW_TOKENS // 4) / (time.perf_counter() - began)
    return max(speeds, key=lambda size: speeds[size])
