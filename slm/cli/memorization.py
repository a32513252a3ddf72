"""`slm memorize`: does the model copy what it was trained on?"""

import argparse
from typing import TYPE_CHECKING, Any

from slm.cli.command import Commands, answer
from slm.errors import BadInput

if TYPE_CHECKING:
    from slm.judging.estimates import Estimate
    from slm.judging.memorization import Measures, Study

TITLES = {
    "truth": "(a) Rouge-2 precision against the true ending",
    "each_other": "(b) largest Rouge-2 f-measure to another ending",
    "seen": "(c) share of 5-grams that stand in the corpus",
    "one_story": "(d) largest Rouge-2 precision against one story",
    "longest": "words of the longest copy",
}


SHOWN = {"truth": 2, "seen": 5}
"""Of the measures that are taken for every k, the k that the table shows."""


def add_to(commands: Commands) -> None:
    """Add the commands of this file."""
    sub = commands.add("memorize", _memorize, "Does the model copy what it was trained on?")
    sub.add_argument("--corpus", required=True, help="what it was trained on")
    sub.add_argument("--valid", help="stories it never saw; default: the corpus's own")
    sub.add_argument("--stories", type=int, default=100, help="how many of each are cut short")
    sub.add_argument("--max-tokens", type=int, default=200)
    sub.add_argument("--temperature", type=float, default=1.0)
    sub.add_argument("--seed", type=int, default=0)


def _memorize(chosen: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from slm.judging.copies import build_copies, open_copies
    from slm.judging.memorization import study
    from slm.runs import load_checkpoint
    from slm.stories.cleaning import CleaningReport, clean
    from slm.stories.sources import has_validation, open_source
    from slm.writing.sampler import Sampling

    if chosen.stories < 2:
        raise BadInput(f"--stories must be at least 2, not {chosen.stories}")
    if chosen.valid is None and not has_validation(chosen.corpus):
        raise BadInput(
            f"{chosen.corpus!r} has no stories of its own that the model never saw: give --valid"
        )
    checkpoint = load_checkpoint(chosen.address)
    valid = open_source(chosen.valid or chosen.corpus, "valid")
    if open_copies(chosen.corpus) is None:
        with Progress(console=Console(stderr=True)) as bar:
            task = bar.add_task("reading the corpus", total=1.0)
            for building in build_copies(chosen.corpus):
                bar.update(task, completed=building.share)
    index = open_copies(chosen.corpus)
    assert index is not None
    sampling = Sampling(
        temperature=chosen.temperature, max_tokens=chosen.max_tokens, seed=chosen.seed
    )
    unseen = list(clean(valid.raw(), CleaningReport()))
    found = study(checkpoint, index, unseen, stories=chosen.stories, sampling=sampling)
    more = found.more_than_unseen()
    data = {
        "address": str(checkpoint.address),
        "corpus": chosen.corpus,
        "stories": {kind: len(written) for kind, written in found.endings.items()},
        "more of the true ending where trained": _estimate(more),
        **{kind: _measures(measures) for kind, measures in found.measures.items()},
    }
    answer(chosen, data, lambda: _table(str(checkpoint.address), found))


def _estimate(found: "Estimate | None") -> dict[str, Any] | None:
    return None if found is None else {"mean": found.mean, "interval": list(found.interval)}


def _measures(measures: "Measures") -> dict[str, Any]:
    from slm.judging.estimates import estimate
    from slm.judging.memorization import KS

    return {
        "truth": {str(k): _estimate(estimate(measures.truth[k])) for k in KS},
        "each_other": _estimate(estimate(measures.each_other)),
        "seen": {str(k): _estimate(estimate(measures.seen[k])) for k in KS},
        "one_story": _estimate(estimate(measures.one_story)),
        "longest": _estimate(estimate(measures.longest)),
    }


def _table(address: str, found: "Study") -> str:
    """The five measures, a column for each kind of ending."""
    from slm.judging.estimates import estimate

    kinds = {
        "trained": "its endings of stories it was trained on",
        "unseen": "its endings of stories it never saw",
        "people": "people's endings of these",
    }
    lines = [f"{address}, {len(found.endings['trained'])} stories of each kind cut at 40 %"]
    for name, title in TITLES.items():
        lines.append(title)
        for kind, words in kinds.items():
            values = getattr(found.measures[kind], name)
            value = estimate(values[SHOWN[name]] if name in SHOWN else values)
            if kind == "people" and name == "truth":
                continue
            shown = "too short to say"
            if value is not None:
                shown = "{:.3f}  (95 % between {:.3f} and {:.3f})".format(
                    value.mean, *value.interval
                )
            lines.append(f"  {words:42} {shown}")
    more = found.more_than_unseen()
    verdict = "more" if more.interval[0] > 0 else "no more that can be told from chance"
    lines.append(
        f"Of the true ending it writes {verdict} where it was trained on it: "
        f"{more.mean:+.3f} ({more.interval[0]:+.3f} to {more.interval[1]:+.3f})"
    )
    return "\n".join(lines)
