"""Models on the Hugging Face hub, by their id there or by TransformerLens' name."""

import errno
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slm.errors import BadInput
from slm.importing.tensors import read_json
from slm.model.hooked import hub_name

PATIENCE = 10.0
"""Seconds that the hub is waited for."""
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
BESIDES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.bin",
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
    """The hub id that a name means. Raises `BadInput` where it is neither an id nor a known name."""
    if not NAME.fullmatch(name) or ".." in name:
        raise BadInput(f"there is no file {name!r}, and it is no name of a model on the hub")
    return name if "/" in name else hub_name(name)


def fetch(
    repository: str,
    accept: Callable[[dict[str, Any]], object],
    progress: Callable[[str, float | None], None],
) -> Path:
    """The folder of a model of the hub, fetched or found in the hub's own cache.

    `accept` is given config.json before anything large is asked for, and refuses by `BadInput`.
    Raises `BadInput` in one line where the hub is out of reach or has no such model.
    """
    progress(f"asking the hub for {repository}", None)
    files = Files(repository)
    config = files.one("config.json")
    accept(read_json(config))
    for name in BESIDES:
        files.maybe(name)
    for name in WEIGHTS:
        progress(f"fetching {name} of {repository}", None)
        if (path := files.maybe(name)) is None:
            continue
        if name.endswith(".index.json"):
            parts = read_json(path).get("weight_map")
            if not isinstance(parts, dict):
                raise BadInput(f"{name} must hold a weight_map")
            together = sorted({str(part) for part in parts.values()})
            for at, part in enumerate(together):
                if not NAME.fullmatch(part) or "/" in part:
                    raise BadInput(f"{name} names a file outside its folder: {part[:80]!r}")
                progress(f"fetching {part} of {repository}", at / len(together))
                files.one(part)
        return config.parent
    raise BadInput(files.lost or f"{repository!r} has no safetensors and no pytorch_model.bin")


def fetch_tokenizer(repository: str) -> Path:
    """A folder with the tokenizer of a model of the hub; `BadInput` where it cannot be had."""
    files = Files(repository)
    found = [path for name in BESIDES if (path := files.maybe(name))]
    if not found:
        raise BadInput(files.lost or f"{repository!r} on the hub has no tokenizer")
    return found[0].parent


class Files:
    """The files of one model of the hub, or those of them that lie in its cache on this machine.

    The hub is asked once whether it is there: `hf_hub_download` alone would ask for minutes. `lost` says
    in one line why it is out of reach, and is None where it answers.
    """

    def __init__(self, repository: str) -> None:
        self.repository = repository
        self.lost: str | None = None
        self._there("config.json")

    def one(self, name: str) -> Path:
        """A file that must be there; `BadInput` where it is not."""
        if (path := self.maybe(name)) is None:
            raise BadInput(self.lost or f"{self.repository!r} on the hub has no {name}")
        return path

    def maybe(self, name: str) -> Path | None:
        """A file, or None where there is none."""
        import httpx2  # what huggingface_hub speaks through, and whose errors it lets pass
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        if self.lost is None and not self._there(name):
            return None
        try:
            local = self.lost is not None
            return Path(hf_hub_download(self.repository, name, local_files_only=local))
        except LocalEntryNotFoundError:
            return None
        except (OSError, httpx2.HTTPError, RuntimeError) as error:  # the last from hf_xet
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise BadInput(
                f"the download of {name} of {self.repository!r} broke off, and goes on when asked again"
            ) from None

    def _there(self, name: str) -> bool:
        """Whether the hub has this file; notes where the hub is out of reach."""
        import httpx2
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.errors import (
            EntryNotFoundError,
            GatedRepoError,
            RepositoryNotFoundError,
        )

        try:
            get_hf_file_metadata(hf_hub_url(self.repository, name), timeout=PATIENCE)
        except GatedRepoError:
            raise BadInput(f"{self.repository!r} on the hub asks for its licence first") from None
        except EntryNotFoundError:
            return False
        except RepositoryNotFoundError:
            raise BadInput(f"there is no model {self.repository!r} on the hub") from None
        except (OSError, httpx2.HTTPError, RuntimeError) as error:
            self.lost = (
                f"{self.repository!r} lies on the Hugging Face hub, which is out of reach "
                f"({type(error).__name__}); give a folder or file on this machine"
            )
        return True
