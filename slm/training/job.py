"""Carry out a training as a run on disk: prepare, train, measure, save, and resume after any stop."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from slm.errors import BadInput
from slm.files import DiskReserve
from slm.model.config import ModelConfig
from slm.model.weights import Weights, initialise
from slm.processes import Process
from slm.progress import ProgressCallback
from slm.recipe import Recipe
from slm.runs import (
    Address,
    Metric,
    Run,
    Status,
    load_checkpoint,
    open_run,
    runs_dir,
)
from slm.stories.corpus import TokenizedSplits, prepare
from slm.training.checkpoint_writer import CheckpointWriter
from slm.training.data import PackedSampler
from slm.training.device import OutOfMemory, check_memory, choose_device, naming_memory
from slm.training.distributed import ProcessGroup, init_distributed
from slm.training.reopening import reopen
from slm.training.run_info import info_of, machine
from slm.training.spec import ResumeSpec, TrainingSpec
from slm.training.throughput import measure_throughput
from slm.training.trainer import Diverged, Trainer, train

REPORTS = 200
ROOM = 1 << 16
"""Bytes of the disk that are held while a run trains, to write down that it is full."""


@dataclass(frozen=True, kw_only=True)
class TrainingUpdate:
    """How far a training is after a step; `checkpoint` tells that one was just saved."""

    step: int
    steps: int
    tokens: int
    loss: float
    tokens_per_second: float
    seconds_left: float
    checkpoint: bool


def run_training(
    spec: TrainingSpec | ResumeSpec,
    *,
    stop: Callable[[], bool],
    progress: ProgressCallback = lambda stage, share: None,
) -> Iterator[TrainingUpdate]:
    """Carry out a specification: `start` or `resume` it."""
    if isinstance(spec, TrainingSpec):
        return start(spec, stop=stop, progress=progress)
    return resume(spec, stop=stop, progress=progress)


def name_taken(name: str) -> BadInput:
    """Return the error of a new run whose name another has."""
    return BadInput(f"there is a run {name!r} already; choose another name, or go on with --resume")


def start(
    spec: TrainingSpec,
    *,
    stop: Callable[[], bool],
    progress: ProgressCallback = lambda stage, share: None,
) -> Iterator[TrainingUpdate]:
    """Train a new run from its specification, yielding updates.

    Where `stop()` is true after a step, or the run's `stop_path` exists, the run is saved and ended.
    Raises `BadInput` where the name is taken or the specification cannot be carried out here, and
    `Diverged` where training fails; what was saved before stays. Under `torchrun` every process calls
    this; the main one writes, and the others' updates are the same.
    """
    group, device = init_distributed(), choose_device(spec.device)
    group.check_batch(spec.recipe.batch)
    run = Run(runs_dir() / spec.name)
    if group.broadcast(run.exists()):
        raise name_taken(spec.name)
    run.stop_path.unlink(missing_ok=True)  # it asked an earlier training
    parent = None if spec.parent is None else load_checkpoint(spec.parent)
    config = spec.config if parent is None else parent.config
    assert config is not None  # the specification has a shape or a parent
    check_memory(config, device)
    prepared = prepare(
        spec.train_source,
        valid=spec.valid_source,
        tokenizer=None if parent is None else parent.tokenizer,
        d_vocab=config.d_vocab,
        n_ctx=config.n_ctx,
        cache=runs_dir() / ".corpora",
        progress=progress,
    )
    config = replace(config, d_vocab=prepared.tokenizer.d_vocab)
    recipe = spec.recipe.for_device(device)
    if spec.minutes is not None:
        progress("measuring this machine", None)
        share = replace(recipe, batch=recipe.batch // group.size)
        speed = measure_throughput(config, share, prepared, device)
        tokens = speed.tokens_in(spec.minutes * 60, recipe) * group.size
        recipe = replace(recipe, tokens=group.broadcast(tokens))
    with _held(run, group) as reserve:
        if group.is_main:
            prepared.tokenizer.save(run.path / "tokenizer.json")
            address = "" if parent is None else str(parent.address)
            run.write_info(info_of(spec, config, recipe, prepared, address, device))
        yield from _go_on(run, config, recipe, prepared, stop, group, device, reserve)


def resume(
    spec: ResumeSpec,
    *,
    stop: Callable[[], bool],
    progress: ProgressCallback = lambda stage, share: None,
) -> Iterator[TrainingUpdate]:
    """Go on with a run that was stopped, killed or failed, from the last state it saved.

    On the same machine with as many threads it follows the losses of a run that never stopped. Of a
    finished run nothing is left to do.
    """
    group, device = init_distributed(), choose_device(spec.device)
    run = open_run(spec.name)
    info = group.broadcast(run.info)
    if info.status == "finished":
        return
    if (recipe := run.recipe) is None:
        raise BadInput(f"run {run.name!r} was not trained here, so it cannot be resumed")
    if missing := {"train", "valid", "train_hash", "valid_hash"} - info.corpus.keys():
        raise BadInput(f"{run.path / 'run.json'} does not say the corpus's {min(missing)}")
    group.check_batch(recipe.batch)
    with _held(run, group) as reserve:
        run.stop_path.unlink(missing_ok=True)
        prepared, corpora = reopen(run, spec.corpus, spec.valid, progress)
        if group.is_main:
            run.update(
                status="training",
                process=Process.of(os.getpid()),
                message="",
                machine=machine(device),
                corpus={**info.corpus, **corpora},
            )
        yield from _go_on(run, info.config, recipe, prepared, stop, group, device, reserve)


def _go_on(
    run: Run,
    config: ModelConfig,
    recipe: Recipe,
    prepared: TokenizedSplits,
    stop: Callable[[], bool],
    group: ProcessGroup,
    device: str,
    reserve: DiskReserve | None,
) -> Iterator[TrainingUpdate]:
    """Run `_learn`, recording in run.json how it ended."""
    try:
        with naming_memory(device):
            yield from _learn(run, config, recipe, prepared, stop, group, device)
    except (Diverged, OSError, OutOfMemory) as error:
        if reserve is not None:
            why = str(error)
            with contextlib.suppress(OSError):  # the first error is the one to be told of
                reserve.keep(lambda: _mark(run, group, "failed", why))
        raise


def _learn(
    run: Run,
    config: ModelConfig,
    recipe: Recipe,
    prepared: TokenizedSplits,
    stop: Callable[[], bool],
    group: ProcessGroup,
    device: str,
) -> Iterator[TrainingUpdate]:
    if group.is_main:
        trainer = Trainer(_beginning(run, recipe, device), recipe, group)
        done, seconds_before = _restore(run, trainer)
    else:
        trainer = Trainer(initialise(config, recipe.seed, device), recipe, group)
        done, seconds_before = 0, 0.0
    if group.size > 1:
        done = group.broadcast(done)
        trainer.restore(group.broadcast(trainer.state()))
    steps = recipe.steps(config.n_ctx)
    began = time.monotonic() - seconds_before
    writer = CheckpointWriter(run, trainer, prepared, steps, lambda: time.monotonic() - began)
    if group.is_main and not run.metrics():
        writer.write(0, None)

    due = recipe.checkpoint_steps(steps)
    report_every = max(1, steps // REPORTS)
    losses: list[float] = []
    recent: list[tuple[float, int]] = [(time.monotonic(), done)]
    for step in train(
        trainer, PackedSampler(prepared.train, config.n_ctx, recipe.seed), first=done, steps=steps
    ):
        losses.append(step.loss)
        recent = [*recent[-20:], (time.monotonic(), step.step)]
        elapsed, covered = recent[-1][0] - recent[0][0], recent[-1][1] - recent[0][1]
        speed = covered * recipe.batch * config.n_ctx / max(elapsed, 1e-9)
        stopping = group.all_reduce_any(stop() or run.stop_path.exists()) and step.step < steps
        is_due = step.step in due or stopping
        if group.is_main and (is_due or step.step % report_every == 0):
            metric = Metric(
                step=step.step,
                tokens=step.step * recipe.batch * config.n_ctx,
                seconds=round(time.monotonic() - began, 2),
                train_loss=sum(losses) / len(losses),
                tokens_per_second=round(speed, 1),
                gradient_norm=step.gradient_norm,
                learning_rate=step.lr_scale * recipe.learning_rate,
            )
            losses = []
            if is_due:
                writer.write(step.step, metric)
                recent = [(time.monotonic(), step.step)]
            else:
                run.add_metric(metric)
        yield TrainingUpdate(
            step=step.step,
            steps=steps,
            tokens=step.step * recipe.batch * config.n_ctx,
            loss=step.loss,
            tokens_per_second=speed,
            seconds_left=(steps - step.step) * recipe.batch * config.n_ctx / max(speed, 1e-9),
            checkpoint=is_due,
        )
        if stopping:
            _mark(run, group, "stopped", f"stopped after step {step.step}")
            return
    _mark(run, group, "finished", "")
    if group.is_main:
        run.resume_path.unlink(missing_ok=True)


@contextlib.contextmanager
def _held(run: Run, group: ProcessGroup) -> Iterator[DiskReserve | None]:
    """Hold the run, and some bytes beside it; None in the processes that only learn."""
    if not group.is_main:
        yield None
        return
    with run.held(), DiskReserve(run.path, ROOM) as reserve:
        yield reserve


def _mark(run: Run, group: ProcessGroup, status: Status, message: str) -> None:
    if group.is_main:
        run.update(status=status, process=None, message=message)
        run.stop_path.unlink(missing_ok=True)


def _restore(run: Run, trainer: Trainer) -> tuple[int, float]:
    """Take up the last saved state; steps done and seconds taken before, 0 where nothing is saved."""
    saved = run.load_resume()
    if saved is None:
        run.rewind(-1)
        return 0, 0.0
    tensors, done, seconds = saved
    try:
        trainer.restore(tensors)
    except (KeyError, RuntimeError, ValueError) as error:
        raise BadInput(
            f"{run.resume_path} is not the state of this run ({error}): remove it to begin anew"
        ) from None
    run.rewind(done)
    return done, seconds


def _beginning(run: Run, recipe: Recipe, device: str) -> Weights:
    """Return the weights at step 0: initialised, or the parent's."""
    if not (parent := run.info.parent):
        return initialise(run.config, recipe.seed, device)
    return load_checkpoint(Address(run.name, 0) if 0 in run.steps else parent, device).weights


def end(name: str) -> None:
    """Call a run that was stopped finished as it is: it keeps what it learned and goes on no more.

    Raises `BadInput` where it trains, or is finished already.
    """
    run = open_run(name)
    with run.held():
        if run.status == "finished":
            raise BadInput(f"run {name!r} is finished already")
        run.update(
            status="finished", process=None, message=f"ended early, after step {run.last_step}"
        )
        run.resume_path.unlink(missing_ok=True)
