"""What a judge says excites a neuron, scored: can it be told from it where the neuron fires?

The same quiz is taken with the neuron's own explanation, with another neuron's, and with its commonest
top token: only what is better than both has explained anything. Examples come in as values; this
knows no model.
"""

import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from slm.interp.autointerp.detection import (
    ANSWER_FORM,
    EXPLAINING_VERSION,
    EXPLANATION_FORM,
    Quiz,
    Unreadable,
    explanation_messages,
    quiz_messages,
    quizzes,
    read_answer,
    read_explanation,
    top_token,
)
from slm.llm.ask import Asking
from slm.llm.judge import Judge, likely_tokens
from slm.llm.messages import Message
from slm.llm.prices import prices
from slm.llm.replies import ReplyStore
from slm.progress import Progress, result_of
from slm.stories.snippets import NeuronSnippets

RESAMPLES = 2000
LIKELY_ANSWER_TOKENS = 40

OWN, ANOTHER, TOP_TOKEN = (
    "its own explanation",
    "another neuron's explanation",
    "just its top token",
)


@dataclass(frozen=True, kw_only=True)
class Scored:
    """An explanation and how well the judge told snippets apart by it.

    `accuracy` is balanced: the mean of the shares of exciting and of quiet snippets that were told
    right, with its 95 % interval (bootstrap over snippets); 0.5 is guessing, None is not measured.
    """

    name: str
    explanation: str
    accuracy: float | None
    low: float | None
    high: float | None
    answered: int
    unreadable: int


@dataclass(frozen=True, kw_only=True)
class Lead:
    """By how much the neuron's own explanation is better than a control, on the same snippets."""

    over: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A neuron's explanation beside two controls. `spent` in US dollars, None: price unknown."""

    layer: int
    neuron: int
    judge: str
    scores: tuple[Scored, ...]
    leads: tuple[Lead, ...]
    calls: int
    spent: float | None

    @property
    def explains(self) -> bool:
        """Whether the explanation is surely better than both controls."""
        return len(self.leads) == 2 and all(lead.low > 0 for lead in self.leads)


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What explaining one neuron is likely to take; `cost` in US dollars, None: price unknown."""

    calls: int
    input_tokens: int
    cost: float | None


def bill(neuron: NeuronSnippets, model: str) -> Bill:
    """What explaining a neuron is likely to take, before anything is sent."""
    asked = quizzes(neuron)
    sample = "x" * 4 * LIKELY_ANSWER_TOKENS
    read = 2 * likely_tokens(explanation_messages(neuron.shown))
    read += 3 * sum(likely_tokens(quiz_messages(sample, quiz.snippets)) for quiz in asked)
    calls = 2 + 3 * len(asked)
    price = prices().get(model)
    cost = None if price is None else price.of(read, calls * LIKELY_ANSWER_TOKENS)
    return Bill(calls=calls, input_tokens=read, cost=cost)


def explain(
    neuron: NeuronSnippets,
    another: NeuronSnippets,
    judge: Judge,
    store: ReplyStore,
    *,
    max_cost: float | None = None,
    stopping: threading.Event | None = None,
) -> Generator[Progress, None, Explained]:
    """Explain a neuron and score it beside both controls.

    Replies that are stored already cost nothing; each new one is stored as it comes. Raises `BadInput`
    where the key, the model or the cap forbid going on, `Unavailable` where the server does.
    """
    asking = Asking(judge, store, EXPLAINING_VERSION, max_cost, stopping or threading.Event())
    return (yield from _conversation(asking, neuron, another, judge.model))


def recalled(
    neuron: NeuronSnippets, another: NeuronSnippets, model: str, where: str, store: ReplyStore
) -> Explained | None:
    """What was found before by this judge (`Judge.where`); None where it was not asked everything."""
    try:
        return result_of(_conversation(_Recalling(model, where, store), neuron, another, model))
    except _NotAsked:
        return None


def _conversation(
    asking: "Asking | _Recalling", neuron: NeuronSnippets, another: NeuronSnippets, model: str
) -> Generator[Progress, None, Explained]:
    asked = quizzes(neuron)
    total = 2 + 3 * len(asked)
    explanations: dict[str, str | Unreadable] = {}
    for name, shown in ((OWN, neuron.shown), (ANOTHER, another.shown)):
        yield Progress(share=asking.calls / total, doing="asking for an explanation")
        reply = asking(explanation_messages(shown), EXPLANATION_FORM)
        explanations[name] = read_explanation(reply)
    explanations[TOP_TOKEN] = top_token(neuron)
    told: dict[str, list[frozenset[int] | Unreadable]] = {}
    for name, said in explanations.items():
        if isinstance(said, Unreadable):
            told[name] = []
            continue
        told[name] = answers = []
        for quiz in asked:
            yield Progress(share=asking.calls / total, doing=f"a quiz with {name}")
            reply = asking(quiz_messages(said, quiz.snippets), ANSWER_FORM)
            answers.append(read_answer(reply, len(quiz.snippets)))
    rights = {name: _rights(asked, answers) for name, answers in told.items()}
    return Explained(
        layer=neuron.layer,
        neuron=neuron.neuron,
        judge=model,
        scores=tuple(
            _scored(name, explanations[name], rights[name], told[name]) for name in explanations
        ),
        leads=tuple(
            _lead(name, rights[OWN], rights[name])
            for name in (ANOTHER, TOP_TOKEN)
            if len(_common(rights[OWN], rights[name])[0])
        ),
        calls=asking.calls,
        spent=asking.spent,
    )


class _NotAsked(Exception):
    """A question that the store has no reply to."""


class _Recalling:
    """Answers from the store alone."""

    def __init__(self, model: str, where: str, store: ReplyStore) -> None:
        self._who, self._store = (model, where, EXPLAINING_VERSION), store
        self.calls = 0
        self.spent: float | None = 0.0

    def __call__(self, messages: Sequence[Message], form: Mapping[str, Any]) -> str:
        self.calls += 1
        if (kept := self._store.find(messages, *self._who)) is None:
            raise _NotAsked
        return kept


def _rights(
    asked: Sequence[Quiz], answers: Sequence[frozenset[int] | Unreadable]
) -> Float[np.ndarray, "snippet two"]:
    """For every snippet, whether it excites and whether it was told right; NaN where not answered."""
    rows: list[tuple[float, float]] = []
    for at, quiz in enumerate(asked):
        answer = answers[at] if at < len(answers) else None
        for number, yes in enumerate(quiz.exciting, 1):
            known = isinstance(answer, frozenset)
            right = float((number in answer) == yes) if isinstance(answer, frozenset) else np.nan
            rows.append((float(yes), right if known else np.nan))
    return np.array(rows).reshape(-1, 2)


def _resampled(
    rights: Float[np.ndarray, "snippet two"], draw: np.random.Generator
) -> Float[np.ndarray, "resample"]:
    """The balanced accuracy of each resample: exciting and quiet snippets drawn apart."""
    halves = [rights[rights[:, 0] == kind, 1] for kind in (1.0, 0.0)]
    return np.mean(
        [half[draw.integers(0, len(half), (RESAMPLES, len(half)))].mean(1) for half in halves], 0
    )


def _balanced(rights: Float[np.ndarray, "snippet two"]) -> float:
    return float(np.mean([rights[rights[:, 0] == kind, 1].mean() for kind in (1.0, 0.0)]))


def _scored(
    name: str,
    explanation: str | Unreadable,
    rights: Float[np.ndarray, "snippet two"],
    answers: Sequence[frozenset[int] | Unreadable],
) -> Scored:
    known = rights[~np.isnan(rights[:, 1])]
    unreadable = sum(isinstance(answer, Unreadable) for answer in answers)
    said = explanation.reply if isinstance(explanation, Unreadable) else explanation
    if not len(known):
        unreadable += isinstance(explanation, Unreadable)
        return Scored(
            name=name,
            explanation=said,
            accuracy=None,
            low=None,
            high=None,
            answered=0,
            unreadable=unreadable,
        )
    low, high = np.percentile(_resampled(known, np.random.default_rng(0)), [2.5, 97.5])
    return Scored(
        name=name,
        explanation=said,
        accuracy=_balanced(known),
        low=float(low),
        high=float(high),
        answered=len(known),
        unreadable=unreadable,
    )


def _common(
    own: Float[np.ndarray, "snippet two"], control: Float[np.ndarray, "snippet two"]
) -> tuple[Float[np.ndarray, "common two"], Float[np.ndarray, "common two"]]:
    """Both, on the snippets that were answered with both."""
    both: Bool[np.ndarray, "snippet"] = ~np.isnan(own[:, 1]) & ~np.isnan(control[:, 1])
    return own[both], control[both]


def _lead(
    over: str, own: Float[np.ndarray, "snippet two"], control: Float[np.ndarray, "snippet two"]
) -> Lead:
    """The difference of two balanced accuracies; the interval resamples the same snippets for both."""
    mine, other = _common(own, control)
    draws = [_resampled(one, np.random.default_rng(1)) for one in (mine, other)]
    low, high = np.percentile(draws[0] - draws[1], [2.5, 97.5])
    return Lead(
        over=over, value=_balanced(mine) - _balanced(other), low=float(low), high=float(high)
    )
