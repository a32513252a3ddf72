"""Rows of stories, in which each word's role or class is known, for measuring heads.

Beside the stories stand rows of random tokens that repeat. All rows have one length, so nothing is
padded and the places of one row can be asked about in another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np
from jaxtyping import Bool, Int64

from slm.errors import BadInput
from slm.interp.heads.targets import (
    BY_TOKEN,
    HeadLabel,
    Rows,
    duplicate_targets,
    induction_targets,
)
from slm.runs import Checkpoint
from slm.stories import nursery
from slm.stories.annotation.labelled import NURSERY
from slm.stories.annotation.nursery import AnnotatedStory, annotate
from slm.stories.annotation.word_classes import (
    AFTER_NAMED,
    CLASSES,
    NAME_AGAIN,
    NAME_FIRST,
    classed_words,
)
from slm.stories.cleaning import cleaned
from slm.stories.nursery import NurseryStory, Role
from slm.stories.sources import open_source
from slm.stories.tokenizer import Tokenizer

LENGTH = 128
"""Tokens of a row, or the context where that is shorter."""
STORIES, RANDOM = 64, 24
"""Stories that are read, and rows of random tokens."""
CANDIDATES = 3  # stories opened for each that is read
SHORTEST = 12  # a context in which something can be looked back at

_MENTIONS = (Role.HERO_FIRST, Role.HERO, Role.OTHER_FIRST, Role.OTHER)
_NOUNS = (Role.KIND, Role.BYSTANDER, Role.NOUN)
_ROLES: dict[str, tuple[tuple[Role, ...], tuple[Role, ...], tuple[Role, ...]]] = {
    # what is looked at; what might have been; what is said with its help
    HeadLabel.NAMES: (_MENTIONS, (*_NOUNS, Role.OBJECT, Role.PLACE), _MENTIONS),
    HeadLabel.HERO: (
        (Role.HERO_FIRST, Role.HERO),
        (Role.OTHER_FIRST, Role.OTHER, Role.BYSTANDER),
        (Role.HERO, Role.HERO_PRONOUN),
    ),
    HeadLabel.OBJECT: (
        (Role.OBJECT,),
        (*_NOUNS, Role.PLACE),
        (Role.OBJECT, Role.OBJECT_PRONOUN),
    ),
    HeadLabel.PLACE: ((Role.PLACE,), (*_NOUNS, Role.OBJECT), (Role.PLACE,)),
}

_HELPS = {NAME_FIRST: NAME_AGAIN, AFTER_NAMED: NAME_AGAIN}
"""The class whose words are said with the help of a class, where that is not the class itself."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Story:
    """A story's tokens (END first) and, for each kind by meaning, which of them are meant.

    `meant` are tokens that a head of the kind looks at, `like` those that it might have looked at
    instead, `said` the first tokens of words that are said with its help.
    """

    tokens: tuple[int, ...]
    meant: Bool[np.ndarray, "kind pos"]
    like: Bool[np.ndarray, "kind pos"]
    said: Bool[np.ndarray, "kind pos"]


def make_rows(
    checkpoint: Checkpoint,
    *,
    corpus: str = NURSERY,
    stories: int = STORIES,
    random: int = RANDOM,
    seed: int = 0,
) -> Rows:
    """Build rows of a corpus's stories and of repeated random tokens, in this model's tokens.

    The kinds by meaning are names, protagonist, object and place in nursery's stories, whose words
    have roles; in any others they are the word classes. Raises `BadInput` where the context is too
    short to look back in, where the corpus cannot be read, or where it has no story that fills a row.
    """
    if stories < 1:
        raise BadInput(f"heads are judged on at least one story, not {stories}")
    length = min(LENGTH, checkpoint.config.n_ctx)
    if length < SHORTEST:
        raise BadInput(
            f"heads are judged in contexts of at least {SHORTEST} tokens, not {checkpoint.config.n_ctx}"
        )
    if corpus == NURSERY:
        by_meaning, told = tuple(_ROLES), _with_roles(checkpoint.tokenizer, stories, length, seed)
    else:
        by_meaning, told = CLASSES, _with_classes(checkpoint.tokenizer, corpus, stories, length)
    if not told:
        raise BadInput(f"no story of {corpus} has the {length} tokens that heads are judged on")
    read = np.array([story.tokens[:length] for story in told], dtype=np.int64)
    repeats = _repeats(np.unique(read[:, 1:]), random, length, checkpoint.tokenizer.opening, seed)
    tokens = np.concatenate([read, repeats])
    kinds = (*map(str, BY_TOKEN), *map(str, by_meaning))
    size = (len(tokens), len(kinds), length, length)
    targets, distractors = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    predicted_positions = np.zeros(size[:3], dtype=bool)
    of = kinds.index
    is_story = np.arange(len(tokens)) < len(told)
    again, after = duplicate_targets(tokens), induction_targets(tokens)
    comes_true = after & (tokens[:, None, :] == np.roll(tokens, -1, axis=1)[:, :, None])
    targets[is_story, of(HeadLabel.DUPLICATE)] = again[is_story]
    predicted_positions[is_story, of(HeadLabel.DUPLICATE)] = again[is_story].any(-1)
    for kind, mine in ((HeadLabel.INDUCTION, ~is_story), (HeadLabel.INDUCTION_STORIES, is_story)):
        targets[mine, of(kind)] = after[mine]
        predicted_positions[mine, of(kind)] = comes_true[mine].any(-1)
    meant = slice(len(BY_TOKEN), None)
    for row, story in enumerate(told):
        targets[row, meant], distractors[row, meant], predicted_positions[row, meant] = _choices(
            story, length
        )
    # before the first word nothing is known, after the last nothing is asked
    predicted_positions[:, :, [0, -1]] = False
    return Rows(
        corpus=corpus,
        kinds=kinds,
        stories=len(told),
        tokens=tokens,
        targets=targets,
        distractors=distractors,
        predicted_positions=predicted_positions,
    )


def _choices(
    story: Story, length: int
) -> tuple[
    Bool[np.ndarray, "kind query key"],
    Bool[np.ndarray, "kind query key"],
    Bool[np.ndarray, "kind pos"],
]:
    """Return the targets, the distractors and the predicted positions of each kind by meaning.

    A query is asked where it has something to choose from: a target and another word, both before it.
    Served are the positions before a word of this kind is said again.
    """
    meant, like, said = (part[:, :length] for part in (story.meant, story.like, story.said))
    pos = np.arange(length)
    before = (pos[None, :] < pos[:, None]) & (pos >= 1)
    targets, distractors = before & meant[:, None, :], before & like[:, None, :]
    asked = (targets.any(-1) & distractors.any(-1))[..., None]
    again = said & targets.any(-1)
    predicted_positions = np.concatenate([again[:, 1:], np.zeros_like(again[:, :1])], axis=1)
    return targets & asked, distractors & asked, predicted_positions


def _with_roles(tokenizer: Tokenizer, count: int, length: int, seed: int) -> list[Story]:
    """Return nursery stories that fill a row (nearly all do), annotated by role.

    Those that say their place a second time come first: few do, and what heads give to a word that is
    said again can only be measured there.
    """
    candidates = _nursery(CANDIDATES * count, seed)
    stories = (annotate(story, tokenizer) for story in candidates)
    long = [story for story in stories if len(story.tokens) >= length]
    again = [len(story.where(Role.PLACE)) > 1 for story in long]
    order = sorted(range(len(long)), key=lambda at: not again[at])
    return [_by_role(long[at], tokenizer) for at in order[:count]]


@cache
def _nursery(count: int, seed: int) -> tuple[NurseryStory, ...]:
    """Generate nursery stories, cached: they are the same for every checkpoint."""
    return tuple(nursery.stories(count, seed=seed))


def _by_role(story: AnnotatedStory, tokenizer: Tokenizer) -> Story:
    """Annotate a story with each role's targets; names are words written with a capital."""
    capital, begins = _capital(story, tokenizer), np.array(story.begins)

    def where(roles: Sequence[Role]) -> Bool[np.ndarray, "pos"]:
        return np.array([role in roles for role in story.roles])

    named = np.stack([capital | (kind != HeadLabel.NAMES) for kind in _ROLES])
    meant, like, said = (
        np.stack([where(roles[part]) for roles in _ROLES.values()]) for part in range(3)
    )
    return Story(tokens=story.tokens, meant=meant & named, like=like, said=said & named & begins)


def _capital(story: AnnotatedStory, tokenizer: Tokenizer) -> Bool[np.ndarray, "pos"]:
    """Return whether each token belongs to a word written with a capital."""
    capital, found = False, []
    str_tokens: Sequence[str] = tokenizer.to_str_tokens(story.tokens)
    for str_token, begins in zip(str_tokens, story.begins, strict=True):
        capital = str_token.strip()[:1].isupper() if begins else capital
        found.append(capital)
    return np.array(found)


def _with_classes(tokenizer: Tokenizer, corpus: str, count: int, length: int) -> list[Story]:
    """Return the first `count` stories of a corpus with at least `length` tokens, by word class."""
    texts = islice(cleaned(open_source(corpus)), CANDIDATES * count)
    long = (story for text in texts if len((story := by_class(text, tokenizer)).tokens) >= length)
    return list(islice(long, count))


def by_class(text: str, tokenizer: Tokenizer) -> Story:
    """Annotate a story with each word class's targets; all other words are distractors."""
    words = list(classed_words(text))
    of_word = np.array([[name in word.classes for name in CLASSES] for word in words])
    which = np.array(
        [-1, *_word_of_each(tokenizer.offsets(text), [(w.start, w.end) for w in words])]
    )
    is_word = which >= 0
    begins = is_word & (which != np.roll(which, 1))
    meant = of_word.reshape(len(words), len(CLASSES))[which].T & is_word
    helped = [CLASSES.index(_HELPS.get(name, name)) for name in CLASSES]
    return Story(
        tokens=tuple(tokenizer.encode_story(text)),
        meant=meant,
        like=is_word & ~meant,
        said=meant[helped] & begins,
    )


def _word_of_each(
    tokens: Sequence[tuple[int, int]], words: Sequence[tuple[int, int]]
) -> Iterator[int]:
    """Yield the index of the word that each token begins or continues, -1 where there is none."""
    at = 0
    for first, last in tokens:
        while at < len(words) and words[at][1] <= first:
            at += 1
        yield at if at < len(words) and words[at][0] < last else -1


def _repeats(
    vocabulary: Int64[np.ndarray, "token"], count: int, length: int, end: int, seed: int
) -> Int64[np.ndarray, "row pos"]:
    """Build rows of END and random tokens of the stories, repeated until the row is full.

    The periods differ from row to row (a sixth to a third of the row), so that no fixed distance
    leads to the copy. No token stands twice in a period, so the nearest repeat is a period away.
    """
    draw = np.random.default_rng(seed)
    rows = []
    for row in range(count):
        period = max(3, length // 6 + row * (length // 6) // max(count - 1, 1))
        chosen = draw.permutation(vocabulary)[:period]
        rows.append([end, *np.resize(chosen, length - 1)])
    return np.array(rows, dtype=np.int64).reshape(count, length)
