"""Write a checkpoint: weights, validation loss, samples, and the state to resume from."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from slm.generation.sampler import Sampling, complete
from slm.model.weights import Weights
from slm.runs import Address, Checkpoint, Metric, Run, Sample
from slm.stories.corpus import TokenizedSplits
from slm.stories.tokenizer import Tokenizer
from slm.training.trainer import Trainer
from slm.training.validation import validation_loss

PINNED_PROMPTS = (
    "Once upon a time, there was a little",
    "Tom and Lucy went to the park. Lucy said,",
    "The old dog was sad because",
)
PINNED = Sampling(temperature=0.8, max_tokens=80, seed=0)


@dataclass(frozen=True)
class CheckpointWriter:
    """Write checkpoints of a run with everything that is measured there."""

    run: Run
    trainer: Trainer
    prepared: TokenizedSplits
    steps: int
    clock: Callable[[], float]

    def write(self, step: int, metric: Metric | None) -> None:
        """Write the checkpoint of `step`; raises `CannotWrite` where the disk will not take it."""
        weights = self.trainer.weights
        self.run.save_checkpoint(weights, step)
        loss = validation_loss(weights, self.prepared)
        line = metric or Metric(step=0, tokens=0, seconds=0.0, train_loss=None)
        measured = {"val_loss": loss.loss, "val_bits_per_byte": loss.bits_per_byte}
        self.run.add_metric(Metric(**{**asdict(line), **measured}))
        self.run.add_samples(_samples(self.run, weights, self.prepared, step))
        if step < self.steps:
            self.run.save_resume(self.trainer.state(), step, self.clock())


def _samples(run: Run, weights: Weights, prepared: TokenizedSplits, step: int) -> list[Sample]:
    checkpoint = Checkpoint(
        address=Address(run.name, step),
        config=weights.config,
        weights=weights,
        tokenizer=prepared.tokenizer,
    )
    prompts = pinned_prompts(prepared.tokenizer, weights.config.n_ctx)
    return [
        {"step": step, "prompt": c.prompt, "text": c.text, "stopped": c.stopped}
        for c in complete(checkpoint, prompts, PINNED)
    ]


def pinned_prompts(tokenizer: Tokenizer, n_ctx: int) -> list[str]:
    """Return the prompts that every checkpoint completes, or half a context of one where none fits."""
    fitting = [p for p in PINNED_PROMPTS if len(tokenizer.encode_story(p)) < n_ctx]
    if fitting:
        return fitting
    start = tokenizer.encode_story(PINNED_PROMPTS[0])
    return [tokenizer.decode(start[: max(1, n_ctx // 2)])]
