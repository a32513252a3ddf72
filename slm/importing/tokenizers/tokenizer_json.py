"""A tokenizer.json of another's: a BPE whose habits at a text's beginning become a story's prefix.

What it puts around a text or takes from its ends is left out, so that a text that goes on in mid-story
can be encoded and what a model writes keeps its first space. How a story begins is then found by trial:
the one way that gives the ids which the `tokenizers` library gives for the file as it is.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import tokenizers

from slm.errors import BadInput, shown
from slm.importing.tokenizers import round_trip
from slm.stories.tokenizer import Leading, Tokenizer

BYTE_LEVEL = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": True,
}
BEGINNINGS: tuple[tuple[str, Leading], ...] = (
    ("", "kept"),
    (" ", "kept"),
    (" ", "shared"),
    ("", "dropped"),
    (" ", "dropped"),
)
LISTS = {
    "normalizer": "normalizers",
    "pre_tokenizer": "pretokenizers",
    "decoder": "decoders",
}
TokenizerStep = dict[str, Any]
Marks = Callable[[Mapping[str, int]], tuple[int, int]]


def read(data: dict[str, Any], d_vocab: int, marks: Marks) -> tuple[Tokenizer, tuple[str, ...]]:
    """Convert a foreign tokenizer.json; also return the notes on its import.

    `marks` finds the opening and ending token among the ids. Raises `BadInput` for anything but a
    BPE, for one larger than its model, and where ids would differ from those of its own library.
    """
    data, notes = _without_padding(_without_options(data), d_vocab)
    theirs = _made(data)
    opening, end = marks({**added(data), **data["model"]["vocab"]})
    inner = _made(_without_habits(_with_special(data, (opening, end))))
    best: tuple[int, str] | None = None
    for prefix, leading in BEGINNINGS:
        ours = Tokenizer(
            inner, opening=opening, end=end, prefix=prefix, leading=leading, d_vocab=d_vocab
        )
        if not (otherwise := round_trip.cut_otherwise(theirs, ours)):
            return ours, (*notes, *round_trip.habits(ours, theirs))
        best = min(best or (len(round_trip.TEXTS) + 1, ""), (len(otherwise), otherwise[0]))
    assert best is not None
    raise BadInput(
        f"its tokenizer.json cuts {shown(best[1])} otherwise than can be done here, so its model "
        "would read other tokens than it learned"
    )


def added(data: Mapping[str, Any]) -> dict[str, int]:
    """Return the ids of a tokenizer.json's added tokens."""
    return {str(token["content"]): int(token["id"]) for token in data.get("added_tokens") or []}


def _made(data: dict[str, Any]) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_str(json.dumps(data))


def _without_options(data: dict[str, Any]) -> dict[str, Any]:
    """Remove truncation, padding and merge dropout, which are for training."""
    model = data.get("model")
    if not isinstance(model, dict):
        raise BadInput("it has no model, so it is no tokenizer.json")
    if (kind := model.get("type", "BPE" if "merges" in model else None)) != "BPE":
        raise BadInput(f"a tokenizer must be a BPE, not {shown(kind)}")
    return {**data, "truncation": None, "padding": None, "model": {**model, "dropout": None}}


def _without_padding(data: dict[str, Any], d_vocab: int) -> tuple[dict[str, Any], list[str]]:
    """Remove special tokens past the model's vocabulary, which no text yields; also note them."""
    inside: list[TokenizerStep] = []
    past: list[TokenizerStep] = []
    for token in data.get("added_tokens") or []:
        beyond = token["special"] is True and int(token["id"]) >= d_vocab
        (past if beyond and token["content"] not in data["model"]["vocab"] else inside).append(
            token
        )
    names = ", ".join(shown(token["content"]) for token in past[:3])
    notes = [f"Special tokens past its vocabulary are left out, as no text yields them: {names}."]
    return {**data, "added_tokens": inside}, notes if past else []


def _with_special(data: dict[str, Any], marks: tuple[int, int]) -> dict[str, Any]:
    """Mark the tokens that open and end a story as special, so that text never yields them."""
    tokens = [
        {**token, "special": True} if token["id"] in marks else token
        for token in data.get("added_tokens") or []
    ]
    return {**data, "added_tokens": tokens}


def _without_habits(data: dict[str, Any]) -> dict[str, Any]:
    """Remove what is added before or around a text, or stripped from its beginning."""
    data = {**data, "post_processor": None}
    normalizer = _changed(data, "normalizer", _without_beginning)
    splits = _changed(data, "pre_tokenizer", _without_prefix)
    parts = {"normalizer": normalizer, "pre_tokenizer": splits}
    if any(
        step.get("type") == "ByteLevel"
        for part in ("normalizer", "pre_tokenizer")
        for step in _steps(data, part)
    ):
        return {**data, **parts, "decoder": BYTE_LEVEL}
    vocabulary = data["model"]["vocab"]
    if not data["model"].get("byte_fallback") or any(
        f"<0x{byte:02X}>" not in vocabulary for byte in range(256)
    ):
        raise BadInput(
            "a tokenizer must know every byte: by ByteLevel, or by byte_fallback and 256 tokens"
        )
    return {**data, **parts, "decoder": _changed(data, "decoder", _without_strip)}


def _without_beginning(step: TokenizerStep) -> TokenizerStep | None:
    if step["type"] == "Prepend":
        return None
    if step["type"] == "Strip":
        return {**step, "strip_left": False}
    pattern = step.get("pattern")
    if step["type"] == "Replace" and isinstance(pattern, dict) and "Regex" in pattern:
        ways = str(pattern["Regex"]).split("|")
        kept = [way for way in ways if not way.startswith("\\A")]
        if len(kept) < len(ways) and not re.search(r"[(\[]", str(pattern["Regex"])):
            return {**step, "pattern": {"Regex": "|".join(kept)}} if kept else None
    return step


def _without_prefix(step: TokenizerStep) -> TokenizerStep:
    changes: TokenizerStep = {}
    if "add_prefix_space" in step:
        changes["add_prefix_space"] = False
    if step["type"] == "Metaspace":
        changes["prepend_scheme"] = "never"
    return {**step, **changes}


def _without_strip(step: TokenizerStep) -> TokenizerStep | None:
    return None if step["type"] == "Strip" else _without_prefix(step)


def _steps(data: Mapping[str, Any], part: str) -> list[TokenizerStep]:
    """Return a part of a tokenizer.json as a list of steps."""
    whole = data.get(part)
    if not whole:
        return []
    return list(whole[LISTS[part]]) if whole["type"] == "Sequence" else [whole]


def _changed(
    data: Mapping[str, Any], part: str, change: Callable[[TokenizerStep], TokenizerStep | None]
) -> TokenizerStep | None:
    """Map `change` over the steps of a part, dropping those that become None."""
    steps = [changed for step in _steps(data, part) if (changed := change(step)) is not None]
    if not steps:
        return None
    return {"type": "Sequence", LISTS[part]: steps} if len(steps) > 1 else steps[0]
