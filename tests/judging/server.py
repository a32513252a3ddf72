"""A judge on the loopback: speaks chat completions, counts its calls, and misbehaves on request.

`python -m tests.judging.server --port 8123` prints its address and grades whatever it is sent. The
grades are a function of the text alone, so the same story always gets the same ones.
"""

import argparse
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
KEY = "sk-test-7f3a9c-never-to-be-seen"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to send: a status, a body, headers, after a while; `cut` breaks off half-way."""

    status: int = 200
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    cut: bool = False


Script = Callable[[int, dict[str, Any]], Answer | None]
"""From the number of a call (from 0) and its request to an answer; None for the usual one."""


def says(text: str, **kinds: Any) -> Answer:
    """A completion with this text, as a server sends it when all is well."""
    body = {
        "id": "chat-0",
        "object": "chat.completion",
        "created": 0,
        "model": "loopback",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": USAGE,
    }
    return Answer(body=json.dumps(body), **kinds)


def refuses(status: int, message: str = "no", **headers: str) -> Answer:
    """An error, as a server sends it; underscores in header names become hyphens."""
    return Answer(
        status=status,
        body=json.dumps({"error": {"message": message, "type": "error"}}),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def usual(request: dict[str, Any]) -> Answer:
    """First turn: words. Second turn: grades drawn from the text."""
    turn = len(request["messages"])
    digest = hashlib.sha256(request["messages"][0]["content"].encode()).digest()
    if turn == 1:
        return says(f"The student writes simply, and mostly to the point ({digest.hex()[:6]}).")
    grades = dict(
        zip(
            ("grammar", "creativity", "consistency", "plot"),
            (4 + byte % 6 for byte in digest),
            strict=False,
        )
    )
    return says(json.dumps({**grades, "age_group": "ABCDEF"[digest[5] % 6]}))


class JudgeServer(ThreadingHTTPServer):
    """The server; `calls` holds the body of every request in the order of arrival."""

    daemon_threads = True

    def __init__(self, script: Script | None = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.script = script
        self.calls: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """What to give as the base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def turns(self) -> Counter[str]:
        """How often each conversation was asked for, by its messages."""
        return Counter(json.dumps(call["messages"]) for call in self.calls)


class _Handler(BaseHTTPRequestHandler):
    server: JudgeServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            number = len(self.server.calls)
            self.server.calls.append(request)
        answer = (self.server.script and self.server.script(number, request)) or usual(request)
        time.sleep(answer.after)
        body = answer.body.encode()
        try:
            self.send_response(answer.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if answer.cut else body)
            self.close_connection = answer.cut
        except (BrokenPipeError, ConnectionResetError):  # the asker was killed
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(script: Script | None = None) -> Iterator[JudgeServer]:
    """Serve on a free port as long as the block lasts."""
    server = JudgeServer(script)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    judge = JudgeServer(port=parser.parse_args().port)
    print(judge.url, flush=True)
    judge.serve_forever()
