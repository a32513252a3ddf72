"""Effects of swapping a name on “she”, and the head that carries them."""

from collections.abc import Iterator

import numpy as np

from slm.errors import BadInput
from slm.generation.beam import log_probabilities
from slm.interp.predictions.next_token import one_token
from slm.interp.predictions.patching import LEAST_GAP, aligned, patch
from slm.lessons.measures.measured import Measured, paired
from slm.runs import Checkpoint
from slm.stories.annotation.minimal_pairs import BOYS, GIRLS

SHE, HE = " she", " he"
TOLD = (
    "Once upon a time there was a child named {name}. {name} liked the park. One day,",
    "{name} had a big red ball. {name} was very happy, and then",
    "{name} woke up early. It was a sunny day. {name} was hungry, so",
)
GAP = 1.0  # logits
CARRIES, MORE = 0.25, 0.2
FEWEST = 3  # pairs of names


def pairs(checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    """Yield a story with a girl's and with a boy's name of equally many tokens."""
    encode = checkpoint.tokenizer.encode_words

    def length(name: str) -> tuple[int, int]:
        return len(encode(f" {name}")), len(encode(name))

    for told in TOLD:
        for at, girl in enumerate(GIRLS):
            boys = (*BOYS[at:], *BOYS[:at])
            if boy := next((boy for boy in boys if length(boy) == length(girl)), None):
                yield told.format(name=girl), told.format(name=boy)


def _some(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    found = list(pairs(checkpoint))
    if len(found) < 2 * FEWEST:
        raise BadInput(
            f"it takes {FEWEST} pairs of names with as many tokens, not {len(found) // 2}"
        )
    return found


def lead(checkpoint: Checkpoint, text: str) -> float:
    """Compute the logit difference of “she” and “he” after a text, from their log-probabilities."""
    she, he = log_probabilities(checkpoint, text, (SHE, HE))
    return she - he


def follows_the_name(checkpoint: Checkpoint) -> Measured:
    """Compare the lead of “she” after a girl's name with that after a boy's."""
    both = _some(checkpoint)
    girls, boys = ([lead(checkpoint, pair[side]) for pair in both] for side in (0, 1))
    return paired(girls, boys, least=GAP, unit="logits")


def one_head(checkpoint: Checkpoint) -> Measured:
    """Measure by activation patching how much of the logit difference one head restores.

    The head is chosen on every other story and measured on the rest; the control is the mean of all
    other heads there. A story whose swap changes nothing counts as 0.
    """
    she, he = one_token(checkpoint, SHE), one_token(checkpoint, HE)
    shape = checkpoint.config.n_layers, checkpoint.config.n_heads
    found = []
    for girl, boy in _some(checkpoint):
        if abs(lead(checkpoint, girl) - lead(checkpoint, boy)) < 2 * LEAST_GAP:
            found.append(np.zeros(shape, dtype=np.float32))
            continue
        found.append(patch(checkpoint, *aligned(checkpoint, girl, boy), she, he).heads)
    chosen, rest = np.stack(found[::2]).mean(0), np.stack(found[1::2])
    layer, head = (int(at) for at in np.unravel_index(int(chosen.argmax()), shape))
    own = rest[:, layer, head]
    others = (rest.sum((1, 2)) - own) / max(rest[0].size - 1, 1)
    carries = bool(own.mean() >= CARRIES)
    return paired(
        own.tolist(), others.tolist(), least=MORE, unit="share", what=f"head {layer}.{head}",
        also=carries,
    )  # fmt: skip
