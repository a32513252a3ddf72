"""Read files that may be damaged: every damage is a `BadInput` of one line that names the file.

A file that is not there is a `FileNotFoundError`, for what that means differs from file to file.
"""

import contextlib
import json
import math
import re
import stat
import tokenize
import types
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from typing import is_typeddict as is_typed_dict

import numpy as np

from slm.errors import BadInput, one_line, shown

T = TypeVar("T")

AT_MOST = 256 << 20
"""Bytes of text that are read: more is no file of ours, and would only fill the memory."""
WHOLE_NUMBERS = 1 << 64
"""Whole numbers lie below this, either side of 0: what 64 bits hold, as a seed may."""
BEFORE_IT = "; the lines before it are shown"
IN_WORDS: dict[object, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    type(None): "null",
    dict: "an object",
    list: "a list",
}


def typed_path(text: str) -> Path:
    """Resolve a typed path, `~` and `~name` included; `BadInput` where it can be no path."""
    try:
        if "\0" in text:
            raise ValueError("it has a NUL")
        path = Path(text).expanduser()
        path.exists()  # which tells whether the system takes such a name
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: nobody has that name
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"{shown(text)} is no path: {reason}") from None
    return path


# --- text and JSON ------------------------------------------------------------------------------------


def read_bytes(path: Path) -> bytes:
    """Read a whole file; `BadInput` where it is no file, unreadable, or beyond `AT_MOST` bytes."""
    try:
        there = path.stat()
        if not stat.S_ISREG(there.st_mode):
            raise BadInput(f"{path} is no file")
        if there.st_size > AT_MOST:
            raise BadInput(f"{path} has {there.st_size:,} bytes, and at most {AT_MOST:,} are read")
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from None


def read_text(path: Path) -> str:
    """Read a whole UTF-8 file without its byte order mark; `BadInput` where it is not UTF-8."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no UTF-8 text: byte {error.start + 1:,} is not") from None


def read_json(path: Path, kind: type[T] | types.GenericAlias) -> T:
    """Read a JSON file as a `kind` (see `typed`)."""
    try:
        data = parse_json(read_text(path))
    except ValueError as error:
        raise error if isinstance(error, BadInput) else BadInput(f"{path} {error}") from None
    return typed(kind, data, str(path))


def parse_json(text: str) -> Any:
    """Read JSON, which knows neither NaN nor infinity; `ValueError` saying what it is not."""
    try:
        return _JSON.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error}") from None
    except RecursionError:
        raise ValueError("is not JSON of ours: it is nested too deeply") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise ValueError(f"is not JSON of ours: {error}") from None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON's")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _no_number(digits[:20])


_JSON = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


@dataclass(frozen=True, kw_only=True)
class Lines(Generic[T]):
    """The whole lines of a file up to the first that is damaged, and what is wrong with that one."""

    found: tuple[T, ...] = ()
    raw: tuple[bytes, ...] = ()
    damage: str = ""


def read_lines(path: Path, kind: type[T] | types.GenericAlias) -> Lines[T]:
    """Read a JSON Lines file of `kind`s up to the first damaged line.

    A half-written last line is skipped; a missing file has no lines.
    """
    try:
        whole, _, _half = read_bytes(path).rpartition(b"\n")
    except FileNotFoundError:
        return Lines()
    except BadInput as error:
        return Lines(damage=str(error))
    found, raw = [], []
    for number, line in enumerate(whole.split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{path} line {number}"
        try:
            found.append(typed(kind, parse_json(line.decode()), where))
        except UnicodeDecodeError:
            damage = f"{where} is no UTF-8 text"
        except ValueError as error:
            damage = str(error) if isinstance(error, BadInput) else f"{where} {error}"
        else:
            raw.append(line)
            continue
        damage += BEFORE_IT
        return Lines(found=tuple(found), raw=tuple(raw), damage=damage)
    return Lines(found=tuple(found), raw=tuple(raw))


# --- types --------------------------------------------------------------------------------------------


def typed(kind: type[T] | types.GenericAlias, data: object, where: str) -> T:
    """Validate JSON `data` as a `kind`; `BadInput` naming `where` and the first field that does not fit.

    Knows dataclasses and TypedDicts (whose unknown fields are ignored), `dict`, `list`, `tuple`,
    `Literal`, unions and plain values. A bool is no number, and a float may be written as a whole
    one.
    """
    try:
        value: T = _fit(kind, data, "")
    except _Unfit as error:
        raise BadInput(f"{where}: {error}") from None
    return value


class _Unfit(Exception):
    pass


def _fit(kind: Any, value: Any, name: str) -> Any:
    origin, parts = _made_of(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return _any_of(parts, value, name)
    if origin is Literal:
        if any(type(value) is type(part) and value == part for part in parts):
            return value
        raise _Unfit(_must(name, f"one of {', '.join(map(repr, parts))}", value))
    if is_dataclass(kind):
        return _record(kind, value, name)
    if is_typed_dict(kind):
        hints = _hints(kind)
        if missing := sorted(kind.__required_keys__ - _a(dict, value, name).keys()):
            raise _Unfit(f"{_at(name, missing[0])} is missing")
        return {k: _fit(hints.get(k, Any), v, _at(name, k)) for k, v in value.items()}
    if kind is dict or origin is dict:
        by, of = parts or (str, Any)
        return {
            _key(by, k, name): _fit(of, v, _at(name, k)) for k, v in _a(dict, value, name).items()
        }
    if kind is list or origin in (list, tuple):
        of = parts[0] if parts else Any
        items = [_fit(of, v, f"{name}[{n}]") for n, v in enumerate(_a(list, value, name))]
        return tuple(items) if origin is tuple else items
    if kind is float:
        number = float(_a(int, value, name) if type(value) is int else _a(float, value, name))
        if not math.isfinite(number):
            raise _Unfit(_must(name, "a number that is finite", value))
        return number
    return _a(kind, value, name)


def _any_of(parts: tuple[Any, ...], value: Any, name: str) -> Any:
    if value is None and type(None) in parts:
        return None
    *others, last = (part for part in parts if part is not type(None))
    for part in others:
        with contextlib.suppress(_Unfit):
            return _fit(part, value, name)
    return _fit(last, value, name)


def _key(kind: Any, key: str, name: str) -> Any:
    """Convert a JSON key to int where `kind` is int; raises `_Unfit` where it is no whole number."""
    if kind is not int:
        return key
    if not re.fullmatch(r"-?[0-9]{1,18}", key):
        raise _Unfit(_must(name, "an object whose keys are whole numbers", key))
    return int(key)


def _record(kind: Any, value: Any, name: str) -> Any:
    hints, given = _hints(kind), _a(dict, value, name)
    found = {}
    for field in fields(kind):
        if field.name in given:
            of = field.metadata.get("kind", hints[field.name])
            found[field.name] = _fit(of, given[field.name], _at(name, field.name))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise _Unfit(f"{_at(name, field.name)} is missing")
    try:
        return kind(**found)
    except BadInput as error:  # a rule of its own
        raise _Unfit(str(error)) from None


@cache
def _made_of(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(kind), get_args(kind)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _a(kind: Any, value: Any, name: str) -> Any:
    if type(value) is not kind or (kind is int and abs(value) >= WHOLE_NUMBERS):
        raise _Unfit(_must(name, IN_WORDS[kind], value))
    return value


def _must(name: str, be: str, value: object) -> str:
    return f"{name or 'it'} must be {be}, not {shown(value)}"


def _at(name: str, field: str) -> str:
    return f"{name}.{one_line(field)}" if name else one_line(field)


# --- arrays -------------------------------------------------------------------------------------------


def open_array(path: Path, dtype: Any, shape: Sequence[int | None]) -> np.ndarray:
    """Map a .npy file, read-only, once its header and length are known to be right.

    `shape` has None where a length may be any. `BadInput` where it is not such a file.
    """

    def read() -> np.ndarray:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(f"its format is {version}")
            there, by_column, of = np.lib.format.read_array_header_1_0(file)
            begins = file.tell()
        if of != np.dtype(dtype) or by_column:
            raise ValueError(f"it holds {of}, not {np.dtype(dtype)}")
        if len(there) != len(shape) or any(
            want not in (None, have) for want, have in zip(shape, there, strict=True)
        ):
            raise ValueError(f"its shape is {there}, not {tuple(shape)}")
        return _mapped(path, np.dtype(dtype), there, begins)

    return _checked(path, read)


def open_numbers(path: Path, dtype: Any, length: int | None = None) -> np.ndarray:
    """Map a file of bare numbers, read-only; `BadInput` where it is not `length` of them."""

    def read() -> np.ndarray:
        size, each = path.stat().st_size, np.dtype(dtype).itemsize
        if size % each or length not in (None, size // each):
            raise ValueError(f"it has {size:,} bytes, not {length or 'a number'} of {each} each")
        return _mapped(path, np.dtype(dtype), (size // each,), 0)

    return _checked(path, read)


def _mapped(path: Path, dtype: np.dtype, shape: tuple[int, ...], begins: int) -> np.ndarray:
    size = math.prod(shape) * dtype.itemsize
    if (there := path.stat().st_size - begins) != size:
        raise ValueError(f"it has {there:,} bytes of numbers, not {size:,}")
    if size == 0:  # nothing can be mapped of it
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=begins, shape=shape)


def _checked(path: Path, read: Callable[[], np.ndarray]) -> np.ndarray:
    try:
        if not path.is_file():
            raise BadInput(f"{path} is not there, or is no file")
        return read()
    except BadInput:
        raise
    except (
        ValueError,
        TypeError,
        OSError,
        EOFError,
        SyntaxError,
        OverflowError,
        RecursionError,
        MemoryError,
        tokenize.TokenError,
    ) as error:
        raise BadInput(f"{path} is damaged: {error}") from None
