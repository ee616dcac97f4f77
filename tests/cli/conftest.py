"""vops as users run it: a process of its own, on a lab of its own or on one that the test keeps."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import pytest


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
def environment(tmp_path: Path) -> dict[str, str]:
    """No settings, kubeconfig or colours of whoever runs the tests, and one authority instead of all that are trusted.

    They are read whenever aiohttp is imported, and nothing here speaks TLS to anybody whom they know. The Hub's client
    wants one at least.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    authority = tmp_path / "authority.pem"
    authority.write_text(_first_authority(), "ascii")
    return kept | {"HOME": str(tmp_path), "TERM": "xterm-256color", "SSL_CERT_FILE": str(authority)}


@cache
def _first_authority() -> str:
    first, end, _ = Path(certifi.where()).read_text("utf-8").partition("-----END CERTIFICATE-----")
    return first[first.index("-----BEGIN") :] + end + "\n"


@pytest.fixture
def vops(environment: dict[str, str]) -> RunVops:
    """`await vops("fleet", "-o", "json", given=b"…")`; a run that takes a minute has failed."""

    async def run(*arguments: str, given: bytes = b"", within_s: float = 60) -> Done:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "vops",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        out, err = await asyncio.wait_for(process.communicate(given), within_s)
        return Done(process.returncode or 0, out.decode(), err.decode())

    return run
