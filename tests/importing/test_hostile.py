"""Files that lie, are cut or are damaged: one line each, nothing run, nothing left behind."""

import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from slm.errors import BadInput
from slm.importing.detect import detect
from slm.importing.import_run import import_run
from slm.runs import list_runs
from slm.stories.tokenizer import Tokenizer
from tests.importing.formats.test_llama2c import write_model
from tests.importing.tokenizers.test_llama2c_bin import write_tokenizer

KINDS = ("safetensors", "pickle", "llama2c", "tokenizer.bin", "tokenizer.json", "config.json")


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory, tokenizer: Tokenizer) -> dict[str, Any]:
    """For each kind a good model's files, and the name of the one to be damaged."""
    from tests.importing.conftest import transformers_model

    model = transformers_model("llama", tokenizer.d_vocab)
    folders = {name: tmp_path_factory.mktemp(name) for name in ("hf", "pt", "c")}
    for name in ("hf", "pt"):
        model.save_pretrained(folders[name])
        tokenizer.save(folders[name] / "tokenizer.json")
    (folders["pt"] / "model.safetensors").unlink()
    torch.save(model.state_dict(), folders["pt"] / "pytorch_model.bin")
    pieces = write_tokenizer(folders["c"] / "tokenizer.bin")
    write_model(folders["c"] / "stories.bin", len(pieces), shared=True)
    damaged = {
        "safetensors": ("hf", "model.safetensors"),
        "pickle": ("pt", "pytorch_model.bin"),
        "llama2c": ("c", "stories.bin"),
        "tokenizer.bin": ("c", "tokenizer.bin"),
        "tokenizer.json": ("hf", "tokenizer.json"),
        "config.json": ("hf", "config.json"),
    }
    return {
        kind: ({path.name: path.read_bytes() for path in folders[folder].iterdir()}, name)
        for kind, (folder, name) in damaged.items()
    }


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=some.data())
def test_a_damaged_file_is_refused_or_imported_and_never_more(
    kind: str, originals: dict[str, Any], tmp_path: Path, data: some.DataObject
) -> None:
    files, name = originals[kind]
    content = bytearray(files[name])
    if data.draw(some.booleans()):
        del content[data.draw(some.integers(0, len(content) - 1)) :]
    else:
        early = min(len(content), 600) - 1  # where headers are
        for _ in range(data.draw(some.integers(1, 4))):
            last = early if data.draw(some.booleans()) else len(content) - 1
            content[data.draw(some.integers(0, last))] ^= 1 << data.draw(some.integers(0, 7))
    folder = tmp_path / "damaged"
    folder.mkdir(exist_ok=True)
    for other, whole in files.items():
        (folder / other).write_bytes(whole)
    (folder / name).write_bytes(content)
    before = {run.name for run in list_runs()}
    try:
        import_run(detect(str(folder)), f"theirs-{len(before)}")
    except BadInput as error:
        assert "\n" not in str(error) and len(str(error)) < 500
        assert {run.name for run in list_runs()} == before


class _Code:
    """What a pickle can make run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("/tmp/storyscope-was-here"),))


def test_code_in_a_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    torch.save({"state_dict": _Code()}, tmp_path / "model.pt")
    with pytest.raises(BadInput, match=r"an object of the class pathlib\.\w*Path"):
        detect(str(tmp_path / "model.pt"))
    assert not Path("/tmp/storyscope-was-here").exists()
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(_Code()))
    with pytest.raises(BadInput, match=r"no file that torch\.save wrote"):
        detect(str(tmp_path / "bare.pt"))


def test_a_pickle_that_unpacks_to_more_than_its_size_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(10_000)}, tmp_path / "small.pt")
    with (
        zipfile.ZipFile(tmp_path / "small.pt") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in plain.infolist():
            packed.writestr(entry.filename, plain.read(entry))
    with pytest.raises(BadInput, match="unpacks to more than its own size"):
        detect(str(tmp_path / "bomb.pt"))


def test_a_tensor_that_claims_more_than_its_storage_is_refused(tmp_path: Path) -> None:
    torch.save({"embed.W_E": torch.zeros(1).expand(10**6, 10**6)}, tmp_path / "theirs.pt")
    (tmp_path / "config.json").write_text(json.dumps({"d_model": 10**6}))
    with pytest.raises(BadInput, match=r"'embed\.W_E' claims more numbers than its file holds"):
        detect(str(tmp_path / "theirs.pt"))


def test_a_safetensors_header_of_a_trillion_numbers_is_refused(
    tmp_path: Path, originals: Any
) -> None:
    files, name = originals["safetensors"]
    for other, whole in files.items():
        (tmp_path / other).write_bytes(whole)
    huge = json.dumps(
        {"model.norm.weight": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}
    ).encode()
    (tmp_path / name).write_bytes(struct.pack("<Q", len(huge)) + huge)
    with pytest.raises(BadInput, match="not a whole safetensors file"):
        detect(str(tmp_path))


def test_an_index_cannot_lead_out_of_its_folder(tmp_path: Path, originals: Any) -> None:
    files, name = originals["safetensors"]
    for other, whole in files.items():
        (tmp_path / other).write_bytes(whole)
    (tmp_path / name).unlink()
    index = {"weight_map": {"model.norm.weight": "../model.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BadInput, match="names a file outside its folder"):
        detect(str(tmp_path))
