"""Building a neuron index: a whole corpus in one pass, with bounded memory; what is killed goes on.

What has been read is kept beside the index's place: the tokens as they were appended, and the tally
in one file that is replaced whole. A building that is killed, cancelled or out of power goes on from
the last tally, and ends with the same bytes as one that was never stopped.
"""

import json
import os
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from slm.errors import BadInput
from slm.files import leftovers, replacing, write_text, writing
from slm.interp.neurons.activations import KEPT
from slm.interp.neurons.index import MANIFEST, VERSION, hashes, index_path, read_manifest
from slm.interp.neurons.tally import SAME_WORDS, Tally, batches
from slm.model.config import ModelConfig
from slm.reading import typed
from slm.runs import Checkpoint
from slm.stories.cleaning import CleaningReport, cleaned
from slm.stories.sources import open_source

STORIES_AT_ONCE = 256
SAVED_EVERY = 15.0
"""Stories that are encoded together, and seconds between two savings of the tally."""


@dataclass(frozen=True, kw_only=True)
class IndexProgress:
    """The progress of building an index; `share` of the corpus is 1 when it is built."""

    stories: int
    tokens: int
    share: float


def build_index(
    checkpoint: Checkpoint, corpus: str, *, again: bool = False
) -> Generator[IndexProgress, None, None]:
    """Read a whole corpus and write the index of this checkpoint, yielding how far it has come.

    Goes on where an earlier building of the same index was stopped, and does nothing where it is
    built already; `again` builds it from the start. Memory holds a batch, the tally, and cleaning's
    hash of every story. Raises `BadInput` for a corpus without stories, or while somebody else
    builds the same index.
    """
    folder = index_path(checkpoint)
    source = open_source(corpus)
    made_of = {
        "version": VERSION,
        **hashes(checkpoint),
        "corpus_fingerprint": source.fingerprint,
        "kept": KEPT,
        "same_words": SAME_WORDS,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _held(folder):
        if not again and (built := _built(folder, made_of)) is not None:
            yield built
            return
        part = _Part(folder.with_name(f".{folder.name}.part"), made_of, checkpoint.config)
        if again:
            part.start_over()
        report = CleaningReport()
        texts = cleaned(source, report)
        yield part.reading(source.size)
        for _ in islice(texts, part.stories):  # they are read already
            pass
        saved = time.monotonic()
        try:
            while some := list(islice(texts, STORIES_AT_ONCE)):
                stories = checkpoint.tokenizer.encode_stories(some)
                for batch in batches(stories, checkpoint.config.n_ctx, first=part.stories):
                    part.tally.read(checkpoint, batch)
                part.append(stories, characters=sum(map(len, some)))
                if time.monotonic() - saved > SAVED_EVERY:
                    part.save()
                    saved = time.monotonic()
                yield part.reading(source.size)
            if part.stories == 0:
                raise BadInput(f"the corpus {corpus!r} holds no story that survives cleaning")
        except GeneratorExit:
            part.save()
            raise
        except BadInput:
            if part.stories == 0:
                part.remove()
            raise
        whole = IndexProgress(stories=part.stories, tokens=part.tokens, share=1.0)
        part.finish(
            folder,
            {
                **made_of,
                "address": str(checkpoint.address),
                "corpus": corpus,
                "repeated_stories": report.duplicate,
                "reading": asdict(whole),
            },
        )
    yield whole


class _Part:
    """An index that is not whole yet: a folder beside its place, and the tally in memory."""

    def __init__(self, path: Path, made_of: dict[str, Any], config: ModelConfig) -> None:
        self.path, self._made_of, self._config = path, made_of, config
        self.stories = self.tokens = self.characters = 0
        self.tally = Tally(config)
        for left in leftovers(path):
            left.unlink()
        if not self._restored():
            self.start_over()

    def start_over(self) -> None:
        """Forget whatever is there."""
        self.remove()
        self.path.mkdir()
        self.stories = self.tokens = self.characters = 0
        self.tally = Tally(self._config)
        (self.path / "tokens.bin").touch()
        (self.path / "starts.bin").write_bytes(np.zeros(1, dtype="<i8").tobytes())

    def reading(self, size: int) -> IndexProgress:
        """Return the progress through a corpus of about `size` characters."""
        share = min(self.characters / max(size, 1), 0.99)
        return IndexProgress(stories=self.stories, tokens=self.tokens, share=share)

    def append(self, stories: list[list[int]], *, characters: int) -> None:
        """Add stories that the tally has read."""
        starts = self.tokens + np.cumsum([len(story) for story in stories])
        with writing(self.path / "tokens.bin"), (self.path / "tokens.bin").open("ab") as file:
            file.writelines(np.asarray(story, dtype="<u2").tobytes() for story in stories)
        with writing(self.path / "starts.bin"), (self.path / "starts.bin").open("ab") as file:
            file.write(starts.astype("<i8").tobytes())
        self.stories += len(stories)
        self.tokens = int(starts[-1])
        self.characters += characters

    def save(self) -> None:
        """Keep the tally as it is now. The tokens it has read are on disk before it says so."""
        for name in ("tokens.bin", "starts.bin"):
            with (self.path / name).open("rb") as file:
                os.fsync(file.fileno())
        how_far = {"stories": self.stories, "tokens": self.tokens, "characters": self.characters}
        with replacing(self.path / "tally.safetensors") as beside:
            save_file(
                self.tally.tensors(),
                beside,
                metadata={"how_far": json.dumps(how_far), "made_of": json.dumps(self._made_of)},
            )

    def _restored(self) -> bool:
        """Take up what an earlier building of the same index has left, if it has."""
        try:
            with safe_open(self.path / "tally.safetensors", framework="pt") as file:
                about = file.metadata() or {}
                if json.loads(about.get("made_of", "null")) != self._made_of:
                    return False
                how_far = typed(dict[str, int], json.loads(about["how_far"]), "how_far")
                self.tally.restore({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
                stories, tokens, characters = (
                    how_far[name] for name in ("stories", "tokens", "characters")
                )
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError):
            return False
        self.stories, self.tokens, self.characters = stories, tokens, characters
        sizes = {"tokens.bin": 2 * self.tokens, "starts.bin": 8 * (self.stories + 1)}
        for name, size in sizes.items():
            path = self.path / name
            if not path.exists() or path.stat().st_size < size:
                return False
            os.truncate(path, size)  # what was appended after the last saving is read again
        return True

    def finish(self, folder: Path, manifest: dict[str, Any]) -> None:
        """Write the arrays, the manifest last, and take the index's place."""
        for name, array in self.tally.arrays().items():
            with replacing(self.path / f"{name}.npy") as beside, beside.open("wb") as file:
                np.save(file, array)
        (self.path / "tally.safetensors").unlink(missing_ok=True)
        write_text(self.path / MANIFEST, json.dumps(manifest, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(self.path, folder)

    def remove(self) -> None:
        """Leave nothing."""
        shutil.rmtree(self.path, ignore_errors=True)


def _built(folder: Path, made_of: dict[str, Any]) -> IndexProgress | None:
    """Return the progress of an unfinished index made of the same inputs; else None."""
    manifest = read_manifest(folder) or {}
    if any(manifest.get(name) != value for name, value in made_of.items()):
        return None
    try:
        return typed(IndexProgress, manifest.get("reading"), f"the reading in {folder / MANIFEST}")
    except BadInput:
        return None


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold an index against others that would build it; the system frees it when we die."""
    lock = FileLock(folder.with_name(f".{folder.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BadInput(f"the neuron index in {folder} is being built by somebody else") from None
    try:
        yield
    finally:
        lock.release()
