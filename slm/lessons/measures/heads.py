"""Attention and ablation effects of heads."""

from statistics import fmean

import numpy as np

from slm.errors import BadInput
from slm.generation.fitting import story_that_fits
from slm.interp.attention import attention
from slm.interp.heads.scores import EFFECT, HeadScores
from slm.interp.heads.targets import HeadLabel
from slm.interp.heads.word_attention import attention_between
from slm.interp.predictions.ablation import ablate_heads
from slm.lessons.measures.measured import Measured, paired
from slm.lessons.strongest import scores_of, strongest
from slm.runs import Checkpoint
from slm.stories import shipped

ARTICLES, THINGS = ("the", "a"), ("banana", "park")
DRAWS = 200
LOOKS = 0.1
WORTH = 0.1  # nats
NAMES = (
    "Zumbo",
    "Blipka",
    "Dorvin",
    "Kexalo",
    "Mimbru",
    "Pliffo",
    "Quandi",
    "Rastok",
    "Snurfy",
    "Vexibo",
)
TOLD = "One day there was a small fox. The fox was called{name}. Everyone in the forest liked{name}"


def distance_head(checkpoint: Checkpoint) -> Measured:
    """Take the head that is furthest above its control at one distance."""
    scores = scores_of(checkpoint)
    layer, head, kind = strongest(scores, [HeadLabel.PREVIOUS, HeadLabel.DISTANCE])
    back = 1 if kind == HeadLabel.PREVIOUS else int(scores.distance[layer, head])
    return _score(scores, layer, head, kind, EFFECT, f"head {layer}.{head}, {back} back")


def semantic_head(checkpoint: Checkpoint) -> Measured:
    """Take the head that is furthest above its control at names, protagonist, object or place."""
    scores = scores_of(checkpoint)
    layer, head, kind = strongest(
        scores, [HeadLabel.NAMES, HeadLabel.HERO, HeadLabel.OBJECT, HeadLabel.PLACE]
    )
    return _score(scores, layer, head, kind, EFFECT, f"head {layer}.{head}, {kind}")


def induction_head(checkpoint: Checkpoint) -> Measured:
    """Take the head with the highest induction score above its control."""
    scores = scores_of(checkpoint)
    layer, head, kind = strongest(scores, [HeadLabel.INDUCTION])
    return _score(scores, layer, head, kind, EFFECT, f"head {layer}.{head}")


def _score(
    scores: HeadScores, layer: int, head: int, kind: str, least: float, what: str
) -> Measured:
    at = (layer, head, scores.kinds.index(kind))
    difference = scores.difference
    return Measured(
        holds=bool(difference.is_significant(least)[at]),
        measured=float(scores.score.mean[at]),
        control=float(scores.baseline.mean[at]),
        unit="share",
        what=what,
        low=float(difference.low[at]),
        high=float(difference.high[at]),
    )


def articles_at_things(checkpoint: Checkpoint) -> Measured:
    """Compare the best head's look from articles to things with that of as many other words.

    Both are the best of all heads, so that the control has the same choice as what is measured.
    """
    view = attention(checkpoint, story_that_fits([checkpoint], shipped.stories()[0].text).text)
    words = [piece.strip().lower() for piece in view.str_tokens]
    is_thing = np.array([word in THINGS for word in words])
    if not is_thing.any():
        raise BadInput("neither “banana” nor “park” is one token of this model's")
    can_ask = np.arange(len(words)) > is_thing.argmax()
    is_article = np.array([word in ARTICLES for word in words]) & can_ask
    others = np.flatnonzero(can_ask & ~is_article & np.array([word.isalpha() for word in words]))
    onto = view.pattern[..., is_thing].sum(-1)  # [layer head query]
    count = min(int(is_article.sum()), len(others))
    if count < 2:
        raise BadInput("the story holds too few articles after the banana for this model's context")
    by_head = attention_between(view.pattern, is_article, is_thing)
    layer, head = np.unravel_index(int(by_head.argmax()), by_head.shape)
    draw = np.random.default_rng(0)
    dealt = [
        float(onto[..., draw.choice(others, count, False)].mean(-1).max()) for _ in range(DRAWS)
    ]
    measured, control = float(by_head.max()), fmean(dealt)
    return Measured(
        holds=bool(measured > np.quantile(dealt, 0.95) and measured - control >= LOOKS),
        measured=measured,
        control=control,
        unit="share",
        what=f"head {layer}.{head}",
    )


def induction_effect(checkpoint: Checkpoint) -> Measured:
    """Measure what the rest of a made-up name loses when a head is ablated, name by name."""
    layer, head, _ = strongest(scores_of(checkpoint), [HeadLabel.INDUCTION])
    encode = checkpoint.tokenizer.encode_words
    mine, others = [], []
    for name in NAMES:
        name_tokens = encode(f" {name}")
        before, between, _ = (encode(part) for part in TOLD.split("{name}"))
        start = [checkpoint.tokenizer.opening, *before, *name_tokens, *between]
        if len(name_tokens) < 2 or len(start) + 2 > checkpoint.config.n_ctx:
            continue
        lost = ablate_heads(checkpoint, [*start, *name_tokens[:2]]).loss
        mine.append(float(lost[layer, head]))
        rest = (lost.sum() - lost[layer, head]) / max(lost.size - 1, 1)
        others.append(float(rest))
    if len(mine) < len(NAMES) // 2:
        raise BadInput("too few made-up names are several tokens and fit this model's context")
    return paired(mine, others, least=WORTH, unit="nats", what=f"head {layer}.{head}")
