"""Knowledge: the rule that colours a continuation, scores beside chance, and a model made to know."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from slm.cli import main
from slm.errors import BadInput
from slm.knowledge import prompts as prompts_file
from slm.knowledge.prompts import KINDS, Prompt, parse_prompts, prompts_yaml, shipped
from slm.knowledge.scoring import Answer, ask, first_sentence, judge, scores
from slm.knowledge.verdicts import say, with_verdicts
from slm.runs import Checkpoint, open_run

BED = Prompt(
    kind="fact",
    prompt="Tom was tired. He went to his",
    right=("bed", "bedroom"),
    almost=("room",),
    wrong=("car", "bed of nails"),
)


@pytest.mark.parametrize(
    ("continuation", "verdict"),
    [
        ("bed and slept.", "right"),
        ("soft BED. Then he took the car.", "right"),
        ("room. Then he saw his bed.", "almost"),
        ("car and then to bed.", "almost"),
        ("car. He went to bed.", "wrong"),
        ("beds are nice.", "wrong"),
        ("embed in", "wrong"),
        ("bed of nails.", "wrong"),
        ("bedroom", "right"),
        ("friend, who was nice", "wrong"),
        ("", "wrong"),
    ],
)
def test_the_first_listed_answer_of_the_first_sentence_decides(
    continuation: str, verdict: str
) -> None:
    assert judge(BED, continuation) == verdict


def test_a_sentence_ends_with_its_mark_and_its_quotation() -> None:
    assert first_sentence(' no!" said Mom. Then') == 'no!"'
    assert first_sentence(" 3.5 apples. Then") == "3.5 apples."
    assert first_sentence(" a park\nThe end.") == "a park"
    assert first_sentence("  ") == ""


def answered(prompt: Prompt, continuation: str) -> Answer:
    return Answer(
        prompt=prompt,
        continuation=continuation,
        verdict=judge(prompt, continuation),
        preferred=True,
        share=0.9,
        chance=0.5,
        log_probabilities={},
    )


def fact(right: str) -> Prompt:
    return Prompt(kind="fact", prompt=f"It is {right}:", right=(right,), wrong=("x",))


def test_chance_is_being_judged_by_the_other_prompts_answers() -> None:
    knows = scores([answered(fact(word), word) for word in ("one", "two", "three")])[0]
    assert knows.score.mean == 1 and knows.by_chance is not None and knows.by_chance.mean == 0
    says_it_all = [answered(fact(word), "one") for word in ("one", "two", "three")]
    babbles = scores(says_it_all)[0]
    assert babbles.score.mean == pytest.approx(1 / 3)  # "one" is right once
    # judged by others: 0 for the first, and 1/2 for the second and third (one of two others)
    assert babbles.by_chance is not None and babbles.by_chance.mean == pytest.approx(1 / 3)
    assert babbles.more is not None and babbles.more.low <= 0 <= babbles.more.high


def test_there_is_a_score_for_each_kind_and_one_for_all() -> None:
    made = [answered(BED, "bed"), answered(fact("one"), "two")]
    context = Prompt(kind="context", prompt="Who?", right=("Tom",))
    found = scores([*made, answered(context, "Tom")])
    assert [(one.kind, one.prompts, round(one.score.mean, 2)) for one in found] == [
        ("fact", 2, 0.5),
        ("context", 1, 1.0),
        ("all", 3, 0.67),
    ]
    assert found[1].by_chance is None  # there is no other prompt of its kind
    assert scores([]) == []


def test_our_prompts_are_enough_and_survive_being_saved() -> None:
    ours = shipped()
    counts = [sum(one.kind == kind for one in ours) for kind in KINDS]
    assert counts >= [9, 9, 6] and counts[1] >= 9 and counts[2] >= 6
    assert all(one.wrong and one.almost for one in ours)
    assert parse_prompts("ours", prompts_yaml(ours)) == ours


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[", "cannot be read"),
        ("a: 1", "must hold a list of 1 to"),
        ("[]", "must hold a list of 1 to"),
        ("- kind: fact", "needs a text `prompt`"),
        ("- {kind: joke, prompt: a, right: [b]}", "kind is fact, reasoning, context, not 'joke'"),
        ("- {kind: fact, prompt: a, right: [yes]}", "must be a list of texts"),
        ("- {kind: fact, prompt: a}", "at least one right answer"),
        ("- {kind: fact, prompt: a, right: [b], wrong: [B]}", "each listed once"),
        ("- {kind: fact, prompt: a, right: [b]}\n" * 2, "holds a prompt twice"),
    ],
)
def test_prompts_that_cannot_be_asked_are_one_line(text: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint.replace("[", r"\[")):
        parse_prompts("mine.yaml", text)


def loving(checkpoint: Checkpoint, word: str) -> Checkpoint:
    """The same model, made to like the tokens of a word everywhere."""
    with torch.no_grad():
        checkpoint.weights.b_U[checkpoint.tokenizer.encode(word)] += 30
    return checkpoint


PARK = Prompt(kind="fact", prompt="Tom went to the", right=("park",), wrong=("beach", "house"))
BEACH = Prompt(kind="fact", prompt="Amy went to the", right=("beach",), wrong=("park",))


def test_a_model_that_says_only_one_word_knows_what_that_word_answers(
    checkpoint: Checkpoint,
) -> None:
    found: Sequence[Answer] = ask(loving(checkpoint, " park"), [PARK, BEACH])
    assert [one.verdict for one in found] == ["right", "wrong"]
    assert [one.preferred for one in found] == [True, False]
    assert found[0].share == pytest.approx(1) and found[1].share == pytest.approx(0, abs=1e-6)
    assert [one.chance for one in found] == [pytest.approx(1 / 3), 0.5]
    assert max(found[1].log_probabilities, key=found[1].log_probabilities.__getitem__) == "park"


def test_a_persons_verdict_is_kept_with_the_run_and_stands_above_the_rule(
    checkpoint: Checkpoint,
) -> None:
    run, made = open_run("tiny"), [answered(BED, "pillow"), answered(BED, "bed")]
    say(run, BED.prompt, "pillow", "almost")
    say(run, BED.prompt, "bed", "wrong")
    assert [one.judged for one in with_verdicts(run, made)] == ["almost", "wrong"]
    say(run, BED.prompt, "bed", None)
    assert [one.judged for one in with_verdicts(run, made)] == ["almost", "right"]
    run.verdicts_path.write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match="is not JSON"):
        with_verdicts(run, made)


def test_the_command_tells_continuations_and_scores(
    checkpoint: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(prompts_yaml([PARK, BEACH]), encoding="utf-8")
    assert main(["knowledge", "tiny", "tiny@0", "--prompts", str(mine), "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert [one["kind"] for one in model["scores"]] == ["fact", "all"]
    assert model["scores"][0]["guessing"]["mean"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert [one["prompt"]["right"] for one in model["answers"]] == [["park"], ["beach"]]
    assert main(["knowledge", "tiny", "--prompts", str(mine)]) == 0
    assert "[fact] Tom went to the" in capsys.readouterr().out
    assert main(["knowledge", "tiny", "--prompts", str(tmp_path / "none.yaml")]) == 2
    assert prompts_file.MOST_PROMPTS >= 500
