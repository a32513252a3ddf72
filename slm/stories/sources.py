"""Where stories come from: a file, the hub, or our own hand. Knows nothing of cleaning or tokens."""

import errno
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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

HUB_PATIENCE = 10  # seconds
NURSERY_COUNT = 20_000
NURSERY_LENGTH = 440  # characters of an average story
BLOCK = 1 << 20
LONGEST_STORY = 1 << 24
"""Characters. A longer one is a file that does not say where its stories end."""
EXPECTED = (
    "a .txt, .jsonl, .json or .parquet path, tinystories, tinystories-v2, tinystories-instruct, "
    "nursery, nursery:COUNT:SEED or shipped, or several joined by +"
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Stories as they come. `fingerprint` is the same for the same content; `raw` starts afresh.

    `size` is about how many characters `raw` will give, to tell how far a reader has come.
    """

    spec: str
    fingerprint: str
    raw: Callable[[], Iterator[str]]
    size: int


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
        return Source(
            spec=spec,
            fingerprint=_hash("\0".join(texts)),
            raw=lambda: iter(texts),
            size=sum(map(len, texts)),
        )
    if match := _NURSERY.fullmatch(spec):
        return _nursery(spec, int(match[1] or NURSERY_COUNT), int(match[2] or 0), split)
    if parts := _parts(spec):
        return _joined(spec, [open_source(part, split) for part in parts])
    return _file(spec, Path(spec).expanduser())


def has_validation(spec: str) -> bool:
    """Whether `spec` brings validation stories of its own: the hub's corpora and nursery do."""
    return all(part in HUB or _NURSERY.fullmatch(part) for part in _parts(spec) or [spec])


_NURSERY = re.compile(r"nursery(?::(\d{1,9}))?(?::(\d{1,9}))?")


def _parts(spec: str) -> list[str]:
    """What a + joins; nothing where there is no +, or where it is part of a file's name."""
    return spec.split("+") if "+" in spec and not Path(spec).expanduser().exists() else []


def _joined(spec: str, parts: list[Source]) -> Source:
    """One source after the other, as `a.txt+b.txt` asks for."""
    return Source(
        spec=spec,
        fingerprint=_hash(" ".join(part.fingerprint for part in parts)),
        raw=lambda: (story for part in parts for story in part.raw()),
        size=sum(part.size for part in parts),
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
        size=count * NURSERY_LENGTH,
    )


def _file(spec: str, path: Path) -> Source:
    if not spec.strip() or not path.exists():
        raise BadInput(f"a corpus is {EXPECTED}; there is no file {spec!r}")
    if path.is_dir():
        raise BadInput(f"a corpus is one file, and {spec!r} is a folder")
    readers = {
        ".txt": _read_txt,
        ".jsonl": _read_jsonl,
        ".json": _read_json,
        ".parquet": _read_parquet,
    }
    if (reader := readers.get(path.suffix.lower())) is None:
        raise BadInput(f"a corpus file ends in .txt, .jsonl, .json or .parquet, not {path.name!r}")
    if path.stat().st_size == 0:
        raise BadInput(f"the corpus {spec!r} is empty")
    if not any(story.strip() for story in reader(path)):
        raise BadInput(f"the corpus {spec!r} holds no story")
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return Source(
        spec=spec,
        fingerprint=digest.hexdigest(),
        raw=lambda: reader(path),
        size=path.stat().st_size,
    )


def _blocks(path: Path) -> Iterator[str]:
    """The text of a file, a block at a time, whatever the length of its lines."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            while block := file.read(BLOCK):
                if "\0" in block:
                    raise BadInput(f"a corpus is UTF-8 text, and {path.name!r} is binary")
                yield block
    except UnicodeDecodeError as error:
        raise BadInput(f"a corpus is UTF-8 text, and {path.name!r} is not: {error}") from None


def _checked_length(rest: str, path: Path, ending: str) -> str:
    """`rest`, a story whose end is not in sight yet, unless that end is nowhere near."""
    if len(rest) > LONGEST_STORY:
        raise BadInput(
            f"{ending}, and {path.name!r} has a part of over {LONGEST_STORY:,} characters"
        )
    return rest


def _read_txt(path: Path) -> Iterator[str]:
    rest = ""
    for block in _blocks(path):
        *stories, rest = (rest + block).split(END)
        yield from stories
        _checked_length(rest, path, f"stories in a .txt end with a line {END}")
    if rest.strip():
        yield rest


def _read_jsonl(path: Path) -> Iterator[str]:
    for number, line in enumerate(_lines(path), 1):
        where = f"line {number} of {path.name!r}"
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise BadInput(f"{where} is not JSON: {error}") from None
            yield _story_of(record, where)


def _lines(path: Path) -> Iterator[str]:
    rest = ""
    for block in _blocks(path):
        *lines, rest = (rest + block).split("\n")
        yield from lines
        _checked_length(rest, path, "a .jsonl holds an object on each line")
    yield rest


def _read_json(path: Path) -> Iterator[str]:
    """A list of objects, as in the shards of TinyStories' "all data", read item by item."""
    decoder = json.JSONDecoder()
    rest, opened, number = "", False, 0
    for block in _blocks(path):
        rest = (rest + block).lstrip()
        if not opened and rest:
            if rest[0] != "[":
                raise BadInput(f"a .json corpus is a list of objects, and {path.name!r} is not")
            opened, rest = True, rest[1:]
        at = 0
        while (at := _past(rest, at)) < len(rest) and rest[at] != "]":
            try:
                item, at = decoder.raw_decode(rest, at)
            except (ValueError, RecursionError):
                break  # the item goes on in the next block, or is no JSON at all
            number += 1
            yield _story_of(item, f"item {number} of {path.name!r}")
        rest = _checked_length(rest[at:], path, "a .json corpus is a list of objects")
    if rest.strip() != "]":
        raise BadInput(f"item {number + 1} of {path.name!r} is not JSON, or the list never ends")


def _past(text: str, at: int) -> int:
    """The place from `at` on where the next item of a list begins."""
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _story_of(record: object, where: str) -> str:
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
            schema = file.schema_arrow
            text = (pyarrow.string(), pyarrow.large_string())
            columns = [
                name
                for name in ("text", "story")
                if name in schema.names and schema.field(name).type in text
            ]
            if not columns:
                raise BadInput(f'{path.name!r} needs a text column "text" or "story"')
            for batch in file.iter_batches(batch_size=1024, columns=columns[:1]):
                yield from (story or "" for story in batch.column(0).to_pylist())
    except pyarrow.ArrowException as error:
        message = str(error).splitlines()[0]
        raise BadInput(f"{path.name!r} is not a parquet file: {message}") from None


def _download(spec: str, split: Split) -> Path:
    """Fetch a split from the hub, or find it in the hub's own cache; progress goes to stderr.

    The hub is asked once whether it is there: `hf_hub_download` alone would ask for six minutes.
    """
    import httpx2  # what huggingface_hub speaks through, and whose errors it lets pass
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    repository, files = HUB[spec]
    name = files[split]
    lost = (OSError, httpx2.HTTPError, RuntimeError)  # the last from hf_xet, in mid-download
    try:
        try:
            url = hf_hub_url(repository, name, repo_type="dataset")
            get_hf_file_metadata(url, timeout=HUB_PATIENCE)
        except lost as error:
            reason = type(error).__name__
            return Path(
                hf_hub_download(repository, name, repo_type="dataset", local_files_only=True)
            )
        reason = "the download broke off, and goes on when asked again"
        return Path(hf_hub_download(repository, name, repo_type="dataset"))
    except lost as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise BadInput(
            f"{spec!r} lies on the Hugging Face hub, which is out of reach "
            f"({reason}); give a .txt, .jsonl, .json or .parquet path, or nursery"
        ) from None


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
