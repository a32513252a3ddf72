"""A process is known by its machine, boot and beginning, and no other is asked to end."""

import dataclasses
import signal
import subprocess
import time
from pathlib import Path

from slm.cli import main
from slm.processes import Process
from slm.runs import Run


def test_a_process_is_known_by_machine_boot_and_beginning(holder: subprocess.Popen[str]) -> None:
    process = Process.of(holder.pid)
    assert process.is_here() and process.may_live()
    for other in ({"host": "elsewhere"}, {"boot": "another"}, {"began": "1"}, {"boot": ""}):
        assert not dataclasses.replace(process, **other).is_here()
        assert not dataclasses.replace(process, **other).ask_to_end()
    assert dataclasses.replace(process, host="elsewhere").may_live(), "nobody here can know"
    assert holder.poll() is None
    assert process.ask_to_end() and holder.wait(10) == -signal.SIGTERM
    assert not process.is_here() and not process.may_live() and not process.ask_to_end()


def test_a_training_of_another_machine_is_asked_by_a_file_and_no_process_here_is_touched(
    holder: subprocess.Popen[str], runs: Path
) -> None:
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        run = Run(runs / "tiny")
        elsewhere = dataclasses.replace(Process.of(bystander.pid), host="another-container")
        run.update(status="training", process=elsewhere)
        assert main(["queue", "stop", "tiny"]) == 0
        assert run.stop_path.exists()
        time.sleep(0.3)
        assert bystander.poll() is None and holder.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
