"""Tokenizers that others made, by the names of their files: which is read, and what to do about others."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import decoders, models

from slm.errors import BadInput, shown
from slm.importing.json_files import read_json, refuse_pointer
from slm.importing.tokenizers import llama2c_bin, round_trip, tokenizer_json
from slm.stories.tokenizer import END, Tokenizer, refused

LONGEST = 50_000_000
"""Bytes of a merges.txt, tokenizer.bin or tokenizer.model that are read."""
MARKS = {"opening": "bos_token", "end": "eos_token"}
AS_JSON = (
    'python -c "import json, pickle; '
    "json.dump(pickle.load(open('meta.pkl', 'rb')), open('meta.json', 'w'))\""
)
LOOKED_FOR = "tokenizer.json, vocab.json and merges.txt, or tokenizer.bin"


@dataclass(frozen=True, kw_only=True, eq=False)
class ImportedTokenizer:
    """A tokenizer that comes with a model, and what its import has to say of it."""

    tokenizer: Tokenizer
    notes: tuple[str, ...]


def tokenizer_in(
    folder: Path, d_vocab: int, config: Mapping[str, Any] | None = None
) -> ImportedTokenizer | None:
    """Read the tokenizer of a folder for a model of `d_vocab` tokens; None where there is none.

    A story is opened and ended by the `bos_token` and `eos_token` that its files name; a single one
    does both. Raises `BadInput` for another kind of tokenizer, one larger than the model's
    vocabulary, or one whose ids would differ from its own library's.
    """
    if (path := folder / "tokenizer.json").is_file():
        return _of_json(read_json(path), folder, d_vocab, config or {})
    if (pair := _pair_in(folder)) is not None:
        return _of_json(_from_merges(*pair), folder, d_vocab, config or {})
    for name in ("tokenizer.bin", f"tok{d_vocab}.bin"):
        if (path := folder / name).is_file():
            return of_bin(path, d_vocab)
    if (path := folder / "meta.json").is_file() and "stoi" in (data := read_json(path)):
        return _of_characters(data, d_vocab)
    if (folder / "meta.pkl").is_file():
        raise BadInput(
            "meta.pkl holds nanoGPT's characters as a pickle, which is never opened here; as meta.json "
            f"beside it they are read: {AS_JSON}"
        )
    for path in sorted(folder.glob("*.model")):
        _refuse_sentencepiece(path)
    return None


def tokenizer_at(
    path: Path, d_vocab: int, config: Mapping[str, Any] | None = None
) -> ImportedTokenizer:
    """Read the tokenizer of a folder or file; `BadInput` where there is none."""
    if path.is_file():
        if path.suffix == ".bin":
            return of_bin(path, d_vocab)
        if path.suffix == ".model":
            _refuse_sentencepiece(path)
        if path.name.endswith(("vocab.json", "merges.txt")):
            stem = path.name.removesuffix("vocab.json").removesuffix("merges.txt")
            pair = path.parent / f"{stem}vocab.json", path.parent / f"{stem}merges.txt"
            for one in pair:
                if not one.is_file():
                    raise BadInput(f"{path.name} needs {one.name} beside it")
            return _of_json(_from_merges(*pair), path.parent, d_vocab, config or {})
        if path.name == "meta.json":
            return _of_characters(read_json(path), d_vocab)
        if path.suffix == ".json":
            return _of_json(read_json(path), path.parent, d_vocab, config or {})
    folder = path if path.is_dir() else path.parent
    if (found := tokenizer_in(folder, d_vocab, config)) is None:
        raise BadInput(f"{path} holds no {LOOKED_FOR}")
    return found


def of_bin(path: Path, d_vocab: int) -> ImportedTokenizer:
    """Read llama2.c's tokenizer.bin; `BadInput` where it is none."""
    if path.stat().st_size > LONGEST:
        raise BadInput(f"{path.name} must be at most {LONGEST // 10**6} MB")
    tokenizer = llama2c_bin.read_tokenizer(path, d_vocab)
    return ImportedTokenizer(tokenizer=tokenizer, notes=round_trip.habits(tokenizer))


def _of_characters(data: Mapping[str, Any], d_vocab: int) -> ImportedTokenizer:
    """Build nanoGPT's character tokenizer: each character is the token of its number in `stoi`.

    Its samples begin at a line's end, so that opens a story here, and ends one. Raises `BadInput`
    where `stoi` does not number characters, the line's end among them.
    """
    stoi = data.get("stoi")
    numbers = list(stoi.values()) if isinstance(stoi, dict) else []
    whole = all(type(number) is int and 0 <= number < d_vocab for number in numbers)
    if not isinstance(stoi, dict) or not whole or len(set(numbers)) < max(1, len(numbers)):
        raise BadInput(
            f"stoi in meta.json must number characters, each otherwise, below {d_vocab:,}"
        )
    if long := [name for name in stoi if len(name) != 1]:
        raise BadInput(f"stoi in meta.json must number single characters, not {shown(long[0])}")
    if "\n" not in stoi:
        raise BadInput(
            "stoi in meta.json must hold the line's end, at which a story opens and ends"
        )
    inner = tokenizers.Tokenizer(models.BPE(vocab=stoi, merges=[]))
    inner.decoder = decoders.Fuse()
    mark = stoi["\n"]
    tokenizer = Tokenizer(inner, opening=mark, end=mark, characters=True, d_vocab=d_vocab)
    return ImportedTokenizer(tokenizer=tokenizer, notes=round_trip.habits(tokenizer))


def _refuse_sentencepiece(path: Path) -> None:
    raise BadInput(
        f"{path.name} is a model of SentencePiece, which is not read here: save it as tokenizer.json "
        "(AutoTokenizer.from_pretrained(…).save_pretrained(…)), or with llama2.c's tokenizer.py as "
        f"{path.stem}.bin"
    )


def _of_json(
    data: dict[str, Any], folder: Path, d_vocab: int, config: Mapping[str, Any]
) -> ImportedTokenizer:
    with refused("its tokenizer.json cannot be read"):
        if data.get("story"):
            story = {**data["story"], "d_vocab": d_vocab}
            tokenizer = Tokenizer.from_json(json.dumps({**data, "story": story}))
            return ImportedTokenizer(tokenizer=tokenizer, notes=round_trip.habits(tokenizer))
        told = [
            read_json(path)
            for name in ("tokenizer_config.json", "special_tokens_map.json")
            if (path := folder / name).is_file()
        ]
        data, notes = _as_transformers(data, told)
        tokenizer, more = tokenizer_json.read(data, d_vocab, partial(_marks, told, config))
    model = folder / "tokenizer.model"
    if model.is_file() and model.stat().st_size <= LONGEST:
        more = (*more, *round_trip.against_sentencepiece(model, tokenizer))
    return ImportedTokenizer(tokenizer=tokenizer, notes=(*notes, *more))


def _as_transformers(
    data: dict[str, Any], told: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """Apply the prefix space that `transformers` takes from a GPT-2 tokenizer_config.json."""
    splits = data.get("pre_tokenizer")
    for settings in told:
        spaced = settings.get("add_prefix_space")
        named = str(settings.get("tokenizer_class") or "GPT2Tokenizer")
        if not isinstance(spaced, bool) or not named.startswith("GPT2Tokenizer"):
            continue
        if not isinstance(splits, dict) or splits.get("type") != "ByteLevel":
            continue
        if splits.get("add_prefix_space") is not spaced:
            note = f"add_prefix_space is {spaced} by tokenizer_config.json, not by tokenizer.json."
            return {**data, "pre_tokenizer": {**splits, "add_prefix_space": spaced}}, [note]
    return data, []


def _marks(
    told: list[dict[str, Any]], config: Mapping[str, Any], ids: Mapping[str, int]
) -> tuple[int, int]:
    """Return the ids of the tokens that open and end a story."""
    found: dict[str, int] = {}
    for settings in told:
        for mark, key in MARKS.items():
            token = settings.get(key)
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


def _pair_in(folder: Path) -> tuple[Path, Path] | None:
    """Find a folder's vocab.json and merges.txt, prefixed or not; `BadInput` where there are two pairs."""
    found = [
        (path, merges)
        for path in sorted(folder.glob("*vocab.json"))
        if (merges := folder / f"{path.name.removesuffix('vocab.json')}merges.txt").is_file()
    ]
    plain = [pair for pair in found if pair[0].name == "vocab.json"]
    if not plain and len(found) > 1:
        raise BadInput(
            f"{folder} holds {len(found)} tokenizers, such as {found[0][0].name}: name one"
        )
    return next(iter(plain or found), None)


def _from_merges(vocab: Path, path: Path) -> dict[str, Any]:
    """Convert GPT-2's vocab.json and merges.txt to a tokenizer.json."""
    refuse_pointer(path)
    if path.stat().st_size > LONGEST:
        raise BadInput(f"{path.name} must be at most {LONGEST // 10**6} MB")
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise BadInput(f"{path.name} must be UTF-8 text") from None
    if lines[0].startswith("#version"):
        del lines[0]
    vocabulary = read_json(vocab)
    added = [{"id": vocabulary[END], "content": END, "special": True}] if END in vocabulary else []
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{**token, **flags} for token in added],
        "normalizer": None,
        "pre_tokenizer": tokenizer_json.BYTE_LEVEL,
        "post_processor": None,
        "decoder": tokenizer_json.BYTE_LEVEL,
        "model": {
            "type": "BPE",
            "vocab": vocabulary,
            "merges": [merge for line in lines if (merge := line.rstrip("\r"))],
        },
    }
