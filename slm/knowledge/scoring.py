"""Knowledge scores of continuations: facts, reasoning, and context tracking (the post's Figure 4).

The rule, for a person to check: of a continuation only the first sentence counts. The listed answers
are searched for in it as whole words, case set aside. It is *right* (green) where the first of them
that comes is a right one; *almost* (yellow) where that is an almost one, or where a right one comes
later; *wrong* (red) everywhere else. Of answers that begin at the same word the longest counts. A
person's own verdict on a continuation stands above the rule (verdicts.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from slm.generation.beam import BEAMS, beam_search, log_probabilities
from slm.knowledge.prompts import KINDS, VERDICTS, Prompt, Verdict, shipped
from slm.runs import Checkpoint
from slm.stats.bootstrap import mean_of_known
from slm.stats.interval import Interval

WORTH: dict[Verdict, float] = {"right": 1.0, "almost": 0.5, "wrong": 0.0}
MAX_TOKENS = 16

_SENTENCE = re.compile(r"^.*?[.!?](?=[\"'\u201d\u2019]?(\s|$))[\"'\u201d\u2019]?|^.*")


def first_sentence(text: str) -> str:
    """Return a continuation's first sentence; all of it where no sentence ends."""
    match = _SENTENCE.match(text.strip())
    return match[0].strip() if match else ""


def judge(prompt: Prompt, continuation: str) -> Verdict:
    """Rate a continuation by the rule that opens this module."""
    sentence = first_sentence(continuation)
    found: list[tuple[int, int, Verdict]] = []
    for verdict in VERDICTS:
        for answer in getattr(prompt, verdict):
            words = r"\s+".join(map(re.escape, answer.split()))
            if match := re.search(rf"(?<!\w){words}(?!\w)", sentence, re.IGNORECASE):
                found.append((match.start(), -len(match[0]), verdict))
    if not found:
        return "wrong"
    at, _, first = min(found)
    if first == "wrong" and any(start > at and verdict == "right" for start, _, verdict in found):
        return "almost"
    return first


@dataclass(frozen=True, kw_only=True)
class JudgeVerdict:
    """A judge's verdict, None where its reply could not be read; the reply is kept as it came."""

    judge: str
    verdict: Verdict | None
    why: str
    reply: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One model's continuation of one prompt, with its verdicts and probabilities.

    `verdict` is the rule's, `by_person` a person's and `by_judge` a judge's, where there is one.
    `preferred` says whether the likeliest of all right and wrong answers is a right one, `share` how
    much of the probability of these the right ones have, `chance` their share of the answers; None
    where no wrong one is listed. `log_probabilities` (nats) are those of every right and wrong
    answer.
    """

    prompt: Prompt
    continuation: str
    verdict: Verdict
    by_person: Verdict | None = None
    by_judge: JudgeVerdict | None = None
    preferred: bool | None
    share: float | None
    chance: float | None
    log_probabilities: dict[str, float]

    @property
    def judged(self) -> Verdict:
        """The verdict that counts: a person's, else a judge's that could be read, else the rule's."""
        return self.by_person or (self.by_judge and self.by_judge.verdict) or self.verdict

    @property
    def judged_by(self) -> str:
        """Whose verdict counts."""
        if self.by_person:
            return "a person"
        return self.by_judge.judge if self.by_judge and self.by_judge.verdict else "rule"


def askable(
    checkpoints: Sequence[Checkpoint], prompts: Sequence[Prompt]
) -> tuple[tuple[Prompt, ...], str]:
    """Leave out the shipped prompts that some model cannot read; also return a note of how many.

    All models are asked the same, so that their scores can be compared. A person's own prompts all
    stay: `ask` refuses one that does not fit.
    """
    ours = set(shipped())
    left_out = {
        one
        for one in prompts
        if one in ours and any(not _can_read(model, one) for model in checkpoints)
    }
    found = tuple(one for one in prompts if one not in left_out)
    if not left_out:
        return found, ""
    context = min(checkpoint.config.n_ctx for checkpoint in checkpoints)
    lettered = ", or hold characters that a tokenizer has no token for," * any(
        not _has_tokens(model, one) for model in checkpoints for one in left_out
    )
    note = (
        f"{len(left_out)} of {len(ours)} shipped prompts do not fit a context of {context} tokens with "
        f"an answer{lettered} and are not asked"
    )
    return found, note + (": give shorter ones of your own." if not found else ".")


def _can_read(checkpoint: Checkpoint, prompt: Prompt) -> bool:
    """Return whether a prompt can be encoded and fits the context with an answer."""
    return _has_tokens(checkpoint, prompt) and _takes(checkpoint, prompt) <= checkpoint.config.n_ctx


def _has_tokens(checkpoint: Checkpoint, prompt: Prompt) -> bool:
    """Return whether every character of a prompt and of its answers has tokens."""
    texts = (prompt.prompt, *prompt.right, *prompt.wrong)
    return all(checkpoint.tokenizer.unread_in(f" {text}") is None for text in texts)


def _takes(checkpoint: Checkpoint, prompt: Prompt) -> int:
    """Count the tokens of a prompt with the longest text that may follow it."""
    tokenizer = checkpoint.tokenizer
    answers = (len(tokenizer.encode(" " + text)) for text in (*prompt.right, *prompt.wrong))
    return len(tokenizer.encode_story(prompt.prompt)) + max(MAX_TOKENS, *answers)


def ask(
    checkpoint: Checkpoint, prompts: Sequence[Prompt], *, beams: int = BEAMS
) -> tuple[Answer, ...]:
    """Let the model go on after every prompt, at temperature 0 with so many beams.

    Raises `BadInput` for a prompt that does not fit the context.
    """
    written = beam_search(
        checkpoint, [one.prompt for one in prompts], beams=beams, max_tokens=MAX_TOKENS
    )
    return tuple(
        _answer(checkpoint, prompt, first_sentence(beam.text))
        for prompt, beam in zip(prompts, written, strict=True)
    )


def _answer(checkpoint: Checkpoint, prompt: Prompt, continuation: str) -> Answer:
    listed = (*prompt.right, *prompt.wrong)
    space = "" if prompt.prompt.endswith(('"', "“")) else " "
    logs = log_probabilities(checkpoint, prompt.prompt, [space + answer for answer in listed])
    rights, preferred, share, chance = len(prompt.right), None, None, None
    if prompt.wrong:
        likelihoods = np.exp(np.array(logs) - max(logs))
        preferred = int(np.argmax(logs)) < rights
        share = float(likelihoods[:rights].sum() / likelihoods.sum())
        chance = rights / len(listed)
    return Answer(
        prompt=prompt,
        continuation=continuation,
        verdict=judge(prompt, continuation),
        preferred=preferred,
        share=share,
        chance=chance,
        log_probabilities=dict(zip(listed, logs, strict=True)),
    )


@dataclass(frozen=True, kw_only=True)
class Score:
    """One model's scores on one kind of prompt, in shares of 1, each with its interval.

    `score` counts a right continuation 1 and an almost right one 1/2. `by_chance` is the same score
    where every continuation is judged by the answers of the *other* prompts of its kind (all of them,
    so nothing is drawn), and `more` the difference. `preferred` and `share` are by probability,
    `guessing` what picking one of the listed answers at random would get. Intervals are a bootstrap
    over prompts.
    """

    kind: str
    prompts: int
    score: Interval
    by_chance: Interval | None
    more: Interval | None
    preferred: Interval | None
    guessing: Interval | None
    share: Interval | None
    above_guessing: Interval | None


def scores(answers: Sequence[Answer]) -> list[Score]:
    """Score the answers of each kind, and of all kinds together."""
    by_kind: dict[str, list[Answer]] = {
        kind: [one for one in answers if one.prompt.kind == kind] for kind in KINDS
    }
    baseline = {one.prompt: _by_others(one, by_kind[one.prompt.kind]) for one in answers}
    found = [_score(kind, these, baseline) for kind, these in by_kind.items() if these]
    return [*found, _score("all", answers, baseline)] if answers else []


def _by_others(one: Answer, kind: Sequence[Answer]) -> float | None:
    others = [other.prompt for other in kind if other.prompt != one.prompt]
    if not others:
        return None
    return fmean(WORTH[judge(other, one.continuation)] for other in others)


def _score(kind: str, answers: Sequence[Answer], baseline: Mapping[Prompt, float | None]) -> Score:
    worth = [WORTH[one.judged] for one in answers]
    chance = [baseline[one.prompt] for one in answers]
    score = mean_of_known(worth)
    assert score is not None
    return Score(
        kind=kind,
        prompts=len(answers),
        score=score,
        by_chance=mean_of_known(chance),
        more=mean_of_known(
            w - c if c is not None else None for w, c in zip(worth, chance, strict=True)
        ),
        preferred=mean_of_known(one.preferred for one in answers),
        guessing=mean_of_known(one.chance for one in answers),
        share=mean_of_known(one.share for one in answers),
        above_guessing=mean_of_known(
            None if one.chance is None or one.preferred is None else one.preferred - one.chance
            for one in answers
        ),
    )
