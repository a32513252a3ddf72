"""Whom the app answers, started from another folder than its own, in each of the ways to start it."""

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from websockets.sync.client import connect
from websockets.typing import Subprotocol

ROOT = Path(__file__).resolve().parents[2]
ENTRY = str(ROOT / "app" / "main.py")
WAYS = {
    "streamlit run": ["-m", "streamlit", "run", ENTRY],
    "streamlit run, by a relative path": ["-m", "streamlit", "run"],
    "an ASGI server, to all interfaces": ["-m", "uvicorn", "--host", "0.0.0.0", "app.main:app"],
}


def start(command: list[str], folder: Path, **options: str) -> subprocess.Popen[str]:
    """Start it in `folder`, with Streamlit's options in the environment."""
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={
            **os.environ,
            **{f"STREAMLIT_{name}": value for name, value in options.items()},
            "STREAMLIT_SERVER_HEADLESS": "true",
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "SLM_RUNS": str(folder),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module", params=WAYS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, psutil.Process, int]]:
    """How it was started, its process, and its port."""
    port, way = free_port(), WAYS[request.param]
    folder = tmp_path_factory.mktemp("elsewhere")
    if "relative" in request.param:
        way = [*way, os.path.relpath(ENTRY, folder)]
    elif "uvicorn" in way:
        way = [*way, "--port", str(port)]
    with serving(way, folder, port, SERVER_PORT=str(port)) as process:
        yield request.param, process, port


@contextmanager
def serving(
    command: list[str], folder: Path, port: int, **options: str
) -> Iterator[psutil.Process]:
    """The app until it is no longer needed; given once it listens."""
    process = start(command, folder, **options)
    try:
        until = time.monotonic() + 60
        while not _listens(port):
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < until, "the app did not answer within a minute"
            time.sleep(0.1)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    try:
        return ask(port, "/_stcore/health").startswith("HTTP/1.1")
    except OSError:
        return False


def ask(
    port: int, path: str, *, host: str = "127.0.0.1", at: str = "127.0.0.1", **headers: str
) -> str:
    """The head and beginning of what is answered to a request, byte by byte ours."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    with socket.create_connection((at, port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        received = b""
        while not received.startswith(b"HTTP/1.1 101"):  # which stays open
            if not (chunk := connection.recv(65536)):
                break
            received += chunk
    return received.decode(errors="replace")


def open_stream(port: int, host: str, origin: str, at: str = "127.0.0.1") -> str:
    """The answer to a page of `origin` that opens the websocket by which the app is driven."""
    key = base64.b64encode(os.urandom(16)).decode()
    return ask(
        port,
        "/_stcore/stream",
        host=host,
        at=at,
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Key=key,
        Sec_WebSocket_Version="13",
        Origin=origin,
    )


Served = tuple[str, psutil.Process, int]


def test_it_listens_on_this_machine_alone(served: Served) -> None:
    way, process, port = served
    if "all interfaces" in way:
        pytest.skip("the ASGI server was told otherwise; see the next test")
    family = [process, *process.children(recursive=True)]
    listening = {
        (c.laddr.ip, c.laddr.port)
        for one in family
        for c in one.net_connections("inet")
        if c.status == psutil.CONN_LISTEN
    }
    assert listening == {("127.0.0.1", port)}


def test_a_request_from_outside_is_refused_even_where_the_server_listens(served: Served) -> None:
    way, _, port = served
    if "all interfaces" not in way:
        pytest.skip("it does not listen")
    address = _address_of_this_machine()
    for answer in (ask(port, "/", at=address), open_stream(port, "localhost", "x", at=address)):
        assert answer.startswith("HTTP/1.1 403")
        assert answer.endswith("This app answers only the machine it runs on.\n")


def _address_of_this_machine() -> str:
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family == socket.AF_INET and not address.address.startswith("127."):
                return str(address.address)
    pytest.skip("this machine has no address but loopback")


def test_it_is_answered_under_its_own_names(served: Served) -> None:
    _, _, port = served
    for host in ("127.0.0.1", "localhost", "LOCALHOST"):
        assert ask(port, "/", host=host).startswith("HTTP/1.1 200")
        own = open_stream(port, host, f"http://{host}:{port}")
        assert own.startswith("HTTP/1.1 101"), own


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil", ""])
def test_a_name_that_resolves_to_this_machine_is_refused(served: Served, host: str) -> None:
    _, _, port = served
    for answer in (ask(port, "/", host=host), open_stream(port, host, f"http://{host}:{port}")):
        assert answer.startswith("HTTP/1.1 403"), answer
        assert "<html" not in answer


def test_a_page_of_another_origin_does_not_drive_it(served: Served) -> None:
    _, _, port = served
    answer = open_stream(port, "127.0.0.1", "http://evil.example")
    assert not answer.startswith("HTTP/1.1 101"), answer


def test_no_page_of_another_origin_frames_it_or_speaks_to_it(served: Served) -> None:
    _, _, port = served
    head = ask(port, "/").lower()
    assert "x-frame-options: deny" in head and "frame-ancestors 'none'" in head
    assert '"allowedorigins":[]' in ask(port, "/_stcore/host-config").lower()


def test_nothing_is_loaded_from_anywhere_else(served: Served) -> None:
    _, _, port = served
    policy = ask(port, "/").split("content-security-policy: ")[1].split("\r\n")[0]
    assert "default-src 'self'" in policy and "http" not in policy and "*" not in policy


def test_no_usage_statistics_are_sent(tmp_path: Path) -> None:
    asks = "import app.main; from streamlit import config; print(config.get_option(%r))"
    process = start(["-c", asks % "browser.gatherUsageStats"], tmp_path)
    assert process.communicate(timeout=60)[0].strip() == "False"


def test_other_machines_are_not_let_in_by_the_address_alone(tmp_path: Path) -> None:
    process = start(
        WAYS["streamlit run"], tmp_path, SERVER_PORT=str(free_port()), SERVER_ADDRESS="0.0.0.0"
    )
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "Traceback" not in output
    assert output.splitlines()[-1].startswith("error: server.address is 0.0.0.0")


def test_other_machines_are_let_in_under_the_name_that_was_given(tmp_path: Path) -> None:
    port = free_port()
    options = {"SERVER_PORT": str(port), "SERVER_ADDRESS": "0.0.0.0"}
    with serving(WAYS["streamlit run"], tmp_path, port, **options, SERVER_ALLOWED_HOSTS="my.host"):
        at = _address_of_this_machine()
        assert open_stream(port, "my.host", f"http://my.host:{port}", at=at)[9:12] == "101"
        assert ask(port, "/", host="evil.example", at=at)[9:12] == "403"


def test_a_tick_of_a_fragment_that_is_gone_is_no_line_of_the_log(tmp_path: Path) -> None:
    port = free_port()
    process = start(WAYS["streamlit run"], tmp_path, SERVER_PORT=str(port), LOGGER_LEVEL="info")
    until = time.monotonic() + 60
    while not _listens(port):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.1)
    at = f"ws://127.0.0.1:{port}/_stcore/stream"
    with connect(at, subprotocols=[Subprotocol("streamlit")], open_timeout=30) as stream:
        tick = BackMsg(rerun_script=ClientState(fragment_id="gone", is_auto_rerun=True))
        for _ in range(20):
            stream.send(tick.SerializeToString())
        stream.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        stream.recv(timeout=30)  # they were heard
    process.terminate()
    output = process.communicate(timeout=30)[0]
    assert "does not exist anymore" not in output
    assert "You can now view" in output
