"""Studies of what is copied, kept with their run: written whole, found again by what went into them."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from slm.errors import BadInput
from slm.files import write_text
from slm.generation.sampler import Sampling
from slm.memorization.measures import KS
from slm.memorization.novelty import Novelty, novelty
from slm.memorization.study import Study, study
from slm.memorization.suffix_index import CopyIndex, build_copies, open_copies, plain_words
from slm.memorization.templates import masked_words
from slm.progress import Progress
from slm.provenance import Provenance
from slm.reading import read_json, typed
from slm.runs import Address, Run, load_checkpoint, open_run, resolve
from slm.stories.cleaning import cleaned
from slm.stories.sources import StorySource, has_validation, open_source

S = TypeVar("S")
STUDY_VERSION = 3
KINDS = ("trained", "unseen", "people")
ANEW = "delete it and measure again"
EARLIER_NAMES = {
    "truth": "rouge_precision",
    "each_other": "max_rouge2_f",
    "seen": "ngram_overlap",
    "one_story": "max_rouge2_precision",
}
"""What measures are called in files from before they had the names of what they are."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """What a model was trained on, and stories that it never saw, each with its fingerprint."""

    corpus: str
    unseen: str
    corpus_hash: str
    unseen_hash: str


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """What besides the weights decides a study that is kept."""

    texts: Texts
    stories: int
    sampling: Sampling


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
    """Read the held-out stories of a corpus."""
    return list(cleaned(_unseen(spec)))


def indexed(corpus: str, *, masked: bool = False) -> Generator[Progress, None, CopyIndex]:
    """Open the suffix index of a corpus, building it where there is none; yields progress."""
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
    """Return the path of a study."""
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
    _keep(path, found, [address], StudySettings(texts=chosen, stories=stories, sampling=sampling))
    return found


def kept_studies(run: Run) -> Iterator[tuple[Provenance, StudySettings, Study]]:
    """Yield every readable study kept with a run, with its provenance and settings."""
    yield from _whole(run, "study", read_study)


def read_study(path: Path) -> Study | None:
    """Read a kept study; None where there is none. `BadInput` where the file is damaged."""
    if (found := _read(path, Study)) is not None and not _is_whole(found):
        raise BadInput(f"{path}: its measures are not of its endings; {ANEW}")
    return found


def _is_whole(found: Study) -> bool:
    """Return whether every ending has every measure."""
    for kind in KINDS:
        if kind not in found.measures or kind not in found.endings:
            return False
        one, count = found.measures[kind], len(found.endings[kind])
        by_k = [table.get(k, []) for table in (one.rouge_precision, one.ngram_overlap) for k in KS]
        plain: tuple[Sequence[object], ...] = (
            one.max_rouge2_f,
            one.max_rouge2_precision,
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
    """Return the path of a novelty study, in the run of its first point."""
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
    settings = StudySettings(texts=chosen, stories=stories, sampling=sampling)
    _keep(path, found, [address for address, _ in points], settings)
    return found


def kept_novelty(run: Run) -> Iterator[tuple[Provenance, StudySettings, Novelty]]:
    """Yield every readable novelty study kept with a run, with its provenance and settings."""
    yield from _whole(run, "novelty", read_novelty)


def read_novelty(path: Path) -> Novelty | None:
    """Read a kept novelty result; None where there is none. `BadInput` where the file is damaged."""
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


def _keep(
    path: Path, found: Study | Novelty, addresses: Sequence[str], settings: StudySettings
) -> None:
    provenance = Provenance.of(map(resolve, addresses), asdict(settings))
    write_text(path, json.dumps({"provenance": provenance.to_json(), **asdict(found)}) + "\n")


def damage(run: Run) -> list[str]:
    """List a run's studies that cannot be read, one line per file."""
    found = []
    for what, read in (("study", read_study), ("novelty", read_novelty)):
        for path in sorted(run.memorization_path.glob(f"{what}-*.json")):
            try:
                _settings(path)
                read(path)
            except BadInput as error:
                found.append(str(error))
    return found


def _whole(
    run: Run, what: str, read: Callable[[Path], S | None]
) -> Iterator[tuple[Provenance, StudySettings, S]]:
    """Yield a run's readable studies with provenance and settings; skip damaged ones (see `damage`)."""
    for path in sorted(run.memorization_path.glob(f"{what}-*.json")):
        with contextlib.suppress(BadInput):
            made, found = _settings(path), read(path)
            if made is not None and found is not None:
                yield *made, found


def _settings(path: Path) -> tuple[Provenance, StudySettings] | None:
    """Read the provenance and settings of a kept study; None where its file has none."""
    try:
        made = Provenance.from_file(read_json(path, dict[str, Any]), str(path))
        if made is None:
            return None
        return made, typed(StudySettings, made.settings, f"{path}: provenance")
    except FileNotFoundError:
        return None
    except BadInput as error:
        raise BadInput(f"{error}; {ANEW}") from None


def _read(path: Path, kind: type[S]) -> S | None:
    try:
        data = read_json(path, dict[str, Any])
        measures = data.get("measures")
        for one in measures.values() if isinstance(measures, dict) else ():
            for name in EARLIER_NAMES.keys() & (one.keys() if isinstance(one, dict) else ()):
                one[EARLIER_NAMES[name]] = one.pop(name)
        return typed(kind, data, str(path))
    except FileNotFoundError:
        return None
    except BadInput as error:
        raise BadInput(f"{error}; {ANEW}") from None
