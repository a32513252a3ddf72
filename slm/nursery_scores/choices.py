"""Paired choices about the nursery's world: facts, and what a story has told, with chance at a half.

Two prompts share two answers, each right after one of them: "Amy had a kite. She wanted to" fly or
wear, "Amy had a hat. She wanted to" wear or fly. Whatever a model prefers by itself it prefers both
times, so a model that does not read the prompt is right in exactly half of the choices. The facts are
those of the book (what is done with a thing, how an animal looks, where it lives); the context is the
story's thing against another story's, at its second mention.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from slm.generation.beam import log_probabilities
from slm.runs import Checkpoint
from slm.stories import nursery
from slm.stories.nursery import Role
from slm.stories.nursery.book import read_book
from slm.stories.nursery.cast import cast_for
from slm.stories.nursery.page import Piece, StoryPage, article_before

ChoiceKind = Literal["facts", "context"]
KINDS: tuple[ChoiceKind, ...] = get_args(ChoiceKind)
CONTEXT_PAIRS = 200
"""Pairs of stories, two choices each."""
UNSEEN_FROM = 1_000_000_000
"""The first nursery story that choices are made of; no corpus reaches it."""
SEED = 0
VERSION = 1
"""Raised whenever other choices would be asked."""
CHANCE = 0.5


@dataclass(frozen=True, kw_only=True)
class PairedChoice:
    """Two prompts and two answers: each answer is right after the prompt of its place."""

    kind: ChoiceKind
    prompts: tuple[str, str]
    answers: tuple[str, str]


@cache
def paired_choices() -> tuple[PairedChoice, ...]:
    """Return the pairs that every model is asked: about the book's facts, and about stories."""
    return (*_facts(), *_context())


def ask(checkpoint: Checkpoint, pairs: Sequence[PairedChoice]) -> list[float]:
    """Return each pair's share of right choices: 0, 0.5 or 1, a tie counting half a choice.

    A choice is right where the right answer is likelier than the other, as whole texts.
    """
    found = []
    for pair in pairs:
        first, second = (
            log_probabilities(checkpoint, prompt, [f" {answer}" for answer in pair.answers])
            for prompt in pair.prompts
        )
        ahead = (first[0] - first[1], second[1] - second[0])
        found.append(sum(0.5 if gap == 0 else float(gap > 0) for gap in ahead) / 2)
    return found


def askable(checkpoint: Checkpoint, pairs: Sequence[PairedChoice]) -> list[PairedChoice]:
    """Leave out pairs that do not fit the context, or hold a character without a token."""

    def fits(pair: PairedChoice) -> bool:
        tokenizer = checkpoint.tokenizer
        texts = [f"{prompt} {answer}" for prompt in pair.prompts for answer in pair.answers]
        return all(
            tokenizer.unread_in(text) is None
            and len(tokenizer.encode_story(text)) + 2 <= checkpoint.config.n_ctx
            for text in texts
        )

    return [pair for pair in pairs if fits(pair)]


def _facts() -> Iterator[PairedChoice]:
    """Pair what the book says of different things and animals; each fact stands in one pair."""
    book, draw = read_book(), random.Random(f"facts {SEED}")
    uses = [
        _Fact(
            prompt=f"One day, Amy got {article_before(thing.noun)} {thing.noun}. She wanted to",
            answer=_text(use[0], number),
            others=frozenset(_text(one[0], number) for one in thing.uses),
        )
        for number, thing in enumerate(book.things)
        for use in thing.uses
    ]
    animals = [kind for kind in book.kinds if kind.tag == "animal"]
    looks = [
        _Fact(
            prompt=f"{_there_was(kind.noun)} had",
            answer=_text(look, number),
            others=frozenset(_text(one, number).split()[-1] for one in kind.looks.pieces),
        )
        for number, kind in enumerate(animals)
        for look in kind.looks.pieces
    ]
    homes = [
        _Fact(
            prompt=f"{_there_was(kind.noun)} lived",
            answer=_text(kind.home, number),
            others=frozenset([_text(kind.home, number).split()[-1]]),
        )
        for number, kind in enumerate(animals)
    ]
    for facts in (uses, looks, homes):
        yield from _paired(facts, draw)


@dataclass(frozen=True, kw_only=True)
class _Fact:
    """A prompt, its right answer, and (whole, or their last words) all answers that are right after it."""

    prompt: str
    answer: str
    others: frozenset[str]

    def takes(self, other: "_Fact") -> bool:
        """Return whether the other's answer would be right here too."""
        return other.answer in self.others or other.answer.split()[-1] in self.others


def _paired(facts: Sequence[_Fact], draw: random.Random) -> Iterator[PairedChoice]:
    """Pair facts at random, each once, where neither's answer is right after the other's prompt."""
    left = list(facts)
    left.sort(key=lambda _: draw.random())
    while left:
        first = left.pop()
        for at, second in enumerate(left):
            if not first.takes(second) and not second.takes(first):
                del left[at]
                yield PairedChoice(
                    kind="facts",
                    prompts=(first.prompt, second.prompt),
                    answers=(first.answer, second.answer),
                )
                break


@dataclass(frozen=True, kw_only=True)
class _SecondMention:
    """A story up to the second mention of its thing."""

    told: str
    thing: str
    text: str


def _context() -> Iterator[PairedChoice]:
    """Pair stories about different things, neither of which stands in the other's story."""
    waiting: list[_SecondMention] = []
    index, made = UNSEEN_FROM, 0
    while made < CONTEXT_PAIRS:
        one = _second_mention(index)
        index += 1
        if one is None:
            continue
        for at, other in enumerate(waiting):
            apart = one.thing not in other.text and other.thing not in one.text
            if apart and article_before(one.thing) == article_before(other.thing):
                del waiting[at]
                made += 1
                yield PairedChoice(
                    kind="context",
                    prompts=(other.told, one.told),
                    answers=(other.thing, one.thing),
                )
                break
        else:
            waiting.append(one)


def _second_mention(index: int) -> _SecondMention | None:
    story = nursery.story(SEED, index)
    thing = story.words[0]
    mentions = [
        span
        for span in story.spans
        if span.role == Role.OBJECT and story.text[span.start : span.end].lower() == thing
    ]
    if len(mentions) < 2:
        return None
    told = story.text[: mentions[1].start]
    if not told.endswith(" "):
        return None
    return _SecondMention(told=told.rstrip(" "), thing=thing, text=story.text.lower())


def _text(piece: Piece, number: int) -> str:
    """Write a piece of the book alone, the same whenever it is asked for."""
    draw = random.Random(f"text {number}").random
    book = read_book()
    page = StoryPage(cast_for(book, book.plots[0], draw), draw)
    page.capital = False
    piece.write(page)
    return page.text


def _there_was(kind: str) -> str:
    return f"Once upon a time there was {article_before(kind)} {kind}. The {kind}"
