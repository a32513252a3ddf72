"""Instructions, pairs, repeats and retries: each asked in its own way, and nothing bought twice."""

import json
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slm.errors import BadInput
from slm.grading.grading import grade, grading_bill, stored, unanswered
from slm.grading.items import Item, item_key, items, pairs, repeated
from slm.grading.judge_checks import check_items, mixed
from slm.grading.openings import parse_openings
from slm.grading.pairwise import Preference, read_preference
from slm.grading.protocol import Grade, Ungraded
from slm.grading.questions import is_instruct, question
from slm.grading.store import GradeStore, store_for
from slm.llm.budget import CapReached
from slm.llm.judge import Judge, server_of
from slm.llm.prices import prices
from slm.runs import Checkpoint
from tests.llm.server import Answer, JudgeServer, says, serving

ASKED = "Features: Dialogue\nWords: dog, red, run\nStory:"


def story(index: int, address: str = "tiny@0", **changes: Any) -> Item:
    settings: dict[str, Any] = {
        "address": address,
        "opening": f"Opening number {index} of",
        "completion": f" a story from {address}.",
        "opening_index": index,
        "completion_index": 0,
    }
    return Item(**{**settings, **changes})


def judge(server: JudgeServer, model: str = "gpt-4o") -> Judge:
    return Judge(model=model, base_url=server.url, key="sk-test", first_wait=0.01)


@pytest.fixture
def store(tmp_path: Path) -> GradeStore:
    return GradeStore(tmp_path / "grades.sqlite")


def test_a_story_that_was_asked_for_is_graded_for_its_instruction_too(
    server: JudgeServer, store: GradeStore
) -> None:
    asked_for = story(0, opening=ASKED, completion=" Once a red dog ran.")
    told, plain = list(grade([asked_for, story(1)], judge(server), store, concurrency=1))
    assert isinstance(told.outcome, Grade) and told.outcome.grades["instruction"] == 6
    assert isinstance(plain.outcome, Grade) and "instruction" not in plain.outcome.grades
    content = server.asked[0]["messages"][0]["content"]
    assert "<task>\nFeatures: Dialogue\nWords: dog, red, run\n</task>" in content
    assert "*** Once a red dog ran." in content
    form = server.asked[1]["response_format"]["json_schema"]["schema"]
    assert "instruction" in form["required"]
    assert "instruction" not in json.dumps(server.asked[3]["response_format"])


def test_an_instruction_without_its_grade_is_ungraded() -> None:
    reply = '{"grammar": 5, "creativity": 5, "consistency": 5, "plot": 5, "age_group": "B"}'
    found = question(story(0, opening=ASKED)).read(reply)
    assert isinstance(found, Ungraded) and "no grade for instruction" in found.reason


@pytest.mark.parametrize(
    ("opening", "told"),
    [(ASKED, True), ("Words: a, b\nStory: Once", True), ("Story: Once", False), ("Once", False)],
)
def test_an_instruction_is_known_by_its_fields(opening: str, told: bool) -> None:
    assert is_instruct(opening) is told


def test_the_question_about_a_plain_story_has_not_changed() -> None:
    # what was paid under protocol 1 stays paid: the same key as ever
    asked = question(story(0))
    assert asked.version == "1"
    assert item_key(story(0, completion=" x"), "m", "u", "1") == "f4c6ef787bf2b40fb042e6788ca0182b"


def test_a_pair_is_asked_both_ways_round_and_paid_once(server: JudgeServer, runs: Path) -> None:
    long, short = (
        [story(i, "a@0", completion=" long ending") for i in range(3)],
        [story(i, "b@0", completion=" end") for i in range(3)],
    )
    for name in "ab":
        (runs / name).mkdir(parents=True)
        (runs / name / "run.json").write_text("{}")
    todo = pairs(long, short)
    assert len(todo) == 6
    assert (
        sorted((i.address, i.other_address) for i in todo)
        == [("a@0", "b@0")] * 3 + [("b@0", "a@0")] * 3
    )
    found = list(grade(todo, judge(server)))
    assert server.paid == 12
    for one in found:  # the loopback judge likes the longer one, wherever it stands
        better = "first" if one.item.address == "a@0" else "second"
        assert one.outcome == Preference(better=better)
    sent = json.dumps(server.asked)
    assert "a@0" not in sent and "b@0" not in sent
    assert {store_for(item).path for item in todo} == {runs / "a" / "grades.sqlite"}
    list(grade(pairs(short, long), judge(server)))  # B beside A is the same comparison
    assert server.paid == 12
    assert unanswered(todo, "gpt-4o", server.url) == []


def test_pairs_need_a_common_opening() -> None:
    with pytest.raises(BadInput, match="two completions of the same opening"):
        pairs([story(0)], [story(1)])


@pytest.mark.parametrize(
    ("reply", "better"),
    [
        ('{"better": "second"}', "second"),
        ('<think>The first?</think>Sure: {"better": "Second"}', "second"),
        ("**Better:** tie.", "tie"),
        ("First", "first"),
    ],
)
def test_a_verdict_is_read_where_a_person_would_know_it(reply: str, better: str) -> None:
    assert read_preference(reply) == Preference(better=better)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "reply",
    [
        *(
            "The first, or the second.",
            "first\nsecond",
            '{"better": "both"}',
            '{"better": 1}',
            "[]",
        ),
        '{"better": "first"} {"better": "second"}',
    ],
)
def test_no_other_verdict_is_read(reply: str) -> None:
    found = read_preference(reply)
    assert isinstance(found, Ungraded) and found.reply == reply


def test_repeats_are_asked_each_and_bought_once(server: JudgeServer, store: GradeStore) -> None:
    todo = repeated([story(0), story(1)], 3)
    assert grading_bill(todo, "gpt-4o").calls == 12
    list(grade(todo, judge(server), store))
    assert server.paid == 12
    list(grade(repeated([story(0), story(1)], 4), judge(server), store))
    assert server.paid == 16  # only the fourth of each
    with pytest.raises(BadInput, match="1 to 100 times"):
        repeated(todo, 0)


def test_repeats_and_pairs_keep_to_the_cap(server: JudgeServer, store: GradeStore) -> None:
    both = pairs([story(i, "a@0") for i in range(40)], [story(i, "b@0") for i in range(40)])
    cap = 0.04
    with pytest.raises(CapReached):
        list(grade(repeated(both, 2), judge(server), store, max_cost=cap, concurrency=8))
    each = prices()["gpt-4o"].of(100, 50)
    assert 0.6 * cap < server.paid * each <= cap
    assert sum(row.cost or 0 for row in store.conversations()) == pytest.approx(server.paid * each)


def test_what_could_not_be_read_is_asked_again_on_request_and_only_that(
    store: GradeStore,
) -> None:
    prose = True

    def script(_: int, request: dict[str, Any]) -> Answer | None:
        bad = "number 1 of" in str(request) and len(request["messages"]) >= 3
        return says("A solid seven.") if bad and prose else None

    todo = [story(index) for index in range(3)]
    with serving(script) as server:
        list(grade(todo, judge(server), store))
        assert len(server.asked) == 7  # one was asked for once more by itself
        list(grade(todo, judge(server), store, again_ungraded=True))
        assert len(server.asked) == 9  # the grade of one, whose assessment is kept
        prose = False
        again = list(grade(todo, judge(server), store, again_ungraded=True))
        assert len(server.asked) == 10
        list(grade(todo, judge(server), store, again_ungraded=True))
        assert len(server.asked) == 10
    assert all(isinstance(one.outcome, Grade) for one in again)
    price = prices()["gpt-4o"].of(100, 50)
    assert sum(row.cost or 0 for row in store.conversations()) == pytest.approx(10 * price)
    with closing(sqlite3.connect(store.path)) as db:  # every word that was paid for is still there
        assert db.execute("select reply from set_aside").fetchall() == [("A solid seven.",)] * 4


def test_an_answer_without_any_text_is_asked_again_on_request(store: GradeStore) -> None:
    silent = True
    with serving(lambda *_: Answer(body="{}") if silent else None) as server:
        (one,) = grade([story(0)], judge(server), store)
        assert isinstance(one.outcome, Ungraded)
        silent = False
        (one,) = grade([story(0)], judge(server), store, again_ungraded=True)
        assert isinstance(one.outcome, Grade)
        assert len(server.asked) == 3


def test_two_who_ask_again_at_once_pay_once(store: GradeStore) -> None:
    together = threading.Barrier(3)

    def ask_again() -> None:
        together.wait()
        found = list(grade([story(0), story(1)], judge(server), store, again_ungraded=True))
        assert [one.reply for one in found] == ["prose 1"] * 2

    def script(number: int, _: dict[str, Any]) -> Answer:
        return says(f"prose {number // 6}", after=0.6)

    with serving(script) as server:
        list(grade([story(0), story(1)], judge(server), store))
        assert len(server.asked) == 6
        again = [threading.Thread(target=ask_again) for _ in range(3)]
        for thread in again:
            thread.start()
        for thread in again:
            thread.join()
        assert len(server.asked) == 10


def test_an_error_that_comes_as_200_is_asked_again_and_a_refusal_is_kept(store: GradeStore) -> None:
    refusal = {"choices": [{"message": {"content": None, "refusal": "I will not."}}]}

    def script(number: int, _: dict[str, Any]) -> Answer | None:
        if number == 0:
            return Answer(body='{"error": {"message": "busy", "code": 429}}')
        return Answer(body=json.dumps(refusal)) if number >= 2 else None

    with serving(script) as server:
        (one,) = grade([story(0)], judge(server), store)
        assert len(server.asked) == 4
    assert isinstance(one.outcome, Ungraded) and one.outcome.reply == one.reply == "I will not."
    assert one.outcome.reason == "the judge refused to answer: I will not."


def test_an_answer_that_came_after_the_request_is_not_asked_for_again(store: GradeStore) -> None:
    began = time.time()
    with serving(lambda *_: says("prose")) as server:
        list(grade([story(0)] * 3, judge(server), store, again_ungraded=True))
        assert len(server.asked) == 3
    call = question(story(0)).grade("gpt-4o", server_of(server.url), "prose")
    assert store.find(call.key) is not None and not store.set_aside(call, before=began)


def test_a_text_of_two_checkpoints_is_paid_once_and_stands_under_both(
    server: JudgeServer, store: GradeStore
) -> None:
    early, late = story(0, completion=" x"), story(0, "tiny@10", completion=" x")
    list(grade([early, late, replace(late, completion_index=1)], judge(server), store))
    assert server.paid == 2
    assert [one.item for one in stored(store, "tiny@0")] == [early]
    assert [one.item.completion_index for one in stored(store, "tiny@10")] == [0, 1]


def test_more_samples_keep_those_that_were_bought(checkpoint: Checkpoint) -> None:
    few = items(checkpoint, ["One day", "Tom"], 1)
    more = items(checkpoint, ["One day", "Tom", "A dog"], 3)
    assert set(few) <= set(more)
    assert len({item.completion for item in more[:3]}) == 3


def test_the_papers_own_file_is_read() -> None:
    text = "- |\n  Once upon a time,\n  Tom said, \"\n- 'Amy had a '\n- Amy had a\n"
    assert parse_openings("Evaluation prompts.yaml", b"\xef\xbb\xbf" + text.encode()) == (
        'Once upon a time,\nTom said, "',
        "Amy had a",
    )
    with pytest.raises(BadInput, match="empty opening"):
        parse_openings("o.json", b'["a", " "]')
    with pytest.raises(BadInput, match="cannot be read"):
        parse_openings("o.txt", b"\xff\xfe")


def test_the_bill_counts_only_what_is_not_on_disk(server: JudgeServer, runs: Path) -> None:
    (runs / "tiny").mkdir(parents=True)
    (runs / "tiny" / "run.json").write_text("{}")
    todo = [story(index) for index in range(4)]
    assert unanswered(todo * 2, "gpt-4o", server.url) == todo  # each text once
    assert not (runs / "tiny" / "grades.sqlite").exists()
    list(grade(todo[:3], judge(server)))
    assert unanswered(todo, "gpt-4o", server.url) == todo[3:]
    server.misbehave = ["", "prose", "prose"]
    list(grade(todo[3:], judge(server)))
    assert unanswered(todo, "gpt-4o", server.url) == []
    assert unanswered(todo, "gpt-4o", server.url, again_ungraded=True) == todo[3:]
    assert unanswered(todo, "gpt-4o-mini", server.url) == todo  # another judge has read nothing


def test_two_who_read_everything_in_hard_times_lose_nothing_and_pay_once(
    server: JudgeServer, runs: Path
) -> None:
    for name in "ab":
        (runs / name).mkdir(parents=True)
        (runs / name / "run.json").write_text("{}")
    mine, theirs = ([story(i, f"{name}@0") for i in range(4)] for name in "ab")
    tests = [item for item in check_items(2) if item.opening_index < 2]
    todo = mixed(repeated([*mine, *theirs, *pairs(mine, theirs)], 2), tests)
    assert len(todo) == 2 * (4 + 4 + 8) + 12
    server.misbehave = ["500", "schema", "half", "", "429", "drop", "", "half", "500"] * 3
    counts: list[int] = []
    patient = {"model": "gpt-4o", "base_url": server.url, "key": "sk-test", "tries": 20}

    def work() -> None:
        judging = Judge(**patient, first_wait=0.01)
        counts.append(len(list(grade(todo, judging, max_cost=50.0))))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [len(todo)] * 2
    assert server.paid == 2 * len(todo)
    assert unanswered(todo, "gpt-4o", server.url) == []
    kept = [row for item in todo[:1] for row in store_for(item).conversations()]
    assert kept and all(row.finished for row in kept)
