"""`python -m vops` for tests, without most of its start and end: a fork of tests.fork_server, which has imported it.

Each run has the arguments, environment, folder and streams that its caller gives it, and ends as a Python process does.
What Python and the imported modules read only when they start, see `AT_START`, is that of the server: a run that wants
something else is a process of its own. So are terminals and the tests of what is imported.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
AT_START = ("PYTHON", "LANG", "LC_", "TZ", "SSL_CERT_", "AIOHTTP_", "TYPER_")
"""How the variables begin that are read once, when a process starts or a module is imported."""
_SERVERS: list[Server] = []
"""None, or the one that was started first."""


@dataclass
class Forked:
    """A run of vops, with as much of asyncio's Process as tests use."""

    pid: int
    stdin: int
    outputs: tuple[int, int]
    status: socket.socket
    returncode: int | None = None

    def send_signal(self, sent: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, sent)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def communicate(self, given: bytes = b"") -> tuple[bytes, bytes]:
        """What it wrote, once it has ended. It is killed when its caller waits no longer."""
        try:
            fed = asyncio.to_thread(_give, self.stdin, given)
            out, err, _ = await asyncio.gather(_all_of(self.outputs[0]), _all_of(self.outputs[1]), fed)
            self.returncode = int(await asyncio.get_running_loop().sock_recv(self.status, 64))
            return out, err
        finally:
            if self.returncode is None:
                self.kill()
            self.status.close()


async def start_vops(*arguments: str, environment: Mapping[str, str]) -> Forked | Process:
    """`python -m vops ARGUMENTS` with pipes: forked where there is a server for that, else a process of its own."""
    for server in _SERVERS:
        if server.suits(environment):
            return await server.start({"argv": arguments, "environment": dict(environment), "folder": str(Path.cwd())})
    command = (sys.executable, "-m", "vops", *arguments)
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment)


def serve(environment: Mapping[str, str]) -> None:
    """Has runs with what is read at the start of `environment` forked from now on, where a process can tell its end."""
    if not _SERVERS and sys.platform == "linux":
        _SERVERS.append(Server(environment))
        atexit.register(_SERVERS[0].stop)


class Server:
    """The process that is forked: one for each process that runs tests, which it does not outlive."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._fixed = _fixed(environment)
        self._control, theirs = socket.socketpair()
        with theirs:
            # Pipes, as those of the runs: what Python finds out about its streams when it starts is right for them.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                cwd=ROOT,
                env=environment,
                pass_fds=[theirs.fileno()],
            )

    def suits(self, environment: Mapping[str, str]) -> bool:
        return _fixed(environment) == self._fixed

    async def start(self, request: Mapping[str, Any]) -> Forked:
        """One that runs; its own ends of the pipes are closed here, so that they end with it."""
        status, status_of_it = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        status.setblocking(False)
        (stdin_of_it, stdin), (out, out_of_it), (err, err_of_it) = os.pipe(), os.pipe(), os.pipe()
        asked = os.memfd_create("request")
        os.write(asked, json.dumps(request).encode())
        passed = (asked, status_of_it.detach(), stdin_of_it, out_of_it, err_of_it)
        socket.send_fds(self._control, [b"!"], passed)
        for descriptor in passed:
            os.close(descriptor)
        return Forked(int(await asyncio.get_running_loop().sock_recv(status, 64)), stdin, (out, err), status)

    def stop(self) -> None:
        self._control.close()
        self._process.communicate()


def _fixed(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(AT_START)}


async def _all_of(descriptor: int) -> bytes:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    source = os.fdopen(descriptor, "rb", 0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
    try:
        return await reader.read()
    finally:
        transport.close()


def _give(descriptor: int, given: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb", 0) as pipe:
        rest = memoryview(given)
        while rest:
            rest = rest[pipe.write(rest) or 0 :]
