"""A judge that can be measured here: the model itself, which grades by likelihood."""

import math
from statistics import fmean

from slm.generation.fitting import story_that_fits
from slm.generation.sampler import Sampling, complete
from slm.grading.judge_checks import check_items
from slm.lessons.measures.measured import Measured, paired
from slm.model.loss import story_nats
from slm.runs import Checkpoint

WORSE, MUCH = 0.5, 1.0  # nats a token
OWN = Sampling(temperature=0.0, max_tokens=80)


def grade(checkpoint: Checkpoint, opening: str, ending: str) -> float:
    """Compute the loss, in nats per token, of an ending after its opening; lower is better."""
    text = story_that_fits([checkpoint], opening + ending).text
    tokens = checkpoint.tokenizer.encode_story(text)
    given = len(checkpoint.tokenizer.encode_story(opening))
    (nats,) = story_nats(checkpoint.weights, checkpoint.tokenizer, [tokens])
    return float(nats[given - 1 : -1].mean()) if given < len(tokens) else float(nats.mean())


def sees_shuffled(checkpoint: Checkpoint) -> Measured:
    """Compare the loss of endings with their words shuffled with that of the same as they are."""
    shuffled, whole = (
        [
            grade(checkpoint, one.opening, one.completion)
            for one in check_items()
            if one.kind == kind
        ]
        for kind in ("shuffled", "human")
    )
    return paired(shuffled, whole, least=WORSE, unit="nats")


def likes_itself(checkpoint: Checkpoint) -> Measured:
    """Compare the loss of people's endings with that of what the model itself writes at temperature 0."""
    items = [one for one in check_items() if one.kind == "human"]
    people = [grade(checkpoint, one.opening, one.completion) for one in items]
    written = complete(checkpoint, [one.opening for one in items], OWN)
    own = [
        grade(checkpoint, one.opening, story.text)
        for one, story in zip(items, written, strict=True)
    ]
    knows = fmean(people) < math.log(checkpoint.config.d_vocab) - MUCH
    return paired(people, own, least=MUCH, unit="nats", also=knows)
