"""A story that is written while it is looked at is the story the sampler writes."""

from app.live import LiveStory
from slm.generation.sampler import Sampling, complete
from slm.runs import Checkpoint


def test_a_live_story_is_the_one_the_sampler_writes(checkpoint: Checkpoint) -> None:
    sampling = Sampling(max_tokens=20, seed=3, alternatives=4)
    live = LiveStory(checkpoint, "One day", sampling)
    while live.writing:
        live.advance(0.001)
    (completion,) = complete(checkpoint, ["One day"], sampling)
    assert live.completion == completion
    assert live.text == "One day" + completion.text
    assert [token.token for token in live.tokens] == list(completion.tokens)


def test_a_stopped_story_keeps_what_was_written(checkpoint: Checkpoint) -> None:
    live = LiveStory(checkpoint, "One day", Sampling(max_tokens=20, seed=3))
    while not live.tokens:
        live.advance(0.0001)
    live.stop()
    written = list(live.tokens)
    live.advance(1)
    assert live.tokens == written and not live.writing
    assert live.why == "You stopped it."
    assert live.to_json()["completions"][0]["stopped"] == "cut short"


def test_the_prompt_carries_no_probability_and_each_new_token_one(checkpoint: Checkpoint) -> None:
    live = LiveStory(checkpoint, "One day", Sampling(max_tokens=3, seed=3, alternatives=2))
    live.advance(60)
    shown = live.shown()
    given = len(checkpoint.tokenizer.encode_story("One day"))
    assert [token.value is None for token in shown] == [True] * given + [False] * (
        len(shown) - given
    )
    assert all(len(token.alternatives) == 2 for token in shown[given:])
