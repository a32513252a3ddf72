"""A model of the hub comes byte by byte: told as it comes, stopped at will, gone on with later."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slm.cli import main
from slm.errors import BadInput
from slm.importing import hub as hubs
from slm.importing.hub import amount
from slm.progress import Abandoned, Progress, ProgressCallback, result_of, run_in_thread
from tests.importing.hub_server import REPOSITORY, Hub, reach_only, serving

WEIGHTS = "model.safetensors"
Told = list[tuple[str, float | None]]


@pytest.fixture
def hub(save: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The only hub that this process can reach, and an empty cache."""
    folder, _ = save("gpt_neo")
    with serving(folder) as hub:
        reach_only(hub, tmp_path / "cache", monkeypatch)
        yield hub


def fetch(stop_at: float | None = None) -> tuple[Path, Told]:
    """Fetch the model, or stop at a share of it; what was told of bytes."""
    told: Told = []

    def tell(stage: str, share: float | None) -> None:
        if stage.startswith("fetching"):
            told.append((stage, share))
            if stop_at is not None and share is not None and share >= stop_at:
                raise Abandoned

    return hubs.fetch(REPOSITORY, lambda config: None, tell), told


def fetch_with(tell: ProgressCallback) -> Path:
    return hubs.fetch(REPOSITORY, lambda config: None, tell)


def size_of(hub: Hub) -> int:
    """The bytes of all files but config.json, which comes first and alone."""
    names = [*hubs.BESIDES, WEIGHTS]
    return sum(path.stat().st_size for path in hub.folder.iterdir() if path.name in names)


def test_bytes_are_told_as_they_come_up_to_the_whole(hub: Hub) -> None:
    folder, told = fetch()
    assert (folder / WEIGHTS).read_bytes() == (hub.folder / WEIGHTS).read_bytes()
    shares = [share for _, share in told if share is not None]
    assert len(shares) == len(told) and shares == sorted(shares) and shares[-1] == 1.0
    assert len({share for stage, share in told if WEIGHTS in stage}) >= 3  # not file by file
    first, last = told[0][0], told[-1][0]
    whole = amount(size_of(hub), size_of(hub)).split(" of ")[1]
    assert first == f"fetching tokenizer.json of {REPOSITORY}, 0 of {whole}"
    assert last.startswith(f"fetching {WEIGHTS} of") and last.endswith(f" of {whole}")


def test_what_was_stopped_goes_on_where_it_stopped(hub: Hub) -> None:
    with pytest.raises(Abandoned):
        fetch(stop_at=0.6)
    (left,) = hub.folder.parent.glob("cache/*/blobs/*.incomplete")
    came = left.stat().st_size
    assert 0 < came < (hub.folder / WEIGHTS).stat().st_size
    folder, told = fetch()
    assert hub.got(WEIGHTS) == ["", f"bytes={came}-"]
    assert (folder / WEIGHTS).read_bytes() == (hub.folder / WEIGHTS).read_bytes()
    assert told[0][1] == pytest.approx(0.6, abs=0.2)  # what came before counts as done
    assert not left.exists()


def test_what_lies_in_the_cache_is_not_asked_for_again(hub: Hub) -> None:
    fetch()
    _, told = fetch()
    assert {share for _, share in told} == {1.0}
    assert hub.got(WEIGHTS) == [""] and hub.got("tokenizer.json") == [""]


def test_a_connection_that_breaks_half_way_is_taken_up_again(hub: Hub) -> None:
    hub.held, hub.cut = WEIGHTS, True
    folder, _ = fetch()
    assert len(hub.got(WEIGHTS)) == 2 and hub.got(WEIGHTS)[1].startswith("bytes=")
    assert (folder / WEIGHTS).read_bytes() == (hub.folder / WEIGHTS).read_bytes()


def test_a_size_that_the_hub_does_not_tell_leaves_the_share_unknown(hub: Hub) -> None:
    hub.untold = True
    folder, told = fetch()
    assert {share for _, share in told} == {None}
    assert told[-1][0].endswith(f", {amount(size_of(hub))}") and " of " not in told[-1][0][-10:]
    assert (folder / WEIGHTS).read_bytes() == (hub.folder / WEIGHTS).read_bytes()


def test_bytes_that_are_not_the_hubs_are_thrown_away(hub: Hub) -> None:
    with pytest.raises(Abandoned):
        fetch(stop_at=0.6)
    (left,) = hub.folder.parent.glob("cache/*/blobs/*.incomplete")
    left.write_bytes(b"\1" * left.stat().st_size)
    with pytest.raises(BadInput, match="not what the hub says it is"):
        fetch()
    folder, _ = fetch()
    assert (folder / WEIGHTS).read_bytes() == (hub.folder / WEIGHTS).read_bytes()


def test_two_that_want_the_same_fetch_it_once(hub: Hub) -> None:
    hub.held = WEIGHTS
    first, second = run_in_thread(fetch_with), run_in_thread(fetch_with)
    for work in (first, second):
        assert any(WEIGHTS in step.doing for step in work)
    hub.go.set()
    assert [result_of(work) for work in (first, second)] == [fetch()[0]] * 2
    assert hub.got(WEIGHTS) == [""]


def test_work_that_waits_for_the_network_can_be_left(hub: Hub) -> None:
    hub.held = WEIGHTS
    work = run_in_thread(fetch_with)
    before = next(work)
    for step in work:
        if step is before and WEIGHTS in step.doing:
            break  # nothing new comes, and so it is said again
        before = step
    work.close()
    hub.go.set()
    assert (fetch()[0] / WEIGHTS).read_bytes() == (hub.folder / WEIGHTS).read_bytes()


def test_work_that_tells_by_a_call_yields_what_it_tells_and_its_result() -> None:
    def work(tell: ProgressCallback) -> str:
        tell("one half", 0.5)
        tell("who knows", None)
        return "done"

    told: list[Progress] = []
    assert result_of(run_in_thread(work), told.append) == "done"
    assert told == [
        Progress(share=0.5, doing="one half"),
        Progress(share=None, doing="who knows"),
    ]


def test_what_such_work_raises_is_raised_where_it_is_followed() -> None:
    def work(tell: ProgressCallback) -> None:
        raise BadInput("no")

    with pytest.raises(BadInput, match="no"):
        result_of(run_in_thread(work))


def test_such_work_ends_when_it_is_left() -> None:
    ended = threading.Event()

    def work(tell: ProgressCallback) -> None:
        try:
            for _ in range(sys.maxsize):
                tell("forever", None)
        except Abandoned:
            ended.set()

    steps = run_in_thread(work)
    next(steps)
    steps.close()
    assert ended.wait(5)


@pytest.mark.parametrize(
    ("done", "whole", "words"),
    [
        (12_345_678, 48_000_000, "12 of 48 MB"),
        (1_234_567, 4_800_000, "1.2 of 4.8 MB"),
        (0, 640_000, "0 of 640 kB"),
        (640_000, None, "640 kB"),
        (2_500_000_000, None, "2.5 GB"),
    ],
)
def test_bytes_are_said_in_one_unit(done: int, whole: int | None, words: str) -> None:
    assert amount(done, whole) == words


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C is heard as it is in a terminal; where tests run in several processes it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_stops_the_command_in_one_line(
    hub: Hub, runs: Path, capsys: pytest.CaptureFixture[str], heard: None
) -> None:
    hub.held = WEIGHTS
    here = threading.get_ident()

    def press() -> None:
        until = time.monotonic() + 60
        while not hub.got(WEIGHTS) and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3)  # until it waits for the rest
        signal.pthread_kill(here, signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    assert main(["import", REPOSITORY, "--name", "theirs"]) == 130
    presser.join()
    assert capsys.readouterr().err == (
        "slm: stopped; what came from the hub is kept, and the same command goes on from there\n"
    )
    assert not (runs / "theirs").exists()
    hub.go.set()
    assert main(["import", REPOSITORY, "--name", "theirs"]) == 0
