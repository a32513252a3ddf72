"""Accuracy of the most probable token, and the effect of temperature."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from slm.generation.fitting import opening_that_fits, story_that_fits
from slm.generation.sampler import Sampling, complete
from slm.interp.predictions.next_token import next_token_predictions
from slm.lessons.measures.measured import Measured, paired
from slm.model.loss import story_nats
from slm.runs import Checkpoint
from slm.stories import nursery, shipped

BETTER = 0.05
BIGRAM_STORIES = 400
HOT, COLD = 1.5, 0.5
HOTTER = 1.5
"""How many times the surprisal at `COLD` that at `HOT` must be."""
STORIES, LENGTH = 8, 40


def beats_bigram(checkpoint: Checkpoint) -> Measured:
    """Compare the model's first guess with that of a table of token pairs, story by story."""
    texts = [story_that_fits([checkpoint], story.text).text for story in shipped.stories()]
    tokens = [checkpoint.tokenizer.encode_story(text) for text in texts]
    others = checkpoint.tokenizer.encode_stories(
        [checkpoint.tokenizer.readable(story.text) for story in nursery.stories(BIGRAM_STORIES)]
    )
    after = _pairs([*tokens, *others])
    model, table = [], []
    for text, story in zip(texts, tokens, strict=True):
        rank = next_token_predictions(checkpoint, text).rank[1:]
        model.append(float((rank == 1).mean()))
        own = _pairs([story])
        guesses = [_likeliest(after[first], own[first]) for first in story[:-1]]
        table.append(fmean(one == token for one, token in zip(guesses, story[1:], strict=True)))
    return paired(model, table, least=BETTER, unit="share")


def _pairs(stories: Sequence[Sequence[int]]) -> dict[int, Counter[int]]:
    found: dict[int, Counter[int]] = defaultdict(Counter)
    for story in stories:
        for first, second in pairwise(story):
            found[first][second] += 1
    return found


def _likeliest(everywhere: Counter[int], here: Counter[int]) -> int | None:
    """Return the most frequent follower of a token in the other stories; the smaller id of equals."""
    left = {token: count - here[token] for token, count in everywhere.items()}
    token = max(left, key=lambda one: (left[one], -one), default=None)
    return token if token is not None and left[token] else None


def heat_surprises(checkpoint: Checkpoint) -> Measured:
    """Compare the surprisal of what is drawn at two temperatures, by the model's own probabilities.

    A model that finds all tokens alike is as surprised at either.
    """
    hot, cold = (_surprisal(checkpoint, temperature) for temperature in (HOT, COLD))
    blind = math.log2(checkpoint.config.d_vocab)
    found = paired(hot, cold, least=0.0, unit="bits")
    holds = found.measured >= HOTTER * found.control and found.control < blind / 2
    return paired(hot, cold, least=0.0, unit="bits", also=holds)


def _surprisal(checkpoint: Checkpoint, temperature: float) -> list[float]:
    """Compute the mean surprisal, in bits, of a completion of each opening."""
    openings = [opening_that_fits([checkpoint], text).text for text in shipped.openings()[:STORIES]]
    sampling = Sampling(temperature=temperature, max_tokens=LENGTH)
    starts = [checkpoint.tokenizer.encode_story(opening) for opening in openings]
    drawn = complete(checkpoint, openings, sampling)
    stories = [[*start, *one.tokens] for start, one in zip(starts, drawn, strict=True)]
    nats = story_nats(checkpoint.weights, checkpoint.tokenizer, stories)
    return [
        float(cost[len(start) - 1 : -1].mean()) / math.log(2) if len(cost) > len(start) else 0.0
        for cost, start in zip(nats, starts, strict=True)
    ]
