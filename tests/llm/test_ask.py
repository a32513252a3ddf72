"""The loop that buys: what is kept first, each call once, so many under way, safe on a full disk."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from slm.errors import BadInput
from slm.files import DiskReserve
from slm.grading.grading import grade
from slm.grading.protocol import assessment_messages
from slm.grading.rubric import PAPER
from slm.grading.store import GradeStore
from slm.llm.ask import MOST_AT_ONCE, Asker, Stopped
from slm.llm.judge import Judge
from slm.llm.prices import prices
from slm.llm.replies import Call, ReplyStore, call
from tests.grading.test_refusals import KEY, asking, stories
from tests.llm.server import USAGE, Answer, refuses, says, serving


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
        asked = call(
            messages, PAPER.response_format, model=judge.model, server=judge.server, version="1"
        )
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


def test_a_refused_question_of_another_kind_is_kept_as_an_answer_that_says_nothing(
    tmp_path: Path,
) -> None:
    messages = assessment_messages("Tom had a", " dog.")
    with serving(lambda *_: refuses(400, "flagged")) as server:
        store, judge = ReplyStore(tmp_path / "replies.sqlite"), asking(server)
        asked = call(
            messages, PAPER.response_format, model=judge.model, server=judge.server, version="1"
        )
        with Asker(judge) as asker:
            said = asker.ask(asked, store)
            assert said.text.endswith("refused this text (400): flagged")
            assert asker.ask(asked, store) == said
        assert len(server.asked) == 1


PROGRAM = """
import sys
from pathlib import Path
from slm.llm.ask import MOST_AT_ONCE, Asker, Stopped
from slm.llm.judge import Judge
from slm.llm.prices import prices
from slm.llm.replies import ReplyStore
from tests.llm.test_ask import questions
judge = Judge(model="gpt-4o", base_url=sys.argv[1], key="sk-x")
store = ReplyStore(Path(sys.argv[2]))
with Asker(judge, concurrency=2) as asker:
    print(len(list(asker.each(questions(judge, 12), lambda call: asker.ask(call, store)))))
"""


def questions(judge: Judge, count: int) -> list[Call]:
    return [
        call(
            [{"role": "user", "content": f"Question {number}"}],
            None,
            model=judge.model,
            server=judge.server,
            version="1",
        )
        for number in range(count)
    ]


def test_two_processes_at_once_buy_no_single_answer_twice(tmp_path: Path) -> None:
    with serving(lambda number, _: says(str(number), after=0.1)) as server:
        command = [sys.executable, "-c", PROGRAM, server.url, str(tmp_path / "r.sqlite")]
        root = Path(__file__).parents[2]
        both = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) for _ in range(2)]
        assert [process.communicate(timeout=60)[0] for process in both] == [b"12\n"] * 2
        assert len(server.asked) == 12


def test_no_more_calls_are_under_way_than_were_asked_for(tmp_path: Path) -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def script(*_: object) -> Answer:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.05)
        with lock:
            under_way -= 1
        return says("yes")

    with serving(script) as server:
        judge, store = asking(server), ReplyStore(tmp_path / "r.sqlite")
        with Asker(judge, concurrency=3) as asker:
            found = list(asker.each(questions(judge, 9), lambda one: asker.ask(one, store)))
    assert len(found) == 9 and most == 3


@pytest.mark.parametrize("concurrency", [0, MOST_AT_ONCE + 1])
def test_more_calls_at_once_than_a_server_takes_and_none_are_refused(concurrency: int) -> None:
    with pytest.raises(BadInput, match=f"1 to {MOST_AT_ONCE} calls .* not {concurrency}"):
        Asker(Judge(model="gpt-4o", key=KEY), concurrency=concurrency)


def test_what_is_kept_costs_nothing_and_what_is_bought_is_counted(tmp_path: Path) -> None:
    with serving(lambda *_: says("yes")) as server:
        judge, store = asking(server), ReplyStore(tmp_path / "r.sqlite")
        each = prices()["gpt-4o"].of(USAGE["prompt_tokens"], USAGE["completion_tokens"])
        for count, spent in ((2, 2 * each), (3, each), (3, 0.0)):
            with Asker(judge) as asker:
                said = [asker.ask(one, store) for one in questions(judge, count)]
                assert asker.spent == pytest.approx(spent)
                assert [one.cost for one in said] == pytest.approx([each] * count)
        unknown = Judge(model="mine", base_url=server.url, key=KEY)
        with Asker(unknown) as asker:
            assert asker.ask(questions(unknown, 1)[0], store).cost is asker.spent is None


def test_closing_sends_no_more_and_keeps_what_was_under_way(tmp_path: Path) -> None:
    with serving(lambda *_: says("yes", after=0.1)) as server:
        judge, store = asking(server), ReplyStore(tmp_path / "r.sqlite")
        with Asker(judge, concurrency=2) as asker:
            running = asker.each(questions(judge, 20), lambda one: asker.ask(one, store))
            next(running)
            running.close()
            sent = len(server.asked)
            assert len(store.find_all(judge.model, judge.server)) == sent < 20
            with pytest.raises(Stopped):
                asker.ask(questions(judge, 20)[-1], store)
        assert len(server.asked) == sent


def test_a_call_that_failed_is_free_for_the_next_who_asks(tmp_path: Path) -> None:
    with serving(lambda number, _: refuses(401) if number == 0 else says("yes")) as server:
        judge, store = asking(server), ReplyStore(tmp_path / "r.sqlite")
        (asked,) = questions(judge, 1)
        with Asker(judge) as asker, pytest.raises(BadInput, match="refused the key"):
            asker.ask(asked, store)
        with Asker(judge) as asker:
            assert asker.ask(asked, store).text == "yes"


ENDING = """
import threading, time
from slm.background import Background
from slm.llm.ask import Asker
from slm.llm.judge import Judge, Unavailable

def ask():
    try:
        with Asker(Judge(model="gpt-4o", key="none"), concurrency=2) as asker:
            list(asker.each(range(10_000), lambda _: time.sleep(0.05)))
    except Unavailable as ended:
        print(ended, flush=True)

Background(ask, lambda: None, "asking").start()
time.sleep(0.3)
"""


def test_where_the_program_ends_nothing_more_is_asked_and_that_is_said() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ENDING], capture_output=True, text=True, timeout=300, check=True
    )
    assert ended.stdout.startswith("the program ends, so nothing more is asked")
    assert "Traceback" not in ended.stderr
