"""How far a vLLM server came, by its log: the phases of a start with their durations, and the numbers that it tells."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import msgspec

from vops.diagnosis.logs.components import Component
from vops.diagnosis.logs.lines import Line
from vops.diagnosis.logs.reading import LogReading
from vops.diagnosis.logs.roots import Episode, Steps, failed_first, ranked
from vops.diagnosis.logs.shutdowns import Endings
from vops.diagnosis.logs.stages import MARKS, PhaseReading, Refused, Stage
from vops.diagnosis.logs.tracebacks import Chain, LoggedError
from vops.diagnosis.serving.told_load import LoadReader
from vops.model.patterns import lazy_pattern

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

_V0_BLOCK_TOKENS = 16
_MOST_REFUSED = 32


class Progress:
    """Collects how far a server came and what it measured, from one line after the other."""

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
