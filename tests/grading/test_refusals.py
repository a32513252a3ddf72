"""One text that a server will not read is ungraded with its reason, and the others go on."""

import json
from pathlib import Path
from typing import Any

import pytest

from slm.errors import BadInput
from slm.grading.grading import grade, stored
from slm.grading.items import Item
from slm.grading.protocol import Grade, Ungraded
from slm.grading.store import GradeStore
from slm.llm.judge import Judge
from tests.llm.server import Answer, JudgeServer, refuses, says, serving

KEY = "sk-test-5e1d-never-to-be-seen"
FILTERED = json.dumps(
    {
        "error": {
            "message": "The prompt broke the content management policy",
            "code": "content_filter",
        }
    }
)


def stories(count: int) -> list[Item]:
    return [
        Item(
            address="tiny@0",
            opening="Once there was a dog who had a",
            completion=f" friend, number {index}.",
            opening_index=0,
            completion_index=index,
        )
        for index in range(count)
    ]


def asking(server: JudgeServer) -> Judge:
    return Judge(model="gpt-4o", base_url=server.url, key=KEY, timeout=5.0, first_wait=0.01)


def said_of(words: str, answer: Answer) -> Any:
    """A script: `answer` to whatever holds `words`."""

    def script(_: int, request: dict[str, Any]) -> Answer | None:
        return answer if words in request["messages"][0]["content"] else None

    return script


@pytest.fixture
def store(tmp_path: Path) -> GradeStore:
    return GradeStore(tmp_path / "grades.sqlite")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(status=400, body=FILTERED), "(400): The prompt broke the content management"),
        (refuses(400, "maximum context length is 512 tokens"), "maximum context length is 512"),
        (refuses(403, "Your input was flagged"), "(403): Your input was flagged"),
        (refuses(413, "no"), "(413): no"),
        (refuses(422, "no"), "(422): no"),
    ],
    ids=["filtered", "too long", "moderated", "too large", "words that say nothing"],
)
def test_one_refused_story_is_ungraded_with_its_reason_and_the_others_go_on(
    store: GradeStore, answer: Answer, reason: str
) -> None:
    with serving(said_of("number 2", answer)) as server:
        # one at a time, so that the server has answered before it refuses in words that say nothing
        graded = grade(stories(5), asking(server), store, concurrency=1)
        found = {one.item.completion_index: one for one in graded}
        assert [isinstance(found[at].outcome, Grade) for at in range(5)] == [1, 1, 0, 1, 1]
        assert isinstance(found[2].outcome, Ungraded)
        assert reason in found[2].outcome.reason
        asked = len(server.asked)
        again = list(grade(stories(5), asking(server), store))
        assert len(server.asked) == asked, "what was refused is asked for at each resume"
    assert {one.refusal for one in again} == {None, found[2].refusal}
    assert len(stored(store, "tiny@0")) == 5


def test_what_was_refused_is_asked_for_again_when_somebody_says_so(store: GradeStore) -> None:
    with serving(said_of("number 2", refuses(400, "flagged"))) as server:
        list(grade(stories(3), asking(server), store))
        server.script = lambda *_: None
        asked = len(server.asked)
        found = list(grade(stories(3), asking(server), store, again_ungraded=True))
        assert all(isinstance(one.outcome, Grade) for one in found)
        assert len(server.asked) == asked + 2


def test_a_schema_that_is_refused_by_name_is_given_up_even_where_it_was_taken_before(
    store: GradeStore,
) -> None:
    taken: list[int] = []

    def script(number: int, request: dict[str, Any]) -> Answer | None:
        if "response_format" in request:
            taken.append(number)
            if len(taken) > 1:
                return refuses(400, "response_format is not supported")
        return None

    with serving(script) as server:
        found = list(grade(stories(3), asking(server), store, concurrency=1))
    assert all(isinstance(one.outcome, Grade) for one in found)
    assert len(taken) == 2


def test_a_story_refused_in_the_second_turn_keeps_the_first(store: GradeStore) -> None:
    def script(_: int, request: dict[str, Any]) -> Answer | None:
        return refuses(400, "flagged by moderation") if len(request["messages"]) == 3 else None

    with serving(script) as server:
        (one,) = grade(stories(1), asking(server), store)
    assert (one.assessment, one.outcome.__class__) == ("It reads well enough.", Ungraded)


def test_a_server_that_refuses_everything_is_left_after_a_few_texts(store: GradeStore) -> None:
    with (
        serving(lambda *_: refuses(400, "the context size is exceeded")) as server,
        pytest.raises(
            BadInput, match=r"each of the first 5 texts was refused, the last so: .*size"
        ),
    ):
        list(grade(stories(40), asking(server), store, concurrency=2))
    assert len(server.asked) < 10


def test_a_grading_that_begins_with_refused_stories_gets_past_them_when_it_is_resumed(
    store: GradeStore,
) -> None:
    def script(_: int, request: dict[str, Any]) -> Answer | None:
        told = request["messages"][0]["content"]
        filtered = any(f"number {at}." in told for at in range(5))
        return refuses(400, "flagged") if filtered else None

    with serving(script) as server:
        with pytest.raises(BadInput, match="each of the first 5 texts was refused"):
            list(grade(stories(7), asking(server), store, concurrency=1))
        found = list(grade(stories(7), asking(server), store, concurrency=1))
    assert [isinstance(one.outcome, Grade) for one in found] == [False] * 5 + [True] * 2


def test_a_request_that_no_server_takes_stops_before_anything_is_called_ungraded(
    store: GradeStore,
) -> None:
    with (
        serving(lambda *_: refuses(400, "m is not a valid model ID")) as server,
        pytest.raises(
            BadInput, match=r"has no model 'gpt-4o' for you \(400\): m is not a valid model"
        ),
    ):
        list(grade(stories(3), asking(server), store, concurrency=1))
    assert stored(store, "tiny@0") == []


def test_a_key_that_a_server_repeats_is_in_no_reply_and_no_reason(store: GradeStore) -> None:
    def script(number: int, _: dict[str, Any]) -> Answer:
        if number % 3 == 2:
            return refuses(400, f"flagged: {KEY}")
        return says(f"Authorization: Bearer {KEY}. It reads well.")

    with serving(script) as server:
        found = list(grade(stories(4), asking(server), store, concurrency=1))
    assert any("(key)" in one.assessment for one in found)
    assert KEY not in repr(found)
    for path in store.path.parent.iterdir():
        assert KEY.encode() not in path.read_bytes()
