"""A registry that refuses: each repository answers as a real one does when something is wrong with it.

    vllm/missing 404 · vllm/private 401 · vllm/limited 429 · vllm/broken 503 · vllm/arm-only an index without amd64

It holds no image. Errors are those of the OCI distribution specification.
"""

from __future__ import annotations

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.cluster.controlplane import ADDRESS

PORT = 5000
HOST = f"{ADDRESS}:{PORT}"
_ERRORS = {
    "missing": (404, "MANIFEST_UNKNOWN", "manifest unknown"),
    "private": (401, "UNAUTHORIZED", "authentication required"),
    "limited": (429, "TOOMANYREQUESTS", "You have reached your pull rate limit"),
    "broken": (503, "UNAVAILABLE", "service unavailable"),
}
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_ARM = {
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "digest": f"sha256:{'0' * 64}",
    "size": 2,
    "platform": {"architecture": "arm64", "os": "linux"},
}
_INDEX = json.dumps({"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": [_ARM]}).encode()


def trust(directory: Path) -> Path:
    """Writes containerd's settings for registries below `directory`, in which this one speaks plain HTTP."""
    folder = directory / "registries" / HOST
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.toml").write_text(f'server = "http://{HOST}"\n[host."http://{HOST}"]\n')
    return folder.parent


class Registry(BaseHTTPRequestHandler):
    """Answers /v2/vllm/REPOSITORY/manifests/… and refuses every token."""

    def do_HEAD(self) -> None:
        repository = self.path.split("/")[3] if self.path.startswith("/v2/vllm/") else ""
        if repository == "arm-only":
            self._answer(200, _INDEX, _INDEX_TYPE)
        else:
            code, name, message = _ERRORS.get(repository, _ERRORS["private"])
            self._answer(code, json.dumps({"errors": [{"code": name, "message": message}]}).encode())

    def do_GET(self) -> None:
        self.do_HEAD()

    def _answer(self, code: int, body: bytes, type_: str = "application/json") -> None:
        self.send_response(code)
        self.send_header("Content-Type", type_)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(body).hexdigest()}")
        if code == 401:
            scope = 'service="registry",scope="repository:vllm/private:pull"'
            self.send_header("WWW-Authenticate", f'Bearer realm="http://{HOST}/token",{scope}')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


if __name__ == "__main__":
    with ThreadingHTTPServer((ADDRESS, PORT), Registry) as server:
        server.serve_forever()
