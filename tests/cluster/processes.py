"""Servers as plain processes: started with their output in a log, awaited, killed.

Every process belongs to the namespace that tests/cluster/enter.sh made, so nothing outlives a run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")

POLL_S = 0.05


class NotEntered(RuntimeError):
    """The tests were started outside of the namespace that they need."""


class Ended(RuntimeError):
    """A server ended although it should run."""


@dataclass(frozen=True)
class Workspace:
    """Where one run keeps what its parts need: `state` goes at the end, `logs` stay for some hours."""

    state: Path
    logs: Path
    cgroup: str

    @classmethod
    def entered(cls) -> Workspace:
        """The one that enter.sh made. Raises NotEntered."""
        try:
            return cls(
                Path(os.environ["VOPS_CLUSTER_STATE"]),
                Path(os.environ["VOPS_CLUSTER_LOGS"]),
                os.environ["VOPS_CLUSTER_CGROUP"],
            )
        except KeyError as error:
            message = "these tests need their own namespace: run `make cluster`, or tests/cluster/run.sh with arguments"
            raise NotEntered(message) from error

    def directory(self, name: str) -> Path:
        path = self.state / name
        path.mkdir(parents=True, exist_ok=True)
        return path


@dataclass
class Server:
    """One long-running process; stopping it again is harmless."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
            )
        return self

    def check(self) -> None:
        """Raises Ended, with the end of the log, when the process is gone."""
        if self.process is None or self.process.poll() is None:
            return
        raise Ended(f"{self.name} ended with {self.process.returncode}; its log ends with:\n{tail(self.log)}")

    def send(self, number: signal.Signals) -> None:
        """Tells the process something; one that is gone is told nothing."""
        if self.process is not None:
            self.process.send_signal(number)

    def stop(self, *, by: signal.Signals = signal.SIGTERM, grace_s: float = 5.0) -> None:
        """Ends the process by `by`, and by SIGKILL when it is still there after `grace_s`."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(by)
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, or a note that there is none."""
    try:
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log)"


def wait_for(
    what: str,
    ask: Callable[[], Answer | None],
    *,
    within_s: float = 30.0,
    every_s: float = POLL_S,
    servers: Sequence[Server] = (),
) -> Answer:
    """Asks until the answer is true and returns it. Raises TimeoutError, or Ended when one of `servers` is gone."""
    deadline = time.monotonic() + within_s
    while True:
        for server in servers:
            server.check()
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {within_s:.0f} s in vain for {what}; the last answer was {answer!r}")
        time.sleep(every_s)
