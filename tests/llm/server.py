"""A judge on loopback that speaks the real protocol and can misbehave.

`python -m tests.llm.server --port 0` prints its URL and serves until it is ended.
"""

import argparse
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a script sends: a body after a while; `cut` breaks the connection half-way through it."""

    status: int = 200
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    cut: bool = False


def says(text: str, *, after: float = 0.0, cut: bool = False) -> Answer:
    """A completion with this text, as a server sends it when all is well."""
    return Answer(body=json.dumps(completion(text)), after=after, cut=cut)


def refuses(status: int, message: str = "no", *, retry_after: str | None = None) -> Answer:
    """An error, as a server sends it."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Answer(status=status, body=json.dumps({"error": {"message": message}}), headers=headers)


def completion(text: str, model: str = "loopback") -> dict[str, Any]:
    """The body of a whole answer."""
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": USAGE,
    }


class JudgeServer(ThreadingHTTPServer):
    """Answers chat completions. `misbehave` holds what to do with the next calls, one word a call:
    401, 404, 429, 500, schema, half, prose, range, slow, drop. A `script`, given a call's number and
    request, may answer in its own way; where it says None, the answer is the usual one.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.lock = threading.Lock()
        self.misbehave: list[str] = []
        self.script: Callable[[int, dict[str, Any]], Answer | None] = lambda *_: None
        self.paid = 0  # calls answered with 200 and a whole body
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str] = set()  # as they came
        self.models: list[str] | None = ["loopback"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def next_misbehaviour(self, request: dict[str, Any]) -> tuple[int, str]:
        with self.lock:
            self.asked.append(request)
            return len(self.asked) - 1, self.misbehave.pop(0) if self.misbehave else ""

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is part of the game


class _Handler(BaseHTTPRequestHandler):
    server: JudgeServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        models = self.server.models
        if models is None or not self.path.startswith("/v1/"):
            return self.answer(404, {"detail": "Not Found"})
        return self.answer(200, {"object": "list", "data": [{"id": name} for name in models]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.keys.add(self.headers["Authorization"])
        number, how = self.server.next_misbehaviour(request)
        if scripted := self.server.script(number, request):
            return self.play(scripted)
        if how in ("401", "404", "500"):
            return self.answer(int(how), {"error": {"message": f"said {how}"}})
        if how == "429":
            return self.answer(429, {"error": {"message": "too fast"}}, {"Retry-After": "0.2"})
        if how == "schema" and "response_format" in request:
            return self.answer(400, {"error": {"message": "response_format is not supported"}})
        if how == "drop":
            self.close_connection = True
            self.connection.close()
            return None
        if how == "slow":
            time.sleep(1.5)
        text = _grades(request) if len(request["messages"]) > 1 else "It reads well enough."
        if how == "prose":
            text = "I would give it a solid seven."
        if how == "range":
            text = text.replace('"grammar": ', '"grammar": 1')
        body = completion(text, request["model"])
        if how == "half":
            return self.half(json.dumps(body))
        with self.server.lock:
            self.server.paid += 1
        return self.answer(200, body)

    def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def play(self, answer: Answer) -> None:
        time.sleep(answer.after)
        data = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if answer.cut else data)
        self.close_connection = answer.cut

    def half(self, body: str) -> None:
        data = body[: len(body) // 2].encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(script: Callable[[int, Any], Answer | None] = lambda *_: None) -> Iterator[JudgeServer]:
    """Serve on a free port as long as the block lasts."""
    server = JudgeServer()
    server.script = script
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _grades(request: dict[str, Any]) -> str:
    """Grades made from the story's letters: the same story always gets the same.

    Of a pair the longer one is better, wherever it stands.
    """
    story = request["messages"][0]["content"]
    if pair := re.search(r"<first>(.*)</first>.*<second>(.*)</second>", story, re.DOTALL):
        first, second = map(len, pair.groups())
        better = "tie" if first == second else "first" if first > second else "second"
        return json.dumps({"better": better})
    turn = sum(map(ord, story))
    grades = {
        "grammar": 4 + turn % 6,
        "creativity": 3 + turn % 5,
        "consistency": 2 + turn % 7,
        "plot": 3 + turn % 4,
        "age_group": "ABCDEF"[turn % 6],
    }
    return json.dumps(grades | ({"instruction": 6} if "<task>" in story else {}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    server = JudgeServer(parser.parse_args().port)
    print(server.url, flush=True)
    server.serve_forever()
