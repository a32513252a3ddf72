"""From a path or a name to a run: what is there, said before anything is written, then the run, whole."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from slm.errors import BadInput
from slm.importing import hub, huggingface, layouts, lens, llama2c
from slm.importing.filling import Source, check, fill
from slm.importing.pickles import as_configuration, unpickled
from slm.importing.reading import read_json
from slm.importing.tensors import (
    Tensors,
    of_dict,
    of_folder,
    of_safetensors,
)
from slm.importing.vocabulary import tokenizer_at, tokenizer_in
from slm.model.config import ModelConfig
from slm.model.weights import Weights
from slm.progress import Tell
from slm.runs import Run, RunInfo, check_name, runs_dir
from slm.stories.tokenizer import Tokenizer

NAMES = {"gpt2": "GPT-2", "gpt_neo": "GPT-Neo", "llama": "Llama"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """A model that can be imported. `parameters` are the numbers its own files hold for it.

    `notes` say what differs in its run. `read` makes the weights; nothing was allocated before.
    """

    kind: str
    source: str
    config: ModelConfig
    parameters: int
    tokenizer: Tokenizer
    notes: tuple[str, ...]
    half: bool
    read: Callable[[], Weights]


@dataclass(frozen=True)
class Given:
    """What comes with a path: a tokenizer's path or hub id, and who is told of what takes long."""

    tokenizer: str | None
    progress: Tell


def recognise(
    path: str,
    *,
    tokenizer: str | None = None,
    progress: Tell = lambda stage, share: None,
) -> Found:
    """What lies at a path, or on the hub under a name; names and shapes are compared, nothing is written.

    `tokenizer` is a path or hub id, for models that bring none. Raises `BadInput` in one line for
    everything that cannot be imported.
    """
    at, given = Path(path).expanduser(), Given(tokenizer, progress)
    try:
        there = at.exists()
    except (OSError, ValueError):
        there = False
    if not there:
        if path.startswith((".", "/", "~")) or at.suffix in (".bin", ".pt", ".safetensors"):
            raise BadInput(f"there is nothing at {path}")
        repository = hub.repository_of(path)
        folder = hub.fetch(repository, huggingface.config_of, progress)
        return _folder(folder, repository, given)
    try:
        return _there(at, given)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from None


def _there(path: Path, given: Given) -> Found:
    if path.is_dir():
        if (path / "config.json").is_file():
            data = read_json(path / "config.json")
            if "model_type" in data or not set(lens.FIELDS) <= data.keys():
                return _folder(path, str(path), given)
        return _there(_only_model_in(path), given)
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    if path.suffix == ".bin" and not zipped:
        return _llama2c(path, given)
    if path.suffix == ".json":
        return _there(path.parent, given)
    if path.suffix in (".safetensors", ".pt", ".pth", ".bin"):
        if (config := path.parent / "config.json").is_file():
            data = read_json(config)
            if "model_type" in data:
                return _folder(path.parent, str(path.parent), given)
        return _lens(path, given)
    raise BadInput(
        "a model is a folder with config.json, a state dict (.pt, .safetensors) or llama2.c's .bin, "
        f"not {path.name!r}"
    )


def _only_model_in(folder: Path) -> Path:
    """The one file of a folder without a Hugging Face config.json that can hold a model."""
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in (".bin", ".pt", ".pth", ".safetensors")
        and not path.name.startswith(("tok", "."))
    ]
    if len(found) != 1:
        raise BadInput(
            f"{folder} must hold a config.json, or one .bin, .pt or .safetensors, not {len(found)}"
        )
    return found[0]


def _folder(folder: Path, source: str, given: Given) -> Found:
    """A Hugging Face folder."""
    data = read_json(folder / "config.json")
    config = huggingface.config_of(data)
    tensors = of_folder(folder).as_trained().without("transformer.").without("model.")
    sources = layouts.sources_of(data, config, tensors)
    parameters = check(sources, tensors, passed_over=layouts.PASSED_OVER)
    tokenizer = _tokenizer(folder, config, given, data)
    reach = data.get("max_position_embeddings")
    kind = f"{NAMES[data['model_type']]} (Hugging Face)"
    return _found(kind, source, config, sources, tensors, parameters, tokenizer, reach)


def _lens(path: Path, given: Given) -> Found:
    """A TransformerLens state dict, its configuration beside it or, in a .pt, within it."""
    data, tensors = _configuration_beside(path), None
    if path.suffix == ".safetensors":
        tensors = of_safetensors([path])
    else:
        inside = unpickled(path)
        if not isinstance(inside, dict):
            raise BadInput(f"{path.name} must hold tensors by name, not a {type(inside).__name__}")
        for name in ("cfg", "config"):
            if isinstance(inside.get(name), dict):
                data = as_configuration(path, inside[name])
        states = [
            inside[name] for name in ("state_dict", "model") if isinstance(inside.get(name), dict)
        ]
        tensors = of_dict(states[0] if states else inside)
    if data is None:
        raise BadInput(
            f"{path.name} needs its configuration: HookedTransformerConfig.to_dict() as "
            f"{path.stem}.json or config.json beside it"
        )
    config = lens.config_of(data, tied=lens.is_tied(tensors))
    sources = lens.sources_of(data, config, tensors)
    parameters = check(sources, tensors, passed_over=lens.PASSED_OVER)
    tokenizer = _tokenizer(path.parent, config, given, {})
    return _found(
        "TransformerLens state dict",
        str(path),
        config,
        sources,
        tensors,
        parameters,
        tokenizer,
        data.get("n_ctx"),
    )


def _configuration_beside(path: Path) -> dict[str, Any] | None:
    for name in (f"{path.stem}.json", "config.json", "cfg.json"):
        if (beside := path.parent / name).is_file():
            return read_json(beside)
    return None


def _llama2c(path: Path, given: Given) -> Found:
    config, tensors, sources = llama2c.read(path)
    parameters = check(sources, tensors, passed_over=llama2c.PASSED_OVER)
    tokenizer = _tokenizer(path.parent, config, given, {})
    reach = tensors.shapes["angles"][0] // config.d_head
    return _found(
        "llama2.c, version 0", str(path), config, sources, tensors, parameters, tokenizer, reach
    )


def _found(
    kind: str,
    source: str,
    config: ModelConfig,
    sources: list[Source],
    tensors: Tensors,
    parameters: int,
    tokenizer: Tokenizer,
    reach: int | None,
) -> Found:
    notes = []
    if config.gated_mlp:
        notes.append("A neuron is what its gate lets through: act(x W_gate) times x W_in.")
    if reach is not None and reach > config.n_ctx:
        notes.append(f"It reaches {reach:,} tokens back and is read here up to {config.n_ctx:,}.")
    return Found(
        kind=kind,
        source=source,
        config=config,
        parameters=parameters,
        tokenizer=tokenizer,
        notes=tuple(notes),
        half=tensors.half,
        read=lambda: fill(config, sources, tensors),
    )


def _tokenizer(
    folder: Path, config: ModelConfig, given: Given, data: Mapping[str, Any]
) -> Tokenizer:
    """The tokenizer that was given, the folder's own, or GPT-2's where the vocabulary is GPT-2's."""
    if given.tokenizer is not None:
        path = Path(given.tokenizer).expanduser()
        if not path.exists():
            path = hub.fetch_tokenizer(hub.repository_of(given.tokenizer), given.progress)
        return tokenizer_at(path, config.d_vocab, data)
    if (found := tokenizer_in(folder, config.d_vocab, data)) is not None:
        return found
    if data.get("model_type") in ("gpt2", "gpt_neo") and config.d_vocab == 50_257:
        try:
            path = hub.fetch_tokenizer(hub.GPT2_TOKENIZER, given.progress)
            return tokenizer_at(path, config.d_vocab, data)
        except BadInput as error:
            raise BadInput(f"it brings no tokenizer (--tokenizer gives one), and {error}") from None
    raise BadInput(
        "it brings no tokenizer: give one with --tokenizer (a folder, a tokenizer.json, "
        "a tokenizer.bin, or a hub id)"
    )


def bring(found: Found, name: str, *, progress: Tell = lambda stage, share: None) -> Run:
    """Make the run `name` with one checkpoint, at step 0. Ended early, it leaves nothing.

    Weights are kept in float32 (float16 where all of the original's are), so that they say exactly
    what the original says. Raises `BadInput` where the name is taken or a number is not finite.
    """
    root = runs_dir()
    if (root / check_name(name)).exists():
        raise BadInput(f"there is a run {name!r} already; choose another name")
    progress("reading the weights", None)
    weights = found.read()
    root.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=root, prefix=f".{name}."))
    try:
        beside.chmod(0o755)
        run = Run(beside)
        progress("writing the run", None)
        found.tokenizer.save(beside / "tokenizer.json")
        run.save_checkpoint(weights, 0, dtype=torch.float16 if found.half else torch.float32)
        run.write_info(
            RunInfo(
                config=found.config,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                status="imported",
                imported={
                    "kind": found.kind,
                    "source": found.source,
                    "parameters": found.parameters,
                    "notes": list(found.notes),
                },
            )
        )
        try:
            os.rename(beside, root / name)
        except FileExistsError:
            raise BadInput(f"there is a run {name!r} already; choose another name") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Run(root / name)
