"""The words of labelled stories, halved: on some a role is chosen, on the others it is tried."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from slm.interp.neurons.activations import along, reading
from slm.model.config import ModelConfig
from slm.model.weights import Block
from slm.progress import Progress
from slm.runs import Checkpoint
from slm.stories.annotation.labelled import LabelledStory

PLACES = (8, 16, 32, 64, 128)
"""Where one stretch of a story ends and the next begins, in tokens: each twice as long as the last."""
AT_ONCE = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledWords:
    """The first tokens of all words of some stories, story by story; every array is [word].

    `which` numbers the different words (by their first token, in small letters), `place` is the
    stretch of the story that the word stands in.
    """

    story: Int[np.ndarray, "word"]
    place: Int[np.ndarray, "word"]
    which: Int[np.ndarray, "word"]
    labels: Bool[np.ndarray, "word label"]
    names: tuple[str, ...]

    @property
    def groups(self) -> Int[np.ndarray, "word"]:
        """A number for each stretch of each story, within which labels are shuffled."""
        return self.story * (len(PLACES) + 1) + self.place


def words_of(
    stories: Sequence[LabelledStory], names: tuple[str, ...], str_tokens: Sequence[str]
) -> LabelledWords:
    """Put the words of stories one after the other. `str_tokens` are `first_str_tokens` of the stories."""
    _, which = np.unique(np.array(str_tokens, dtype=object).astype(str), return_inverse=True)
    places = np.concatenate([np.array(story.places, dtype=np.int64) for story in stories])
    return LabelledWords(
        story=np.repeat(np.arange(len(stories)), [len(story.places) for story in stories]),
        place=np.digitize(places, PLACES),
        which=which,
        labels=np.concatenate([story.labels for story in stories]),
        names=names,
    )


def streams_at_words(
    checkpoint: Checkpoint, stories: Sequence[LabelledStory], *, begin: float, end: float
) -> Generator[Progress, None, Float[Tensor, "layer word d_model"]]:
    """Read `hook_resid_mid`, the stream before the neurons, where the words begin, story by story.

    Tells progress from `begin` to `end`. Stories of like length are read together.
    """
    order = sorted(range(len(stories)), key=lambda index: len(stories[index].tokens))
    found: dict[int, Float[Tensor, "layer some d_model"]] = {}
    for first in range(0, len(order), AT_ONCE):
        some = order[first : first + AT_ONCE]
        streams = along(checkpoint, [stories[index].tokens for index in some], "hook_resid_mid")
        for index, stream in zip(some, streams, strict=True):
            found[index] = stream[:, list(stories[index].places)]
        share = begin + (end - begin) * (first + len(some)) / len(order)
        yield Progress(share=share, doing="reading stories")
    return torch.cat([found[index] for index in range(len(stories))], dim=1)


def activations_at_words(
    config: ModelConfig, block: Block, streams: Float[Tensor, "word d_model"]
) -> Float[np.ndarray, "neuron word"]:
    """Compute a block's `ranked_hook` at word beginnings, as float16, which is ranked faster."""
    return reading(config, block, streams).T.contiguous().half().numpy()


def held_out_stories(words: LabelledWords) -> Bool[np.ndarray, "word"]:
    """Return the words of every other story: the half that roles are confirmed on."""
    return words.story % 2 == 1


def held_out_words(words: LabelledWords) -> Bool[np.ndarray, "word"]:
    """Return half of the different words, each label's shared out about evenly.

    Within each label, its words by how often they occur go to the halves as in A B B A A B B A.
    """
    kinds = int(words.which.max()) + 1
    table = np.zeros((kinds, words.labels.shape[1] + 1), dtype=np.int64)
    np.add.at(table[:, 1:], words.which, words.labels)
    mostly = np.where(table.any(1), table.argmax(1), 0)
    often = np.bincount(words.which, minlength=kinds)
    second = np.zeros(kinds, dtype=bool)
    for label in np.unique(mostly):
        mine = np.flatnonzero(mostly == label)
        mine = mine[np.argsort(-often[mine], kind="stable")]
        second[mine] = np.isin((np.arange(len(mine)) + label) % 4, (1, 2))
    return second[words.which]


def of_both_kinds(
    labels: Bool[np.ndarray, "word label"], which: Int[np.ndarray, "word"]
) -> Bool[np.ndarray, "word"]:
    """Return the words that have some label at one position and not at another."""
    kinds = int(which.max()) + 1
    with_label = np.zeros((kinds, labels.shape[1]), dtype=int)
    np.add.at(with_label, which, labels)
    often = np.bincount(which, minlength=kinds)[:, None]
    mixed = np.any((with_label > 0) & (with_label < often), axis=1)
    return np.asarray(mixed)[which]


def dealt_to_words(
    words: LabelledWords, generator: np.random.Generator
) -> Bool[np.ndarray, "word label"]:
    """Permute labels among words: all positions of a word get what one other word's positions have.

    So each word keeps being of few kinds, wherever it stands, and none of them means anything.
    """
    order = np.argsort(words.which, kind="stable")
    starts = np.searchsorted(words.which[order], np.arange(words.which.max() + 1))
    often = np.bincount(words.which)
    second = np.zeros(len(often), dtype=bool)
    second[words.which] = held_out_words(words)
    giver = np.empty(len(often), dtype=int)
    for half in (np.flatnonzero(second), np.flatnonzero(~second)):
        giver[half] = generator.permutation(half)
    gives = giver[words.which]
    return words.labels[order[starts[gives] + generator.integers(0, often[gives])]]
