"""Detection of the model at a path, or on the hub under a name, before anything is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slm.errors import BadInput
from slm.importing import hub
from slm.importing.foreign_model import ForeignModel
from slm.importing.formats import (
    huggingface,
    huggingface_tensors,
    llama2c,
    meta_llama,
    nanogpt,
    tensor_names,
    transformer_lens,
)
from slm.importing.json_files import read_json
from slm.importing.pickles import as_configuration, unpickled
from slm.importing.tensors import ForeignTensors, of_dict, of_folder, of_safetensors
from slm.importing.tokenizers.tokenizer_files import ImportedTokenizer, tokenizer_at, tokenizer_in
from slm.importing.weight_sources import check, fill
from slm.model.config import ModelConfig
from slm.model.weights import Weights
from slm.progress import ProgressCallback
from slm.reading import typed_path
from slm.stories.tokenizer import Tokenizer

NAMES = {"gpt2": "GPT-2", "gpt_neo": "GPT-Neo", "llama": "Llama"}
TENSORS = (".safetensors", ".pt", ".pth", ".bin")
STATES = ("state_dict", "model", "model_state_dict")
CONFIGURATIONS = ("cfg", "config")
NO_MODELS = ("tok", ".", "optim", "scheduler", "rng_state", "training_args")
"""How files of tensors are called that hold no model."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectedModel:
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
class ImportOptions:
    """Options of an import: a tokenizer's path or hub id, and the progress callback."""

    tokenizer: str | None
    progress: ProgressCallback


def detect(
    path: str,
    *,
    tokenizer: str | None = None,
    progress: ProgressCallback = lambda stage, share: None,
) -> DetectedModel:
    """Detect the model at a path or under a hub id; compares names and shapes, writes nothing.

    `tokenizer` is a path or hub id, for models without one. Raises `BadInput` in one line for
    everything that cannot be imported.
    """
    at, given = typed_path(path), ImportOptions(tokenizer, progress)
    if not at.exists():
        if path.startswith((".", "/", "~")) or at.suffix in TENSORS:
            raise BadInput(f"there is nothing at {path}")
        repository = hub.repository_of(path)
        folder = hub.fetch(repository, huggingface.config_of, progress)
        return _folder(folder, repository, given)
    try:
        return _there(at, given)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}") from None


def _there(path: Path, given: ImportOptions) -> DetectedModel:
    if path.is_dir():
        if (path / "config.json").is_file():
            data = read_json(path / "config.json")
            if "model_type" in data or not set(transformer_lens.FIELDS) <= data.keys():
                return _folder(path, str(path), given)
        return _there(_only_model_in(path), given)
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    if path.suffix == ".bin" and not zipped:
        return _found(llama2c.read(path), path.parent, str(path), given)
    if path.suffix == ".json":
        return _there(path.parent, given)
    if path.suffix in TENSORS:
        if (config := path.parent / "config.json").is_file() and "model_type" in read_json(config):
            return _folder(path.parent, str(path.parent), given)
        return _found(_state(path), path.parent, str(path), given)
    raise BadInput(
        "a model is a folder with config.json, a state dict (.pt, .safetensors) or llama2.c's .bin, "
        f"not {path.name!r}"
    )


def _only_model_in(folder: Path) -> Path:
    """Return the only file of tensors in a folder without a config.json; `BadInput` for none or several."""
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in TENSORS and not path.name.startswith(NO_MODELS)
    ]
    if len(found) != 1:
        several = f": {', '.join(path.name for path in found[:3])}" if found else ""
        raise BadInput(
            f"{folder} must hold a config.json, or one .bin, .pt or .safetensors, "
            f"not {len(found)}{several}"
        )
    return found[0]


def _folder(folder: Path, source: str, given: ImportOptions) -> DetectedModel:
    """Detect the model of a Hugging Face folder."""
    data = read_json(folder / "config.json")
    config = huggingface.config_of(data)
    tensors = of_folder(folder).as_trained().without("transformer.").without("model.")
    opened = ForeignModel(
        kind=f"{NAMES[data['model_type']]} (Hugging Face)",
        config=config,
        sources=huggingface_tensors.sources_of(data, config, tensors),
        tensors=tensors,
        passed_over=huggingface_tensors.PASSED_OVER,
        reach=data.get("max_position_embeddings"),
        gpt2_tokens=data["model_type"] != "llama" and config.d_vocab == nanogpt.GPT2_TOKENS,
    )
    return _found(opened, folder, source, given, data)


def _state(path: Path) -> ForeignModel:
    """Detect the model of a state dict, whose configuration lies in it or beside it.

    Raises `BadInput` naming what the file holds or lacks.
    """
    inside: Mapping[Any, Any] = {}
    if path.suffix == ".safetensors":
        tensors = of_safetensors([path])
    else:
        inside = unpickled(path)
        if not isinstance(inside, dict):
            raise BadInput(f"{path.name} must hold tensors by name, not a {type(inside).__name__}")
        states = [inside[name] for name in STATES if isinstance(inside.get(name), dict)]
        tensors = of_dict(states[0] if states else inside)
    tensors = tensors.as_trained()
    if (opened := _by_arguments(_arguments(path, inside), tensors)) is not None:
        return opened
    if {"state", "param_groups"} <= inside.keys():
        raise BadInput(f"{path.name} holds the state of an optimizer, not a model")
    if not tensor_names.of_lens(tensors):
        raise BadInput(f"{path.name} holds {tensor_names.of_tensors(tensors)}")
    data = _configuration_beside(path)
    for name in CONFIGURATIONS:
        if isinstance(inside.get(name), dict):
            data = as_configuration(path, inside[name])
    if data is None:
        raise BadInput(
            f"{path.name} needs its configuration: HookedTransformerConfig.to_dict() as "
            f"{path.stem}.json or config.json beside it"
        )
    config = transformer_lens.config_of(data, tied=transformer_lens.is_tied(tensors))
    return ForeignModel(
        kind="TransformerLens state dict",
        config=config,
        sources=transformer_lens.sources_of(data, config, tensors),
        tensors=tensors,
        passed_over=transformer_lens.PASSED_OVER,
        reach=data.get("n_ctx"),
    )


def _by_arguments(arguments: Mapping[str, Any], tensors: ForeignTensors) -> ForeignModel | None:
    """Open nanoGPT's or Meta's model by its hyperparameters; None where they are of neither kind."""
    if {"n_embd", "block_size"} <= arguments.keys():
        return nanogpt.foreign_model(arguments, tensors)
    if {"dim", "n_layers"} <= arguments.keys() and "tok_embeddings.weight" in tensors.shapes:
        return meta_llama.foreign_model(arguments, tensors)
    return None


def _arguments(path: Path, inside: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the hyperparameters kept with the weights, or those of Meta's params.json beside them."""
    if isinstance(inside.get("model_args"), dict):
        return as_configuration(path, inside["model_args"])
    if (beside := path.parent / "params.json").is_file():
        return read_json(beside)
    return {}


def _configuration_beside(path: Path) -> dict[str, Any] | None:
    for name in (f"{path.stem}.json", "config.json", "cfg.json"):
        if (beside := path.parent / name).is_file():
            return read_json(beside)
    return None


def _found(
    opened: ForeignModel,
    folder: Path,
    source: str,
    given: ImportOptions,
    data: Mapping[str, Any] | None = None,
) -> DetectedModel:
    """Check a foreign model's tensors and tokenizer and return it as detected."""
    config, tensors = opened.config, opened.tensors
    parameters = check(opened.sources, tensors, passed_over=opened.passed_over)
    brought = _tokenizer(folder, opened, given, data or {})
    notes = list(opened.notes)
    if config.gated_mlp:
        notes.append("A neuron is what its gate lets through: act(x W_gate) times x W_in.")
    if opened.reach is not None and opened.reach > config.n_ctx:
        notes.append(
            f"It reaches {opened.reach:,} tokens back and is read here up to {config.n_ctx:,}."
        )
    return DetectedModel(
        kind=opened.kind,
        source=source,
        config=config,
        parameters=parameters,
        tokenizer=brought.tokenizer,
        notes=(*notes, *brought.notes),
        half=tensors.half,
        read=lambda: fill(config, opened.sources, tensors),
    )


def _tokenizer(
    folder: Path, opened: ForeignModel, given: ImportOptions, data: Mapping[str, Any]
) -> ImportedTokenizer:
    """Return the tokenizer given, the folder's own, or GPT-2's for a vocabulary of GPT-2's size."""
    d_vocab = opened.config.d_vocab
    if given.tokenizer is not None:
        path = typed_path(given.tokenizer)
        if not path.exists():
            path = hub.fetch_tokenizer(hub.repository_of(given.tokenizer), given.progress)
        return tokenizer_at(path, d_vocab, data)
    if (found := tokenizer_in(folder, d_vocab, data)) is not None:
        return found
    without = f"{opened.kind} of {opened.config.shape}, without a tokenizer"
    if opened.gpt2_tokens:
        try:
            path = hub.fetch_tokenizer(hub.GPT2_TOKENIZER, given.progress)
            return tokenizer_at(path, d_vocab, data)
        except BadInput as error:
            raise BadInput(f"{without} (--tokenizer gives one), and {error}") from None
    raise BadInput(
        f"{without}: give one with --tokenizer (a folder, a tokenizer.json, a tokenizer.bin, "
        "or a hub id)"
    )
