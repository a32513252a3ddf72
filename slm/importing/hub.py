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


class Absent(Exception):
    """The hub answers, and has no such file."""


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
    try:
        config = _file(repository, "config.json")
    except Absent:
        raise BadInput(f"{repository!r} on the hub has no config.json") from None
    accept(read_json(config))
    for name in BESIDES:
        _file_or_none(repository, name)
    for name in WEIGHTS:
        progress(f"fetching {name} of {repository}", None)
        if (path := _file_or_none(repository, name)) is None:
            continue
        if name.endswith(".index.json"):
            parts = read_json(path).get("weight_map")
            if not isinstance(parts, dict):
                raise BadInput(f"{name} must hold a weight_map")
            files = sorted({str(part) for part in parts.values()})
            for at, part in enumerate(files):
                progress(f"fetching {part} of {repository}", at / len(files))
                if not NAME.fullmatch(part) or _file_or_none(repository, part) is None:
                    raise BadInput(f"{repository!r} on the hub lacks {part[:80]!r}")
        return config.parent
    raise BadInput(f"{repository!r} on the hub has no safetensors and no pytorch_model.bin")


def fetch_tokenizer(repository: str) -> Path:
    """A folder with the tokenizer of a model of the hub; `BadInput` where it cannot be had."""
    found = [path for name in BESIDES if (path := _file_or_none(repository, name))]
    if not found:
        raise BadInput(f"{repository!r} on the hub has no tokenizer")
    return found[0].parent


def _file_or_none(repository: str, name: str) -> Path | None:
    try:
        return _file(repository, name)
    except Absent:
        return None


def _file(repository: str, name: str) -> Path:
    """One file. The hub is asked once whether it is there: the library alone would ask for minutes."""
    import httpx2  # what huggingface_hub speaks through, and whose errors it lets pass
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    lost = (OSError, httpx2.HTTPError, RuntimeError)
    try:
        try:
            get_hf_file_metadata(hf_hub_url(repository, name), timeout=PATIENCE)
        except GatedRepoError:
            raise BadInput(f"{repository!r} on the hub asks for a licence to be accepted") from None
        except EntryNotFoundError:
            raise Absent from None
        except RepositoryNotFoundError:
            raise BadInput(f"there is no model {repository!r} on the hub") from None
        except lost as error:
            reason = type(error).__name__
            return Path(hf_hub_download(repository, name, local_files_only=True))
        reason = "the download broke off, and goes on when asked again"
        return Path(hf_hub_download(repository, name))
    except LocalEntryNotFoundError:
        raise BadInput(_out_of_reach(repository, reason)) from None
    except lost as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise BadInput(_out_of_reach(repository, reason)) from None


def _out_of_reach(repository: str, reason: str) -> str:
    return (
        f"{repository!r} lies on the Hugging Face hub, which is out of reach ({reason}); "
        "give a folder or file on this machine"
    )
