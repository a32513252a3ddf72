"""A study of following: a model writes a story for each held-out request, and each is scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from slm.errors import BadInput
from slm.following.requests import held_out_requests
from slm.following.scoring import Scores, score
from slm.following.unseen_pairs import UnseenPair, requests_of_ways, score_ways, unseen_stories
from slm.generation.sampler import Sampling, complete
from slm.progress import Progress, Steps
from slm.runs import Checkpoint

REQUESTS = 500
PAIR_STORIES = 250
EXAMPLES = 24
"""Stories that are kept to be shown."""
AT_ONCE = 100
LEAST = 20
Writer = Callable[[Sequence[str], int], Sequence[str]]
"""Writes a story for each prompt of the batch with this number."""


@dataclass(frozen=True, kw_only=True)
class FollowingSettings:
    """What is asked of every model, and how it writes."""

    requests: int = REQUESTS
    pair_stories: int = PAIR_STORIES
    temperature: float = 1.0
    max_tokens: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `BadInput` for too few requests to tell anything, and for no sampling."""
        for name in ("requests", "pair_stories"):
            if (value := getattr(self, name)) < LEAST:
                raise BadInput(f"{name} must be at least {LEAST}, not {value}")
        self.sampling(0)

    def sampling(self, batch: int) -> Sampling:
        """Return how stories are drawn: each batch from a seed of its own."""
        return Sampling(
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            seed=self.seed + 1_000_003 * batch,
        )


@dataclass(frozen=True, kw_only=True)
class Following:
    """How one checkpoint follows: scores, the unseen pair, and the first stories, to be shown."""

    scores: Scores
    unseen_pair: UnseenPair
    examples: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the scores and the out-of-distribution test, without examples."""
        return {**self.scores.to_json(), "out_of_distribution": self.unseen_pair.to_json()}


def follow(checkpoint: Checkpoint, settings: FollowingSettings) -> Steps[Following]:
    """Let a checkpoint write for all requests, and score it; yields progress.

    Raises `BadInput` where the context has no room for a request and a few words.
    """

    def write(prompts: Sequence[str], batch: int) -> list[str]:
        _check_room(checkpoint, prompts)
        drawn = complete(checkpoint, prompts, settings.sampling(batch))
        return [completion.text for completion in drawn]

    return study(write, settings)


def study(write: Writer, settings: FollowingSettings) -> Steps[Following]:
    """Let any writer of stories write for all requests, and score it; yields progress."""
    requests = held_out_requests(settings.requests)
    stories = unseen_stories(settings.pair_stories)
    every = [*requests, *requests_of_ways(stories)]
    written: list[str] = []
    for batch, start in enumerate(range(0, len(every), AT_ONCE)):
        yield Progress(
            doing=f"writing stories for requests, {start:,} of {len(every):,}",
            share=start / len(every),
        )
        prompts = [request.prompt for request in every[start : start + AT_ONCE]]
        written += [text.strip() for text in write(prompts, batch)]
    yield Progress(doing="scoring", share=0.99)
    return Following(
        scores=score(requests, written[: len(requests)]),
        unseen_pair=score_ways(stories, written[len(requests) :]),
        examples=tuple(written[:EXAMPLES]),
    )


def _check_room(checkpoint: Checkpoint, prompts: Sequence[str]) -> None:
    longest = max(len(checkpoint.tokenizer.encode_story(prompt)) for prompt in prompts)
    if longest * 2 > checkpoint.config.n_ctx:
        raise BadInput(
            f"{checkpoint.address}: a request takes up to {longest} tokens, and half of the context "
            f"of {checkpoint.config.n_ctx} must be left for the story"
        )
