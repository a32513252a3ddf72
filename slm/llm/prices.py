"""Prices of judges: the table that ships, overridden by the user's own in `runs/prices.toml`."""

import contextlib
import json
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from slm.errors import BadInput, shown
from slm.files import write_text
from slm.reading import read_text, typed
from slm.runs import runs_dir

_HEADING = "# US dollars per million tokens, as [input, output]: yours, over those that ship.\n"


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Return the price of a call in US dollars."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


def prices() -> dict[str, Price]:
    """Return every known price by the judge's name; the user's own replace shipped ones."""
    return {**shipped_prices(), **own_prices()}


@dataclass(frozen=True, kw_only=True)
class Bill:
    """The expected tokens and cost of calls; `cost` in US dollars, None where the price is unknown."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None


def bill(model: str, *, calls: int, input_tokens: int, output_tokens: int) -> Bill:
    """Price calls that were not sent yet."""
    price = prices().get(model)
    return Bill(
        calls=calls,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost=None if price is None else price.of(input_tokens, output_tokens),
    )


@cache
def shipped_prices() -> Mapping[str, Price]:
    """Read the price table that ships, `prices.toml`."""
    text = resources.files("slm.llm").joinpath("prices.toml").read_text(encoding="utf-8")
    return _read(text, "the price table that ships")


def own_prices() -> dict[str, Price]:
    """Read the user's own price table; empty where there is none. `BadInput` where it cannot be read."""
    try:
        return _read(read_text(own_path()), str(own_path()))
    except FileNotFoundError:
        return {}
    except BadInput as error:
        raise BadInput(f"{error}; mend it, or delete it and enter your prices again") from None


def own_path() -> Path:
    """Return the path of the user's own price table."""
    return runs_dir() / "prices.toml"


def save_prices(table: Mapping[str, Price]) -> None:
    """Keep what differs from the table that ships as the user's own."""
    for name, price in table.items():
        _check(name, [price.input, price.output], "the price table")
    shipped = shipped_prices()
    own = {name: price for name, price in table.items() if shipped.get(name) != price}
    lines = [f"{_quoted(name)} = [{p.input!r}, {p.output!r}]\n" for name, p in own.items()]
    write_text(own_path(), _HEADING + "".join(lines))


def _quoted(name: str) -> str:
    """Quote a name as a TOML string; characters beyond 16 bits are not split into surrogates."""
    return json.dumps(name, ensure_ascii=False)


def _read(text: str, where: str) -> dict[str, Price]:
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise BadInput(f"{where} cannot be read: {error}") from None
    return {name: _check(name, value, where) for name, value in table.items()}


def _check(name: str, value: object, where: str) -> Price:
    in_one_line = not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name)
    with contextlib.suppress(ValueError):
        read, written = typed(tuple[float, ...], value, where)
        if name.strip() and in_one_line and min(read, written) >= 0:
            return Price(input=read, output=written)
    raise BadInput(
        f"{where}: a price is a judge's name and two numbers of at least 0, in US dollars per "
        f"million tokens, [input, output], not {shown(name)} and {shown(value)}"
    )
