"""A Hugging Face Hub on the loopback that answers as the real one does, and misbehaves on demand.

One module for unit, lab and cluster tests. Serves a repository's listing, small files, and large ones (LFS) by a
redirect to a signed link on another host, with etags, ranges, and the error codes that huggingface_hub goes by.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHUNK = 64 * 1024
Trouble = Literal["truncated", "stalled", "slow", "corrupt"] | int
"""What goes wrong with one answer: its body, or its status (429 and 503 come with Retry-After)."""

Xet = Literal["no-route", "down", "hung"]
"""What goes wrong with Xet: nothing knows its tokens, as on a mirror; its storage answers 503; or not at all."""


@dataclass
class StandInHub:
    """Files by `OWNER/NAME/FILE`; `refusal` answers every request: status, error code, headers.

    `trouble` holds, by a file's name, what goes wrong with the next answers that carry its body, one after another.
    `granted` has the tokens that may read a gated repository. With `xet` large files are offered by Xet as well, which
    then goes wrong in that way.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    large: set[str] = field(default_factory=set)
    refs: dict[str, str] = field(default_factory=lambda: {"main": COMMIT})
    granted: dict[str, set[str]] = field(default_factory=dict)
    trouble: dict[str, list[Trouble]] = field(default_factory=lambda: defaultdict(list))
    refusal: tuple[int, str, dict[str, str]] | None = None
    xet: Xet | None = None
    requests: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    """The names of the files whose body was asked for, in order."""
    sent_bytes: int = 0
    leaked: list[str] = field(default_factory=list)
    """The credentials that came with requests for a signed link on another host."""
    released: threading.Event = field(default_factory=threading.Event)
    """Ends every stalled answer."""

    def add(self, model: str, config: dict[str, Any], total_size: int | None = None) -> None:
        self.files[f"{model}/config.json"] = json.dumps(config).encode()
        if total_size is not None:
            index = {"metadata": {"total_size": total_size}, "weight_map": {}}
            self.files[f"{model}/model.safetensors.index.json"] = json.dumps(index).encode()

    def add_model(self, model: str, *, shards: int = 3, shard_bytes: int = 200_000) -> None:
        """A whole repository: configuration, tokenizer, index, and safetensors shards that are large files."""
        names = [f"model-{number:05d}-of-{shards:05d}.safetensors" for number in range(1, shards + 1)]
        weights = {name: tensor_file(f"layer.{at}", shard_bytes, at) for at, name in enumerate(names)}
        index = {
            "metadata": {"total_size": shards * shard_bytes},
            "weight_map": {f"layer.{at}": name for at, name in enumerate(names)},
        }
        self.add(model, {"architectures": ["LlamaForCausalLM"], "model_type": "llama"})
        small = {"tokenizer.json": {"model": {}}, "tokenizer_config.json": {}, "model.safetensors.index.json": index}
        self.files |= {f"{model}/{name}": json.dumps(value).encode() for name, value in small.items()}
        self.files |= {f"{model}/README.md": b"# a model\n", f"{model}/original/consolidated.pth": b"x" * 999}
        self.files |= {f"{model}/{name}": body for name, body in weights.items()}
        self.large |= {f"{model}/{name}" for name in weights}

    def listing(self, model: str) -> list[dict[str, Any]]:
        """The repository's files as the Hub lists them."""
        own = {key.removeprefix(f"{model}/"): key for key in self.files if key.startswith(f"{model}/")}
        return [self._sibling(name, key) for name, key in sorted(own.items())]

    def _sibling(self, name: str, key: str) -> dict[str, Any]:
        body = self.files[key]
        found: dict[str, Any] = {"rfilename": name, "size": len(body), "blobId": git_hash(body)}
        if key in self.large:
            found["lfs"] = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 134}
        return found


def tensor_file(name: str, size: int, seed: int) -> bytes:
    """A safetensors file with one tensor of `size` bytes."""
    header = json.dumps({name: {"dtype": "I8", "shape": [size], "data_offsets": [0, size]}}).encode()
    body = (hashlib.sha256(str(seed).encode()).digest() * (size // 32 + 1))[:size]
    return len(header).to_bytes(8, "little") + header + body


def git_hash(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


class Server(ThreadingHTTPServer):
    hub: StandInHub
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up in the middle of an answer are part of the game."""


@contextmanager
def stand_in_hub(address: str = "127.0.0.1") -> Iterator[StandInHub]:
    with Server((address, 0), Handler) as server:
        server.hub = StandInHub(url=f"http://{address}:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.hub
        finally:
            server.hub.released.set()
            server.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._serve(with_body=True)

    def do_HEAD(self) -> None:
        self._serve(with_body=False)

    # --- what is asked for ---

    def _serve(self, *, with_body: bool) -> None:
        hub = self.server.hub
        hub.requests.append(self.path)
        if hub.refusal is not None:
            status, code, headers = hub.refusal
            self._send(status, b"", {"X-Error-Code": code, **headers})
            return
        path = unquote(urlsplit(self.path).path).strip("/")
        if path.startswith("cdn/"):
            hub.leaked += [self.headers["Authorization"]] if "Authorization" in self.headers else []
            self._body(path.removeprefix("cdn/"), with_body=with_body)
        elif "/xet-read-token/" in path:
            self._xet_token()
        elif path.startswith("cas/"):
            self._storage()
        elif path.startswith("api/models/"):
            self._listing(path.removeprefix("api/models/"))
        else:
            self._file(path, with_body=with_body)

    def _listing(self, path: str) -> None:
        model, _, revision = path.partition("/revision/")
        commit = self._commit(model, revision or "main")
        if commit is None:
            return
        about = {"id": model, "modelId": model, "sha": commit, "private": False}
        gated = "auto" if model in self.server.hub.granted else False
        siblings = self.server.hub.listing(model)
        if "blobs" not in parse_qs(urlsplit(self.path).query):
            siblings = [{"rfilename": item["rfilename"]} for item in siblings]
        body = json.dumps({**about, "gated": gated, "siblings": siblings}).encode()
        self._send(200, body, {"Content-Type": "application/json"})

    def _file(self, path: str, *, with_body: bool) -> None:
        model, _, rest = path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        commit = self._commit(model, revision)
        if commit is None or not self._allowed(model):
            return
        key = f"{model}/{name}"
        if key not in self.server.hub.files:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            return
        if key in self.server.hub.large:
            self._redirect(key, commit)
        else:
            self._body(key, with_body=with_body, commit=commit)

    def _commit(self, model: str, revision: str) -> str | None:
        """The commit that a revision is; answers and returns None when there is no such model or revision."""
        hub = self.server.hub
        if not any(key.startswith(f"{model}/") for key in hub.files):
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
            return None
        commit = revision if revision in hub.refs.values() else hub.refs.get(revision)
        if commit is None:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        return commit

    def _allowed(self, model: str) -> bool:
        granted = self.server.hub.granted.get(model)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if granted is None or token in granted:
            return True
        said = f"Access to model {model} is restricted."
        self._send(403 if token else 401, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": said})
        return False

    # --- Xet ---

    def _xet_token(self) -> None:
        hub = self.server.hub
        if hub.xet == "no-route":
            self._send(404, b"", {})
            return
        until, storage = int(time.time()) + 3600, f"{hub.url}/cas"
        headers = {"X-Xet-Cas-Url": storage, "X-Xet-Access-Token": "xet", "X-Xet-Token-Expiration": str(until)}
        body = json.dumps({"accessToken": "xet", "exp": until, "casUrl": storage}).encode()
        self._send(200, body, {"Content-Type": "application/json", **headers})

    def _storage(self) -> None:
        if self.server.hub.xet == "hung":
            self.server.hub.released.wait()
            self.close_connection = True
            return
        self._send(503, b"", {})

    # --- answers ---

    def _redirect(self, key: str, commit: str) -> None:
        """To a link on another host, as to a CDN: the token may not follow."""
        body = self.server.hub.files[key]
        address, port = self.server.server_address[:2]
        host = "localhost" if address == "127.0.0.1" else str(address)
        headers = {
            "Location": f"http://{host}:{port}/cdn/{key}?X-Signature=secret",
            "X-Repo-Commit": commit,
            "X-Linked-Size": str(len(body)),
            "X-Linked-Etag": f'"{hashlib.sha256(body).hexdigest()}"',
        }
        if self.server.hub.xet:
            model = "/".join(key.split("/")[:2])
            headers["X-Xet-Hash"] = hashlib.sha256(key.encode()).hexdigest()
            headers["X-Xet-Refresh-Route"] = f"{self.server.hub.url}/api/models/{model}/xet-read-token/{commit}"
        self._send(302, b"", headers)

    def _body(self, key: str, *, with_body: bool, commit: str = COMMIT) -> None:
        hub = self.server.hub
        body, status = hub.files[key], 200
        headers = {"ETag": f'"{git_hash(body)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if wanted := self.headers.get("Range", ""):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            end = min(int(last) if last else len(body) - 1, len(body) - 1)
            headers["Content-Range"] = f"bytes {first}-{end}/{len(body)}"
            body, status = body[int(first) : end + 1], 206
        if not with_body:
            self._send(status, b"", {**headers, "Content-Length": str(len(body))})
            return
        name = key.split("/", 2)[2]
        hub.bodies.append(name)
        waiting = hub.trouble[name]
        self._troubled(waiting.pop(0) if waiting else None, status, body, headers)

    def _troubled(self, trouble: Trouble | None, status: int, body: bytes, headers: dict[str, str]) -> None:
        if isinstance(trouble, int):
            self._send(trouble, b"", {"Retry-After": "1"} if trouble in (429, 503) else {})
            return
        if trouble == "corrupt":
            body = bytes(byte ^ 1 for byte in body)
        if trouble in (None, "corrupt"):
            self._send(status, body, headers)
            return
        self._start(status, {**headers, "Content-Length": str(len(body))})
        if trouble == "slow":
            for at in range(0, len(body), CHUNK):
                self._write(body[at : at + CHUNK])
                time.sleep(0.05)
            return
        self._write(body[: len(body) // 2])
        if trouble == "stalled":
            self.server.hub.released.wait()
        self.close_connection = True

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._start(status, {"Content-Length": str(len(body)), **headers})
        self._write(body)

    def _start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _write(self, body: bytes) -> None:
        self.server.hub.sent_bytes += len(body)
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: the requests are kept."""
