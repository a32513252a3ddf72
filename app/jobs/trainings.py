"""Trainings as the pages ask for them. Knows the queue, no streamlit; every browser sees the same.

A training is a process of its own: it goes on when the browser is closed and when the app ends.
"""

import os
import re
import signal
from dataclasses import dataclass

from slm.stories.sources import absolute
from slm.training import queue


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to train: `shape` is a preset's name or `64x8x4`; the budget is minutes or tokens.

    With a `parent`, an address, the model begins as that checkpoint, and has its shape.
    """

    shape: str = ""
    vocabulary: int = 0
    parent: str = ""
    corpus: str
    minutes: float | None = None
    tokens: int | None = None
    seed: int = 0
    recipe: str = "muon"
    muon_lr: float | None = None
    adam_lr: float | None = None

    def arguments(self) -> list[str]:
        """As the command line takes them."""
        words = [
            "--corpus",
            absolute(self.corpus),
            "--seed",
            str(self.seed),
            "--recipe",
            self.recipe,
        ]
        if self.parent:
            words += ["--from", self.parent]
        else:
            words += ["--shape", self.shape, "--vocab", str(self.vocabulary)]
        if self.minutes is None:
            words += ["--tokens", str(self.tokens)]
        else:
            words += ["--minutes", str(self.minutes)]
        for name, rate in (("--muon-lr", self.muon_lr), ("--adam-lr", self.adam_lr)):
            if rate is not None:
                words += [name, f"{rate:g}"]
        return words


def wake() -> None:
    """See to it that somebody works where something waits: the worker may have been killed."""
    if queue.waiting() and not queue.training():
        queue.start_worker()


def failed(name: str) -> bool:
    """Whether the newest training of `name` ended badly, killed by the system included.

    One that was asked to end did not: SIGTERM, which it may get before it listens.
    """
    return queue.exit_code(name) not in (None, 0, -signal.SIGTERM)


def last_lines(name: str, count: int = 8) -> str:
    """The end of what a training said; empty where it said nothing."""
    try:
        with queue.log_path(name).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            said = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(line.rstrip() for line in re.split(r"\r\n|\r|\n", said.rstrip())[-count:])
