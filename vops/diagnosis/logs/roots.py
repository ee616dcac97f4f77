"""Which of several failures in one log is the cause, and which process failed first.

A server that came up has survived whatever it had logged before; what one request met ends nothing; a peer that went
away was left by something that failed before it. Among the rest the lowest process, then the first in time, wins.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from vops.diagnosis.logs.notices import BEFORE_THE_SERVER
from vops.diagnosis.logs.tracebacks import Chain, LoggedError, height
from vops.model.patterns import lazy_pattern

_MOST_KEPT = 40
_REQUEST_HEIGHT = 2
_TOO_SMALL = "Not enough free disk space to download"
_BROKE_OFF = lazy_pattern(
    r"Data processing error|File reconstruction error|[Ww]riter? (?:error|channel|failed)|Consistency check failed"
    r"|hf_transfer|No such file or directory: '[^']{0,300}\.incomplete"
)
_LOGGED = ("ERROR", "WARNING")
_QUIET = ("DEBUG", "INFO", "WARNING")
_OF_THE_CONTAINER = lazy_pattern(r"\[Errno (?:13|28|30)\]|no locator available for file")
"""What a request meets because of where the server runs, and every other one will."""

_CAUSE, _LESSER, _DOUBTFUL, _HARMLESS, _WRAPPING = range(5)


class Steps:
    """How far each process got in its start, and where in the log a start began."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._begun: list[int] = []

    def begin(self, line: int) -> None:
        self._begun.append(line)

    def take(self, process: str, line: int) -> None:
        self._last[process] = line

    def after(self, process: str, line: int) -> bool:
        """Whether a process went on with the same start after a line."""
        last = self._last.get(process, 0)
        return last > line and not any(line < begun <= last for begun in self._begun)


class Episode(msgspec.Struct, frozen=True):
    """When the server came up, when its engine died and when it was asked to stop (None: it did not, it was not), the
    last line in which it worked, and the steps that its processes took."""

    ready_line: int | None = None
    died_line: int | None = None
    active_line: int = 0
    stopped_line: int | None = None
    steps: Steps = msgspec.field(default_factory=Steps)


def ranked(chains: Sequence[Chain], episode: Episode) -> list[Chain]:
    """The chains that may have ended the process, the likeliest first, wrappers last.

    Harmless ones are left out; so is what a shell missed or a thread ended of, and what is doubtful, where there is a
    better one. The first has a root, unless there are only wrappers.
    """
    graded = [(_grade(chain, episode), height(chain.process), chain.line, chain) for chain in chains]
    best = min((entry[0] for entry in graded if entry[0] != _HARMLESS), default=_CAUSE)
    kept = sorted((entry for entry in graded if entry[0] in (best, _WRAPPING)), key=lambda entry: entry[:3])
    return [chain for *_, chain in kept[:_MOST_KEPT]]


def foretold(chains: Sequence[Chain], said: Sequence[LoggedError]) -> list[Chain]:
    """The chains, those of a download that broke off with the warning before it that the disk is too small for it."""
    warned = next((item for item in said if _TOO_SMALL in item.message), None)
    if warned is None:
        return list(chains)
    return [
        msgspec.structs.replace(item, errors=tuple(_explained(error, warned) for error in item.errors))
        for item in chains
    ]


def _explained(error: LoggedError, warned: LoggedError) -> LoggedError:
    if error.line < warned.line or not _BROKE_OFF.search(error.text):
        return error
    return msgspec.structs.replace(error, message=f"{error.message} (warned before: {warned.message})")


def _grade(chain: Chain, episode: Episode) -> int:
    if chain.root is None:
        return _WRAPPING
    if _of_one_request(chain, chain.root, episode) or _outlived(chain, episode):
        return _HARMLESS
    if chain.thread or chain.root.type in BEFORE_THE_SERVER:
        return _LESSER
    if chain.level in _QUIET or chain.root.consequence:
        return _DOUBTFUL
    before_the_end = episode.died_line is not None and chain.line < min(episode.active_line, episode.died_line)
    return _DOUBTFUL if before_the_end else _CAUSE


def _of_one_request(chain: Chain, root: LoggedError, episode: Episode) -> bool:
    elsewhere = chain.thread or episode.ready_line is not None
    return chain.request and (elsewhere or not _OF_THE_CONTAINER.search(root.text))


def _outlived(chain: Chain, episode: Episode) -> bool:
    """Whether the server went on after it, or the process that logged it did."""
    if episode.ready_line is None:
        return chain.level in _LOGGED and episode.steps.after(chain.process, chain.errors[-1].line)
    if chain.line < episode.ready_line or _of_stopping(chain, episode):
        return True
    return episode.died_line is None and height(chain.process) >= _REQUEST_HEIGHT


def _of_stopping(chain: Chain, episode: Episode) -> bool:
    """Whether it was said by a process that was ending because it had been asked to."""
    stopped, died = episode.stopped_line, episode.died_line
    return stopped is not None and chain.line > stopped and (died is None or stopped < died)


def met_by_requests(chains: Sequence[Chain]) -> LoggedError | None:
    """What a request met because of where the server runs, so that every other one will."""
    roots = (chain.root for chain in chains if chain.request and not chain.thread)
    return next((root for root in roots if root is not None and _OF_THE_CONTAINER.search(root.text)), None)


def failed_first(chains: Sequence[Chain], likely: Sequence[Chain]) -> str:
    """The process of the cause, where several of its height failed; empty where there was only one."""
    if not likely or likely[0].root is None:
        return ""
    process = likely[0].process
    peers = {chain.process for chain in chains if height(chain.process) == height(process)}
    return process if len(peers) > 1 else ""
