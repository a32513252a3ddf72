"""Studies of what is copied, kept with their run: written whole, found again by what went into them."""

import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slm.errors import BadInput
from slm.files import write_text
from slm.judging.copies import Copy, CopyIndex, build_copies, open_copies, plain_words
from slm.judging.memorization import Ending, Measures, Study, study
from slm.judging.novelty import Novelty, Point, novelty
from slm.judging.templates import Template, masked_words
from slm.progress import Progress
from slm.runs import Address, Run, load_checkpoint, open_run, resolve
from slm.stories.cleaning import cleaned
from slm.stories.sources import Source, has_validation, open_source
from slm.writing.sampler import Sampling

STUDY_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class Texts:
    """What a model was trained on, and stories that it never saw, each with its fingerprint."""

    corpus: str
    unseen: str
    corpus_hash: str
    unseen_hash: str


@dataclass(frozen=True, kw_only=True)
class Made:
    """What went into a study that is kept: the sha256 of each checkpoint's weights, texts, sampling."""

    weights: dict[str, str]
    texts: Texts
    stories: int
    sampling: Sampling

    def step_of(self, run: Run, address: str) -> int | None:
        """The step of `run` that `address` names; None where it is another's, gone, or trained anew."""
        parsed = Address.parse(address)
        step = parsed.step
        if parsed.run != run.name or step is None or not run.checkpoint_path(step).exists():
            return None
        return step if self.weights.get(address) == run.weights_hash(step) else None


def texts(corpus: str, unseen: str | None) -> Texts:
    """Open both; without `unseen`, the corpus's own validation stories are meant.

    Raises `BadInput` where one is missing, or where the corpus has no such stories of its own.
    """
    trained = open_source(corpus)
    if not unseen and not has_validation(corpus):
        raise BadInput(
            f"{corpus!r} has no stories of its own that the model never saw: name some (--valid)"
        )
    return Texts(
        corpus=corpus,
        unseen=unseen or corpus,
        corpus_hash=trained.fingerprint,
        unseen_hash=_unseen(unseen or corpus).fingerprint,
    )


def _unseen(spec: str) -> Source:
    return open_source(spec, "valid")


def unseen_stories(spec: str) -> list[str]:
    """The stories that a model never saw."""
    return list(cleaned(_unseen(spec)))


def indexed(corpus: str, *, masked: bool = False) -> Generator[Progress, None, CopyIndex]:
    """The index of a corpus, which is made where there is none."""
    as_words = masked_words if masked else plain_words
    if (found := open_copies(corpus, as_words)) is None:
        doing = "Reading the corpus" + (", names masked" if masked else "")
        yield Progress(doing=doing, share=0.0)
        for building in build_copies(corpus, as_words):
            yield Progress(doing=doing, share=building.share)
        found = open_copies(corpus, as_words)
        assert found is not None
    return found


# --- one model's endings ----------------------------------------------------------------------------


def study_path(address: str, chosen: Texts, stories: int, sampling: Sampling) -> Path:
    """Where this study lies (or would)."""
    return _path("study", [address], chosen, stories, sampling)


def make_study(
    address: str, chosen: Texts, stories: int, sampling: Sampling
) -> Generator[Progress, None, Study]:
    """Make a study and keep it; one that is kept already is read. Raises `BadInput` as `study` does."""
    path = study_path(address, chosen, stories, sampling)
    if (kept := read_study(path)) is not None:
        return kept
    index = yield from indexed(chosen.corpus)
    masked = yield from indexed(chosen.corpus, masked=True)
    found = yield from study(
        load_checkpoint(address),
        index,
        masked,
        unseen_stories(chosen.unseen),
        stories=stories,
        sampling=sampling,
    )
    _keep(path, found, _made([address], chosen, stories, sampling))
    return found


def kept_studies(run: Run) -> Iterator[tuple[Made, Study]]:
    """Every study that is kept with a run, and what went into it."""
    for path in sorted(run.memorization_path.glob("study-*.json")):
        if (made := _read_made(path)) and (found := read_study(path)) is not None:
            yield made, found


def read_study(path: Path) -> Study | None:
    """A study that was kept; None where there is none, or where its file says something else."""
    if (data := _read(path)) is None:
        return None
    return Study(
        endings={
            kind: [Ending(**ending) for ending in endings]
            for kind, endings in data["endings"].items()
        },
        measures={kind: _measures(measures) for kind, measures in data["measures"].items()},
    )


def _measures(data: dict[str, Any]) -> Measures:
    return Measures(
        truth=_by_k(data["truth"]),
        each_other=data["each_other"],
        seen=_by_k(data["seen"]),
        one_story=data["one_story"],
        longest=data["longest"],
        copies=[[Copy(**copy) for copy in copies] for copies in data["copies"]],
        templates=[None if one is None else Template(**one) for one in data["templates"]],
    )


# --- novelty -----------------------------------------------------------------------------------------


def novelty_path(
    points: Sequence[tuple[str, float]], chosen: Texts, stories: int, sampling: Sampling
) -> Path:
    """Where this study lies (or would), with the run of its first point."""
    asked = [f"{address} {temperature:g}" for address, temperature in points]
    return _path("novelty", asked, chosen, stories, sampling)


def make_novelty(
    points: Sequence[tuple[str, float]], chosen: Texts, stories: int, sampling: Sampling
) -> Generator[Progress, None, Novelty]:
    """Measure novelty and keep it; what is kept already is read. Raises `BadInput` as `novelty`."""
    path = novelty_path(points, chosen, stories, sampling)
    if (kept := read_novelty(path)) is not None:
        return kept
    index = yield from indexed(chosen.corpus)
    unseen = unseen_stories(chosen.unseen)
    found = yield from novelty(points, index, unseen, stories=stories, sampling=sampling)
    addresses = [address for address, _ in points]
    _keep(path, found, _made(addresses, chosen, stories, sampling))
    return found


def kept_novelty(run: Run) -> Iterator[tuple[Made, Novelty]]:
    """Every study of novelty that is kept with a run, and what went into it."""
    for path in sorted(run.memorization_path.glob("novelty-*.json")):
        if (made := _read_made(path)) and (found := read_novelty(path)) is not None:
            yield made, found


def read_novelty(path: Path) -> Novelty | None:
    """What was kept; None where there is nothing, or where its file says something else."""
    if (data := _read(path)) is None:
        return None
    return Novelty(
        stories=data["stories"],
        people=_by_k(data["people"]),
        points=[Point(**{**point, "new": _by_k(point["new"])}) for point in data["points"]],
    )


# --- files -------------------------------------------------------------------------------------------


def _path(what: str, asked: Sequence[str], chosen: Texts, stories: int, sampling: Sampling) -> Path:
    weights = []
    for one in asked:
        run, step = resolve(one.split()[0])
        weights.append(f"{one} {run.weights_hash(step)}")
    inputs = [STUDY_VERSION, weights, chosen.corpus_hash, chosen.unseen_hash, stories]
    key = json.dumps([*inputs, asdict(sampling)])
    name = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
    run = open_run(Address.parse(asked[0].split()[0]).run)
    return run.memorization_path / f"{what}-{name}.json"


def _made(addresses: Sequence[str], chosen: Texts, stories: int, sampling: Sampling) -> Made:
    weights = {}
    for address in addresses:
        run, step = resolve(address)
        weights[str(Address(run.name, step))] = run.weights_hash(step)
    return Made(weights=weights, texts=chosen, stories=stories, sampling=sampling)


def _keep(path: Path, found: Study | Novelty, made: Made) -> None:
    data = {"made": asdict(made), **asdict(found)}
    write_text(path, json.dumps(data, ensure_ascii=False) + "\n")


def _read_made(path: Path) -> Made | None:
    """What went into a kept study; None of one from before this was written down."""
    if not (data := (_read(path) or {}).get("made")):
        return None
    parts = {"texts": Texts(**data["texts"]), "sampling": Sampling(**data["sampling"])}
    return Made(**{**data, **parts})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BadInput(f"{path} cannot be read: {error}; delete it and measure again") from None


def _by_k(data: dict[str, list[float | None]]) -> dict[int, list[float | None]]:
    return {int(k): values for k, values in data.items()}
