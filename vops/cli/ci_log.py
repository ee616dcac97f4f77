"""How a run's story is folded in the logs of GitHub and GitLab: a group for each step, and what later jobs may read.

Which CI system it is only decides on this decoration, never on formats or exit codes. The plain lines are there too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vops.operations.running.run import RunResult
    from vops.planning.events import RunEvent

Write = Callable[[str], None]


class StepGroups:
    """Opens a group when a step begins, and closes it when the step ends or another begins."""

    def __init__(self, environ: Mapping[str, str], write: Write) -> None:
        self._github = environ.get("GITHUB_ACTIONS") == "true"
        self._gitlab = environ.get("GITLAB_CI") == "true"
        self._write = write
        self._open = ""

    def follow(self, event: RunEvent) -> None:
        """Called before the line of each event."""
        if not event.step or event.step == self._open or not (self._github or self._gitlab):
            return
        self.close(event)
        self._open = event.step
        if self._github:
            self._write(f"::group::{event.step} {event.message}".rstrip())
        else:
            self._section("start", event, f"[collapsed=true]\r\x1b[0K{event.step}")

    def close(self, event: RunEvent) -> None:
        """Closes the group that is open. Called after the line of a step's end, so that what follows is not folded."""
        if not self._open:
            return
        if self._github:
            self._write("::endgroup::")
        else:
            self._section("end", event, "\r\x1b[0K")
        self._open = ""

    def _section(self, what: str, event: RunEvent, rest: str) -> None:
        self._write(f"section_{what}:{int(event.at.timestamp())}:{self._open.replace('.', '_')}{rest}")


def tell_later_jobs(result: RunResult, environ: Mapping[str, str]) -> None:
    """The run's id and how it ended, as outputs of the GitHub step."""
    if path := environ.get("GITHUB_OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"run={result.run_id}\noutcome={result.outcome}\n")
