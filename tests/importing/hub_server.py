"""A hub on loopback with one model, which can be slow and can be cut off.

`python -m tests.importing.hub_server FOLDER --port 0 --rate 100000` prints its endpoint and serves for
ten minutes at so many bytes a second.
"""

import argparse
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

REPOSITORY = "roneneldan/TinyStories-1M"
COMMIT = "0" * 40
PIECE = 4096  # bytes sent at once
PATIENCE = 20.0  # seconds after which a request that waits for a test gives up


class Hub(ThreadingHTTPServer):
    """Serves the files of `folder` as `REPOSITORY`, and notes what was asked for.

    The body of `held` stops half-way until `go` is set. `cut` breaks the connection there once.
    `untold` hides every size. Files ending in .safetensors are called by their SHA-256, as the hub does.
    """

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0, rate: float | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.folder, self.rate = folder, rate
        self.held, self.cut, self.untold = "", False, False
        self.go = threading.Event()
        self.asked: list[tuple[str, str, str]] = []  # method, file, range

    @property
    def endpoint(self) -> str:
        """What HF_ENDPOINT must be."""
        return f"http://127.0.0.1:{self.server_port}"

    def got(self, name: str) -> list[str]:
        """The ranges of the GETs of a file, "" where the whole was asked for."""
        return [part for method, file, part in self.asked if (method, file) == ("GET", name)]


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(head=True)

    def do_GET(self) -> None:
        self._answer(head=False)

    def _answer(self, *, head: bool) -> None:
        name = self.path.rsplit("/", 1)[-1]
        path, part = self.server.folder / name, self.headers.get("Range") or ""
        self.server.asked.append((self.command, name, part))
        known = self.path in [f"/{REPOSITORY}/resolve/{at}/{name}" for at in ("main", COMMIT)]
        if not known or not path.is_file():
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = path.read_bytes()
        etag = hashlib.sha256(body).hexdigest() if name.endswith(".safetensors") else name
        start = int(part.removeprefix("bytes=").removesuffix("-")) if part else 0
        self.send_response(206 if part else 200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if self.server.untold:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if not head:
            self._send(name, body, start)

    def _send(self, name: str, body: bytes, start: int) -> None:
        held = name == self.server.held and not self.server.go.is_set()
        try:
            for at in range(start, len(body), PIECE):
                if held and at >= len(body) // 2:
                    held = False
                    if self.server.cut:
                        self.server.go.set()
                        self.close_connection = True
                        return
                    self.server.go.wait(PATIENCE)
                self.wfile.write(body[at : at + PIECE])
                if self.server.rate is not None:
                    time.sleep(PIECE / self.server.rate)
        except OSError:
            self.close_connection = True  # nobody reads any more

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(folder: Path, port: int = 0, rate: float | None = None) -> Iterator[Hub]:
    """A hub that is there within the block."""
    hub = Hub(folder, port, rate)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.go.set()
        hub.shutdown()
        hub.server_close()
        thread.join()


def reach_only(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what HF_ENDPOINT and HF_HUB_CACHE would, had the library not been imported before."""
    from huggingface_hub import constants

    template = f"{hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate", type=float)
    chosen = parser.parse_args()
    with serving(chosen.folder, chosen.port, chosen.rate) as hub:
        print(hub.endpoint, flush=True)
        time.sleep(600)


if __name__ == "__main__":
    main()
