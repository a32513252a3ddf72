"""Largest single-head mean ablation effects over every token of the shipped stories."""

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64

from slm.errors import BadInput
from slm.generation.fitting import story_that_fits
from slm.interp.heads.atlas import without_each
from slm.interp.predictions.ablation import Z, ablate_heads, mean_outputs
from slm.interp.predictions.attribution import attribute
from slm.interp.predictions.logit_lens import logit_lens
from slm.interp.predictions.patching import aligned, answers, patch
from slm.model import functional
from slm.overview.records import Ablated, Prediction, ViewAnswer
from slm.progress import Progress
from slm.runs import Checkpoint
from slm.stories import shipped
from slm.stories.annotation.minimal_pairs import BOYS, GIRLS

STORIES, LENGTH = 12, 120
"""Shipped stories whose predictions are ablated, and how many of their tokens."""
SURE = 0.5
"""Probability that the model gives a token whose ablation effects are looked at."""
NEEDED = 0.5
"""Nats that a token's loss must rise by more than without another head, with either replacement, for
an effect to be confirmed."""
TRIED = 40
"""The largest effects that are tried for a confirmation, or for another word."""
PRONOUNS = ("she", "he", "her", "his", "him", "they", "them", "it")


@dataclass(frozen=True, kw_only=True, eq=False)
class Ablations:
    """Rises in loss (nats) without each head, at each prediction of the shipped stories.

    Row r is `stories[r]`, whose tokens are `tokens[r]`; `effect[..., r, p]` is that of token p + 1.
    `sure` marks words that the model would say and gives at least `SURE`.
    """

    stories: tuple[str, ...]
    tokens: Int64[np.ndarray, "row pos"]
    effect: Float32[np.ndarray, "layer head row predicted"]
    probability: Float32[np.ndarray, "row predicted"]
    sure: Bool[np.ndarray, "row predicted"]


def ablations(checkpoint: Checkpoint) -> Generator[Progress, None, Ablations]:
    """Ablate each head in turn, its `hook_z` replaced by its mean over the shipped stories."""
    encoded = {
        story.title: checkpoint.tokenizer.encode_story(
            story_that_fits([checkpoint], story.text).text
        )[:LENGTH]
        for story in shipped.stories()[:STORIES]
    }
    length = min(map(len, encoded.values()))
    tokens = np.array([ids[:length] for ids in encoded.values()], dtype=np.int64)
    texts = [checkpoint.tokenizer.readable(story.text) for story in shipped.stories()]
    with torch.no_grad():
        logits = functional.logits(checkpoint.weights, torch.from_numpy(tokens))[:, :-1]
    target = torch.from_numpy(tokens[:, 1:, None])
    probability = logits.softmax(-1).gather(-1, target)[..., 0].numpy()
    word = np.array([_is_word(one) for one in _every_str_token(checkpoint)])[tokens[:, 1:]]
    right = (logits.argmax(-1)[..., None] == target)[..., 0].numpy()
    config = checkpoint.config
    every, found = config.n_layers * config.n_heads, []
    for effect in without_each(checkpoint.weights, tokens, mean_outputs(checkpoint, texts)):
        found.append(effect)
        yield Progress(
            doing=f"head {len(found)} of {every} ablated in the shipped stories",
            share=len(found) / every,
        )
    return Ablations(
        stories=tuple(encoded),
        tokens=tokens,
        effect=np.stack(found).reshape(config.n_layers, config.n_heads, *found[0].shape),
        probability=probability,
        sure=word & right & (probability >= SURE),
    )


def largest(checkpoint: Checkpoint, found: Ablations) -> Ablated | None:
    """Return the largest mean-ablation effect that resample ablation confirms.

    None where none exceeds what another head costs by `NEEDED`, with either replacement.
    """
    for at in _by_effect(found, found.sure):
        if found.effect[at] < NEEDED:
            return None
        one = _ablated(checkpoint, found, at)
        if min(one.effect, one.resampled) - one.control >= NEEDED and one.instead != one.word:
            return one
    return None


def flipped(checkpoint: Checkpoint, found: Ablations) -> Ablated | None:
    """Return the largest effect on a pronoun that ablation of one head replaces by another word.

    Replacement by another pronoun is preferred. None where every pronoun survives each single
    ablation.
    """
    names = np.array([one.strip().lower() in PRONOUNS for one in _every_str_token(checkpoint)])
    other = None
    for at in _by_effect(found, found.sure & names[found.tokens[:, 1:]]):
        if found.effect[at] <= 0:
            break
        one = _ablated(checkpoint, found, at)
        if one.instead == one.word or not _is_word(one.instead):
            continue
        if one.instead.strip().lower() in PRONOUNS:
            return one
        other = other or one
    return other


def largest_on(found: Ablations, checkpoint: Checkpoint, *, pronouns: bool) -> float:
    """Return the largest effect of any head on any confidently predicted token; 0 where there is none."""
    among = found.sure
    if pronouns:
        names = np.array([one.strip().lower() in PRONOUNS for one in _every_str_token(checkpoint)])
        among = among & names[found.tokens[:, 1:]]
    return float(found.effect[..., among].max()) if among.any() else 0.0


def _by_effect(
    found: Ablations, among: Bool[np.ndarray, "row predicted"]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield (layer, head, row, predicted) of the largest ablation effects, largest first."""
    effect = np.where(among, found.effect, -np.inf)
    for flat in np.argsort(-effect, axis=None)[:TRIED].tolist():
        layer, head, row, at = (int(part) for part in np.unravel_index(flat, effect.shape))
        if among[row, at]:
            yield layer, head, row, at


@torch.no_grad()
def _ablated(checkpoint: Checkpoint, found: Ablations, at: tuple[int, int, int, int]) -> Ablated:
    layer, head, row, place = at
    prompt = found.tokens[row, : place + 2].tolist()
    resampled = float(ablate_heads(checkpoint, prompt, "resample").loss[layer, head])
    others = np.delete(
        found.effect[:, :, row, place].ravel(), layer * checkpoint.config.n_heads + head
    )
    instead, probability = _says_without(checkpoint, prompt[:-1], layer, head)
    word, other = checkpoint.tokenizer.to_str_tokens([prompt[-1], instead])
    return Ablated(
        story=found.stories[row],
        token=place + 1,
        word=word,
        layer=layer,
        head=head,
        effect=round(float(found.effect[at]), 4),
        resampled=round(resampled, 4),
        control=round(float(others.mean()), 4) if len(others) else 0.0,
        probability=round(float(found.probability[row, place]), 4),
        instead=other,
        instead_probability=round(probability, 4),
    )


def _says_without(
    checkpoint: Checkpoint, prompt: list[int], layer: int, head: int
) -> tuple[int, float]:
    """Return the most probable next token, and its probability, with one head mean-ablated."""
    texts = [checkpoint.tokenizer.readable(story.text) for story in shipped.stories()]
    mean = mean_outputs(checkpoint, texts)[layer, head]

    def replaced(name: str, act: torch.Tensor) -> torch.Tensor:
        if name != f"blocks.{layer}.{Z}":
            return act
        act = act.clone()
        act[:, :, head] = mean
        return act

    logits = functional.logits(checkpoint.weights, torch.tensor([prompt]), intervention=replaced)
    probs = logits[0, -1].softmax(-1)
    return int(probs.argmax()), float(probs.max())


def prediction(checkpoint: Checkpoint, one: Ablated) -> Prediction:
    """Summarise a prediction in one line for each of the five views."""
    text = story_that_fits([checkpoint], shipped.story(one.story).text).text
    prompt = checkpoint.tokenizer.encode_story(text)[: one.token + 1]
    lines = (
        ("Next token", _next_token(checkpoint, prompt)),
        ("Logit lens", _lens(checkpoint, prompt)),
        ("Direct logit attribution", _attribution(checkpoint, prompt)),
        (
            "Ablation",
            f"without head {one.layer}.{one.head} its loss rises by {one.effect:.2f} nats (resample "
            f"ablation {one.resampled:.2f}; without another head {one.control:.2f} on average), and the "
            f"model says “{one.instead.strip()}”",
        ),
        ("Activation patching", _patching(checkpoint, prompt)),
    )
    return Prediction(
        ablated=one, answers=tuple(ViewAnswer(view=view, says=says) for view, says in lines)
    )


@torch.no_grad()
def _next_token(checkpoint: Checkpoint, prompt: list[int]) -> str:
    logits = functional.logits(checkpoint.weights, torch.tensor([prompt[:-1]]))[0, -1]
    values, ids = logits.softmax(-1).topk(3)
    words = checkpoint.tokenizer.to_str_tokens(ids.tolist())
    return ", ".join(
        f"“{word.strip()}” {value:.1%}" for word, value in zip(words, values.tolist(), strict=True)
    )


def _lens(checkpoint: Checkpoint, prompt: list[int]) -> str:
    lens = logit_lens(checkpoint, prompt)
    right = lens.likeliest[:, -1] == prompt[-1]
    wrong = np.flatnonzero(~right)
    first = int(wrong[-1]) + 1 if len(wrong) else 0
    return (
        f"the likeliest token from {lens.stages[first]} on, with {lens.probability[first, -1]:.1%}; "
        f"after {lens.stages[max(first - 1, 0)]} it had {lens.probability[max(first - 1, 0), -1]:.1%}"
    )


def _attribution(checkpoint: Checkpoint, prompt: list[int]) -> str:
    found = attribute(checkpoint, prompt[:-1], prompt[-1])
    (first, most), (second, next_most), *_ = found.parts()
    return (
        f"{first} writes most for it, {most:+.2f} of {found.difference:+.2f} logits above the mean; "
        f"then {second}, {next_most:+.2f}"
    )


def _patching(checkpoint: Checkpoint, prompt: list[int]) -> str:
    """Say which patch restores most after the first name is swapped for one of as many tokens."""
    before = checkpoint.tokenizer.decode(prompt[1:-1])
    if (names := names_to_swap(checkpoint, before)) is None:
        return "no name stands before it that could be another of as many tokens"
    gone, instead = names
    try:
        first, second = aligned(checkpoint, before, before.replace(gone, instead))
        found = patch(checkpoint, first, second, *answers(checkpoint, first, second))
    except BadInput as error:
        return f"with {instead} for {gone}, nothing can be restored: {error}"
    share = found.restored["hook_resid_pre"]
    layer, at = (int(part) for part in np.unravel_index(int(share.argmax()), share.shape))
    place = (
        f"the residual stream before layer {layer} at “{found.str_tokens[at].strip()}” (token {at})"
    )
    answer, foil, most = found.answer.strip(), found.foil.strip(), float(share[layer, at])
    if 0 <= most <= 1:
        return f"with {instead} for {gone} the model says “{foil}”; {place} restores {most:.0%}"
    patched = found.corrupted + most * (found.clean - found.corrupted)
    return (
        f"“{answer}” leads “{foil}” by {found.clean:+.2f} logits, with {instead} for {gone} by "
        f"{found.corrupted:+.2f}; {place} filled in from this story makes that {patched:+.2f}"
    )


def names_to_swap(checkpoint: Checkpoint, text: str) -> tuple[str, str] | None:
    """Return the first name in a text, and another of as many tokens that the text lacks.

    One of the other gender where there is one; None where there is no name, or no other.
    """
    there = [name for name in (*GIRLS, *BOYS) if name in text]
    if not there:
        return None
    first = min(there, key=text.index)
    for name in (*BOYS, *GIRLS) if first in GIRLS else (*GIRLS, *BOYS):
        if name not in text:
            with contextlib.suppress(BadInput):
                aligned(checkpoint, text, text.replace(first, name))
                return first, name
    return None


def _every_str_token(checkpoint: Checkpoint) -> list[str]:
    return checkpoint.tokenizer.to_str_tokens(range(checkpoint.config.d_vocab))


def _is_word(str_token: str) -> bool:
    return str_token.startswith(" ") and str_token.strip().isalpha()
