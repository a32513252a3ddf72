"""What was paid for is kept where the disk is full, and nothing more is bought."""

from pathlib import Path

import pytest

from slm.files import DiskReserve
from slm.grading.grading import grade
from slm.grading.protocol import RESPONSE_FORMAT, assessment_messages
from slm.grading.store import GradeStore
from slm.llm.ask import Asker
from slm.llm.judge import Judge
from slm.llm.replies import ReplyStore, call
from tests.grading.test_refusals import KEY, stories
from tests.llm.server import Answer, says, serving


def fill(disk: Path) -> None:
    """Leave no room, whatever asks for it."""
    with (disk / "other").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 512)
        except OSError:
            return


def test_every_reply_is_kept_where_the_disk_fills_up_while_grading(small_disk: Path) -> None:
    store = GradeStore(small_disk / "grades.sqlite")

    def script(number: int, _: object) -> Answer | None:
        if number == 9:
            fill(small_disk)
        return None

    with serving(script) as server:
        judge = Judge(model="gpt-4o", base_url=server.url, key=KEY)
        with pytest.raises(OSError, match=r"grades\.sqlite"):
            list(grade(stories(40), judge, store, concurrency=4))
        paid = server.paid
        kept = sum(
            (row.assessment is not None) + (row.grade is not None) for row in store.conversations()
        )
        assert kept == paid < 20
        (small_disk / "other").unlink()
        list(grade(stories(40), judge, store, concurrency=4))
        assert server.paid == 80, "a reply was bought twice"


def test_nothing_is_asked_where_the_disk_is_full_already(small_disk: Path) -> None:
    store = GradeStore(small_disk / "grades.sqlite")
    fill(small_disk)
    with serving() as server:
        judge = Judge(model="gpt-4o", base_url=server.url, key=KEY)
        with pytest.raises(OSError, match=f"No space left on device: .*{small_disk}"):
            list(grade(stories(3), judge, store))
        assert server.asked == []


def test_a_single_question_that_was_paid_for_is_kept_on_a_full_disk(small_disk: Path) -> None:
    store = ReplyStore(small_disk / "replies.sqlite")
    messages = assessment_messages("Tom had a", " dog.")

    def script(*_: object) -> Answer:
        fill(small_disk)
        return says("words " * 500)

    with serving(script) as server:
        judge = Judge(model="gpt-4o", base_url=server.url, key=KEY)
        asked = call(messages, RESPONSE_FORMAT, model=judge.model, server=judge.server, version="1")
        with Asker(judge) as asker, pytest.raises(OSError, match=r"replies\.sqlite"):
            asker.ask(asked, store)
        kept = store.find(asked.key)
        assert kept is not None and kept.text == "words " * 500


def test_a_reserve_gives_its_room_to_the_second_try_and_the_error_to_whoever_asked(
    tmp_path: Path,
) -> None:
    tries: list[int] = []

    def write() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError(28, "No space left on device")

    with DiskReserve(tmp_path, 1024) as reserve, pytest.raises(OSError, match="No space"):
        reserve.keep(write)
    assert len(tries) == 2
    assert list(tmp_path.iterdir()) == [], "the reserve left a file"
