"""Switching off every head of a prompt: one batched pass against a loop of hooked runs."""

import torch

from benchmarks.race import Contender, race, table
from slm.interp.predictions.ablation import ablate_heads
from slm.model.hooked import hooked, run_with_hooks
from slm.runs import Checkpoint, load_checkpoint
from slm.stories import shipped

RUNS = ("four-layer", "storyteller")


def run() -> str:
    """Race at two shapes, on the story of the banana."""
    return "\n".join(_at(load_checkpoint(run)) for run in RUNS)


def _at(checkpoint: Checkpoint) -> str:
    story = shipped.stories()[0].text
    model = hooked(checkpoint.weights)
    tokens = torch.tensor([checkpoint.tokenizer.encode_story(story)])
    heads = checkpoint.config.n_layers * checkpoint.config.n_heads

    def batched() -> None:
        ablate_heads(checkpoint, tokens[0].tolist(), "zero")

    def loop() -> None:
        for number in range(heads):
            layer, head = divmod(number, checkpoint.config.n_heads)

            def switch_off(z: torch.Tensor, hook: object, head: int = head) -> None:
                z[:, :, head] = 0.0

            logits = run_with_hooks(
                model, tokens[:, :-1], [(f"blocks.{layer}.attn.hook_z", switch_off)]
            )
            logits[0, -1].log_softmax(-1)[tokens[0, -1]]

    rows = race(
        [
            Contender("slm, one pass", batched),
            Contender("run_with_hooks for each head", loop),
        ],
        work=heads,
        rounds=5,
    )
    title = f"Ablation of all {heads} heads of {checkpoint.address}, {tokens.shape[1]} tokens"
    return table(title, "heads/s", rows)
