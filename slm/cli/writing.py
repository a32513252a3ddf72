"""`slm sample`: stories from a checkpoint."""

import argparse
from dataclasses import asdict

from slm.cli.command import Commands, answer
from slm.errors import BadInput


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("sample", _sample, "Write stories.")
    sub.add_argument("--prompt", default="Once upon a time")
    sub.add_argument("-n", type=int, default=1, help="how many")
    sub.add_argument("--max-tokens", type=int, default=200)
    sub.add_argument("--temperature", type=float, default=1.0)
    sub.add_argument("--top-k", type=int)
    sub.add_argument("--top-p", type=float)
    sub.add_argument("--seed", type=int, default=0)


def _sample(chosen: argparse.Namespace) -> None:
    from slm.runs import load_checkpoint
    from slm.writing.sampler import Sampling, complete

    if chosen.n < 1:
        raise BadInput(f"-n must be at least 1, not {chosen.n}")
    sampling = Sampling(
        temperature=chosen.temperature,
        top_k=chosen.top_k,
        top_p=chosen.top_p,
        max_tokens=chosen.max_tokens,
        seed=chosen.seed,
    )
    checkpoint = load_checkpoint(chosen.address)
    completions = complete(checkpoint, [chosen.prompt] * chosen.n, sampling)
    data = {
        "address": str(checkpoint.address),
        "prompt": chosen.prompt,
        "sampling": asdict(sampling),
        "completions": [
            {"text": c.text, "tokens": list(c.tokens), "stopped": c.stopped} for c in completions
        ],
    }
    answer(
        chosen,
        data,
        lambda: "\n\n".join(f"{c.prompt}{c.text}\n[{c.stopped}]" for c in completions),
    )
