"""One measure of all endings: a histogram, and means with their intervals."""

from collections.abc import Iterator
from functools import partial

from app import commands
from app.figures.intervals import intervals
from app.figures.memorization import histograms
from app.views.memorization.study import NAMES
from app.widgets import show
from slm.memorization.measures import KS, Measures
from slm.memorization.study import Study
from slm.stats.bootstrap import mean_of_known

PLOTTED = {
    "(a) Rouge precision against the true ending": "rouge_precision",
    "(b) largest Rouge-2 f-measure to another ending": "max_rouge2_f",
    "(c) share of runs of words that stand in the corpus": "ngram_overlap",
    "(d) largest Rouge-2 precision against one story": "max_rouge2_precision",
    "words of the longest copy": "longest",
}


def measured(
    address: str, source: str, found: Study, which: str, k: int, command: commands.Command
) -> None:
    """Show one measure of all endings: a histogram, and means with their intervals."""
    name = PLOTTED[which]
    values = {
        NAMES[kind]: values_of(measures, name, k)
        for kind, measures in found.measures.items()
        if not (kind == "people" and name == "rouge_precision")
    }
    axis = f"{which}, k = {k}" if name in ("rouge_precision", "ngram_overlap") else which
    show.figure(
        histograms(values, show.colours(), axis, share=name != "longest"),
        name=f"copied-{name}-{address}",
        table=partial(numbers, found),
        everything=lambda: {
            "address": address,
            "corpus": source,
            **found.to_json(),
            **found.every_ending(),
        },
        command=command,
        note=f"{address}: {len(found.endings['trained'])} stories of each kind cut at 40 %. Dotted "
        "lines are means.",
    )
    means = [(kind, mean_of_known(these)) for kind, these in values.items()]
    rows = [(kind, m.mean, *m.whiskers) for kind, m in means if m is not None]
    high = max((row[3] for row in rows), default=1.0)
    show.figure(
        intervals(rows, show.colours(), f"mean of {axis}, with its 95 % interval", (0, high * 1.1)),
        name=f"copied-means-{name}-{address}",
        table=lambda: show.csv(("endings", "mean", "low", "high"), iter(rows)),
        command=command,
    )


def values_of(measures: Measures, name: str, k: int) -> list[float | None]:
    """Return one measure of every ending."""
    values = getattr(measures, name)
    return list(values[k] if name in ("rouge_precision", "ngram_overlap") else values)


def numbers(found: Study) -> str:
    """Format every ending's measures as CSV."""

    def rows() -> Iterator[tuple[object, ...]]:
        for kind, measures in found.measures.items():
            for n, ending in enumerate(found.endings[kind]):
                alike = measures.templates[n]
                yield (
                    kind,
                    ending.beginning,
                    ending.text,
                    *(measures.rouge_precision[k][n] for k in KS),
                    *(measures.ngram_overlap[k][n] for k in KS),
                    measures.max_rouge2_f[n],
                    measures.max_rouge2_precision[n],
                    measures.longest[n],
                    alike.masked if alike else "",
                    (alike.kind or "") if alike else "",
                )

    header = (
        "kind",
        "beginning",
        "ending",
        *(f"rouge_precision_{k}" for k in KS),
        *(f"ngram_overlap_{k}" for k in KS),
        "max_rouge2_f",
        "max_rouge2_precision",
        "longest",
        "most_alike_masked",
        "template",
    )
    return show.csv(header, rows())
