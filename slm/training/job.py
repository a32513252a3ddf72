"""A training as a run on disk: prepares, trains, measures, saves, and goes on after any stop."""

import math
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
import torch

from slm.errors import BadInput
from slm.judging.loss import Loss, story_loss
from slm.model.config import ModelConfig
from slm.model.weights import Weights, initialise
from slm.runs import Address, Checkpoint, Metric, Run, check_name, open_run, runs_dir
from slm.stories.corpus import Prepared, Progress, prepare
from slm.training.loop import Diverged, Learner, train
from slm.training.recipe import Recipe
from slm.training.rows import Rows
from slm.writing.sampler import Sampling, complete

VALIDATION_STORIES = 128
"""How many validation stories are scored at each checkpoint, always the same ones."""
REPORTS = 200
PINNED_PROMPTS = (
    "Once upon a time, there was a little",
    "Tom and Lucy went to the park. Lucy said,",
    "The old dog was sad because",
)
PINNED = Sampling(temperature=0.8, max_tokens=80, seed=0)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to train: the run's name, its shape (the vocabulary is fitted to the corpus), corpus, recipe.

    With `minutes`, the recipe's tokens are replaced by what this machine can read in that time.
    """

    name: str
    config: ModelConfig
    corpus: str
    valid: str | None
    recipe: Recipe
    minutes: float | None = None


@dataclass(frozen=True, kw_only=True)
class Update:
    """What a watcher sees after each step; `checkpoint` tells that one was just saved."""

    step: int
    steps: int
    tokens: int
    loss: float
    tokens_per_second: float
    seconds_left: float
    checkpoint: bool


def start(
    plan: Plan, *, stop: Callable[[], bool], progress: Progress = lambda stage, share: None
) -> Iterator[Update]:
    """Train a new run. Between steps `stop()` is asked; True saves and ends it.

    Raises `BadInput` where the name is taken or the plan cannot be carried out, `Diverged` where
    training fails; what was saved before stays.
    """
    run = Run(runs_dir() / check_name(plan.name))
    if (run.path / "run.json").exists():
        raise BadInput(
            f"there is a run {plan.name!r} already; choose another name, or go on with --resume"
        )
    prepared = _prepare(plan.corpus, plan.valid, plan.config, None, progress)
    config = ModelConfig(**{**plan.config.to_json(), "d_vocab": prepared.tokenizer.d_vocab})
    recipe = plan.recipe.on_this_machine()
    if plan.minutes is not None:
        progress("measuring this machine", None)
        speed = measure(config, recipe.batch, prepared)
        tokens = speed.tokens_in(plan.minutes * 60, recipe)
        recipe = Recipe(**{**recipe.to_json(), "tokens": tokens})
    with run.held():
        prepared.tokenizer.save(run.path / "tokenizer.json")
        _write_new(run, plan, config, recipe, prepared)
        yield from _go_on(run, recipe, prepared, stop)


def resume(
    name: str, *, stop: Callable[[], bool], progress: Progress = lambda stage, share: None
) -> Iterator[Update]:
    """Go on with a run that was stopped, killed or failed, from the last state it saved.

    On the same machine with as many threads it follows the losses of a run that never stopped.
    """
    run = open_run(name)
    info = run.info
    if info.status == "finished":
        raise BadInput(f"run {name!r} is finished after {run.last_step} steps; nothing to resume")
    if not info.recipe:
        raise BadInput(f"run {name!r} was not trained here, so it cannot be resumed")
    with run.held():
        prepared = _prepare(info.corpus["train"], info.corpus["valid"], info.config, run, progress)
        if prepared.train.hash != info.corpus["train_hash"]:
            raise BadInput(
                f"the corpus {info.corpus['train']!r} has changed since run {name!r} began"
            )
        run.update(status="training", pid=os.getpid(), message="")
        yield from _go_on(run, Recipe(**info.recipe), prepared, stop)


def _go_on(
    run: Run, recipe: Recipe, prepared: Prepared, stop: Callable[[], bool]
) -> Iterator[Update]:
    config = run.config
    device = "cuda" if torch.cuda.is_available() else "cpu"
    learner = Learner(initialise(config, recipe.seed, device), recipe)
    saved = run.load_resume()
    done, seconds_before = 0, 0.0
    if saved is not None:
        tensors, done, seconds_before = saved
        learner.restore(tensors)
    run.rewind(done if saved is not None else -1)
    steps = recipe.steps(config.n_ctx)
    began = time.monotonic() - seconds_before
    writer = _Writer(run, learner, prepared, steps, lambda: time.monotonic() - began)
    if saved is None:
        writer.checkpoint(0, None)

    due = recipe.checkpoint_steps(steps)
    report_every = max(1, steps // REPORTS)
    losses: list[float] = []
    recent: list[tuple[float, int]] = [(time.monotonic(), done)]
    try:
        for step in train(
            learner, Rows(prepared.train, config.n_ctx, recipe.seed), first=done, steps=steps
        ):
            losses.append(step.loss)
            recent = [*recent[-20:], (time.monotonic(), step.step)]
            elapsed, covered = recent[-1][0] - recent[0][0], recent[-1][1] - recent[0][1]
            speed = covered * recipe.batch * config.n_ctx / max(elapsed, 1e-9)
            stopping = stop() and step.step < steps
            is_due = step.step in due or stopping
            if is_due or step.step % report_every == 0:
                metric = Metric(
                    step=step.step,
                    tokens=step.step * recipe.batch * config.n_ctx,
                    seconds=round(time.monotonic() - began, 2),
                    train_loss=sum(losses) / len(losses),
                    tokens_per_second=round(speed, 1),
                    gradient_norm=step.gradient_norm,
                    learning_rate=step.rate * recipe.muon_lr,
                )
                losses = []
                if is_due:
                    writer.checkpoint(step.step, metric)
                    recent = [(time.monotonic(), step.step)]
                else:
                    run.add_metric(metric)
            yield Update(
                step=step.step,
                steps=steps,
                tokens=step.step * recipe.batch * config.n_ctx,
                loss=step.loss,
                tokens_per_second=speed,
                seconds_left=(steps - step.step) * recipe.batch * config.n_ctx / max(speed, 1e-9),
                checkpoint=is_due,
            )
            if stopping:
                run.update(status="stopped", pid=None, message=f"stopped after step {step.step}")
                return
    except Diverged as error:
        run.update(status="failed", pid=None, message=str(error))
        raise
    except OSError as error:
        run.update(status="failed", pid=None, message=f"could not write: {error}")
        raise
    run.update(status="finished", pid=None, message="")
    (run.path / "resume.safetensors").unlink(missing_ok=True)


@dataclass(frozen=True)
class _Writer:
    """Saves a checkpoint with everything that is measured there."""

    run: Run
    learner: Learner
    prepared: Prepared
    steps: int
    clock: Callable[[], float]

    def checkpoint(self, step: int, metric: Metric | None) -> None:
        weights = self.learner.weights
        self.run.save_checkpoint(weights, step)
        loss = validation_loss(weights, self.prepared)
        line = metric or Metric(step=0, tokens=0, seconds=0.0, train_loss=None)
        measured = {"val_loss": loss.loss, "val_bits_per_byte": loss.bits_per_byte}
        self.run.add_metric(Metric(**{**asdict(line), **measured}))
        self.run.add_samples(_samples(self.run, weights, self.prepared, step))
        if step < self.steps:
            self.run.save_resume(self.learner.state(), step, self.clock())


def validation_loss(weights: Weights, prepared: Prepared) -> Loss:
    """Loss on validation stories spread over the whole split, the same at every checkpoint."""
    count = min(VALIDATION_STORIES, len(prepared.valid))
    chosen = np.linspace(0, len(prepared.valid) - 1, count).round().astype(int)
    stories = [prepared.valid.story(int(index)).tolist() for index in chosen]
    return story_loss(weights, prepared.tokenizer, stories)


def _samples(run: Run, weights: Weights, prepared: Prepared, step: int) -> list[dict[str, object]]:
    checkpoint = Checkpoint(
        address=Address(run.name, step),
        config=weights.config,
        weights=weights,
        tokenizer=prepared.tokenizer,
    )
    room = weights.config.n_ctx - 1
    prompts = [p for p in PINNED_PROMPTS if len(prepared.tokenizer.encode_story(p)) <= room]
    return [
        {"step": step, "prompt": c.prompt, "text": c.text, "stopped": c.stopped}
        for c in complete(checkpoint, prompts, PINNED)
    ]


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What this machine does in a second, measured a moment ago."""

    tokens_per_second: float
    seconds_per_checkpoint: float
    n_ctx: int

    def seconds_for(self, recipe: Recipe) -> float:
        """How long a recipe takes, its checkpoints included."""
        checkpoints = len(recipe.checkpoint_steps(recipe.steps(self.n_ctx)))
        return recipe.tokens / self.tokens_per_second + checkpoints * self.seconds_per_checkpoint

    def tokens_in(self, seconds: float, recipe: Recipe) -> int:
        """How many tokens can be read in that time, checkpoints allowed for; at least one step."""
        checkpoints = recipe.checkpoints + 11
        reading = max(seconds - checkpoints * self.seconds_per_checkpoint, seconds / 4)
        step = recipe.batch * self.n_ctx
        return max(1, math.floor(reading * self.tokens_per_second / step)) * step


def measure(config: ModelConfig, batch: int, prepared: Prepared | None = None) -> Speed:
    """Time a few steps of a throwaway model of this shape, and one validation if there are stories."""
    learner = Learner(initialise(config, 0), Recipe(batch=batch))
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, config.d_vocab, (batch, config.n_ctx + 1), generator=generator)
    learner.learn(rows, 0.0)
    taken, began = 0, time.monotonic()
    while taken < 3 or (time.monotonic() - began < 2 and taken < 50):
        learner.learn(rows, 0.0)
        taken += 1
    per_step = (time.monotonic() - began) / taken
    began = time.monotonic()
    if prepared is not None:
        validation_loss(learner.weights, prepared)
    per_checkpoint = time.monotonic() - began if prepared is not None else per_step * 3
    return Speed(
        tokens_per_second=batch * config.n_ctx / per_step,
        seconds_per_checkpoint=per_checkpoint * 1.5,
        n_ctx=config.n_ctx,
    )


def _prepare(
    corpus: str, valid: str | None, config: ModelConfig, run: Run | None, progress: Progress
) -> Prepared:
    return prepare(
        corpus,
        valid=valid,
        tokenizer=None if run is None else run.tokenizer,
        d_vocab=config.d_vocab,
        n_ctx=config.n_ctx,
        cache=runs_dir() / ".corpora",
        progress=progress,
    )


def _write_new(
    run: Run, plan: Plan, config: ModelConfig, recipe: Recipe, prepared: Prepared
) -> None:
    from slm.runs import RunInfo

    run.write_info(
        RunInfo(
            config=config,
            recipe=recipe.to_json(),
            corpus={
                "train": plan.corpus,
                "valid": plan.valid,
                "train_hash": prepared.train.hash,
                "valid_hash": prepared.valid.hash,
                "tokenizer_hash": prepared.tokenizer.hash,
                "stories": len(prepared.train),
                "tokens": len(prepared.train.tokens),
                "bytes": prepared.train.n_bytes,
                "valid_stories": len(prepared.valid),
                "cleaning": asdict(prepared.report),
                "valid_cleaning": asdict(prepared.valid_report),
            },
            command=shlex.join(["python", "-m", "slm", *sys.argv[1:]]),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions={name: version(name) for name in ("torch", "transformer-lens", "tokenizers")},
            machine=f"{platform.machine()}, {torch.get_num_threads()} threads",
            status="training",
            pid=os.getpid(),
        )
    )
