"""vops as users run it: a process of its own, on a lab of its own or on one that the test keeps."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi
import pytest

from tests.forked import serve, start_vops


@dataclass(frozen=True)
class Done:
    """What a run of vops left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


RunVops = Callable[..., Awaitable[Done]]


@pytest.fixture
def environment(tmp_path: Path, authority: Path) -> dict[str, str]:
    """No settings, kubeconfig or colours of whoever runs the tests, and one authority instead of all that are trusted.

    They are read whenever aiohttp is imported, and nothing here speaks TLS to anybody whom they know. The Hub's client
    wants one at least.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    given = kept | {"HOME": str(tmp_path), "TERM": "xterm-256color", "SSL_CERT_FILE": str(authority)}
    serve(given)
    return given


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the first authority of all that are trusted."""
    first, end, _ = Path(certifi.where()).read_text("utf-8").partition("-----END CERTIFICATE-----")
    path = tmp_path_factory.mktemp("tls") / "authority.pem"
    path.write_text(first[first.index("-----BEGIN") :] + end + "\n", "ascii")
    return path


@pytest.fixture
def vops(environment: dict[str, str]) -> RunVops:
    """`await vops("fleet", "-o", "json", given=b"…")`; a run that takes a minute has failed."""

    async def run(*arguments: str, given: bytes = b"", within_s: float = 60) -> Done:
        process = await start_vops(*arguments, environment=environment)
        out, err = await asyncio.wait_for(process.communicate(given), within_s)
        return Done(process.returncode or 0, out.decode(), err.decode())

    return run
