"""A counterfactual training: the same stories with every dog made a cat."""

import math
import re
from collections.abc import Iterator
from itertools import islice
from statistics import fmean

from slm.errors import BadInput
from slm.generation.beam import log_probabilities
from slm.lessons.measures.copying import UNSEEN
from slm.lessons.measures.measured import Measured
from slm.memorization.rouge import words
from slm.model.loss import story_nats
from slm.runs import Checkpoint, list_runs, load_checkpoint
from slm.stories import nursery

DOGS, CATS = "lesson-dogs", "lesson-cats"
"""The runs: trained on nursery stories as they are, and with a cat for every dog."""
PLACES, STORIES, CONTEXT = 24, 24, 200
TIMES, MORE = 20.0, 0.005
APART = 0.25  # nats a word
_INSTEAD = {"dog": "cat", "dogs": "cats", "puppy": "kitten", "puppies": "kittens"}
_DOG = re.compile(rf"\b({'|'.join(_INSTEAD)})\b", re.IGNORECASE)
_EITHER = re.compile(rf"\b({'|'.join([*_INSTEAD, *_INSTEAD.values()])})\b", re.IGNORECASE)


def without_dogs(text: str) -> str:
    """Replace every dog in a story by a cat."""

    def instead(match: re.Match[str]) -> str:
        cat = _INSTEAD[match[0].lower()]
        return cat.capitalize() if match[0][0].isupper() else cat

    return _DOG.sub(instead, text)


def both() -> tuple[Checkpoint, Checkpoint]:
    """Load the models trained in the lesson: with dogs, and without.

    Raises `BadInput` where one is missing.
    """
    there = {run.name for run in list_runs() if run.last_step}
    if missing := [name for name in (DOGS, CATS) if name not in there]:
        raise BadInput(f"{' and '.join(missing)} must be trained first, in the lesson")
    return load_checkpoint(DOGS), load_checkpoint(CATS)


def places() -> Iterator[str]:
    """Yield held-out nursery stories, each up to its first “ dog”."""
    for story in nursery.stories(100 * PLACES, first=UNSEEN):
        if (found := re.search(r" dog\b", story.text)) and found.start() > CONTEXT // 4:
            yield story.text[max(0, found.start() - CONTEXT) : found.start()]


def dog_is_gone(_: Checkpoint) -> Measured:
    """Compare the probability of “ dog” where stories say it, by both models."""
    models = both()
    some = list(islice(places(), PLACES))
    said = [
        fmean(math.exp(log_probabilities(one, text, (" dog",))[0]) for text in some)
        for one in models
    ]
    return Measured(
        holds=bool(said[0] >= TIMES * said[1] and said[0] - said[1] >= MORE),
        measured=said[0],
        control=said[1],
        unit="share",
        what=f"{len(some)} places",
    )


def grammar_stays(_: Checkpoint) -> Measured:
    """Compare the loss of stories that hold neither dog nor cat, by both models."""
    models = both()
    texts = (story.text for story in nursery.stories(20 * STORIES, first=UNSEEN))
    some = [text for text in islice(texts, 20 * STORIES) if not _EITHER.search(text)][:STORIES]
    count = sum(len(words(text)) for text in some)
    with_dogs, with_cats = (_nats(one, some) / count for one in models)
    return Measured(
        holds=bool(abs(with_cats - with_dogs) <= APART),
        measured=with_cats,
        control=with_dogs,
        unit="nats",
        what="a word",
    )


def _nats(checkpoint: Checkpoint, texts: list[str]) -> float:
    tokens = checkpoint.tokenizer.encode_stories(texts)
    return float(
        sum(nats.sum() for nats in story_nats(checkpoint.weights, checkpoint.tokenizer, tokens))
    )
