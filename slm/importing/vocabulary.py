"""Tokenizers that others made: GPT-2's kind (bytes) and Llama's (SentencePiece's BPE as tokenizer.json)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slm.errors import BadInput
from slm.importing import llama2c
from slm.importing.reading import read_json
from slm.stories.tokenizer import END, Tokenizer

LONGEST = 50_000_000
"""Bytes of a merges.txt or tokenizer.bin that are read."""
MARKS = {"opening": "bos_token", "end": "eos_token"}


def tokenizer_in(
    folder: Path, d_vocab: int, config: Mapping[str, Any] | None = None
) -> Tokenizer | None:
    """The tokenizer of a folder, for a model of `d_vocab` tokens; None where there is no file of one.

    What opens and ends a story is what its files call `bos_token` and `eos_token`; where they name
    one of them, it does both. Raises `BadInput` for a tokenizer of another kind, or larger than the
    model's vocabulary.
    """
    if (path := folder / "tokenizer.json").is_file():
        return _of_json(read_json(path), folder, d_vocab, config or {})
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        return _of_json(_from_merges(folder), folder, d_vocab, config or {})
    for name in ("tokenizer.bin", f"tok{d_vocab}.bin"):
        if (path := folder / name).is_file():
            return of_bin(path, d_vocab)
    if (folder / "tokenizer.model").is_file():
        raise BadInput(
            "a tokenizer.model of SentencePiece is not read here: save it as tokenizer.json "
            "(AutoTokenizer.from_pretrained(…).save_pretrained(…)) or as llama2.c's tokenizer.bin"
        )
    return None


def tokenizer_at(path: Path, d_vocab: int, config: Mapping[str, Any] | None = None) -> Tokenizer:
    """The tokenizer of a folder or of a file in it; `BadInput` where there is none."""
    if path.is_file() and path.suffix == ".bin":
        return of_bin(path, d_vocab)
    folder = path if path.is_dir() else path.parent
    if path.is_file() and path.suffix == ".json" and path.name != "vocab.json":
        return _of_json(read_json(path), folder, d_vocab, config or {})
    if (found := tokenizer_in(folder, d_vocab, config)) is None:
        raise BadInput(
            f"{path} holds no tokenizer.json, vocab.json and merges.txt, or tokenizer.bin"
        )
    return found


def of_bin(path: Path, d_vocab: int) -> Tokenizer:
    """llama2.c's tokenizer.bin; `BadInput` where it is none."""
    if path.stat().st_size > LONGEST:
        raise BadInput(f"{path.name} must be at most {LONGEST // 10**6} MB")
    return llama2c.read_tokenizer(path, d_vocab)


def _of_json(
    data: dict[str, Any], folder: Path, d_vocab: int, config: Mapping[str, Any]
) -> Tokenizer:
    try:
        if data.get("story"):
            story = {**data["story"], "d_vocab": d_vocab}
            return Tokenizer.from_json(json.dumps({**data, "story": story}))
        bare, prefix = _without_habits(data)
        ids = {**_ids(data), **data["model"]["vocab"]}
        opening, end = _marks(folder, config, ids)
        story = {"opening": opening, "end": end, "prefix": prefix, "d_vocab": d_vocab}
        return Tokenizer.from_json(json.dumps({**bare, "story": story}))
    except BadInput:
        raise
    except Exception as error:  # the library raises nothing narrower
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise BadInput(f"its tokenizer.json cannot be read: {reason}") from None


def _without_habits(data: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The tokenizer without what it puts around a text, and the prefix that it would put before one.

    So a text that goes on in mid-story can be encoded, and what a model writes keeps its first space.
    """
    model, decoder = data.get("model") or {}, data.get("decoder") or {}
    if model.get("type", "BPE" if "merges" in model else None) != "BPE":
        raise BadInput(f"a tokenizer must be a BPE, not {str(model.get('type'))[:80]}")
    data = {**data, "post_processor": None, "truncation": None, "padding": None}
    if decoder.get("type") == "ByteLevel":
        splits, spaced = _edited(data.get("pre_tokenizer"), "ByteLevel", add_prefix_space=False)
        return {**data, "pre_tokenizer": splits}, " " if spaced else ""
    if not model.get("byte_fallback"):
        raise BadInput("a tokenizer must know every byte: by ByteLevel, or by byte_fallback")
    normalizer, prepended = _left_out(data.get("normalizer"), "normalizers", "Prepend")
    splits, _ = _edited(data.get("pre_tokenizer"), "Metaspace", prepend_scheme="never")
    splits, _ = _edited(splits, "Metaspace", add_prefix_space=False, if_there=True)
    before = json.dumps(data.get("pre_tokenizer"))
    schemed = '"Metaspace"' in before and '"never"' not in before
    decoder, _ = _left_out(decoder, "decoders", "Strip")
    decoder, _ = _edited(decoder, "Metaspace", prepend_scheme="never")
    parts = {"normalizer": normalizer, "pre_tokenizer": splits, "decoder": decoder}
    return {**data, **parts}, " " if prepended or schemed else ""


def _steps(part: Any) -> list[dict[str, Any]]:
    """A part of a tokenizer.json as its steps."""
    if not part:
        return []
    for name in ("normalizers", "pretokenizers", "decoders"):
        if isinstance(part.get(name), list):
            return list(part[name])
    return [part]


def _edited(part: Any, kind: str, *, if_there: bool = False, **changes: Any) -> tuple[Any, bool]:
    """`part` with `changes` in its steps of a `kind`; and whether one of them said otherwise (True)."""
    steps, otherwise = _steps(part), False
    for at, step in enumerate(steps):
        if step.get("type") != kind or (if_there and not changes.keys() & step.keys()):
            continue
        otherwise = otherwise or any(step.get(name) is True for name in changes)
        steps[at] = {**step, **changes}
    return _joined(part, steps), otherwise


def _left_out(part: Any, name: str, kind: str) -> tuple[Any, bool]:
    """`part` without its steps of a `kind`; and whether there were any."""
    steps = _steps(part)
    kept = [step for step in steps if step.get("type") != kind]
    return _joined(part, kept, name), len(kept) < len(steps)


def _joined(part: Any, steps: list[dict[str, Any]], name: str = "") -> Any:
    if not part or not steps:
        return None
    for listed in ("normalizers", "pretokenizers", "decoders"):
        if isinstance(part.get(listed), list):
            return {**part, listed: steps}
    return steps[0]


def _ids(data: Mapping[str, Any]) -> dict[str, int]:
    return {str(token["content"]): int(token["id"]) for token in data.get("added_tokens") or []}


def _marks(folder: Path, config: Mapping[str, Any], ids: Mapping[str, int]) -> tuple[int, int]:
    """The ids of what opens and of what ends a story."""
    found: dict[str, int] = {}
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        told = read_json(folder / name) if (folder / name).is_file() else {}
        for mark, key in MARKS.items():
            token = told.get(key)
            token = token.get("content") if isinstance(token, dict) else token
            if isinstance(token, str) and token in ids:
                found.setdefault(mark, ids[token])
    for mark, key in MARKS.items():
        index = config.get(f"{key}_id")
        index = index[0] if isinstance(index, list) and index else index
        if type(index) is int and index in ids.values():
            found.setdefault(mark, index)
    if not found and END in ids:
        return ids[END], ids[END]
    if not found:
        raise BadInput(
            "its tokenizer names neither a bos_token nor an eos_token to tell stories apart"
        )
    return found.get("opening", found.get("end", 0)), found.get("end", found.get("opening", 0))


def _from_merges(folder: Path) -> dict[str, Any]:
    """GPT-2's vocab.json and merges.txt, as the tokenizer.json they make."""
    path = folder / "merges.txt"
    if path.stat().st_size > LONGEST:
        raise BadInput(f"{path.name} must be at most {LONGEST // 10**6} MB")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise BadInput("merges.txt must be UTF-8 text") from None
    vocabulary = read_json(folder / "vocab.json")
    added = [{"id": vocabulary[END], "content": END, "special": True}] if END in vocabulary else []
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{**token, **flags} for token in added],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        },
        "post_processor": None,
        "decoder": {
            "type": "ByteLevel",
            "add_prefix_space": True,
            "trim_offsets": True,
            "use_regex": True,
        },
        "model": {
            "type": "BPE",
            "vocab": vocabulary,
            "merges": [line for line in lines if line and not line.startswith("#version")],
        },
    }
