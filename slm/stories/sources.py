"""Story sources: files, the hub, and the nursery's grammar.

A corpus may say how it is read: `stories.txt:blank-lines`, `tales.csv:text=content:keep-truncated`.
So every command and page that takes a corpus takes that too, and a run remembers it.
"""

import errno
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from slm.errors import BadInput, shown
from slm.reading import typed_path
from slm.stories.instruct import fields_named, story_of
from slm.stories.record_files import (
    read_csv,
    read_json,
    read_json_lines,
    read_json_requests,
    read_parquet,
)
from slm.stories.text_files import BLOCK, WAYS, between_marks, check_parted
from slm.stories.tokenizer import END

Split = Literal["train", "valid"]
Truncated = Literal["ask", "keep", "drop"]

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
RECORD_LENGTH = 560  # characters of an average record of nursery-instruct
RECORDS: dict[str, Callable[[Path, str], Iterator[str]]] = {
    ".jsonl": read_json_lines,
    ".json": read_json,
    ".csv": read_csv,
    ".parquet": read_parquet,
}
"""Files of records, by their ending."""
FORMS = ".txt, .jsonl, .json, .csv or .parquet"
EXPECTED = (
    f"a {FORMS} path, tinystories, tinystories-v2, tinystories-instruct, "
    "nursery, nursery:COUNT:SEED, nursery-instruct:COUNT:SEED or shipped, or several joined by +"
)
OPTIONS = (
    f":{', :'.join(WAYS)}, :csv, :mark=TEXT, :text=COLUMN, :keep-truncated, :drop-truncated, "
    ":without=FIELD,FIELD, :stories-only, :requests"
)
"""What may follow a file to say how it is read."""


@dataclass(frozen=True, kw_only=True)
class StorySource:
    """Stories as they come. `fingerprint` is the same for the same content; `raw` starts afresh.

    `size` is about how many characters `raw` will give, to tell how far a reader has come;
    `truncated` is what is to become of stories that are cut off where most of them are. Instruct
    records that hold all fields of `without` are left out by cleaning; empty leaves out none.
    """

    spec: str
    fingerprint: str
    raw: Callable[[], Iterator[str]]
    size: int
    truncated: Truncated = "ask"
    without: tuple[str, ...] = ()


def open_source(spec: str, split: Split = "train") -> StorySource:
    """Open what `spec` names, checking that stories can come out of it.

    Raises `BadInput` for an unknown name, and for a file that is missing, empty, binary, or holds
    no story, or whose stories are parted by nothing that was said.
    """
    if parts := _parts(spec):
        return _joined(spec, [open_source(part, split) for part in parts])
    name, chosen = _chosen(spec)
    return _of_records(_open_one(spec, name, chosen, split), chosen)


def _open_one(spec: str, name: str, chosen: "_Chosen", split: Split) -> StorySource:
    if name in HUB:
        return _file(spec, str(_download(name, split)), chosen)
    match = _NURSERY.fullmatch(name)
    if chosen.how and (match or name == "shipped"):
        raise BadInput(f"{shown(name)} is read in one way, and takes no option: {shown(spec)}")
    if name == "shipped":
        return _shipped()
    if match:
        count, seed = int(match[2] or NURSERY_COUNT), int(match[3] or 0)
        made = _nursery(spec, count, seed, split, records=bool(match[1]))
        return replace(made, truncated=chosen.truncated)
    return _file(spec, name, chosen)


def has_validation(spec: str) -> bool:
    """Return whether `spec` has validation stories of its own: the hub's corpora and nursery do."""
    names = [_chosen(part)[0] for part in _parts(spec) or [spec]]
    return all(name in HUB or _NURSERY.fullmatch(name) for name in names)


def absolute(spec: str) -> str:
    """Rewrite a corpus specification with absolute file paths."""
    if parts := _parts(spec):
        joined = "+".join(map(absolute, parts))
        return joined if len(_parts(joined)) == len(parts) else spec  # a folder's name may hold a +
    name, _ = _chosen(spec)
    path = _path(name) if _names_file(name) else None
    return spec if path is None else f"{path.absolute()}{spec[len(name) :]}"


def leaving_out(spec: str, fields: tuple[str, ...]) -> str:
    """Rewrite a corpus specification so that records with all of these fields are left out of it."""
    option = f":without={','.join(fields)}" if fields else ""
    return "+".join(f"{part}{option}" for part in _parts(spec) or [spec])


def missing_files(spec: str) -> list[str]:
    """Return the files named in `spec` that do not exist."""
    names = [_chosen(part)[0] for part in _parts(spec) or [spec]]
    return [name for name in names if _names_file(name) and not _is_file(name)]


def last_changed(spec: str) -> tuple[int, ...]:
    """Return when the files named in `spec` were last changed, in ns; what is no file has no part."""
    names = [_chosen(part)[0] for part in _parts(spec) or [spec]]
    paths = [path for name in names if _names_file(name) and (path := _path(name)) is not None]
    return tuple(path.stat().st_mtime_ns for path in paths if path.is_file())


def _names_file(name: str) -> bool:
    named = name in HUB or name == "shipped" or _NURSERY.fullmatch(name)
    return not named and bool(name.strip())


def _shipped() -> StorySource:
    from slm.stories import shipped

    texts = tuple(story.text for story in shipped.stories())
    return StorySource(
        spec="shipped",
        fingerprint=_hash("\0".join(texts)),
        raw=lambda: iter(texts),
        size=sum(map(len, texts)),
    )


_NURSERY = re.compile(r"nursery(-instruct)?(?::(\d{1,9}))?(?::(\d{1,9}))?")


def _parts(spec: str) -> list[str]:
    """Split a specification at +; empty where there is no +, or where it is part of a file's name."""
    return spec.split("+") if "+" in spec and not _is_file(_chosen(spec)[0]) else []


def _joined(spec: str, parts: list[StorySource]) -> StorySource:
    """Concatenate sources, as `a.txt+b.txt` asks for; they are cleaned as one."""
    if len({part.without for part in parts}) > 1:
        raise BadInput(f"without is of all parts of a corpus or of none: {shown(spec)}")
    if len({part.truncated for part in parts}) > 1:
        raise BadInput(
            f"keep-truncated and drop-truncated are of all parts of a corpus or of none: {shown(spec)}"
        )
    return StorySource(
        spec=spec,
        fingerprint=_hash(" ".join(part.fingerprint for part in parts)),
        raw=lambda: (story for part in parts for story in part.raw()),
        size=sum(part.size for part in parts),
        truncated=parts[0].truncated,
        without=parts[0].without,
    )


def _of_records(source: StorySource, chosen: "_Chosen") -> StorySource:
    """Apply the options about instruct records: `:without=`, `:stories-only`."""
    if chosen.without:
        fingerprint = _hash(f"{source.fingerprint} without {chosen.without}")
        source = replace(source, without=chosen.without, fingerprint=fingerprint)
    if chosen.stories_only:
        if chosen.without:
            raise BadInput(
                f"stories-only leaves no field to be without: {shown(source.spec)}; give one of both"
            )
        raw, fingerprint = source.raw, _hash(f"{source.fingerprint} stories only")
        source = replace(source, raw=lambda: map(story_of, raw()), fingerprint=fingerprint)
    return source


def _nursery(spec: str, count: int, seed: int, split: Split, *, records: bool) -> StorySource:
    from slm.stories import nursery
    from slm.stories.nursery import requested

    if count < 1:
        raise BadInput(f"nursery writes at least 1 story, not {count}")
    if split == "valid":  # stories that no training corpus of this seed holds
        first, count = requested.HELD_OUT, max(1, min(count // 20, 2000))
    else:
        first = 0
    if records:
        made = (requested.REQUESTS_VERSION, first, count, seed)
        return StorySource(
            spec=spec,
            fingerprint=_hash(f"nursery-instruct {' '.join(map(str, made))}"),
            raw=lambda: map(
                requested.record_text, requested.records(count, seed=seed, first=first)
            ),
            size=count * RECORD_LENGTH,
        )
    return StorySource(
        spec=spec,
        fingerprint=_hash(f"nursery {nursery.GRAMMAR_VERSION} {first} {count} {seed}"),
        raw=lambda: (story.text for story in nursery.stories(count, seed=seed, first=first)),
        size=count * NURSERY_LENGTH,
    )


def _file(spec: str, name: str, chosen: "_Chosen") -> StorySource:
    path = _path(name)
    if not name.strip() or path is None or not path.exists():
        raise BadInput(f"a corpus is {EXPECTED}; there is no file {shown(name)}{_near(name)}")
    if path.is_dir():
        raise BadInput(f"a corpus is one file, and {shown(name)} is a folder")
    kind = path.suffix.lower()
    if kind != ".txt" and kind not in RECORDS:
        raise BadInput(f"a corpus file ends in {FORMS}, not {shown(path.name)}")
    if path.stat().st_size == 0:
        raise BadInput(f"the corpus {shown(name)} is empty")
    read = _reader(name, path, chosen)
    if not any(story.strip() for story in read()):
        raise BadInput(f"the corpus {shown(name)} holds no story")
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    content = digest.hexdigest()
    return StorySource(
        spec=spec,
        fingerprint=_hash(f"{content} {chosen.how}") if chosen.how else content,
        raw=read,
        size=path.stat().st_size,
        truncated=chosen.truncated,
    )


def _reader(name: str, path: Path, chosen: "_Chosen") -> Callable[[], Iterator[str]]:
    """Return the reader of a file for the chosen options; `BadInput` for an option its format lacks."""
    kind, way = path.suffix.lower(), chosen.parted
    if kind in RECORDS and (way or chosen.mark):
        raise BadInput(
            f"only of a .txt it can be said how stories are parted, not of {shown(name)}"
        )
    if way and chosen.mark:
        raise BadInput(f"stories are parted in one way: {shown(name)} has :{way} and a :mark")
    if chosen.requests:
        if kind not in (".json", ".jsonl"):
            raise BadInput(
                f"only a .json or .jsonl tells what its stories were made from: {name!r}"
            )
        return lambda: read_json_requests(path, chosen.column)
    if kind in RECORDS or way == "csv":
        records = RECORDS.get(kind, read_csv)
        return lambda: _at_marks(records(path, chosen.column))
    if chosen.column:
        raise BadInput(f"a .txt has no columns, so {name!r} has no {shown(chosen.column)}")
    if way:
        return lambda: _at_marks(WAYS[way](path))
    if chosen.mark:
        return lambda: _at_marks(between_marks(path, chosen.mark))
    check_parted(path)
    return lambda: between_marks(path)


def _at_marks(stories: Iterator[str]) -> Iterator[str]:
    """Split stories at END: records may end with it, or hold several stories."""
    for story in stories:
        if END in story:
            yield from (part for part in story.split(END) if part.strip())
        else:
            yield story


def _path(name: str) -> Path | None:
    """Return the path that a name denotes; None where it cannot be one."""
    try:
        return typed_path(name)
    except BadInput:
        return None


def _is_file(name: str) -> bool:
    path = _path(name)
    return path is not None and path.exists()


def _near(name: str) -> str:
    """Hint that the file exists while the option after its name does not; else empty."""
    file, colon, option = name.rpartition(":")
    if not colon or not _is_file(file):
        return ""
    return f", and no option {shown(option)} of {shown(file)}: they are {OPTIONS}"


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """The options that follow a corpus, as in `stories.txt:blank-lines:keep-truncated`."""

    parted: str = ""
    mark: str = ""
    column: str = ""
    truncated: Truncated = "ask"
    without: tuple[str, ...] = ()
    stories_only: bool = False
    requests: bool = False

    @property
    def how(self) -> str:
        """The options that change the stories read from the file; empty where none does."""
        keep = "keep" if self.truncated == "keep" else ""
        said = (self.parted, self.mark, self.column, keep)
        requests = " requests" if self.requests else ""
        return (repr(said) if any(said) else "") + requests


def _chosen(spec: str) -> tuple[str, _Chosen]:
    """Take the options off a corpus; what is a file as it stands has none."""
    chosen = _Chosen()
    while not _is_file(spec) and (match := _OPTION.search(spec)):
        spec, option = spec[: match.start()], match[1]
        if option.startswith("mark="):
            mark = option[5:].replace(r"\n", "\n").replace(r"\t", "\t")
            chosen = replace(chosen, mark=mark)
        elif option.startswith("text="):
            chosen = replace(chosen, column=option[5:])
        elif option.startswith("without="):
            chosen = replace(chosen, without=fields_named(option[8:].split(",")))
        elif option == "stories-only":
            chosen = replace(chosen, stories_only=True)
        elif option == "requests":
            chosen = replace(chosen, requests=True)
        elif option.endswith("-truncated"):
            kept: Truncated = "keep" if option == "keep-truncated" else "drop"
            chosen = replace(chosen, truncated=kept)
        else:
            chosen = replace(chosen, parted=option)
    return spec, chosen


_OPTION = re.compile(
    rf":({'|'.join(WAYS)}|csv|mark=[^:+]+|text=[^:+]+|keep-truncated|drop-truncated"
    r"|without=[^:+]+|stories-only|requests)$"
)


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
            f"({reason}); give a {FORMS} path, or nursery"
        ) from None


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
