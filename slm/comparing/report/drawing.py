"""Small drawings for a page without any library: SVG for curves and intervals, PNG masks for heads."""

import struct
import zlib
from collections.abc import Sequence
from math import ceil, floor, log10

import numpy as np
from jaxtyping import UInt8

from slm.stats.interval import Interval
from slm.text import in_html

Series = tuple[str, str, list[tuple[float, float]]]
"""A name, a class (a or b), and its points."""

WIDE, HIGH, LEFT, BELOW = 460, 230, 44, 34
LEVELS = 32
"""Steps of a thumbnail's ink: the eye tells no more apart, and the file is half as large."""


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, 1, 2 or 5 times a power of ten apart."""
    if high <= low:
        return [low]
    rough = (high - low) / about
    size = 10.0 ** floor(log10(rough))
    step = next((m * size for m in (1, 2, 5) if m * size >= rough), 10 * size)
    return [n * step for n in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def short(number: float) -> str:
    """Format a number briefly: 2M, 500k, 0.75."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:g}{unit}"
    return f"{number:.6g}"


def chart(series: Sequence[Series], across: str, up: str) -> str:
    """Draw curves, each named at its end, as SVG."""
    xs = [x for *_, points in series for x, _ in points]
    ys = [y for *_, points in series for _, y in points]
    x_high = max(xs) or 1.0
    y_low, y_high = min(ys), max(ys)
    room = 0.05 * (y_high - y_low) or 0.5
    y_low, y_high = y_low - room, y_high + room

    def at(x: float, y: float) -> tuple[float, float]:
        return LEFT + (WIDE - LEFT) * x / x_high, HIGH * (y_high - y) / (y_high - y_low)

    drawn = []
    for y in ticks(y_low, y_high):
        _, v = at(0.0, y)
        drawn.append(f'<line class="grid" x1="{LEFT}" x2="{WIDE}" y1="{v:.1f}" y2="{v:.1f}"/>')
        drawn.append(f'<text x="{LEFT - 6}" y="{v + 4:.1f}" text-anchor="end">{short(y)}</text>')
    for x in ticks(0.0, x_high, 4):
        h, _ = at(x, y_low)
        drawn.append(f'<text x="{h:.1f}" y="{HIGH + 16}" text-anchor="middle">{short(x)}</text>')
    for row, (name, kind, points) in enumerate(series):
        path = " ".join(f"{h:.1f},{v:.1f}" for h, v in (at(x, y) for x, y in points))
        drawn.append(f'<polyline class="curve {kind}" points="{path}"/>')
        dots = "".join(
            f'<circle class="{kind}" cx="{h:.1f}" cy="{v:.1f}" r="2.5"/>'
            for h, v in (at(x, y) for x, y in points)
        )
        drawn.append(dots)
        drawn.append(
            f'<line class="curve {kind}" x1="{WIDE - 130}" x2="{WIDE - 112}" y1="{12 + 18 * row}" '
            f'y2="{12 + 18 * row}"/>'
            f'<text class="name" x="{WIDE - 106}" y="{16 + 18 * row}">{in_html(name)}</text>'
        )
    middle = (WIDE + LEFT) / 2
    drawn.append(
        f'<text x="{middle}" y="{HIGH + BELOW}" text-anchor="middle">{in_html(across)}</text>'
    )
    return (
        f"<h3>{in_html(up[:1].upper() + up[1:])}</h3>"
        f'<svg viewBox="0 -4 {WIDE} {HIGH + BELOW + 8}" role="img" aria-label="{in_html(up)}, over '
        f'{in_html(across)}">{"".join(drawn)}</svg>'
    )


def intervals(rows: Sequence[tuple[str, Interval, str]], axis: str) -> str:
    """Draw a dot with its interval for each (name, interval, class), as SVG."""
    ends = [end for _, one, _ in rows for end in one.whiskers]
    low, high = min(ends), max(ends)
    room = 0.12 * (high - low) or 0.1
    low, high = low - room, high + room
    wide, left, tall = 720, 40, 30

    def at(value: float) -> float:
        return left + (wide - left - 190) * (value - low) / (high - low)

    drawn = []
    bottom = tall * len(rows)
    for value in ticks(low, high, 6):
        x = at(value)
        drawn.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom}"/>')
        drawn.append(
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{short(round(value, 6))}</text>'
        )
    for row, (name, one, kind) in enumerate(rows):
        y = tall * row + tall / 2
        drawn.append(f'<text class="name" x="0" y="{y + 4}">{in_html(name)}</text>')
        left_end, right_end = map(at, one.whiskers)
        drawn.append(
            f'<line class="{kind} wide" x1="{left_end:.1f}" x2="{right_end:.1f}" y1="{y}" y2="{y}"/>'
            f'<circle class="{kind}" cx="{at(one.mean):.1f}" cy="{y}" r="6"/>'
            f'<text class="name" x="{wide - 175}" y="{y + 4}">{one.to_text(".3f")}</text>'
        )
    drawn.append(
        f'<text x="{(wide - 190 + left) / 2}" y="{bottom + 32}" text-anchor="middle">{in_html(axis)}</text>'
    )
    told = in_html(f"{axis}: " + ", ".join(f"{name} {one.to_text('.3f')}" for name, one, _ in rows))
    box = f'viewBox="0 0 {wide} {bottom + 38}" role="img" style="max-width:46rem"'
    return f'<svg {box} aria-label="{told}">{"".join(drawn)}</svg>'


def mosaic(
    images: UInt8[np.ndarray, "unit high wide"],
) -> tuple[UInt8[np.ndarray, "y x"], int]:
    """Tile images into one, row by row; also return the images per row."""
    count, high, wide = images.shape
    columns = min(16, count)
    rows = -(-count // columns)
    image = np.zeros((rows * columns, high, wide), dtype=np.uint8)
    image[:count] = images
    together = image.reshape(rows, columns, high, wide).transpose(0, 2, 1, 3)
    return together.reshape(rows * high, columns * wide), columns


def mask(image: UInt8[np.ndarray, "y x"]) -> bytes:
    """Encode `image` as the alpha channel of a palette PNG with `LEVELS` levels."""
    high, wide = image.shape
    levels = np.rint(image.astype(float) / 255 * (LEVELS - 1)).astype(np.uint8)
    alpha = np.rint(np.linspace(0, 255, LEVELS)).astype(np.uint8)
    lines = np.concatenate([np.zeros((high, 1), np.uint8), levels], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", bytes(3 * LEVELS))
        + chunk(b"tRNS", alpha.tobytes())
        + chunk(b"IDAT", zlib.compress(lines.tobytes(), 9))
        + chunk(b"IEND", b"")
    )
