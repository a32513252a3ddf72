"""Studies of what is copied, kept with their run: written whole, found again by what went into them."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from slm.errors import BadInput
from slm.files import write_text
from slm.generation.sampler import Sampling
from slm.memorization.measures import KS
from slm.memorization.novelty import Novelty, novelty
from slm.memorization.study import Study, study
from slm.memorization.suffix_index import CopyIndex, build_copies, open_copies, plain_words
from slm.memorization.templates import masked_words
from slm.progress import Progress
from slm.reading import read_json
from slm.runs import Address, Run, load_checkpoint, open_run, resolve
from slm.stories.cleaning import cleaned
from slm.stories.sources import StorySource, has_validation, open_source

S = TypeVar("S")
STUDY_VERSION = 3
KINDS = ("trained", "unseen", "people")
ANEW = "delete it and measure again"


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
        try:
            parsed = Address.parse(address)
        except BadInput:  # no address of ours
            return None
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


def _unseen(spec: str) -> StorySource:
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
    """Every study that is kept with a run and can be read, and what went into it."""
    yield from _whole(run, "study", read_study)


def read_study(path: Path) -> Study | None:
    """A study that was kept; None where there is none, or where its file says something else."""
    if (found := _read(path, Study)) is not None and not _is_whole(found):
        raise BadInput(f"{path}: its measures are not of its endings; {ANEW}")
    return found


def _is_whole(found: Study) -> bool:
    """Whether every ending has every measure."""
    for kind in KINDS:
        if kind not in found.measures or kind not in found.endings:
            return False
        one, count = found.measures[kind], len(found.endings[kind])
        by_k = [table.get(k, []) for table in (one.truth, one.seen) for k in KS]
        plain: tuple[Sequence[object], ...] = (
            one.each_other,
            one.one_story,
            one.longest,
            one.copies,
            one.templates,
        )
        if any(len(values) != count for values in (*by_k, *plain)):
            return False
    return True


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
    """Every study of novelty that is kept with a run and can be read, and what went into it."""
    yield from _whole(run, "novelty", read_novelty)


def read_novelty(path: Path) -> Novelty | None:
    """What was kept; None where there is nothing, or where its file says something else."""
    return _read(path, Novelty)


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
    write_text(path, json.dumps(data) + "\n")


def damage(run: Run) -> list[str]:
    """What is wrong with the studies of a run that cannot be read, a line a file."""
    found = []
    for what, read in (("study", read_study), ("novelty", read_novelty)):
        for path in sorted(run.memorization_path.glob(f"{what}-*.json")):
            try:
                _read(path, _Kept)
                read(path)
            except BadInput as error:
                found.append(str(error))
    return found


def _whole(run: Run, what: str, read: Callable[[Path], S | None]) -> Iterator[tuple[Made, S]]:
    """The studies that can be read; one that cannot (see `damage`) hides no other."""
    for path in sorted(run.memorization_path.glob(f"{what}-*.json")):
        with contextlib.suppress(BadInput):
            kept, found = _read(path, _Kept), read(path)
            if kept and kept.made and found is not None:
                yield kept.made, found


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """What went into a kept study; None of one from before this was written down."""

    made: Made | None = None


def _read(path: Path, kind: type[S]) -> S | None:
    try:
        return read_json(path, kind)
    except FileNotFoundError:
        return None
    except BadInput as error:
        raise BadInput(f"{error}; {ANEW}") from None
