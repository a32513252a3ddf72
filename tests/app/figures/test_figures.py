"""Figures show the numbers they were given, small enough to send, and text only as text."""

import json
import struct
import zlib

import numpy as np

from app.figures.attention import GAP, THUMBNAIL, attention_map, mosaic, png, thumbnails
from app.figures.intervals import intervals
from app.figures.training import loss_curve, parts
from app.theme import DARK, LIGHT


def causal(n_layers: int, n_heads: int, length: int, seed: int = 0) -> np.ndarray:
    """Random attention patterns."""
    scores = np.random.default_rng(seed).random((n_layers, n_heads, length, length))
    scores *= np.tri(length)
    return (scores / scores.sum(-1, keepdims=True)).astype(np.float32)


def test_repeated_tokens_stay_distinct_positions() -> None:
    figure = attention_map(causal(1, 1, 3)[0, 0], [" the", " the", " the"], LIGHT)
    assert list(figure.data[0].x) == ["the · 0", "the · 1", "the · 2"]
    assert list(figure.layout.xaxis.ticktext) == ["the", "the", "the"]


def test_token_text_is_never_markup() -> None:
    str_tokens = ["<b>bold</b>", "<a href='javascript:alert(1)'>x</a>", "&lt;", "a\nb", "  "]
    figure = attention_map(causal(1, 1, 5)[0, 0], str_tokens, LIGHT)
    shown = [*figure.data[0].x, *figure.layout.xaxis.ticktext]
    assert not any("<" in text for text in shown)
    assert figure.layout.xaxis.ticktext[0] == "&lt;b&gt;bold&lt;/b&gt;"
    assert list(figure.layout.xaxis.ticktext[2:]) == ["&amp;lt;", "a⏎b", "␣␣"]


def test_no_token_looks_ahead_in_the_map() -> None:
    figure = attention_map(causal(1, 1, 4)[0, 0], list("abcd"), LIGHT)
    z = np.asarray(figure.data[0].z)
    assert np.isnan(z[np.triu_indices(4, 1)]).all()
    assert np.allclose(np.nansum(z, axis=1), 1, atol=1e-6)


def test_the_png_holds_the_levels_and_the_colours() -> None:
    image = np.array([[0, 255], [128, 0]], dtype=np.uint8)
    data = png(image, ("#000000", "#ff8000"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (2, 2)
    palette = data[data.index(b"PLTE") + 4 :][:768]
    assert palette[:3] == bytes([0, 0, 0]) and palette[-3:] == bytes([255, 128, 0])
    at = data.index(b"IDAT")
    (size,) = struct.unpack(">I", data[at - 4 : at])
    assert zlib.decompress(data[at + 4 : at + 4 + size]) == bytes([0, 0, 255, 0, 128, 0])


def test_a_thumbnail_shows_its_head_where_the_click_says() -> None:
    pattern = np.zeros((2, 3, 4, 4), dtype=np.float32)
    pattern[1, 2, 3, 0] = 1.0
    image, places = mosaic(pattern, columns=3)
    x, y = places[1 * 3 + 2]
    assert (x, y) == (2 * (4 + GAP), 4 + GAP)
    assert image[y + 3, x] == 255
    assert image.max() == 255 and (image == 255).sum() == 1


def test_a_long_storys_thumbnail_loses_no_strong_look() -> None:
    pattern = np.zeros((1, 1, 250, 250), dtype=np.float32)
    pattern[0, 0, 249, 117] = 1.0
    image, _ = mosaic(pattern, columns=1)
    assert image.shape == (THUMBNAIL, THUMBNAIL)
    assert image[-1].max() == 255


def test_thirty_two_heads_at_256_tokens_are_a_small_picture() -> None:
    figure = thumbnails(causal(4, 8, 256), DARK, (0, 0))
    assert len(figure.to_json()) < 250_000
    assert [tuple(pair) for pair in figure.data[0].customdata][-1] == (3, 7)


def test_each_thumbnail_bears_its_layer_and_head() -> None:
    figure = thumbnails(causal(2, 2, 8), LIGHT, (0, 0))
    assert list(figure.data[1].text) == ["0.0", "0.1", "1.0", "1.1"]


def test_loss_and_parts_show_the_numbers_given() -> None:
    curve = json.loads(loss_curve([(0, 5.0), (10, 4.0)], [(10, 4.5)], LIGHT).to_json())
    assert [trace["y"] for trace in curve["data"]] == [[5.0, 4.0], [4.5]]
    bar = parts({"attention": 3, "mlp": 5}, LIGHT)
    assert [list(trace.x) for trace in bar.data] == [[3], [5]]


def test_an_interval_reaches_from_low_to_high() -> None:
    figure = intervals([("grammar", 6.0, 5.5, 7.0)], LIGHT, "grade", (1, 10))
    error = figure.data[0].error_x
    assert list(error.array) == [1.0] and list(error.arrayminus) == [0.5]
