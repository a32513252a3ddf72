"""Where stories come from: a file, the hub, or our own hand. Knows nothing of cleaning or tokens."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slm.errors import BadInput
from slm.stories.tokenizer import END

Split = Literal["train", "valid"]

HUB = {
    "tinystories": (
        "roneneldan/TinyStories",
        {"train": "TinyStories-train.txt", "valid": "TinyStories-valid.txt"},
    ),
    "tinystories-v2": (
        "roneneldan/TinyStories",
        {"train": "TinyStoriesV2-GPT4-train.txt", "valid": "TinyStoriesV2-GPT4-valid.txt"},
    ),
    "tinystories-instruct": (
        "roneneldan/TinyStoriesInstruct",
        {
            "train": "TinyStories-Instruct-train.txt",
            "valid": "TinyStories-Instruct-valid.txt",
        },
    ),
}
"""Known corpora on the Hugging Face hub: dataset, and a file for each split."""

NURSERY_COUNT = 20_000
BLOCK = 1 << 20
EXPECTED = (
    "a .txt, .jsonl or .parquet path, tinystories, tinystories-v2, tinystories-instruct, "
    "nursery, nursery:COUNT:SEED or shipped, or several joined by +"
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Stories as they come. `fingerprint` is the same for the same content; `raw` starts afresh."""

    spec: str
    fingerprint: str
    raw: Callable[[], Iterator[str]]


def open_source(spec: str, split: Split = "train") -> Source:
    """Open what `spec` names, checking that stories can come out of it.

    Raises `BadInput` for an unknown name, and for a file that is missing, empty, binary, or holds
    no story.
    """
    if spec in HUB:
        return _file(spec, _download(spec, split))
    if spec == "shipped":
        from slm.stories import shipped

        texts = tuple(story.text for story in shipped.stories())
        return Source(spec=spec, fingerprint=_hash("\0".join(texts)), raw=lambda: iter(texts))
    if match := re.fullmatch(r"nursery(?::(\d{1,9}))?(?::(\d{1,9}))?", spec):
        return _nursery(spec, int(match[1] or NURSERY_COUNT), int(match[2] or 0), split)
    if "+" in spec and not Path(spec).expanduser().exists():
        return _joined(spec, [open_source(part, split) for part in spec.split("+")])
    return _file(spec, Path(spec).expanduser())


def _joined(spec: str, parts: list[Source]) -> Source:
    """One source after the other, as `a.txt+b.txt` asks for."""
    return Source(
        spec=spec,
        fingerprint=_hash(" ".join(part.fingerprint for part in parts)),
        raw=lambda: (story for part in parts for story in part.raw()),
    )


def _nursery(spec: str, count: int, seed: int, split: Split) -> Source:
    from slm.stories import nursery

    if count < 1:
        raise BadInput(f"nursery writes at least 1 story, not {count}")
    if split == "valid":  # stories that no training corpus of this seed holds
        first, count = 1_000_000_000, max(1, min(count // 20, 2000))
    else:
        first = 0
    return Source(
        spec=spec,
        fingerprint=_hash(f"nursery {nursery.GRAMMAR_VERSION} {first} {count} {seed}"),
        raw=lambda: (story.text for story in nursery.stories(count, seed=seed, first=first)),
    )


def _file(spec: str, path: Path) -> Source:
    if not path.exists():
        raise BadInput(f"a corpus is {EXPECTED}; there is no file {spec!r}")
    if path.is_dir():
        raise BadInput(f"a corpus is one file, and {spec!r} is a folder")
    readers = {".txt": _read_txt, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    if (reader := readers.get(path.suffix.lower())) is None:
        raise BadInput(f"a corpus file ends in .txt, .jsonl or .parquet, not {path.name!r}")
    if path.stat().st_size == 0:
        raise BadInput(f"the corpus {spec!r} is empty")
    if not any(story.strip() for story in reader(path)):
        raise BadInput(f"the corpus {spec!r} holds no story")
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return Source(spec=spec, fingerprint=digest.hexdigest(), raw=lambda: reader(path))


def _read_txt(path: Path) -> Iterator[str]:
    lines: list[str] = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line in file:
                if "\0" in line:
                    raise BadInput(f"a corpus is UTF-8 text, and {path.name!r} is binary")
                if line.strip() == END:
                    yield "".join(lines)
                    lines = []
                else:
                    lines.append(line)
    except UnicodeDecodeError as error:
        raise BadInput(f"a corpus is UTF-8 text, and {path.name!r} is not: {error}") from None
    if any(line.strip() for line in lines):
        yield "".join(lines)


def _read_jsonl(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _story_of(line, f"line {number} of {path.name!r}")
    except UnicodeDecodeError as error:
        raise BadInput(f"a corpus is UTF-8 text, and {path.name!r} is not: {error}") from None


def _story_of(line: str, where: str) -> str:
    try:
        record: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadInput(f"{where} is not JSON: {error.msg}") from None
    if isinstance(record, dict):
        for name in ("story", "text"):
            if isinstance(text := record.get(name), str):
                return text
    raise BadInput(f'{where} needs a text field "story" or "text"')


def _read_parquet(path: Path) -> Iterator[str]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            columns = [name for name in ("text", "story") if name in file.schema_arrow.names]
            if not columns:
                raise BadInput(f'{path.name!r} needs a column "text" or "story"')
            for batch in file.iter_batches(batch_size=1024, columns=columns[:1]):
                yield from (text or "" for text in batch.column(0).to_pylist())
    except pyarrow.ArrowException as error:
        raise BadInput(f"{path.name!r} is not a parquet file: {error}") from None


def _download(spec: str, split: Split) -> Path:
    """Fetch a split from the hub, or find it in the hub's own cache; progress goes to stderr."""
    import httpx
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository, files = HUB[spec]
    try:
        return Path(hf_hub_download(repository, files[split], repo_type="dataset"))
    except (LocalEntryNotFoundError, HfHubHTTPError, httpx.HTTPError, OSError) as error:
        raise BadInput(
            f"{spec!r} lies on the Hugging Face hub, which is out of reach "
            f"({type(error).__name__}); give a .txt, .jsonl or .parquet path, or nursery"
        ) from None


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
