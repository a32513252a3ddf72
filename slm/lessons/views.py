"""Views of a lesson's step, each by its name, with its settings.

A view names heads and neurons by what is measured of them ("the head with the highest induction
score"), never by their number, so that a lesson can be shown on any model.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from slm.errors import BadInput
from slm.reading import typed

HeadKind = Literal[
    "previous token",
    "fixed distance",
    "current token",
    "first token",
    "duplicate token",
    "induction",
    "induction in stories",
    "names",
    "protagonist",
    "object",
    "place",
]
"""The head that scores highest above its baseline for this kind (`slm.interp.heads`)."""
LONGEST_TEXT = 2000


@dataclass(frozen=True, kw_only=True)
class View:
    """A live view; `page` is the page that shows it in full."""

    page: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Raise `BadInput` for a text that no model here could read."""
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, str) and len(value) > LONGEST_TEXT:
                raise BadInput(f"{one.name} has at most {LONGEST_TEXT:,} characters")


@dataclass(frozen=True, kw_only=True)
class ShowNextToken(View):
    """The likeliest next tokens after `text`."""

    page: ClassVar[str] = "predictions"
    text: str


@dataclass(frozen=True, kw_only=True)
class ShowSurprisal(View):
    """A story, each token coloured by its surprisal."""

    page: ClassVar[str] = "predictions"
    text: str


@dataclass(frozen=True, kw_only=True)
class ShowWriting(View):
    """Stories of one prompt and seed, written now, one for each temperature."""

    page: ClassVar[str] = "writing"
    prompt: str = "Once upon a time"
    temperatures: tuple[float, ...] = (0.8,)
    tokens: int = 60
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `BadInput` for settings that write nothing."""
        super().__post_init__()
        if not 1 <= len(self.temperatures) <= 3:
            raise BadInput(f"writing shows 1 to 3 temperatures, not {len(self.temperatures)}")
        if not all(0 <= one <= 5 for one in self.temperatures):
            raise BadInput("a temperature lies between 0 and 5")
        if not 1 <= self.tokens <= 200:
            raise BadInput(f"a story in a lesson has 1 to 200 tokens, not {self.tokens}")


@dataclass(frozen=True, kw_only=True)
class ShowTokens(View):
    """A text that the reader may change, cut into tokens."""

    page: ClassVar[str] = "writing"
    text: str


@dataclass(frozen=True, kw_only=True)
class ShowAttention(View):
    """Attention of one head in a story: lines from one token, or the map of all of them.

    `head` is the kind of head shown. `at` is the word whose last occurrence is the query token; the
    text's last token where it is empty. The `text` alone is shown where its token is to be guessed.
    """

    page: ClassVar[str] = "attention"
    text: str
    head: HeadKind
    at: str = ""
    show: Literal["text", "lines", "map"] = "lines"


@dataclass(frozen=True, kw_only=True)
class ShowHeads(View):
    """Every head as a small picture on one story; the strongest of a kind is framed."""

    page: ClassVar[str] = "attention"
    text: str
    head: HeadKind = "induction"


@dataclass(frozen=True, kw_only=True)
class ShowDistances(View):
    """Mean attention by distance, every head a line; the strongest of a kind drawn strongly."""

    page: ClassVar[str] = "heads"
    head: HeadKind = "fixed distance"


@dataclass(frozen=True, kw_only=True)
class ShowQueryKeys(View):
    """Mean attention from some query words to some key words, a row of bars a head."""

    page: ClassVar[str] = "attention"
    text: str
    queries: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ShowWithoutHeads(View):
    """Ablation effect (nats) of each head on `word` after `text`."""

    page: ClassVar[str] = "predictions"
    text: str
    word: str


@dataclass(frozen=True, kw_only=True)
class ShowNeuron(View):
    """The places in the shipped stories where a neuron is highest.

    `neuron` says which: the best at a protagonist's first mention, or one taken at random.
    """

    page: ClassVar[str] = "neurons"
    neuron: Literal["protagonist", "random"] = "protagonist"
    places: int = 6


@dataclass(frozen=True, kw_only=True)
class ShowProtagonist(View):
    """Firing rate of the best protagonist neuron by kind of mention."""

    page: ClassVar[str] = "roles"


@dataclass(frozen=True, kw_only=True)
class ShowLogitLens(View):
    """Logit lens of each layer after `text`."""

    page: ClassVar[str] = "predictions"
    text: str
    word: str


@dataclass(frozen=True, kw_only=True)
class ShowAttribution(View):
    """Direct logit attribution of `word` against `foil` after `text`."""

    page: ClassVar[str] = "predictions"
    text: str
    word: str
    foil: str


@dataclass(frozen=True, kw_only=True)
class ShowPatching(View):
    """Activation patching: how much of the answer after `text` each place of `other` restores."""

    page: ClassVar[str] = "predictions"
    text: str
    other: str


@dataclass(frozen=True, kw_only=True)
class ShowCheckpoints(View):
    """Samples of the run at each checkpoint, to be walked through; `start` is the first shown."""

    page: ClassVar[str] = "compare"
    prompt: str = "Once upon a time"
    start: Literal["first", "last"] = "first"


@dataclass(frozen=True, kw_only=True)
class ShowLearning(View):
    """Surprisal of words by what it takes to expect them, over the checkpoints of the run."""

    page: ClassVar[str] = "compare"


@dataclass(frozen=True, kw_only=True)
class ShowShapes(View):
    """The same prompt by the narrowest and the widest, or the shallowest and deepest, model.

    `names` says whether it is told which is which.
    """

    page: ClassVar[str] = "grid"
    prompt: str
    by: Literal["width", "depth"] = "width"
    names: bool = False


@dataclass(frozen=True, kw_only=True)
class ShowLosses(View):
    """The last validation loss of every run of a grid, by width and depth."""

    page: ClassVar[str] = "grid"


@dataclass(frozen=True, kw_only=True)
class ShowEnding(View):
    """A training story of a nursery run, cut: the book's ending and the model's, beside each other.

    `names` says whether it is told which is which.
    """

    page: ClassVar[str] = "memorization"
    story: int = 0
    names: bool = False


@dataclass(frozen=True, kw_only=True)
class ShowTwoStories(View):
    """Two texts beside each other, to be graded; `likelihood` tells what the model would say."""

    page: ClassVar[str] = "grading"
    a: str
    b: str
    likelihood: bool = False


@dataclass(frozen=True, kw_only=True)
class ShowTwoTrainings(View):
    """Completions of one prompt by the two models that were trained in this lesson."""

    page: ClassVar[str] = "writing"
    prompt: str = "Once upon a time there was a"


VIEWS: dict[str, type[View]] = {
    "next token": ShowNextToken,
    "surprisal": ShowSurprisal,
    "writing": ShowWriting,
    "tokens": ShowTokens,
    "attention": ShowAttention,
    "heads": ShowHeads,
    "distances": ShowDistances,
    "query and key words": ShowQueryKeys,
    "without heads": ShowWithoutHeads,
    "neuron": ShowNeuron,
    "protagonist": ShowProtagonist,
    "logit lens": ShowLogitLens,
    "attribution": ShowAttribution,
    "patching": ShowPatching,
    "checkpoints": ShowCheckpoints,
    "learning": ShowLearning,
    "shapes": ShowShapes,
    "losses": ShowLosses,
    "ending": ShowEnding,
    "two stories": ShowTwoStories,
    "two trainings": ShowTwoTrainings,
}
"""Every view by the name that a lesson calls it."""


def view_of(name: str, settings: dict[str, Any]) -> View:
    """Build the view `name` from its settings; `BadInput` for an unknown or missing setting."""
    kind = VIEWS[name]
    known = [one.name for one in fields(kind)]
    for given in settings:
        if given not in known:
            raise BadInput(
                f"the view {name!r} has no setting {given!r}; it has {', '.join(known) or 'none'}"
            )
    return typed(kind, settings, f"the view {name!r}")
