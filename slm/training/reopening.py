"""The stories that a run began with, wherever they lie now."""

from pathlib import Path

from slm.errors import BadInput, shown
from slm.progress import ProgressCallback
from slm.runs import Run, runs_dir
from slm.stories.corpus import TokenizedSplits, prepare
from slm.stories.sources import absolute, missing_files


def reopen(
    run: Run, corpus: str | None, valid: str | None, progress: ProgressCallback
) -> tuple[TokenizedSplits, dict[str, str | None]]:
    """Prepare a run's corpus again, from `corpus` and `valid` where given; also return the absolute names.

    Raises `BadInput` where the files are missing, or their tokens are not those that the run began
    with.
    """
    info = run.info
    train, valid = corpus or info.corpus["train"], valid or info.corpus["valid"]
    _check_there(run, train, "--corpus")
    if valid is not None:
        _check_there(run, valid, "--valid")
    prepared = prepare(
        train,
        valid=valid,
        tokenizer=run.tokenizer,
        d_vocab=info.config.d_vocab,
        n_ctx=info.config.n_ctx,
        cache=runs_dir() / ".corpora",
        progress=progress,
    )
    found = (prepared.train.hash, prepared.valid.hash)
    if found != tuple(info.corpus[f"{split}_hash"] for split in ("train", "valid")):
        if (train, valid) == (info.corpus["train"], info.corpus["valid"]):
            raise BadInput(f"the corpus {shown(train)} has changed since run {run.name!r} began")
        given = " and ".join(shown(spec) for spec in (corpus, valid) if spec is not None)
        before = " and ".join(shown(info.corpus[s]) for s in ("train", "valid") if info.corpus[s])
        raise BadInput(f"run {run.name!r} began with the stories of {before}, not of {given}")
    return prepared, {"train": absolute(train), "valid": None if valid is None else absolute(valid)}


def _check_there(run: Run, spec: str, flag: str) -> None:
    for file in missing_files(spec):
        why = "was moved since"
        if not Path(file).expanduser().is_absolute():
            why = f"lies in the folder that it began in, which is not {Path.cwd()}"
        raise BadInput(
            f"run {run.name!r} reads {shown(file)}, which {why}: say with {flag} where it is now"
        )
