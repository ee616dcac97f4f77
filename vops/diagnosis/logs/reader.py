"""Reads a vLLM log: the phases of a start, its numbers, and the root error under the wrapper errors.

Knows the lines of vLLM 0.6 to 0.33, and which other component wrote a log that is not vLLM's. It decides nothing: rules
compare a reading with the objects around it. Reading takes time linear in the size of the log, whatever is in it, and
of a very long one only the two ends are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import field

from vops.diagnosis.logs.components import Component, component_of, failure_of
from vops.diagnosis.logs.fragments import quoted
from vops.diagnosis.logs.lines import Line, line_count, log_lines
from vops.diagnosis.logs.notices import Notices
from vops.diagnosis.logs.other_engines import OtherEngines
from vops.diagnosis.logs.roots import Episode, Steps, failed_first, foretold, met_by_requests, ranked
from vops.diagnosis.logs.sentences import located
from vops.diagnosis.logs.shutdowns import Endings
from vops.diagnosis.logs.stages import MARKS, PhaseReading, Refused, Stage
from vops.diagnosis.logs.standstills import Standstill
from vops.diagnosis.logs.tracebacks import Chain, Collector, LoggedError
from vops.diagnosis.serving.told_load import LoadReader, ToldLoad
from vops.model.patterns import lazy_pattern


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


_INSERTED = {Stage.COMPILE: Stage.PROFILE, Stage.DOWNLOAD: Stage.WEIGHTS}
"""Phases that show only after the one behind them was taken to have begun."""

_PROGRESS = lazy_pattern(r"[^%]{0,240}?(\d{1,3})%(?: Completed)? ?\|", re.ASCII)
_VERSION = lazy_pattern(
    r"(?:vLLM API server |.{0,120}█ +)version (\d\S{0,40})|Initializing an? .{0,40}\(v(\d[^)\s]{0,40})\)"
)
_LOGO_MODEL = lazy_pattern(r".{0,120}█ +model +(\S{1,400})$")
_CONFIG_MODEL = lazy_pattern(r"Initializing an? .{0,80}with config: model='([^']{1,400})'")
_ARGUMENT = lazy_pattern(r"'?(\w{1,60})'?[:=] ?('[^']{0,400}'|\[[^\]]{0,400}\]|[\w.+-]{1,60})", re.ASCII)
_LISTENING = lazy_pattern(r".{0,80}https?://([^\s/]{0,120}):(\d{1,5})", re.ASCII)
_DOWNLOADED = lazy_pattern(r"Time spent downloading weights for .{0,400}: ([\d.]{1,20}) seconds", re.ASCII)
_WEIGHTS = lazy_pattern(r"(?:Model loading|Loading model weights) took ([\d.]{1,20}) ?(?:GiB|GB)", re.ASCII)
_AVAILABLE = lazy_pattern(r"Available KV cache memory: (-?[\d.]{1,20}) ?GiB", re.ASCII)
_KV_TOKENS = lazy_pattern(r"[GCX]PU KV cache size: ([\d,]{1,20}) tokens", re.ASCII)
_KV_BLOCKS = lazy_pattern(r"# \w+ blocks: (\d{1,12}), # CPU blocks", re.ASCII)
_ACCESS = lazy_pattern(r'INFO: +\S{1,80} - "GET (\S{1,200}) HTTP/[\d.]{1,4}" ([45]\d\d)', re.ASCII)
_SAYS_NOTHING = lazy_pattern(
    r"(?:.{0,120}: )?(?:line \d+: +\d+ )?Aborted\b.{0,40}$|\d{1,3} validation errors? for \w{1,60}$", re.ASCII
)
"""A shell's word for a child that gave up: why stands above it."""

_BY_THE_BOOK = (Component.VLLM, Component.RAY, Component.DOWNLOAD, Component.STORAGE_INITIALIZER)
"""What goes by vLLM's rules, and has none of its own."""

_V0_BLOCK_TOKENS = 16
_MOST_REFUSED = 32


def read_log(text: str) -> LogReading:
    """What a scrubbed log says; never raises, whatever the text is."""
    component, count = component_of(text), line_count(text)
    reader, collector, notices, still, others = _Reader(), Collector(), Notices(component), Standstill(), OtherEngines()
    for line in log_lines(text):
        collector.read(line)
        if line.text:
            reader.read(line)
            notices.read(line)
            still.read(line)
            others.read(line)
    found = [*collector.finish(), *notices.fatal(started=reader.started), *failure_of(component, notices.errors, count)]
    if not (reader.started or reader.ready) and (given_up := others.failures()):
        found = [*found, *given_up] if any(item.root and item.root.frames for item in found) else given_up
    if others.ready_line is not None:
        reader.serves(others.ready_line)
    failing = reader.failing or collector.unfinished
    if not any(chain.root and not _SAYS_NOTHING.match(chain.root.message) for chain in found):
        loose = notices.loose(count, started=reader.started and not failing)
        cut = collector.cut()
        more = [
            *_titled(text, cut),
            *cut,
            *(loose if component is not Component.ROUTER else ()),
        ]  # a router's are of others
        more = failure_of(component, [chain.root for chain in more if chain.root is not None], count) or more
        found = [*(chain for chain in found if not (more and chain.root)), *more]
    if still.told is not None and not reader.ready and not any(chain.root for chain in found):
        found.append(Chain((still.told,), (False,)))
    reading = reader.reading(count, component, foretold(found, notices.said), notices.said)
    failing = not reading.ready and (failing or reading.root is not None or reading.wrapper is not None)
    alone = not (reader.started or reading.ready or failing or reading.engine_died or reading.terminated)
    fragment = notices.fragment() if alone and component in _BY_THE_BOOK else ()
    reading = msgspec.structs.replace(
        reading,
        last_words=(*notices.last_words(count), *fragment),
        failing=failing,
        fragment=fragment,
        joining_line=still.last_line,
        of_requests=met_by_requests(found),
    )
    return _with_places(reading) if component in _BY_THE_BOOK else reading


def _titled(text: str, cut: Sequence[Chain]) -> list[Chain]:
    """The exception that the title of a post names, where the traceback below it was cut before its own."""
    title = text.partition("\n")[0]
    if not title.startswith("# ") or not cut or (innermost := cut[0].root) is None:
        return []
    named = quoted(title, Line(1, title))[:1]
    return [Chain((msgspec.structs.replace(item, frames=innermost.frames),), (False,)) for item in named]


def _with_places(reading: LogReading) -> LogReading:
    """The same, with the place in vLLM's code where sentences are raised whose calls were not copied."""
    return msgspec.structs.replace(
        reading,
        root=located(reading.root) if reading.root is not None else None,
        chain=tuple(map(located, reading.chain)),
        others=tuple(tuple(map(located, chain)) for chain in reading.others),
        last_words=tuple(map(located, reading.last_words)),
    )


class _Reader:
    """Collects what the lines say, one after the other."""

    def __init__(self) -> None:
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._phases: list[PhaseReading] = []
        self._refused: dict[tuple[str, str], tuple[int, int]] = {}
        self._values: dict[str, Any] = {}
        self._endings = Endings()
        self._steps = Steps()
        self._load = LoadReader()

    def read(self, line: Line) -> None:
        if line.at is not None:
            self._first = self._first or line.at
            self._last = line.at
        if match := MARKS.match(line.text):
            self._mark(Stage[match.lastgroup or "BOOT"], line)
            self._steps.take(line.process, line.number)
        elif line.text.startswith("INFO: "):
            self._access(line)
        elif not self._phases:
            self._phases.append(PhaseReading(Stage.BOOT, line.number))
        self._numbers(line)
        self._endings.read(line)
        self._load.read(line)

    @property
    def started(self) -> bool:
        """Whether vLLM itself has said anything that it says on its way."""
        return "version" in self._values or any(phase.stage is not Stage.BOOT for phase in self._phases)

    @property
    def ready(self) -> bool:
        """Whether it said that it serves."""
        return "ready_line" in self._values

    def serves(self, line: int) -> None:
        """Another engine than vLLM said that it serves."""
        self._values.setdefault("ready_line", line)

    @property
    def failing(self) -> bool:
        """Whether it said that its start failed."""
        return self._endings.failed_to_start

    def reading(
        self, lines: int, component: Component, found: list[Chain], notices: tuple[LoggedError, ...]
    ) -> LogReading:
        ended = self._endings
        if ended.after_start:
            self._values.setdefault("ready_line", 1)
        ready = self._values.get("ready_line")
        ended.finish(ready=ready is not None)
        episode = Episode(ready, ended.engine_died_line, ended.active_line, ended.stopped_line, self._steps)
        likely = ranked(found, episode)
        root = likely[0].root if likely else None
        stage = self._phases[-1].stage if self._phases else Stage.BOOT
        refused = tuple(
            Refused(path, int(status), times, line) for (path, status), (times, line) in self._refused.items()
        )
        return msgspec.structs.replace(
            LogReading(),
            phases=tuple(self._phases),
            stage=stage,
            elapsed_s=self._clock(),
            refused=refused,
            lines=lines,
            component=component,
            root=root,
            wrapper=next((error for chain in found for error in chain.errors if error.wrapper), None),
            chain=likely[0].errors if likely else (),
            others=tuple(chain.errors for chain in likely[1:]),
            notices=notices,
            failed_first=failed_first(found, likely),
            stopped_line=ended.stopped_line,
            engine_died_line=ended.engine_died_line,
            child_exit_code=ended.child_exit_code,
            load=self._load.load,
            **self._values,
        )

    # --- phases ---

    def _clock(self) -> float:
        """Seconds since the first stamped line."""
        if self._first is None or self._last is None:
            return 0.0
        passed = self._last - self._first
        return (passed if passed >= timedelta(0) else passed + timedelta(days=366)).total_seconds()

    def _mark(self, stage: Stage, line: Line) -> None:
        current = self._phases[-1].stage if self._phases else None
        if current is not None and _INSERTED.get(stage) is current and self._unseen(stage):
            self._phases[-1] = msgspec.structs.replace(self._phases[-1], stage=stage)
            self._downloaded(line)
        elif current is None or stage.rank > current.rank:
            self._enter(stage, line)
        if stage is Stage.SERVING:
            self._values.setdefault("ready_line", line.number)
            self._values.setdefault("ready_after_s", self._clock() if self._values.get("whole") else None)
        if "%" in line.text and (match := _PROGRESS.match(line.text)) and self._phases[-1].stage is stage:
            progress = min(int(match[1]), 100) / 100
            self._phases[-1] = msgspec.structs.replace(self._phases[-1], progress=progress)

    def _unseen(self, stage: Stage) -> bool:
        return all(phase.stage is not stage for phase in self._phases)

    def _enter(self, stage: Stage, line: Line) -> None:
        now = self._clock()
        if self._phases:
            before = self._phases[-1]
            duration = before.duration_s if before.duration_s is not None else now - before.start_s
            self._phases[-1] = msgspec.structs.replace(before, duration_s=duration if self._first else None)
        self._phases.append(PhaseReading(stage, line.number, now))

    def _downloaded(self, line: Line) -> None:
        """A download is told of when it is over: it ends here, and loading begins."""
        match = _DOWNLOADED.match(line.text)
        if match is None:
            return
        phase = self._phases[-1]
        took_s = _number(match[1]) or 0.0
        self._phases[-1] = msgspec.structs.replace(phase, duration_s=min(took_s, self._clock() - phase.start_s))
        self._enter(Stage.WEIGHTS, line)

    # --- single lines ---

    def _access(self, line: Line) -> None:
        match = _ACCESS.match(line.text)
        if match is None:
            return
        key = (match[1], match[2])
        times, first = self._refused.get(key, (0, line.number))
        if times or len(self._refused) < _MOST_REFUSED:
            self._refused[key] = (times + 1, first)

    def _numbers(self, line: Line) -> None:
        text = line.text
        if "version" in text or "Initializing" in text:
            self._identity(text, line.number)
        elif "█" in text and (match := _LOGO_MODEL.match(text)):
            self._values.setdefault("model", match[1])
        elif text.startswith(("non-default args: ", "args: Namespace(")):
            self._arguments(text)
        elif text.startswith(("Starting vLLM", "INFO:     Uvicorn running on")) and (match := _LISTENING.match(text)):
            self._values.update(listening_host=match[1], listening_port=int(match[2]))
        elif match := _WEIGHTS.match(text):
            self._values.setdefault("weights_gib", _number(match[1]))
        elif match := _AVAILABLE.match(text):
            self._values.setdefault("kv_available_gib", _number(match[1]))
        elif match := _KV_TOKENS.match(text):
            self._values.setdefault("kv_tokens", int(match[1].replace(",", "") or 0))
        elif match := _KV_BLOCKS.match(text):
            self._values.setdefault("kv_tokens", int(match[1]) * _V0_BLOCK_TOKENS)

    def _identity(self, text: str, number: int) -> None:
        if match := _VERSION.match(text):
            self._values.setdefault("version", match[1] or match[2])
            if not text.startswith("Initializing"):
                self._values["whole"] = True
                self._steps.begin(number)
        if match := _CONFIG_MODEL.match(text):
            self._values.setdefault("model", match[1])

    def _arguments(self, text: str) -> None:
        if "arguments" in self._values:
            return
        given = {name: value.strip("'") for name, value in _ARGUMENT.findall(text.partition(" ")[2])}
        self._values["arguments"] = given
        if model := given.get("model") or given.get("model_tag"):
            self._values["model"] = model


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
