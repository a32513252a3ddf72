"""Interventions on heads and neurons while a story is written, and the words that change.

A part is a head (`2.3`: layer 2, head 3) or a neuron (`1.n17`: layer 1, neuron 17). Its output
(`hook_z`, `hook_post`) is replaced by its mean over the shipped stories, or multiplied (`2.3=0`,
`1.n17=2.5`), at every position, while the model writes with the same seed as before.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from slm.errors import BadInput
from slm.generation.sampler import Completion, Sampling, complete
from slm.interp.predictions.ablation import POST, Z, mean_outputs
from slm.model import functional
from slm.runs import Address, Checkpoint
from slm.stats.bootstrap import bootstrap_mean
from slm.stats.interval import Interval
from slm.stories import shipped

PAIRS = 8
"""Pairs of stories over which words that stay are counted."""
MOST_INTERVENTIONS = 64

_SWITCH = re.compile(r"(\d{1,3})\.(n?)(\d{1,5})(?:=(-?\d{1,3}(?:\.\d{1,4})?))?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """One part and what is done to it: multiplied by `factor`, or (None) replaced by its mean."""

    layer: int
    index: int
    neuron: bool = False
    factor: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Intervention":
        """Read `2.3`, `2.3=0` or `1.n17=2.5`; `BadInput` where it is none of these."""
        if (found := _SWITCH.fullmatch(text.strip())) is None:
            raise BadInput(f"a part is written 2.3, 2.3=0 or 1.n17=2.5, not {text[:40]!r}")
        layer, neuron, index, factor = found.groups()
        return cls(
            layer=int(layer),
            index=int(index),
            neuron=bool(neuron),
            factor=None if factor is None else float(factor),
        )

    def __str__(self) -> str:
        part = f"{self.layer}.{'n' if self.neuron else ''}{self.index}"
        return part if self.factor is None else f"{part}={self.factor:g}"

    @property
    def hook(self) -> str:
        """The name of the hook point that it changes."""
        return f"blocks.{self.layer}.{POST if self.neuron else Z}"


def parse_interventions(text: str) -> tuple[Intervention, ...]:
    """Read parts with commas or spaces between them; a part named twice is taken as the last time."""
    named = [Intervention.parse(part) for part in re.split(r"[,\s]+", text) if part]
    if len(named) > MOST_INTERVENTIONS:
        raise BadInput(f"at most {MOST_INTERVENTIONS} parts can be switched, not {len(named)}")
    return tuple({(one.layer, one.neuron, one.index): one for one in named}.values())


@torch.no_grad()
def intervention_fn(
    checkpoint: Checkpoint, interventions: Sequence[Intervention]
) -> functional.InterventionFn:
    """Build the hook function that applies these interventions; `BadInput` for a part there is not."""
    if not interventions:
        return functional.identity
    config, means = checkpoint.config, {}
    for one in interventions:
        what, there = ("neuron", config.d_mlp) if one.neuron else ("head", config.n_heads)
        if one.layer >= config.n_layers or one.index >= there:
            raise BadInput(
                f"this model has layers 0 to {config.n_layers - 1}, each with {what}s 0 to "
                f"{there - 1}: no {one}"
            )
    texts = [checkpoint.tokenizer.readable(story.text) for story in shipped.stories()]
    for hook, neuron in ((Z, False), (POST, True)):
        if any(one.factor is None and one.neuron == neuron for one in interventions):
            means[neuron] = mean_outputs(checkpoint, texts, hook)
    at: dict[str, list[Intervention]] = {}
    for one in interventions:
        at.setdefault(one.hook, []).append(one)

    def switched(name: str, act: Tensor) -> Tensor:
        if name not in at:
            return act
        act = act.clone()
        for one in at[name]:
            if one.factor is None:
                act[:, :, one.index] = means[one.neuron][one.layer, one.index]
            else:
                act[:, :, one.index] *= one.factor
        return act

    return switched


@dataclass(frozen=True, kw_only=True)
class Regeneration:
    """A story as the whole model writes it and with interventions, both with the same seed.

    `kept` is the share of words that stay, over `PAIRS` stories each written both ways; `across_seeds` is
    the same between two stories that the whole model writes with other seeds: what any change
    may come to. `surprisal` and `surprisal_intervened` (bits a token) are what the whole model and the
    switched one make of the whole model's story; NaN where it wrote nothing.
    """

    address: Address
    interventions: tuple[Intervention, ...]
    whole: Completion
    switched: Completion
    kept: Interval
    across_seeds: Interval
    surprisal: float
    surprisal_intervened: float

    @property
    def words(self) -> tuple[tuple["WordChange", ...], tuple["WordChange", ...]]:
        """Both stories word by word, and which words stay."""
        return word_diff(self.whole.text, self.switched.text)

    def to_json(self) -> dict[str, Any]:
        """Return both stories and the shares of words kept as plain values."""
        before, after = self.words
        return {
            "address": str(self.address),
            "prompt": self.whole.prompt,
            "switched": [str(one) for one in self.interventions],
            "whole_text": self.whole.text,
            "switched_text": self.switched.text,
            "whole_words": [asdict(word) for word in before],
            "switched_words": [asdict(word) for word in after],
            "words_kept": asdict(self.kept),
            "words_kept_across_seeds": asdict(self.across_seeds),
            "surprisal_bits_a_token": {
                "whole": self.surprisal,
                "switched": self.surprisal_intervened,
            },
        }


@torch.no_grad()
def regenerate(
    checkpoint: Checkpoint, prompt: str, interventions: Sequence[Intervention], sampling: Sampling
) -> Regeneration:
    """Write on after `prompt`, with the whole model and with parts of it switched, same seed.

    Raises `BadInput` for a part the model does not have, and for a prompt that fills the context.
    """
    edit = intervention_fn(checkpoint, interventions)
    whole = complete(checkpoint, [prompt] * PAIRS, sampling)
    switched = complete(checkpoint, [prompt] * PAIRS, sampling, intervention=edit)
    texts = [one.text for one in whole]
    kept = [_share(a, b.text) for a, b in zip(texts, switched, strict=True)]
    across_seeds = [_share(a, b) for a, b in zip(texts, [*texts[1:], texts[0]], strict=True)]
    return Regeneration(
        address=checkpoint.address,
        interventions=tuple(interventions),
        whole=whole[0],
        switched=switched[0],
        kept=bootstrap_mean(kept),
        across_seeds=bootstrap_mean(across_seeds),
        surprisal=_surprisal(checkpoint, whole[0], functional.identity),
        surprisal_intervened=_surprisal(checkpoint, whole[0], edit),
    )


@dataclass(frozen=True, kw_only=True)
class WordChange:
    """A word with the space before it; `stays` where the other text has it in the same order."""

    text: str
    stays: bool


def word_diff(before: str, after: str) -> tuple[tuple[WordChange, ...], tuple[WordChange, ...]]:
    """Diff two texts word by word; the words of a text joined are the text."""
    texts = [re.findall(r"\s*\S+|\s+$", text) for text in (before, after)]
    bare = [[word.strip() for word in words] for words in texts]
    stay: tuple[set[int], set[int]] = (set(), set())
    for block in SequenceMatcher(a=bare[0], b=bare[1], autojunk=False).get_matching_blocks():
        stay[0].update(range(block.a, block.a + block.size))
        stay[1].update(range(block.b, block.b + block.size))
    first, second = (
        tuple(WordChange(text=word, stays=at in which) for at, word in enumerate(words))
        for words, which in zip(texts, stay, strict=True)
    )
    return first, second


def _share(before: str, after: str) -> float:
    """Compute twice the kept words over the words of both; 1 where both are empty."""
    first, second = word_diff(before, after)
    words = len(first) + len(second)
    return sum(word.stays for word in (*first, *second)) / words if words else 1.0


def _surprisal(checkpoint: Checkpoint, story: Completion, edit: functional.InterventionFn) -> float:
    """Compute the mean surprisal, in bits per token, of a completion."""
    start = checkpoint.tokenizer.encode_story(story.prompt)
    tokens = [*start, *story.tokens]
    if not story.tokens:
        return float("nan")
    logits = functional.logits(checkpoint.weights, torch.tensor([tokens[:-1]]), intervention=edit)[
        0
    ]
    said: Float[Tensor, "pos d_vocab"] = logits[len(start) - 1 :].log_softmax(-1)
    own = said[torch.arange(len(story.tokens)), torch.tensor(story.tokens)]
    return float(-own.mean() / np.log(2))
