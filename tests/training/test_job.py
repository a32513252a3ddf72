"""Training as a run: it learns, and stops, kills, failures and full disks lose nothing."""

import contextlib
import os
import resource as limits
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from slm.cli import main
from slm.errors import BadInput
from slm.files import CannotWrite
from slm.model.config import ModelConfig
from slm.recipe import Recipe
from slm.runs import Run, load_checkpoint, open_run, runs_dir
from slm.training.job import end, resume, start
from slm.training.spec import ResumeSpec, TrainingSpec
from slm.training.trainer import Diverged
from tests.stand_in import another_device

CONFIG = ModelConfig(d_model=16, n_layers=1, n_heads=2, d_vocab=512, n_ctx=48)


def spec(corpus: Path, name: str = "r", steps: int = 40, **recipe: float | str) -> TrainingSpec:
    return TrainingSpec(
        name=name,
        config=CONFIG,
        corpus=str(corpus),
        recipe=Recipe(**{"tokens": steps * 8 * 48, "batch": 8, "checkpoints": 4} | recipe),
    )


def losses(run: Run) -> list[tuple[int, float | None, float | None]]:
    return [(m.step, m.train_loss, m.val_loss) for m in run.metrics()]


def test_a_model_learns_and_leaves_a_whole_run(corpus: Path) -> None:
    updates = list(start(spec(corpus), stop=lambda: False))
    assert [update.step for update in updates] == list(range(1, 41))
    run = open_run("r")
    assert run.status == "finished"
    assert run.steps == [0, 1, 2, 4, 8, 10, 16, 20, 30, 32, 40]
    first, last = run.metrics()[0], run.metrics()[-1]
    assert first.val_loss is not None and last.val_loss is not None
    assert last.val_loss < first.val_loss - 1
    assert load_checkpoint("r@8").config == run.config
    assert {sample["step"] for sample in run.samples()} == set(run.steps)
    assert run.info.corpus["stories"] == 285


def test_a_run_without_some_records_says_so_and_goes_on_without_them(runs: Path) -> None:
    without = replace(
        spec(Path("r"), steps=4), corpus="nursery-instruct:60:0", without=("Words", "Summary")
    )
    seen: list[int] = []
    for update in start(without, stop=lambda: len(seen) == 2):
        seen.append(update.step)
    info = open_run("r").info
    assert info.corpus["without"] == ["Words", "Summary"]
    assert info.corpus["cleaning"]["left_out"] == 60 - info.corpus["stories"] > 0
    assert "--corpus nursery-instruct:60:0 --without Words+Summary" in info.command
    list(resume(ResumeSpec(name="r"), stop=lambda: False))
    assert open_run("r").status == "finished"


def test_a_stopped_run_goes_on_as_if_it_had_never_stopped(corpus: Path) -> None:
    list(start(spec(corpus, "whole"), stop=lambda: False))
    seen = []
    for update in start(spec(corpus, "stopped"), stop=lambda: len(seen) == 12):
        seen.append(update)
    run = open_run("stopped")
    assert (run.status, run.last_step) == ("stopped", 13)
    list(resume(ResumeSpec(name="stopped"), stop=lambda: False))
    assert run.status == "finished"
    whole = {step: rest for step, *rest in losses(open_run("whole"))}
    for step, *rest in losses(run):
        if step != 13:
            assert whole[step] == rest, step
    ours, theirs = load_checkpoint("stopped"), load_checkpoint("whole")
    assert ours.weights.W_E.equal(theirs.weights.W_E)


def test_a_stop_file_ends_a_training_after_its_step_and_is_gone_with_it(corpus: Path) -> None:
    Run(runs_dir() / "r").path.mkdir(parents=True)
    Run(runs_dir() / "r").stop_path.touch()  # left by an earlier training
    seen = []
    for update in start(spec(corpus), stop=lambda: False):
        seen.append(update.step)
        if update.step == 5:
            open_run("r").stop_path.touch()
    assert seen == [1, 2, 3, 4, 5, 6]
    assert (open_run("r").status, open_run("r").last_step) == ("stopped", 6)
    assert not open_run("r").stop_path.exists()


def test_a_state_of_another_run_is_refused_and_nothing_is_lost(corpus: Path) -> None:
    list(start(spec(corpus), stop=lambda: True))
    run = open_run("r")
    before = run.metrics()
    run.save_resume({"weights/none": torch.zeros(2)}, 1, 1.0)
    with pytest.raises(BadInput, match="is not the state of this run"):
        list(resume(ResumeSpec(name="r"), stop=lambda: False))
    assert run.metrics() == before
    assert run.status == "interrupted"


def test_a_run_killed_at_any_moment_goes_on_as_if_it_had_never_been_killed(
    corpus: Path, runs: Path
) -> None:
    list(start(spec(corpus, "whole", steps=400), stop=lambda: False))
    program = (
        "from tests.training.test_job import spec, start; from pathlib import Path\n"
        f"list(start(spec(Path({str(corpus)!r}), 'killed', steps=400), stop=lambda: False))"
    )
    trainer = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 90
    while (Run(runs / "killed").last_step or 0) < 100 and time.monotonic() < deadline:
        time.sleep(0.02)
    trainer.send_signal(signal.SIGKILL)
    trainer.wait()
    run = open_run("killed")
    assert run.status == "interrupted"
    assert run.last_step is not None and 100 <= run.last_step < 400
    list(resume(ResumeSpec(name="killed"), stop=lambda: False))
    assert losses(run) == losses(open_run("whole"))


def test_divergence_keeps_the_last_good_checkpoint_and_says_so(corpus: Path) -> None:
    with pytest.raises(Diverged, match="lower the learning rate"):
        list(start(spec(corpus, muon_lr=1e9, adam_lr=1e9, clip=1e30), stop=lambda: False))
    run = open_run("r")
    assert run.status == "failed"
    assert "lower the learning rate" in run.info.message
    assert load_checkpoint("r@0").weights.W_E.isfinite().all()


def as_on_a_full_disk() -> None:
    """Let this process write no file of over 100 KB: less than a checkpoint, more than run.json."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, most = limits.getrlimit(limits.RLIMIT_FSIZE)
    limits.setrlimit(limits.RLIMIT_FSIZE, (100_000, most))


def test_a_full_disk_is_one_line_with_the_path_and_nothing_that_was_saved_is_lost(
    corpus: Path, runs: Path
) -> None:
    wide = replace(spec(corpus, steps=4), config=replace(CONFIG, d_model=64))
    list(start(wide, stop=lambda: True))
    went_on = subprocess.run(
        [sys.executable, "-m", "slm", "train", "--name", "r", "--resume"],
        env={**os.environ, "SLM_RUNS": str(runs)},
        preexec_fn=as_on_a_full_disk,
        capture_output=True,
        text=True,
        check=False,
    )
    run = open_run("r")
    path = run.checkpoint_path(2)
    assert went_on.returncode == 1
    assert went_on.stderr.splitlines()[-1] == f"slm: File too large: {path}"
    assert "Traceback" not in went_on.stderr
    assert (run.status, run.info.message) == ("failed", f"File too large: {path}")
    assert run.steps == [0, 1] and not list(run.path.rglob("*.part"))
    list(resume(ResumeSpec(name="r"), stop=lambda: False))
    assert (run.status, run.steps) == ("finished", [0, 1, 2, 3, 4])


def test_that_the_disk_is_full_can_be_written_down_on_a_full_disk(
    corpus: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLM_RUNS", str(small_disk / "runs"))
    training = start(spec(corpus), stop=lambda: False)
    try:
        next(training)
        with (
            (small_disk / "filler").open("wb", buffering=0) as filler,
            contextlib.suppress(OSError),
        ):
            while filler.write(b"0" * 4096):
                pass
        with pytest.raises(CannotWrite, match=r"No space left on device: .*/runs/r/"):
            list(training)
        run = open_run("r")
        assert run.status == "failed" and "No space left on device: " in run.info.message
        (small_disk / "filler").unlink()
        list(resume(ResumeSpec(name="r"), stop=lambda: False))
        assert run.status == "finished"
    finally:
        training.close()


def test_a_taken_name_and_a_changed_corpus_are_refused(corpus: Path) -> None:
    with pytest.raises(BadInput, match="there is no run 'r'"):
        next(resume(ResumeSpec(name="r"), stop=lambda: False))
    list(start(spec(corpus), stop=lambda: True))
    with pytest.raises(BadInput, match="there is a run 'r' already"):
        next(start(spec(corpus), stop=lambda: False))
    text = corpus.read_text()
    corpus.write_text(text + "A new story.\n<|endoftext|>\n")
    with pytest.raises(BadInput, match="has changed"):
        next(resume(ResumeSpec(name="r"), stop=lambda: False))
    corpus.write_text(text)
    list(resume(ResumeSpec(name="r"), stop=lambda: False))
    assert list(resume(ResumeSpec(name="r"), stop=lambda: False)) == []


def test_sigterm_saves_and_stops(corpus: Path, runs: Path) -> None:
    arguments = ["--name", "t", "--corpus", str(corpus), "--shape", "16x1x2", "--vocab", "512"]
    trainer = subprocess.Popen(
        [sys.executable, "-m", "slm", "train", *arguments, "--context", "48", "--tokens", "5M"],
        env={**os.environ, "SLM_RUNS": str(runs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 90
    while (Run(runs / "t").last_step or 0) < 16 and time.monotonic() < deadline:
        time.sleep(0.05)
    trainer.terminate()
    out, _ = trainer.communicate(timeout=60)
    assert trainer.returncode == 0
    assert "t: stopped at step" in out
    assert open_run("t").status == "stopped"


def test_a_branch_begins_where_its_parent_stood_and_learns_on(corpus: Path) -> None:
    list(start(spec(corpus, "parent"), stop=lambda: False))
    child = replace(spec(corpus, "child", steps=20, adam_lr=0.001), config=None, parent="parent@20")
    list(start(child, stop=lambda: False))
    run = open_run("child")
    assert run.info.parent == "parent@20"
    ours, theirs = load_checkpoint("child@0").weights, load_checkpoint("parent@20").weights
    assert all(
        a.equal(b)
        for (_, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True)
    )
    assert run.tokenizer.hash == open_run("parent").tokenizer.hash
    begun = {m.step: m.val_loss for m in open_run("parent").metrics()}[20]
    assert run.metrics()[0].val_loss == pytest.approx(begun, abs=2e-3)  # float16 on disk
    assert not load_checkpoint("child").weights.W_E.equal(ours.W_E)


def test_a_branch_that_was_stopped_goes_on_as_if_it_had_never_stopped(corpus: Path) -> None:
    list(start(spec(corpus, "parent"), stop=lambda: False))
    for name, stops in (("whole", False), ("stopped", True)):
        child = replace(spec(corpus, name, steps=20), config=None, parent="parent@20")
        list(start(child, stop=lambda stops=stops: stops))
    list(resume(ResumeSpec(name="stopped"), stop=lambda: False))
    assert load_checkpoint("stopped").weights.W_E.equal(load_checkpoint("whole").weights.W_E)


def test_a_run_that_is_ended_early_is_finished_and_goes_on_no_more(corpus: Path) -> None:
    list(start(spec(corpus), stop=lambda: True))
    end("r")
    run = open_run("r")
    assert (run.status, run.info.message) == ("finished", "ended early, after step 1")
    assert not run.resume_path.exists()
    assert list(resume(ResumeSpec(name="r"), stop=lambda: False)) == []
    with pytest.raises(BadInput, match="finished"):
        end("r")


def test_a_training_on_another_device_goes_as_on_the_cpu_and_goes_on_there(corpus: Path) -> None:
    here = replace(spec(corpus, "here"), device="cpu")
    list(start(here, stop=lambda: False))
    with another_device() as device:
        there = replace(spec(corpus, "there"), device=device)
        seen = []
        for update in start(there, stop=lambda: len(seen) == 12):
            seen.append(update)
        list(resume(ResumeSpec(name="there", device=device), stop=lambda: False))
    ours, theirs = open_run("there"), open_run("here")
    assert (ours.status, ours.info.machine.endswith(f", {device}")) == ("finished", True)
    validated = {m.step: m.val_loss for m in theirs.metrics() if m.val_loss is not None}
    for metric in ours.metrics():
        if metric.val_loss is not None and metric.step in validated:
            assert metric.val_loss == pytest.approx(validated[metric.step], rel=1e-3)
    assert ours.samples()[0]["text"] == theirs.samples()[0]["text"]
    difference = load_checkpoint("there").weights.W_E - load_checkpoint("here").weights.W_E
    assert difference.abs().mean() < 0.005


def test_a_training_goes_on_on_another_device_and_says_where(corpus: Path) -> None:
    with another_device() as device:
        list(start(replace(spec(corpus), device=device), stop=lambda: True))
    list(resume(ResumeSpec(name="r", device="cpu"), stop=lambda: False))
    assert open_run("r").status == "finished" and device not in open_run("r").info.machine


@pytest.mark.parametrize(("asked", "said"), [("gpu", "a device is"), ("mps", "has no device mps")])
def test_a_device_that_is_not_there_is_one_line_and_leaves_nothing(
    corpus: Path, runs: Path, asked: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ["--corpus", str(corpus), "--device", asked]
    assert main(["train", "--name", "r", *how]) == 2
    assert said in capsys.readouterr().err and not runs.exists()


@pytest.mark.parametrize("size", ["0", "-5", "256", "511", "16385", "65537", "100000"])
def test_a_vocabulary_has_one_limit_in_one_wording(
    corpus: Path, runs: Path, size: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--name", "r", "--corpus", str(corpus), "--vocab", size]) == 2
    expected = f"slm: a vocabulary made here has 512 to 16,384 tokens, not {size}\n"
    assert capsys.readouterr().err == expected and not runs.exists()


@pytest.mark.parametrize("size", ["0", "1"])
def test_a_context_in_which_nothing_can_be_written_is_refused_before_anything_is_written(
    corpus: Path, runs: Path, size: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--name", "r", "--corpus", str(corpus), "--context", size]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and not runs.exists()


@pytest.mark.parametrize("n_ctx", [2, 3, 8])
def test_a_tiny_context_is_trained_and_written_in(corpus: Path, n_ctx: int) -> None:
    tiny = replace(spec(corpus, steps=3), config=replace(CONFIG, n_ctx=n_ctx))
    list(start(tiny, stop=lambda: False))
    run = open_run("r")
    assert run.status == "finished"
    assert {sample["step"] for sample in run.samples()} == set(run.steps)
    assert all(sample["text"] for sample in run.samples() if sample["stopped"] != "story end")


def test_a_model_that_cannot_fit_this_machine_is_refused_before_anything_is_written(
    corpus: Path, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ["--corpus", str(corpus), "--shape", "65536x999x64", "--vocab", "512", "--device", "cpu"]
    assert main(["train", "--name", "r", *how]) == 2
    said = capsys.readouterr().err
    assert "parameters takes over 617," in said and "GB on this machine's cpu" in said
    assert not runs.exists()


def with_little_memory() -> None:
    """Let this process have 8 GB of addresses: enough for torch, too little for a huge batch."""
    _, most = limits.getrlimit(limits.RLIMIT_AS)
    limits.setrlimit(limits.RLIMIT_AS, (8 << 30, most))


def test_no_memory_left_is_one_line_and_the_run_says_that_it_failed(
    corpus: Path, runs: Path
) -> None:
    shape = ["--shape", "512x1x8", "--vocab", "512", "--context", "128", "--batch", "65536"]
    trained = subprocess.run(
        [sys.executable, "-m", "slm", "train", "--name", "r", "--corpus", str(corpus), *shape],
        env={**os.environ, "SLM_RUNS": str(runs)},
        preexec_fn=with_little_memory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert trained.returncode == 1
    assert "slm: there is no memory left on cpu: train a smaller shape" in trained.stderr
    assert "Traceback" not in trained.stderr
    assert open_run("r").status == "failed"
    assert "no memory left" in open_run("r").info.message
