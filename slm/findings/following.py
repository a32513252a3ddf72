"""Whether one layer follows instructions badly and two do to an extent, by what `slm following` counts."""

from collections.abc import Iterable
from dataclasses import dataclass

from slm.findings.finding import Finding, by_sign, unmeasured
from slm.following.kept import kept_following
from slm.following.scoring import KeptShare, difference
from slm.runs import Run

HALF = 0.5
"""Of what was asked for: one layer follows badly where it keeps less than half."""
ASKED = {"words": "words", "sentence": "a sentence"}
SOURCE = "exact checks on requests for nursery stories (slm following)"


@dataclass(frozen=True, kw_only=True)
class InstructedRun:
    """A run's last checkpoint, what it kept of the requests, and what it must share to be compared."""

    run: str
    layers: int
    alike: tuple[object, ...]
    kept: dict[str, KeptShare]


def asked(runs: Iterable[Run]) -> list[InstructedRun]:
    """Collect the runs whose following is kept for their last checkpoint."""
    found = []
    for run in runs:
        step = run.last_step
        kept = None if step is None else kept_following(run, step)
        if kept is None:
            continue
        config, info = run.config, run.info
        corpus = str((info.corpus or {}).get("train_hash", ""))
        budget = (info.recipe or {}).get("tokens", 0)
        found.append(
            InstructedRun(
                run=run.name,
                layers=config.n_layers,
                alike=(config.d_model, run.tokenizer_hash, corpus, budget),
                kept=dict(kept.scores.by_measure),
            )
        )
    return found


def follows(there: list[InstructedRun], measure: str) -> Finding:
    """Test both parts: one layer keeps less than half of what is asked, and two layers keep more."""
    claim = f"Asked for {ASKED[measure]}, one layer follows badly, two to an extent"
    against = (
        f"one layer keeps more than {HALF:.0%} of what was asked for, or two layers keep less than one; "
        "two ahead of one is not enough where one does well"
    )
    pairs = [
        (one, two)
        for one in there
        for two in there
        if (one.layers, two.layers) == (1, 2)
        and one.alike == two.alike
        and measure in one.kept
        and measure in two.kept
    ]
    if not pairs:
        return unmeasured(
            claim,
            against,
            "not measured: slm following RUN would measure it, of runs with 1 and 2 layers that were "
            "trained on the same requests",
        )
    one, two = pairs[0]
    number = difference(two.kept[measure], one.kept[measure])
    low, high = one.kept[measure].share, two.kept[measure].share
    verdict = by_sign(number)
    if low.low > HALF:
        verdict = "does not hold"
    elif verdict == "holds" and not low.high < HALF:
        verdict = "can't be told"
    return Finding(
        claim=claim,
        against=against,
        verdict=verdict,
        why=f"{one.run} keeps {low.to_text()} of it, {two.run} {high.to_text()}; by chance "
        f"{one.kept[measure].chance.mean:.2f}",
        number=number,
        unit="of what was asked for, more with two layers",
        source=SOURCE,
    )
