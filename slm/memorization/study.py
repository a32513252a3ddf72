"""Compare a model's endings of stories it was trained on with those of stories it never saw.

Only the difference says anything: endings written by people share bigrams with a corpus as well.
"""

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from slm.errors import BadInput
from slm.generation.sampler import Sampling
from slm.json_values import json_value
from slm.memorization.endings import Ending, choose, choose_unseen, complete_all, true_endings
from slm.memorization.measures import Measures, measure
from slm.memorization.suffix_index import CopyIndex
from slm.progress import Progress
from slm.runs import Checkpoint
from slm.stats.bootstrap import bootstrap_difference
from slm.stats.interval import Interval

MATTERS = 0.02
"""Of the true ending (Rouge-2 precision), what it would matter to copy more where it was trained: about
a fifth of what small models write of true endings that they never saw."""
ENOUGH = 400
"""Stories of each kind that see a difference half as large as what matters."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """One model's endings of stories it was trained on and of stories it never saw, and people's.

    `trained` and `unseen` are the model's own endings, `people` the true endings of the unseen.
    """

    endings: dict[str, list[Ending]]
    measures: dict[str, Measures]

    def to_json(self) -> dict[str, Any]:
        """Return story counts, the verdict with its difference, and each kind's measures."""
        return {
            "stories": {kind: len(written) for kind, written in self.endings.items()},
            "trained_minus_unseen": difference_json(self.more_than_unseen()),
            "verdict": self.verdict(),
            **{kind: measures.to_json() for kind, measures in self.measures.items()},
        }

    def every_ending(self) -> dict[str, Any]:
        """Return each ending with each of its measures, as plain values."""
        return {
            "endings": {kind: list(map(asdict, self.endings[kind])) for kind in self.endings}
        } | {"measures": {kind: asdict(measures) for kind, measures in self.measures.items()}}

    def verdict(self) -> str:
        """Say in one sentence whether the model copies more where it was trained.

        Three outcomes: more, at most a small amount more (below `MATTERS`), or undecided. The
        smallest detectable difference is always given.
        """
        more = self.more_than_unseen()
        low, high = more.low, more.high
        if more.bounds is None:
            return (
                "Whether it writes more of the true ending where it was trained on the story cannot be "
                f"told from one ending ({more.mean:+.3f})."
            )
        if low > 0:
            said = "It writes more of the true ending where it was trained on the story"
        elif not more.detectable:
            return (
                "Whether it writes more of the true ending where it was trained on the story cannot be "
                f"told: all {more.n} endings of each kind share as much with the true one "
                f"({more.mean:+.3f})."
            )
        elif high < MATTERS:
            said = (
                "It writes no more of the true ending where it was trained on the story than "
                f"{max(high, 0):.3f}"
            )
        else:
            said = (
                "Whether it writes more of the true ending where it was trained on the story cannot be "
                f"told: a difference below {more.detectable:.3f} would not have been seen"
            )
        return (
            f"{said}. Rouge-2 precision, trained less unseen: {more.mean:+.3f} (95 % between {low:+.3f} "
            f"and {high:+.3f}); {more.n} stories of each kind see a difference of "
            f"{more.detectable:.3f} four times in five."
        )

    def more_than_unseen(self, k: int = 2) -> Interval:
        """Estimate the Rouge-k precision of trained minus unseen endings.

        The interval is a bootstrap over the endings of both kinds.
        """
        trained, unseen = (
            [value for value in self.measures[kind].rouge_precision[k] if value is not None]
            for kind in ("trained", "unseen")
        )
        if not (trained and unseen):
            raise BadInput(f"no ending is long enough to hold {k} words")
        return bootstrap_difference(trained, unseen)


def study(
    checkpoint: Checkpoint,
    index: CopyIndex,
    masked: CopyIndex,
    unseen: Sequence[str],
    *,
    stories: int,
    sampling: Sampling,
) -> Generator[Progress, None, Study]:
    """Let the model end `stories` stories of the corpus and as many that it never saw.

    Raises `BadInput` where one of these stands in the corpus word for word, or none can be ended.
    """
    trained = choose(index, [checkpoint], stories, sampling.seed)
    others = choose_unseen(unseen, index, [checkpoint], stories, sampling.seed)
    endings: dict[str, list[Ending]] = {}
    endings["trained"] = yield from complete_all(
        checkpoint, trained, sampling, doing="Ending stories it was trained on", share=(0.0, 0.35)
    )
    endings["unseen"] = yield from complete_all(
        checkpoint, others, sampling, doing="Ending stories it never saw", share=(0.35, 0.7)
    )
    endings["people"] = true_endings(others)
    measures: dict[str, Measures] = {}
    for number, (kind, written) in enumerate(endings.items()):
        yield Progress(doing="Looking for copies", share=0.7 + 0.1 * number)
        measures[kind] = measure(written, index, masked)
    return Study(endings=endings, measures=measures)


def difference_json(found: Interval | None) -> dict[str, Any] | None:
    """Return a difference with the smallest one detectable at 80 % power, as plain values."""
    return (
        None if found is None else {**found.to_json(), "detectable": json_value(found.detectable)}
    )
