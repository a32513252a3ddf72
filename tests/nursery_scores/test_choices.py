"""Paired choices: what does not read the prompt is right in exactly half of them."""

from collections.abc import Iterator

import pytest

from slm.model.weights import initialise
from slm.nursery_scores import choices, kept
from slm.nursery_scores.choices import PairedChoice, ask, askable
from slm.progress import result_of
from slm.runs import Checkpoint, resolve


@pytest.fixture(scope="module")
def pairs() -> Iterator[tuple[PairedChoice, ...]]:
    """All pairs of facts, and some of stories."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choices, "CONTEXT_PAIRS", 20)
        yield choices.paired_choices.__wrapped__()


def test_there_are_hundreds_of_facts_and_no_answer_stands_in_the_other_story(
    pairs: tuple[PairedChoice, ...],
) -> None:
    kinds = [pair.kind for pair in pairs]
    assert kinds.count("facts") >= 150 and kinds.count("context") == 20
    assert len(set(pairs)) == len(pairs)
    for pair in pairs:
        assert pair.answers[0] != pair.answers[1]
        if pair.kind == "context":
            for told, right, wrong in zip(
                pair.prompts, pair.answers, pair.answers[::-1], strict=True
            ):
                assert right in told.lower() and wrong not in told.lower()


def test_a_fact_is_right_after_its_own_prompt_alone(pairs: tuple[PairedChoice, ...]) -> None:
    facts = [pair for pair in pairs if pair.kind == "facts"]
    assert {"eat", "wear"} <= {answer for pair in facts for answer in pair.answers}
    by_prompt: dict[str, set[str]] = {}
    for pair in facts:
        for prompt, answer in zip(pair.prompts, pair.answers, strict=True):
            by_prompt.setdefault(prompt, set()).add(answer)
    for pair in facts:
        assert pair.answers[1] not in by_prompt[pair.prompts[0]]
        assert pair.answers[0] not in by_prompt[pair.prompts[1]]


def read(prompt: str, answers: list[str]) -> list[float]:
    """A reader who knows that a kite flies and a hat is worn."""
    return [0.0 if ("kite" in prompt) == ("fly" in answer) else -1.0 for answer in answers]


def test_a_reader_is_right_and_what_prefers_one_answer_is_at_chance(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint
) -> None:
    pair = PairedChoice(kind="facts", prompts=("a kite", "a hat"), answers=("fly", "wear"))
    for model, expected in (
        (read, 1.0),
        (lambda prompt, answers: [0.0, -1.0], 0.5),  # it always flies
        (lambda prompt, answers: [0.0, 0.0], 0.5),
        (lambda prompt, answers: [-one for one in read(prompt, answers)], 0.0),
    ):
        monkeypatch.setattr(
            choices,
            "log_probabilities",
            lambda _, prompt, answers, model=model: model(prompt, answers),
        )
        assert ask(checkpoint, [pair]) == [expected]


def test_what_does_not_fit_the_context_is_not_asked(checkpoint: Checkpoint) -> None:
    short = PairedChoice(kind="facts", prompts=("a cat", "a hat"), answers=("ran", "sat"))
    long = PairedChoice(kind="context", prompts=("a cat " * 500, "a hat"), answers=("ran", "sat"))
    assert askable(checkpoint, [short, long]) == [short]


def test_answers_are_kept_with_the_run_until_its_weights_change(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint
) -> None:
    short = PairedChoice(kind="facts", prompts=("a cat", "a hat"), answers=("ran", "sat"))
    monkeypatch.setattr(kept, "paired_choices", lambda: (short, short))
    address = str(checkpoint.address)
    assert kept.kept_choices(address) is None
    (found,) = result_of(kept.measure_choices([address]), lambda _: None)
    assert set(found.right["facts"]) == {"0", "1"}
    again = kept.kept_choices(address)
    assert again is not None and again.to_json() == found.to_json()
    assert found.to_json()["chance"] == 0.5
    run, step = resolve(address)
    run.save_checkpoint(initialise(checkpoint.config, 99), step)
    assert kept.kept_choices(address) is None
