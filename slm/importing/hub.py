"""Models on the Hugging Face hub, by their id there or by TransformerLens' name."""

import errno
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from slm.errors import BadInput
from slm.importing.download import PATIENCE, HubFile, download
from slm.importing.json_files import read_json
from slm.model.hooked import hub_name
from slm.progress import ProgressCallback

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
BESIDES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.bin",
    "tokenizer.model",
)
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
GPT2_TOKENIZER = "openai-community/gpt2"
"""Whose tokenizer GPT-Neo models use; some of the released TinyStories models bring none."""


def repository_of(name: str) -> str:
    """Resolve a name to a hub id; `BadInput` where it is neither an id nor TransformerLens' name of one."""
    if not NAME.fullmatch(name) or ".." in name:
        raise BadInput(f"there is no file {name!r}, and it is no name of a model on the hub")
    return name if "/" in name else hub_name(name)


def fetch(
    repository: str, accept: Callable[[dict[str, Any]], object], progress: ProgressCallback
) -> Path:
    """Download a model from the hub, or find it in the hub's cache, and return its folder.

    `accept` is given config.json before anything large is requested, and refuses by `BadInput`. An
    exception of `progress` ends the download; finished files stay, and a later call resumes. Raises
    `BadInput` in one line where the hub cannot be reached or has no such model.
    """
    files = HubModelFiles(repository, progress)
    config = files.one("config.json")
    accept(read_json(config))
    weights = _weights(files)
    files.fetch([*filter(files.there, BESIDES), *weights])
    return config.parent


def _weights(files: "HubModelFiles") -> list[str]:
    """Return the files with the weights, in the first format of `WEIGHTS` that exists."""
    for name in filter(files.there, WEIGHTS):
        if not name.endswith(".index.json"):
            return [name]
        parts = read_json(files.one(name)).get("weight_map")
        if not isinstance(parts, dict):
            raise BadInput(f"{name} must hold a weight_map")
        together = sorted({str(part) for part in parts.values()})
        for part in together:
            if not NAME.fullmatch(part) or "/" in part:
                raise BadInput(f"{name} names a file outside its folder: {part[:80]!r}")
            if not files.there(part):
                raise BadInput(files.lost or f"{files.repository!r} on the hub has no {part}")
        return together
    raise BadInput(
        files.lost or f"{files.repository!r} has no safetensors and no pytorch_model.bin"
    )


def fetch_tokenizer(
    repository: str, progress: ProgressCallback = lambda stage, share: None
) -> Path:
    """Download a hub model's tokenizer and return its folder; `BadInput` where there is none."""
    files = HubModelFiles(repository, progress)
    found = files.fetch(list(filter(files.there, BESIDES)))
    if not found:
        raise BadInput(files.lost or f"{repository!r} on the hub has no tokenizer")
    return found[0].parent


class HubModelFiles:
    """The files of one model of the hub, or those of them that lie in its cache on this machine.

    The hub is asked once whether it is there: `hf_hub_download` alone would ask for minutes. `lost` says
    in one line why it is out of reach, and is None where it answers.
    """

    def __init__(self, repository: str, progress: ProgressCallback) -> None:
        self.repository = repository
        self.lost: str | None = None
        self._progress = progress
        self._known: dict[str, HubFile | None] = {}
        progress(f"asking the hub for {repository}", None)
        self._ask("config.json")

    def there(self, name: str) -> bool:
        """Return whether the hub, or its cache where it is out of reach, has this file."""
        from huggingface_hub import try_to_load_from_cache

        self._progress(f"asking the hub for {self.repository}", None)
        if self.lost is None and name not in self._known:
            self._ask(name)
        if self.lost is None:
            return self._known[name] is not None
        return isinstance(try_to_load_from_cache(self.repository, name), str)

    def one(self, name: str) -> Path:
        """Download one small file; `BadInput` where it does not exist."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.utils.tqdm import silent_tqdm

        if not self.there(name):
            raise BadInput(self.lost or f"{self.repository!r} on the hub has no {name}")
        local = self.lost is not None
        with self._broken_off(name):
            return Path(
                hf_hub_download(
                    self.repository, name, local_files_only=local, tqdm_class=silent_tqdm
                )
            )

    def fetch(self, names: Sequence[str]) -> list[Path]:
        """Download existing files, reporting the bytes of all of them."""
        if self.lost is None:
            self._bring([remote for name in names if (remote := self._known[name]) is not None])
        return [self.one(name) for name in names]

    def _bring(self, remotes: Sequence[HubFile]) -> None:
        """Download files to the cache; cached bytes count as done."""
        here = {remote.name: remote.here for remote in remotes}
        sizes = [remote.size for remote in remotes if remote.size is not None]
        whole = sum(sizes) if len(sizes) == len(remotes) else None

        def told(name: str, now: int) -> None:
            here[name] = now
            done = sum(here.values())
            self._progress(
                f"fetching {name} of {self.repository}, {amount(done, whole)}",
                min(done / whole, 1.0) if whole else None,
            )

        for remote in remotes:
            with self._broken_off(remote.name):
                download(remote, partial(told, remote.name))

    @contextmanager
    def _broken_off(self, name: str) -> Iterator[None]:
        """Say in one line that a download broke off; a full disk speaks for itself."""
        import httpx2  # what huggingface_hub speaks through, and whose errors it lets pass

        try:
            yield
        except (OSError, httpx2.HTTPError, RuntimeError) as error:  # the last from hf_xet
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise BadInput(
                f"the download of {name} of {self.repository!r} broke off, and goes on when asked again"
            ) from None

    def _ask(self, name: str) -> None:
        """Ask the hub for this file, without its content; note where the hub is out of reach."""
        import httpx2
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.errors import (
            EntryNotFoundError,
            GatedRepoError,
            RepositoryNotFoundError,
        )

        try:
            told = get_hf_file_metadata(hf_hub_url(self.repository, name), timeout=PATIENCE)
        except GatedRepoError:
            raise BadInput(f"{self.repository!r} on the hub asks for its licence first") from None
        except EntryNotFoundError:
            self._known[name] = None
        except RepositoryNotFoundError:
            raise BadInput(f"there is no model {self.repository!r} on the hub") from None
        except (OSError, httpx2.HTTPError, RuntimeError) as error:
            self.lost = (
                f"{self.repository!r} lies on the Hugging Face hub, which is out of reach "
                f"({type(error).__name__}); give a folder or file on this machine"
            )
        else:
            self._known[name] = HubFile(
                repository=self.repository,
                name=name,
                commit=told.commit_hash or "",
                etag=told.etag or "",
                size=told.size,
            )


def amount(done: int, whole: int | None = None) -> str:
    """Format bytes as 640 kB, 1.2 of 4.8 MB, 12 of 48 MB."""
    largest = done if whole is None else whole
    size, unit = next(
        ((size, unit) for size, unit in ((10**9, "GB"), (10**6, "MB")) if largest >= size),
        (10**3, "kB"),
    )
    digits = 1 if size > 10**3 and largest < 10 * size else 0
    parts = [done] if whole is None else [done, whole]
    return " of ".join(f"{part / size:.{digits}f}" for part in parts) + f" {unit}"
