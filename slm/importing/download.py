"""Downloads of hub files into the hub's own cache, resumed where they stopped."""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from slm.errors import BadInput
from slm.files import writing

PATIENCE = 10.0
"""Seconds that the hub is waited for, for an answer or for the next bytes."""
SHA256 = re.compile(r"[0-9a-f]{64}")
"""What the hub calls a large file by; a small one is called by git's hash."""

Told = Callable[[int], None]
"""Called with the bytes of a file that are here. What it raises ends the download."""


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """A file of one commit of a model of the hub; `size` in bytes, None where the hub does not tell it.

    `etag` is what the hub calls its content by. The cache is laid out as the hub's library documents
    it: content in blobs/, by its etag, and names in snapshots/, by commit.
    """

    repository: str
    name: str
    commit: str
    etag: str
    size: int | None

    def __post_init__(self) -> None:
        if not all(re.fullmatch(r"\w[\w.-]{0,199}", part) for part in (self.commit, self.etag)):
            raise BadInput(f"what answers for {self.repository!r} does not speak as the hub does")

    @property
    def blob(self) -> Path:
        """The path of its whole content in the cache."""
        return _cache() / _folder(self.repository) / "blobs" / self.etag

    @property
    def partial(self) -> Path:
        """The path of its partial download."""
        return self.blob.with_name(f"{self.etag}.incomplete")

    @property
    def whole(self) -> bool:
        """Whether it lies in the cache, as content or (on disks without links) by its name only."""
        named = _cache() / _folder(self.repository) / "snapshots" / self.commit / self.name
        return self.blob.exists() or named.exists()

    @property
    def here(self) -> int:
        """The bytes of it that are on this machine."""
        if self.whole:
            return self.size or 0
        try:
            return self.partial.stat().st_size
        except FileNotFoundError:
            return 0


def download(remote: HubFile, told: Told) -> None:
    """Bring a file into the cache, going on from what an earlier try left there.

    Where the connection breaks it is asked for again, as long as every try brings something. Raises
    `BadInput` where what came is not what the hub says it is, and the errors of httpx2 and `OSError`
    where nothing more comes; what came stays.
    """
    import httpx2

    with _alone(remote, told):
        told(remote.here)
        if remote.whole:
            return
        remote.partial.parent.mkdir(parents=True, exist_ok=True)
        with writing(remote.partial), remote.partial.open("ab") as file:
            if remote.size is None or file.tell() > remote.size:
                file.truncate(0)  # it cannot be known to be a part of this
            while remote.size is None or file.tell() < remote.size:
                before = file.tell()
                try:
                    _stream(remote, file, told)
                except httpx2.TransportError:
                    if remote.size is None or file.tell() <= before:
                        raise
                    continue
                if remote.size is None or file.tell() <= before:
                    break
        _check(remote)
        os.replace(remote.partial, remote.blob)


def _stream(remote: HubFile, file: BinaryIO, told: Told) -> None:
    """Append what the hub sends from the file's end on."""
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    at = file.tell()
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if at:
        headers["Range"] = f"bytes={at}-"
    url = hf_hub_url(remote.repository, remote.name, revision=remote.commit)
    with get_session().stream("GET", url, headers=headers, timeout=PATIENCE) as response:
        hf_raise_for_status(response)
        if at and response.status_code != 206:
            file.truncate(0)  # it sends the whole
        for chunk in response.iter_bytes():
            file.write(chunk)
            told(file.tell())


def _check(remote: HubFile) -> None:
    """Raise `BadInput`, and forget what came, where it is not what the hub says it is."""
    right = remote.size in (None, remote.partial.stat().st_size)
    if right and SHA256.fullmatch(remote.etag):
        with remote.partial.open("rb") as file:
            right = hashlib.file_digest(file, "sha256").hexdigest() == remote.etag
    if not right:
        remote.partial.unlink()
        raise BadInput(
            f"what came of {remote.name} of {remote.repository!r} is not what the hub says it is; "
            "it is thrown away and fetched anew when asked again"
        )


@contextmanager
def _alone(remote: HubFile, told: Told) -> Iterator[None]:
    """Let one at a time fetch a file, the hub's library included; the others see it grow."""
    path = _cache() / ".locks" / _folder(remote.repository) / f"{remote.etag}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, mode=0o664)
    while True:
        try:
            lock.acquire(timeout=0.3)
            break
        except Timeout:
            told(remote.here)
    try:
        yield
    finally:
        lock.release()


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _folder(repository: str) -> str:
    from huggingface_hub.file_download import repo_folder_name

    return str(repo_folder_name(repo_id=repository, repo_type="model"))
