"""Fields of a foreign configuration: which are known, and at which values they change nothing.

What is listed is what is known. A field that is not may change what the model computes, so it is
refused by its name, unless it says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slm.errors import BadInput, shown

LARGEST = 1 << 24


@dataclass(frozen=True, kw_only=True)
class KnownFields:
    """The fields of a kind of configuration.

    `read` become part of ours, or are compared with it. `without_effect` change nothing that is
    computed. `only` are not computed here, and given are the values at which they change nothing.
    """

    read: frozenset[str]
    without_effect: frozenset[str]
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def check(self, data: Mapping[str, Any]) -> None:
        """Raise `BadInput` for the first field whose value may change what is computed."""
        for name, value in data.items():
            if value is None or name in self.read or name in self.without_effect:
                continue
            if isinstance(value, str | list | dict) and not value:
                continue
            usual = self.only.get(name)
            if usual is None:
                raise BadInput(
                    f"{shown(name)} is no field that is known here and may change what the model "
                    f"computes; it must be left out, not {shown(value)}"
                )
            if value not in usual:
                raise BadInput(
                    f"{name} must be {' or '.join(map(str, usual)) or 'left out'}, not {shown(value)}"
                )


def names(text: str) -> frozenset[str]:
    """Split a text at white space into a set of names."""
    return frozenset(text.split())


def whole(data: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """Return a size field, or `default` where it is missing; `BadInput` where it is no whole number."""
    value = data.get(name)
    value = default if value is None else value
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise BadInput(f"{name} must be a whole number of 1 to {LARGEST:,}, not {shown(value)}")
    return value


def number(data: Mapping[str, Any], name: str, default: float) -> float:
    """Return a positive number, or `default` where it is missing; `BadInput` where it is none."""
    value = data.get(name)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise BadInput(f"{name} must be a number above 0, not {shown(value)}")
    return float(value)


def flag(data: Mapping[str, Any], name: str, default: bool) -> bool:
    """Return a boolean field, or `default` where it is missing; `BadInput` where it is none."""
    value = data.get(name, default)
    if not isinstance(value, bool):
        raise BadInput(f"{name} must be true or false, not {shown(value)}")
    return value
