"""What one container's log says, read: phases, numbers, and the exceptions that may have ended it."""

from __future__ import annotations

import re

import msgspec
from msgspec import field

from vops.diagnosis.logs.components import Component
from vops.diagnosis.logs.stages import PhaseReading, Refused, Stage
from vops.diagnosis.logs.tracebacks import LoggedError
from vops.diagnosis.serving.told_load import ToldLoad


class LogReading(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one container's log says. Absent numbers are None.

    `component` is what wrote the log. `root` is the innermost exception worth showing, `chain` every exception of its
    traceback, innermost first; `others` holds the exceptions of other tracebacks that may have ended the process, the
    likelier first, and `notices` what was said outside of any exception. `failed_first` names the process that failed
    first where there were several; `last_words` is what was complained of at the end, the last first.
    `failing` tells that a start failed, even if the log was cut before it says of what.
    `fragment` is what a few lines without any mark of a logger say, where nothing else tells what they are: they are
    the words of a failure if a rule knows them, and anybody's otherwise.
    `of_requests` is what a request met because of where the server runs, so that every other one will.
    `joining_line` is the last line, where that is one of processes that wait for each other to form a group.
    `elapsed_s` is the time between the first and the last stamped line; `whole` tells that the log begins where the
    process did, so that times count from its start. `load` is what it told of its requests.
    """

    lines: int = 0
    component: Component = Component.VLLM
    version: str = ""
    model: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    phases: tuple[PhaseReading, ...] = ()
    stage: Stage = Stage.BOOT
    whole: bool = False
    elapsed_s: float = 0.0
    ready_line: int | None = None
    ready_after_s: float | None = None
    listening_port: int | None = None
    listening_host: str = ""
    weights_gib: float | None = None
    kv_available_gib: float | None = None
    kv_tokens: int | None = None
    refused: tuple[Refused, ...] = ()
    load: ToldLoad = ToldLoad()
    stopped_line: int | None = None
    engine_died_line: int | None = None
    child_exit_code: int | None = None
    root: LoggedError | None = None
    wrapper: LoggedError | None = None
    chain: tuple[LoggedError, ...] = ()
    others: tuple[tuple[LoggedError, ...], ...] = ()
    notices: tuple[LoggedError, ...] = ()
    failed_first: str = ""
    last_words: tuple[LoggedError, ...] = ()
    failing: bool = False
    fragment: tuple[LoggedError, ...] = ()
    joining_line: int | None = None
    of_requests: LoggedError | None = None

    @property
    def ready(self) -> bool:
        """The server said that it serves."""
        return self.ready_line is not None

    @property
    def progress(self) -> float | None:
        """How far the present phase has got, 0..1, where the log tells."""
        return self.phases[-1].progress if self.phases else None

    @property
    def terminated(self) -> bool:
        """Whether it ends because something outside asked it to stop."""
        interrupted = self.root is not None and self.root.short_type == "KeyboardInterrupt"
        return interrupted or (self.stopped_line is not None and not self.engine_died)

    @property
    def engine_died(self) -> bool:
        """Whether the engine's process ended under a server that nobody had asked to stop."""
        died, stopped = self.engine_died_line, self.stopped_line
        return died is not None and (stopped is None or died < stopped)

    @property
    def candidates(self) -> tuple[LoggedError, ...]:
        """Every exception that may be the cause, the likeliest first.

        The root and what came of it, then what it came from (it says less, or it would be the root), then all others.
        """
        at = next((number for number, error in enumerate(self.chain) if error == self.root), 0)
        return (*self.chain[at:], *self.chain[:at], *(error for chain in self.others for error in chain))

    def of_the_dead(self) -> LogReading:
        """The same log, of a process that is known to have failed: its last words are the cause where no error is."""
        silent = self.root is None and not self.terminated and not self.engine_died
        if not silent or not self.last_words:
            return self
        first, *others = self.last_words
        return msgspec.structs.replace(self, root=first, chain=(first,), others=tuple((item,) for item in others))

    def error(self, pattern: re.Pattern[str]) -> tuple[LoggedError, re.Match[str]] | None:
        """The likeliest exception that `pattern` is found in, and the match."""
        for item in self.candidates:
            match = pattern.search(item.text)
            if match is not None:
                return item, match
        return None

    def notice(self, pattern: re.Pattern[str]) -> tuple[LoggedError, re.Match[str]] | None:
        """The first line outside of any exception that `pattern` is found in, and the match."""
        for item in self.notices:
            match = pattern.search(item.text)
            if match is not None:
                return item, match
        return None
