"""The process that tests.forked forks: it has imported vops, but for the TUI, and what that imports from others.

A run that is forked from it imports next to nothing. How vops is imported by a process that has nothing yet is for the
tests of processes of their own.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
from contextlib import suppress

import vops

IMPORTED = (
    *("aiohttp.web", "cel_expr_python", "concurrent.futures.thread", "csv", "fcntl", "fractions", "glob", "hashlib"),
    *(
        "html",
        "ipaddress",
        "jsonpatch",
        "msgspec.json",
        "pydantic.types",
        "ruamel.yaml",
        "secrets",
        "shellingham._core",
    ),
    *("statistics", "termios", "tomllib", "typer._adapters", "uuid", "xml.etree.ElementTree", "yaml", "zoneinfo"),
)
NOT_IMPORTED = ("vops.__main__", "vops.tui", "vops.adapters.hub")
"""The Hub's client reads its environment when it is imported: that is the run's, and not the server's."""
FDS = 5
"""What comes with a request: it, in a file; where its end is told; its standard streams."""


class Runs:
    """Those that have not ended, by a descriptor that becomes readable when they do."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[int, socket.socket]] = {}

    def add(self, pid: int, status: socket.socket) -> None:
        status.send(str(pid).encode())
        self.found[os.pidfd_open(pid)] = (pid, status)

    def ended(self, descriptor: int) -> None:
        pid, status = self.found.pop(descriptor)
        os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        # Whoever gave up waiting has closed it.
        with status, suppress(BrokenPipeError):
            status.send(str(code).encode())


def serve(control: socket.socket) -> None:
    """Forks for each request until nobody can ask any longer; returns in what was forked, which is to become vops."""
    runs = Runs()
    while True:
        ready = select.select([control.fileno(), *runs.found], [], [])[0]
        for descriptor in runs.found.keys() & ready:
            runs.ended(descriptor)
        if control.fileno() not in ready:
            continue
        said, passed, _, _ = socket.recv_fds(control, 1, FDS)
        if not said:
            os._exit(0)
        pid = os.fork()
        if not pid:
            become(passed[0], passed[2:])
            return
        runs.add(pid, socket.socket(fileno=passed.pop(1)))
        for descriptor in passed:
            os.close(descriptor)


def become(asked: int, streams: list[int]) -> None:
    """The streams, environment, folder and arguments of a run, and none of the server's descriptors and signals."""
    request = json.loads(os.pread(asked, os.fstat(asked).st_size, 0))
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    os.closerange(3, 1 + max(map(int, os.listdir("/proc/self/fd"))))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path[0] = request["folder"]
    sys.argv[1:] = request["argv"]


def import_vops() -> None:
    """What cannot be imported says so in the run that needs it."""
    for module in pkgutil.walk_packages(vops.__path__, "vops.", onerror=lambda _: None):
        if not module.name.startswith(NOT_IMPORTED):
            with suppress(Exception):
                importlib.import_module(module.name)


def leave(code: int) -> None:
    """Ends as Python does, but that it does not take apart what it was forked with: that takes longer than most runs.

    Returns where that is not all: where a thread is waited for, or what was written cannot be.
    """
    if threading.active_count() > 1:
        return
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    # Whoever interrupts the tests sends it to all of them; the server ends with those that ask it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in IMPORTED:
        importlib.import_module(name)
    import_vops()
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
    try:
        runpy.run_module("vops", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, int):
            leave(ended.code)
        raise


if __name__ == "__main__":
    main()
