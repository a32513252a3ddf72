"""Records of a checkpoint's overview; every number beside its control, effects in nats."""

from dataclasses import dataclass
from typing import Literal

from slm.interp.heads.targets import HeadLabel
from slm.stats.interval import Interval

FindKind = Literal[
    "induction head",
    "role neuron",
    "largest ablation",
    "pronoun flipped",
    "names return",
    "grammar first",
    "two checkpoints",
    "copied and not copied",
    "width and depth",
]


@dataclass(frozen=True, kw_only=True)
class LabelledHead:
    """A head with a confirmed label: its score, the null that the score beats, and the ablation effect.

    `score` and `baseline` are shares of attention. `effect` is the rise in loss (nats a token, with
    its 95 % interval) when the head's output is its mean: where the label says that it serves, less
    elsewhere.
    """

    layer: int
    head: int
    kind: str
    name: str
    score: float
    baseline: float
    effect: float
    effect_low: float
    effect_high: float

    @property
    def back(self) -> int:
        """The distance of the kind "fixed distance", which its name tells; 0 for other kinds."""
        return int(self.name.split()[0]) if self.kind == HeadLabel.DISTANCE else 0


@dataclass(frozen=True, kw_only=True)
class HeadsOverview:
    """All confirmed labels, the one of the surest ablation effect first.

    `highest` is, for kinds that no head is confirmed for, the score that lies furthest above its
    baseline, by kind: what was found instead. NaN is left out.
    """

    count: int
    confirmed: tuple[LabelledHead, ...]
    highest: dict[str, float]

    def strongest(self) -> dict[str, LabelledHead]:
        """Return the strongest head of each kind, the strongest kind first."""
        found: dict[str, LabelledHead] = {}
        for one in self.confirmed:
            found.setdefault(one.kind, one)
        return found


@dataclass(frozen=True, kw_only=True)
class LayerNeurons:
    """The neurons of a layer; lists are [neuron], `thresholds` is [role].

    `firing_rate` is the share of tokens of the shipped stories on which the neuron is above 0.
    `role` indexes the roles of `Neurons` (-1: none), `auc` is that role's on stories it was not chosen
    on, `confirmed` whether it held; None where nothing was measured. `thresholds` are the AUC that
    shuffled labels reach (None for a rare role). `top_tokens` are token ids, the commonest among the
    neuron's strongest places first. The four shares are of neurons with a confirmed role: these, random
    directions with as many firings, and neurons with labels shuffled in stories or dealt to other words.
    """

    firing_rate: tuple[float, ...]
    role: tuple[int, ...]
    auc: tuple[float | None, ...]
    confirmed: tuple[bool, ...]
    top_tokens: tuple[tuple[int, ...], ...]
    thresholds: tuple[float | None, ...]
    confirmed_share: float
    random_directions_share: float
    shuffled_share: float
    dealt_share: float


@dataclass(frozen=True, kw_only=True)
class RoleNeuron:
    """A neuron with a confirmed role: AUC with its 95 % interval, and what shuffled labels reach."""

    layer: int
    neuron: int
    role: str
    auc: float
    low: float
    high: float
    threshold: float
    fires_on_role: float
    fires_elsewhere: float


@dataclass(frozen=True, kw_only=True)
class NeuronsOverview:
    """Every neuron, in layer order; and those whose role is confirmed most surely, of any role.

    `best` has the neurons of the highest lower ends of the AUC's interval, a few of each role, from
    layers in which surely more neurons are confirmed than with labels that mean nothing. `highest` is
    the highest AUC on its own role of any neuron that is not among such.
    """

    roles: tuple[str, ...]
    layers: tuple[LayerNeurons, ...]
    best: tuple[RoleNeuron, ...]
    highest: float | None


@dataclass(frozen=True, kw_only=True)
class Ablated:
    """A token of a shipped story that the model predicts, and the head without which it does not.

    `token` is its position (END is 0), `effect` the rise in its loss (nats) with the head's output
    replaced by its mean, `resampled` the same with what the head says in other stories, `control` the
    mean rise without any one of the other heads. `instead` is what the model then says, of which
    it gives `probability_after`; `probability` is that of the token before.
    """

    story: str
    token: int
    word: str
    layer: int
    head: int
    effect: float
    resampled: float
    control: float
    probability: float
    instead: str
    instead_probability: float


@dataclass(frozen=True, kw_only=True)
class ViewAnswer:
    """What one view of a prediction says, in a line."""

    view: str
    says: str


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The confirmed ablation effect that is the largest among the shipped stories, and what views say."""

    ablated: Ablated
    answers: tuple[ViewAnswer, ...]


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """Something that is not there at one checkpoint and is at the next; values beside their controls."""

    what: str
    before: float
    after: float
    control: float
    step: int


@dataclass(frozen=True, kw_only=True)
class CheckpointPair:
    """Two checkpoints of a run, one after the other, between which most was learnt, and what."""

    earlier: int
    later: int
    learnt: tuple[Learnt, ...]
    says: str


@dataclass(frozen=True, kw_only=True)
class Copying:
    """How much more of a true ending a model writes where it was trained on it (Rouge-2 precision).

    `more` is the mean over stories of the corpus less that over as many it never saw. The texts
    are of the ending with the longest copy, of `longest` words; `copied` are the runs of at least
    `SHORTEST_COPY` words of `wrote` that stand in the corpus, from and to.
    """

    corpus: str
    trained_on: int
    more: Interval
    longest: int
    given: str
    wrote: str
    true_ending: str
    copied: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class FindCurve:
    """Values at the steps of a run."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text with the name of who wrote it or what it is."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Find:
    """Something worth seeing, or (`found` is False) that there is none, with the number that says so.

    `value` stands beside its `control` and, where a threshold decides, what was `needed`. `link` are
    the parameters of the link that shows exactly this; which page that is follows from `kind`.
    `curves` and `texts` are what a small picture of it is drawn from.
    """

    kind: FindKind
    found: bool
    says: str
    value: float | None = None
    control: float | None = None
    needed: float | None = None
    link: dict[str, str]
    curves: tuple[FindCurve, ...] = ()
    texts: tuple[Text, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Overview:
    """An overview of one checkpoint, measured on nursery stories and the shipped ones."""

    address: str
    heads: HeadsOverview
    neurons: NeuronsOverview
    prediction: Prediction | None
    pair: CheckpointPair | None
    copying: Copying | None = None
    finds: tuple[Find, ...]
