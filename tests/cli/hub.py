"""A Hugging Face Hub on the loopback: the few requests that reading a model's metadata makes, and its refusals."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class StandInHub:
    """Files by `OWNER/NAME/FILE`; `refusal` answers every request: status, error code, headers."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    refusal: tuple[int, str, dict[str, str]] | None = None
    requests: list[str] = field(default_factory=list)
    sent_bytes: int = 0

    def add(self, model: str, config: dict[str, Any], total_size: int | None = None) -> None:
        self.files[f"{model}/config.json"] = json.dumps(config).encode()
        if total_size is not None:
            index = {"metadata": {"total_size": total_size}, "weight_map": {}}
            self.files[f"{model}/model.safetensors.index.json"] = json.dumps(index).encode()


class Server(ThreadingHTTPServer):
    hub: StandInHub


@contextmanager
def stand_in_hub() -> Iterator[StandInHub]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.hub = StandInHub(url=f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.hub
        finally:
            server.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        hub = self.server.hub
        hub.requests.append(self.path)
        if hub.refusal is not None:
            status, code, headers = hub.refusal
            self._send(status, b"", {"X-Error-Code": code, **headers})
            return
        name, _, file = self.path.strip("/").partition("/resolve/main/")
        body = hub.files.get(f"{name}/{file}")
        if body is None:
            known = any(key.startswith(f"{name}/") for key in hub.files)
            self._send(404, b"", {"X-Error-Code": "EntryNotFound" if known else "RepoNotFound"})
            return
        self._file(body)

    def _file(self, body: bytes) -> None:
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            first, _, last = wanted[6:].partition("-")
            body = body[int(first) : int(last) + 1]
        self._send(206 if wanted else 200, body, {"X-Repo-Commit": COMMIT})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.server.hub.sent_bytes += len(body)
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: the requests are kept."""
