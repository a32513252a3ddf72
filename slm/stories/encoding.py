"""Encode stories to files of uint16 token ids, by several processes where the corpus is long."""

import hashlib
import os
import signal
import sys
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from slm.stories.tokenizer import Tokenizer

TEXT_AT_ONCE = 2_000_000
"""Characters of text encoded together."""
LONG = 50_000_000
"""Characters from which on several processes encode a corpus."""


def write_tokens(
    path: Path, stories: Iterable[str], tokenizer: Tokenizer, workers: int
) -> dict[str, object]:
    """Write stories as uint16 token ids to `path`.bin, and where each starts to `path`.starts.npy.

    Returns the manifest entry: stories, tokens, UTF-8 bytes of text, and a hash of the tokens. `workers`
    processes encode; 0 means this one.
    """
    starts = array("q")
    position, n_bytes = 0, 0
    digest = hashlib.blake2b(digest_size=16)
    with path.with_suffix(".bin").open("wb") as file:
        for part in _encoded(_batched(stories, TEXT_AT_ONCE), tokenizer, workers):
            starts.extend(position + start for start in part.starts)
            position += len(part.tokens) // 2
            n_bytes += part.n_bytes
            digest.update(part.tokens)
            file.write(part.tokens)
        end = np.asarray([tokenizer.opening], dtype="<u2").tobytes()
        digest.update(end)
        file.write(end)
    np.save(path.with_suffix(".starts.npy"), np.asarray(starts, dtype=np.int64))
    return {
        "stories": len(starts),
        "tokens": position + 1,
        "bytes": n_bytes,
        "hash": digest.hexdigest(),
    }


class _Encoded(NamedTuple):
    """Some stories as bytes of uint16 tokens, END before each, and where each starts."""

    tokens: bytes
    starts: list[int]
    n_bytes: int


def _encode(texts: list[str], tokenizer: Tokenizer) -> _Encoded:
    tokens, starts = array("H"), []
    for ids in tokenizer.encode_stories(texts):
        starts.append(len(tokens))
        tokens.extend(ids)
    if sys.byteorder == "big":
        tokens.byteswap()
    return _Encoded(tokens.tobytes(), starts, sum(len(text.encode()) for text in texts))


def _encoded(
    batches: Iterable[list[str]], tokenizer: Tokenizer, workers: int
) -> Iterator[_Encoded]:
    """Yield each batch encoded, in order, in `workers` processes (none: in this one)."""
    if not workers:
        yield from (_encode(texts, tokenizer) for texts in batches)
        return
    begin = (_begin_worker, (tokenizer.to_json(),))
    with ProcessPoolExecutor(workers, _SpawnWithoutMain(), *begin) as pool:
        running: deque[Future[_Encoded]] = deque()
        try:
            for texts in batches:
                running.append(pool.submit(_encode_in_worker, texts))
                if len(running) > 2 * workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


class _ProcessWithoutMain(SpawnProcess):
    """A spawned process that does not run its parent's `__main__` again: in Streamlit that is a page."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = main


class _SpawnWithoutMain(SpawnContext):
    """Spawning, as forking is not safe once threads have run."""

    Process = _ProcessWithoutMain


def _begin_worker(tokenizer: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    global _worker_tokenizer
    _worker_tokenizer = Tokenizer.from_json(tokenizer)


def _encode_in_worker(texts: list[str]) -> _Encoded:
    return _encode(texts, _worker_tokenizer)


_worker_tokenizer: Tokenizer


def cores() -> int:
    """Count the CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _batched(stories: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield lists of stories of at least `size` characters together (the last may have fewer)."""
    batch: list[str] = []
    waiting = 0
    for story in stories:
        batch.append(story)
        waiting += len(story)
        if waiting >= size:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch
