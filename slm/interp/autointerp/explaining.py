"""Explanations of a neuron by a judge, scored by detection against two controls.

The same quiz is taken with the neuron's own explanation, with another neuron's, and with its commonest
top token: only what is better than both has explained anything.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

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
from slm.json_values import json_value
from slm.llm.ask import AT_ONCE, Asker
from slm.llm.judge import Judge, likely_tokens
from slm.llm.prices import Bill, bill
from slm.llm.replies import Call, ReplyStore
from slm.llm.replies import call as make_call
from slm.progress import Progress, result_of
from slm.stats.bootstrap import bootstrap_difference
from slm.stats.interval import Interval
from slm.stories.snippets import NeuronSnippets

R = TypeVar("R")
LIKELY_ANSWER_TOKENS = 40

OWN, ANOTHER, TOP_TOKEN = (
    "its own explanation",
    "another neuron's explanation",
    "just its top token",
)


@dataclass(frozen=True, kw_only=True)
class ExplanationScore:
    """An explanation and how well the judge told snippets apart by it.

    `accuracy` is balanced: the mean of the shares of max-activating and of non-activating snippets
    that were told right (bootstrap over snippets); 0.5 is guessing, None is not measured.
    """

    name: str
    explanation: str
    accuracy: Interval | None
    answered: int
    unreadable: int

    def to_json(self) -> dict[str, Any]:
        """Return the score as plain values; null where it was not measured."""
        of = self.accuracy.to_json() if self.accuracy else {}
        return {
            "name": self.name,
            "explanation": self.explanation,
            "accuracy": of.get("mean"),
            "low": of.get("low"),
            "high": of.get("high"),
            "answered": self.answered,
            "unreadable": self.unreadable,
        }


@dataclass(frozen=True, kw_only=True)
class ControlMargin:
    """By how much the neuron's own explanation is better than a control, on the same snippets."""

    over: str
    margin: Interval

    def to_json(self) -> dict[str, Any]:
        """Return the margin as plain values."""
        of = self.margin.to_json()
        return {"over": self.over, "value": of["mean"], "low": of["low"], "high": of["high"]}


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A neuron's explanation beside two controls. `spent` in US dollars, None: price unknown."""

    layer: int
    neuron: int
    judge: str
    scores: tuple[ExplanationScore, ...]
    margins: tuple[ControlMargin, ...]
    calls: int
    spent: float | None

    @property
    def explains(self) -> bool:
        """Whether the explanation is significantly better than both controls."""
        return len(self.margins) == 2 and all(one.margin.low > 0 for one in self.margins)

    def to_json(self) -> dict[str, Any]:
        """Return everything found, and whether it explains the neuron."""
        return {**json_value(vars(self)), "explains": self.explains}


def explanation_bill(neuron: NeuronSnippets, model: str) -> Bill:
    """Estimate what explaining a neuron will take, before anything is sent."""
    asked = quizzes(neuron)
    sample = "x" * 4 * LIKELY_ANSWER_TOKENS
    read = 2 * likely_tokens(explanation_messages(neuron.shown))
    read += 3 * sum(likely_tokens(quiz_messages(sample, quiz.snippets)) for quiz in asked)
    calls = 2 + 3 * len(asked)
    return bill(model, calls=calls, input_tokens=read, output_tokens=calls * LIKELY_ANSWER_TOKENS)


def explain(
    neuron: NeuronSnippets,
    another: NeuronSnippets,
    judge: Judge,
    store: ReplyStore,
    *,
    max_cost: float | None = None,
    concurrency: int = AT_ONCE,
) -> Generator[Progress, None, Explained]:
    """Explain a neuron and score it beside both controls.

    Replies that are stored already cost nothing; each new one is stored as it comes. Raises as
    `Asker.ask` does.
    """
    with Asker(judge, max_cost=max_cost, concurrency=concurrency) as asker:

        def ask(calls: Sequence[Call]) -> Generator[int, None, list[str]]:
            found: dict[str, str] = {}
            once = list({call.key: call for call in calls}.values())
            for key, reply in asker.each(once, lambda call: (call.key, asker.ask(call, store))):
                found[key] = reply.text
                yield len(found)
            return [found[call.key] for call in calls]

        explained = yield from _conversation(ask, neuron, another, judge.model, judge.server)
        return replace(explained, spent=asker.spent)


def recalled(
    neuron: NeuronSnippets, another: NeuronSnippets, model: str, server: str, store: ReplyStore
) -> Explained | None:
    """Read what was found before by this judge; None where it was not asked everything."""
    known = store.find_all(model, server)

    def look_up(calls: Sequence[Call]) -> Generator[int, None, list[str]]:
        yield 0
        if not all(call.key in known for call in calls):
            raise _NotAsked
        return [known[call.key].text for call in calls]

    try:
        return result_of(_conversation(look_up, neuron, another, model, server))
    except _NotAsked:
        return None


class _NotAsked(Exception):
    """A question that the store has no reply to."""


def _conversation(
    ask: Callable[[Sequence[Call]], Generator[int, None, list[str]]],
    neuron: NeuronSnippets,
    another: NeuronSnippets,
    model: str,
    server: str,
) -> Generator[Progress, None, Explained]:
    """Ask for both explanations, then put every quiz with each; `ask` yields how many are answered."""
    call = partial(make_call, model=model, server=server, version=EXPLAINING_VERSION)
    asked = quizzes(neuron)
    total, doing = 2 + 3 * len(asked), "asking for an explanation"
    yield Progress(share=0.0, doing=doing)
    shown = [explanation_messages(one.shown) for one in (neuron, another)]
    replies = yield from _told(ask([call(one, EXPLANATION_FORM) for one in shown]), doing, 0, total)
    explanations: dict[str, str | Unreadable] = {
        OWN: read_explanation(replies[0]),
        ANOTHER: read_explanation(replies[1]),
        TOP_TOKEN: top_token(neuron),
    }
    put = [
        (name, quiz, call(quiz_messages(said, quiz.snippets), ANSWER_FORM))
        for name, said in explanations.items()
        if not isinstance(said, Unreadable)
        for quiz in asked
    ]
    replies = yield from _told(ask([one for *_, one in put]), "taking quizzes", 2, total)
    told: dict[str, list[frozenset[int] | Unreadable]] = {name: [] for name in explanations}
    for (name, quiz, _), reply in zip(put, replies, strict=True):
        told[name].append(read_answer(reply, len(quiz.snippets)))
    rights = {name: _rights(asked, answers) for name, answers in told.items()}
    return Explained(
        layer=neuron.layer,
        neuron=neuron.neuron,
        judge=model,
        scores=tuple(
            _scored(name, explanations[name], rights[name], told[name]) for name in explanations
        ),
        margins=tuple(_margins(rights)),
        calls=2 + len(put),
        spent=0.0,
    )


def _told(
    asking: Generator[int, None, R], doing: str, before: int, total: int
) -> Generator[Progress, None, R]:
    """Yield the progress of calls of which `before` were answered before."""
    while True:
        try:
            yield Progress(share=(before + next(asking)) / total, doing=doing)
        except StopIteration as finished:
            found: R = finished.value
            return found


def _rights(
    asked: Sequence[Quiz], answers: Sequence[frozenset[int] | Unreadable]
) -> Float[np.ndarray, "snippet two"]:
    """Return, for each snippet, whether it is max-activating and was told right; NaN if unanswered."""
    rows: list[tuple[float, float]] = []
    for at, quiz in enumerate(asked):
        answer = answers[at] if at < len(answers) else None
        for number, yes in enumerate(quiz.max_activating, 1):
            known = isinstance(answer, frozenset)
            right = float((number in answer) == yes) if isinstance(answer, frozenset) else np.nan
            rows.append((float(yes), right if known else np.nan))
    return np.array(rows).reshape(-1, 2)


def _balanced(
    max_activating: Float[np.ndarray, "snippet"], values: Float[np.ndarray, "snippet"]
) -> Interval:
    """Estimate the mean of both classes' means, with a bootstrap that resamples each class by itself."""
    twice = bootstrap_difference(values[max_activating == 1], -values[max_activating == 0])
    return Interval(mean=twice.mean / 2, low=twice.low / 2, high=twice.high / 2, n=len(values))


def _scored(
    name: str,
    explanation: str | Unreadable,
    rights: Float[np.ndarray, "snippet two"],
    answers: Sequence[frozenset[int] | Unreadable],
) -> ExplanationScore:
    known = rights[~np.isnan(rights[:, 1])]
    unread = isinstance(explanation, Unreadable) and not len(known)
    return ExplanationScore(
        name=name,
        explanation=explanation.reply if isinstance(explanation, Unreadable) else explanation,
        accuracy=_balanced(known[:, 0], known[:, 1]) if len(known) else None,
        answered=len(known),
        unreadable=sum(isinstance(answer, Unreadable) for answer in answers) + unread,
    )


def _margins(rights: dict[str, Float[np.ndarray, "snippet two"]]) -> Iterator[ControlMargin]:
    """Yield the difference of balanced accuracies over each control, on snippets answered with both."""
    max_activating, own = rights[OWN].T
    for name in (ANOTHER, TOP_TOKEN):
        better = own - rights[name][:, 1]
        both: Bool[np.ndarray, "snippet"] = ~np.isnan(better)
        if both.any():
            yield ControlMargin(over=name, margin=_balanced(max_activating[both], better[both]))
