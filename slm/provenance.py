"""Provenance of kept results: what each was made from, and whether that still holds."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from slm.errors import BadInput
from slm.files import write_text
from slm.reading import read_json, typed
from slm.runs import Address, Run

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What went into a result: the sha256 of each checkpoint's weights, by address, and all settings.

    Settings are plain JSON values.
    """

    weights: dict[str, str]
    settings: dict[str, Any]

    @classmethod
    def of(
        cls, checkpoints: Iterable[tuple[Run, int]], settings: Mapping[str, Any]
    ) -> "Provenance":
        """Record what the checkpoints of these runs at these steps hold now."""
        weights = {
            str(Address(run.name, step)): run.weights_hash(step) for run, step in checkpoints
        }
        return cls(weights=weights, settings=dict(settings))

    @classmethod
    def from_file(cls, data: object, where: str) -> "Provenance | None":
        """Read the record in a kept file; None where its writer kept none. `BadInput` where it is none.

        Files from before the record had this name call it `made`, and may hold one hash alone.
        """
        if not isinstance(data, dict):
            raise BadInput(f"{where}: it must be an object")
        found = data.get("provenance", data.get("made"))
        if found is None:
            return None
        weights = found.get("weights") if isinstance(found, dict) else None
        if isinstance(weights, str):
            weights = {"": weights}
        if not isinstance(weights, dict) or not all(
            isinstance(one, str) for one in weights.values()
        ):
            raise BadInput(f"{where}: its provenance must name the weights")
        settings = {name: value for name, value in found.items() if name != "weights"}
        return cls(weights=weights, settings=settings)

    def to_json(self) -> dict[str, Any]:
        """Return the record that `from_file` reads under the key `provenance`."""
        return {"weights": self.weights, **self.settings}

    def holds(self, now: "Provenance") -> bool:
        """Return whether `now` has the same weights and settings; a run may have been renamed."""
        same = list(self.weights.values()) == list(now.weights.values())
        return same and self.settings == now.settings

    def step_of(self, run: Run, address: str) -> int | None:
        """Return the step of `run` that `address` names; None for another run, or if gone or retrained."""
        try:
            parsed = Address.parse(address)
        except BadInput:  # no address of ours
            return None
        step = parsed.step
        if parsed.run != run.name or step is None or not run.checkpoint_path(step).exists():
            return None
        return step if self.weights.get(address) == run.weights_hash(step) else None


def read_kept(path: Path, kind: type[T], now: Callable[[], Provenance]) -> T | None:
    """Read a kept result; None where there is none, it cannot be read, or `now` is another provenance.

    `kind` is a dataclass of what stands beside the provenance. `now` is asked only where there is a file.
    """
    try:
        data = read_json(path, dict[str, Any])
        made = Provenance.from_file(data, str(path))
        return typed(kind, data, str(path)) if made is not None and made.holds(now()) else None
    except (FileNotFoundError, BadInput):
        return None


def write_kept(path: Path, made: Provenance, result: Mapping[str, Any]) -> None:
    """Write a result, whole, beside its provenance; one with a number that JSON lacks is not kept."""
    data = {"provenance": made.to_json(), **result}
    try:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:  # NaN: of fewer observations than an interval takes
        return
    write_text(path, text + "\n")
