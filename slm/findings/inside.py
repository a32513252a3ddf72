"""What the paper saw inside: heads by distance and by meaning, and neurons' roles (kept overviews)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from slm.errors import BadInput
from slm.findings.finding import Finding, by_sign, unmeasured
from slm.interp.heads.scores import EFFECT
from slm.interp.heads.targets import HeadLabel
from slm.overview.kept import kept_overview
from slm.overview.records import NeuronsOverview, Overview
from slm.runs import Run
from slm.stats.interval import Z95, Interval

DISTANCE = (HeadLabel.PREVIOUS, HeadLabel.DISTANCE)
SEMANTIC = (HeadLabel.NAMES, HeadLabel.HERO, HeadLabel.OBJECT, HeadLabel.PLACE)
SOURCE = "kept overviews"


@dataclass(frozen=True, kw_only=True)
class SeenRun:
    """A run's last checkpoint with its overview."""

    run: str
    layers: int
    parameters: int
    corpus: str
    vocabulary: str
    budget: int
    overview: Overview


def seen(runs: Iterable[Run]) -> list[SeenRun]:
    """Return the runs whose last checkpoint has an overview that is kept."""
    found = []
    for run in runs:
        try:
            overview = kept_overview(run.name) if run.steps else None
        except BadInput:
            continue
        if overview is None:
            continue
        config, info = run.config, run.info
        found.append(
            SeenRun(
                run=run.name,
                layers=config.n_layers,
                parameters=config.n_layers * config.d_model**2,
                corpus=str((info.corpus or {}).get("train_hash", "")),
                vocabulary=run.tokenizer_hash,
                budget=int((info.recipe or {}).get("tokens", 0)),
                overview=overview,
            )
        )
    return found


def heads_of(
    there: Sequence[SeenRun], kinds: Sequence[HeadLabel], claim: str, *, distances: int = 1
) -> Finding:
    """Test that a model of one layer has confirmed heads of some kinds, at so many distances.

    A head is confirmed where its attention lies above its baseline and ablating it costs something
    where the label says that it serves. Where no model has one, the finding does not hold if no head's
    score comes within half of what a label needs.
    """
    against = (
        "no head of a one-layer model has a confirmed label of these kinds, and none comes within half "
        f"of the {EFFECT:g} of attention above its baseline that a label needs"
        + ("; heads of one distance only decide nothing" if distances > 1 else "")
    )
    one_layer = [one for one in there if one.layers == 1]
    if not one_layer:
        return unmeasured(
            claim, against, "it takes the overview of a one-layer run: slm overview RUN --measure"
        )
    found = [
        (one, head)
        for one in one_layer
        for head in one.overview.heads.confirmed
        if head.kind in kinds and head.effect_low > 0
    ]
    deeper = _deeper(there, kinds)
    if found:
        run, best = max(found, key=lambda pair: pair[1].effect_low)
        names = sorted({head.name for one, head in found if one.run == run.run})
        number = Interval(mean=best.effect, low=best.effect_low, high=best.effect_high, n=1)
        heads = {(head.layer, head.head) for one, head in found if one.run == run.run}
        return Finding(
            claim=claim,
            against=against,
            verdict="holds" if len(names) >= distances else "can't be told",
            why=f"in {run.run}, {len(heads)} of {run.overview.heads.count} heads ({', '.join(names)}); the "
            f"one with the surest effect, {best.layer}.{best.head}, puts {best.score:.1%} of its "
            f"attention there, baseline {best.baseline:.1%}{deeper}",
            number=number,
            unit="nats a token that ablating it costs",
            source=SOURCE,
        )
    best_score = max(
        one.overview.heads.highest.get(kind, 0.0) for one in one_layer for kind in kinds
    )
    return Finding(
        claim=claim,
        against=against,
        verdict="does not hold" if best_score < EFFECT / 2 else "can't be told",
        why=f"of {sum(one.overview.heads.count for one in one_layer)} heads in "
        f"{', '.join(one.run for one in one_layer)} none is confirmed; the best lies {best_score:.3f} of "
        f"attention above its baseline (a label needs {EFFECT:g}){deeper}",
        source=SOURCE,
    )


def _deeper(there: Sequence[SeenRun], kinds: Sequence[HeadLabel]) -> str:
    """Say how many such heads deeper models have."""
    counts = [
        f"{one.run} {len({(h.layer, h.head) for h in one.overview.heads.confirmed if h.kind in kinds})}"
        for one in there
        if one.layers > 1
    ]
    return f"; with more layers: {', '.join(counts)}" if counts else ""


def roles_fade(there: Sequence[SeenRun]) -> Finding:
    """Test that a smaller model's neurons carry roles more often than a larger one's.

    Beyond random directions in both: of as many units, as many of which the same test confirms.
    """
    claim = "Neurons of a small model carry roles that are not seen in a large one"
    against = (
        "the larger model has as great a share of neurons with a confirmed role, beyond random "
        "directions: the interval of the difference lies below 0"
    )
    pairs = [
        (small, large)
        for small in there
        for large in there
        if small.parameters < large.parameters
        and (small.corpus, small.vocabulary) == (large.corpus, large.vocabulary)
    ]
    if not pairs:
        return unmeasured(
            claim,
            against,
            "it takes overviews of two runs of one corpus and vocabulary, unlike in size",
        )
    small, large = max(pairs, key=lambda pair: pair[1].parameters / pair[0].parameters)
    one, two = _excess(small.overview.neurons), _excess(large.overview.neurons)
    half = Z95 * sqrt(one.variance + two.variance)
    mean = one.mean - two.mean
    number = Interval(mean=mean, low=mean - half, high=mean + half, n=min(one.n, two.n))
    warnings = ["the paper's large model is GPT2-XL, 1.5 billion parameters; these are far smaller"]
    if small.budget != large.budget:
        warnings.append(f"they read {small.budget:,} and {large.budget:,} tokens")
    return Finding(
        claim=claim,
        against=against,
        verdict=by_sign(number),
        why=f"beyond random directions, {one.mean:+.1%} of {small.run}'s neurons have a confirmed role, "
        f"{two.mean:+.1%} of {large.run}'s, {large.parameters / small.parameters:.1f} times as large",
        number=number,
        unit="more of the small model's neurons",
        source=SOURCE,
        warnings=tuple(warnings),
    )


@dataclass(frozen=True, kw_only=True)
class _RoleExcess:
    mean: float
    variance: float
    n: int


def _excess(neurons: NeuronsOverview) -> _RoleExcess:
    """Compare the shares of neurons and of as many random directions with a role (binomial variances)."""
    n = sum(len(layer.confirmed) for layer in neurons.layers)
    own = sum(sum(layer.confirmed) for layer in neurons.layers) / n
    other = (
        sum(layer.random_directions_share * len(layer.confirmed) for layer in neurons.layers) / n
    )
    variance = (own * (1 - own) + other * (1 - other)) / n
    return _RoleExcess(mean=own - other, variance=variance, n=n)
