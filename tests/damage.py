"""Ways a file may be damaged: by a kill, a disk, an editor, another program, or on purpose."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from slm.errors import BadInput

OTHER_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**12,
    10**40,
    1e308,
    2.5,
    "",
    "abc",
    "9" * 50,
    "\ud800",
    "\u2028",
    "x" * 5000,
    [],
    [[]],
    {},
    {"": ""},
    [None] * 3,
)
OTHER_BYTES = (
    b"\x00",
    b"\x00" * 64,
    b"\xff\xfe",
    b"\xc3",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 5000,
    b"[" * 3000,
    b'{"a":' * 2000,
    b"\n",
    b'"',
    b"}",
    b",",
    b"\xef\xbb\xbf",
    "\u2028\x85".encode(),
)


def damaged(whole: bytes, count: int, seed: int) -> Iterator[bytes]:
    """So many damaged variants of a file's bytes, the same for the same seed."""
    draw = random.Random(seed)
    yield b""
    yield b"\x00" * len(whole)
    yield whole[:-1]
    for _ in range(count - 3):
        yield draw.choice((_cut, _flipped, _spliced, _other_value, _other_value))(whole, draw)


def _cut(whole: bytes, draw: random.Random) -> bytes:
    start, end = sorted(draw.randrange(len(whole) + 1) for _ in range(2))
    return draw.choice((whole[:start], whole[end:], whole[:start] + whole[end:]))


def _flipped(whole: bytes, draw: random.Random) -> bytes:
    changed = bytearray(whole)
    for _ in range(draw.choice((1, 1, 3, 20))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _spliced(whole: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(whole) + 1)
    return whole[:at] + draw.choice(OTHER_BYTES) + whole[at + draw.choice((0, 1, 8)) :]


def _other_value(whole: bytes, draw: random.Random) -> bytes:
    """Another value in one place of its JSON (of one of its lines); a flipped bit where it has none."""
    try:
        lines = whole.split(b"\n") if whole.count(b"\n{") else [whole]
        at = draw.randrange(len(lines))
        data = json.loads(lines[at])
    except ValueError:
        return _flipped(whole, draw)
    box = {"all": data}
    place: Any = box
    keys: list[Any] = ["all"]
    while keys:
        key = draw.choice(keys)
        inside = place[key]
        keys = (
            list(inside)
            if isinstance(inside, dict)
            else list(range(len(inside)))
            if isinstance(inside, list)
            else []
        )
        if not keys or draw.random() < 0.3:
            if isinstance(place, dict) and draw.random() < 0.2:
                del place[key]
            else:
                place[key] = draw.choice(OTHER_VALUES)
            break
        place = inside
    lines[at] = json.dumps(box.get("all")).encode()
    return b"\n".join(lines)


def complaints(path: Path, read: Callable[[], object], count: int, seed: int = 0) -> list[str]:
    """What `read` does wrong with damaged variants of `path`: anything but a value or one line."""
    whole, wrong = path.read_bytes(), []
    try:
        for variant in damaged(whole, count, seed):
            path.write_bytes(variant)
            if complaint := _complaint(read):
                wrong.append(f"{complaint} with {variant[:300]!r}")
        path.unlink()
        path.mkdir()
        if complaint := _complaint(read):
            wrong.append(f"{complaint} with a folder in its place")
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        path.write_bytes(whole)
    return wrong


def _complaint(read: Callable[[], object]) -> str:
    try:
        read()
    except BadInput as error:
        return "" if "\n" not in str(error) else f"more than a line: {error}"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{type(error).__name__}: {error}"
    return ""
