"""What a server's own log says of its load: the statistics that vLLM prints every few seconds, and its preemptions.

Knows the lines of the engines of vLLM 0.3 to 0.33, and those of SGLang. Of many lines the newest are kept, and
nothing is concluded here.
"""

from __future__ import annotations

import re
from collections import deque

import msgspec

from vops.diagnosis.logs.lines import Line
from vops.model.patterns import lazy_pattern

_STATISTICS = lazy_pattern(
    r"(?:.{0,20}\bEngine (?P<engine>\d{3}): )?.{0,40}Avg prompt throughput: (?P<prompt>[\d.]{1,12}) tokens/s"
    r".{0,8}Avg generation throughput: (?P<made>[\d.]{1,12}) tokens/s"
    r".{0,8}Running: (?P<running>\d{1,9}) reqs?(?:.{0,60}?(?:Waiting|Pending): (?P<waiting>\d{1,9}) reqs?)?"
    r"(?:.{0,80}?Preemptions: (?P<preempted>\d{1,9}))?(?:.{0,80}?KV cache usage: (?P<full>[\d.]{1,8})%)?"
    r"(?:.{0,20}?Prefix cache hit rate: (?P<hits>[\d.]{1,8})%)?"
)
_PREEMPTED = lazy_pattern(
    r".{0,40}Sequence group \S{1,200} is preempted by .{0,400}total_num_cumulative_preemption=(\d{1,9})"
)
_SGLANG = lazy_pattern(
    r".{0,60}Decode batch.{0,20}#running-req: (?P<running>\d{1,9}), .{0,80}token usage: (?P<full>[\d.]{1,8}), "
    r".{0,120}gen throughput \(token/s\): (?P<made>[\d.]{1,12}), #queue-req: (?P<waiting>\d{1,9})"
)
_RETRACTED = lazy_pattern(r".{0,120}#retracted_reqs: (\d{1,9})")
_MOST = 30


class Told(msgspec.Struct, frozen=True):
    """One line of statistics, of one engine or of all.

    `full` is the share of the KV cache in use and `hits` that of prompts found in the prefix cache, 0..1, None where it
    is not told.
    """

    line: int
    tokens_per_s: float
    running: int
    waiting: int
    full: float | None = None
    hits: float | None = None
    engine: str = ""

    @property
    def stands_still(self) -> bool:
        """Whether it had requests and made nothing of them."""
        return not self.tokens_per_s and self.running + self.waiting > 0

    @property
    def words(self) -> str:
        """The line in short."""
        cache = f", KV cache {self.full:.0%} full" if self.full is not None else ""
        return f"{self.running} run, {self.waiting} wait, {self.tokens_per_s:g} tokens/s{cache}"


class ToldLoad(msgspec.Struct, frozen=True, omit_defaults=True):
    """The newest statistics, and how many requests were thrown out of the batch, as far as the log counts them."""

    told: tuple[Told, ...] = ()
    preempted: int = 0
    preempted_line: int = 0

    def by_engine(self) -> dict[str, Told]:
        """The newest line of each engine that names itself."""
        return {item.engine: item for item in self.told if item.engine}

    def last(self, number: int) -> tuple[Told, ...]:
        """The newest lines, if there are so many; none else."""
        return self.told[-number:] if len(self.told) >= number else ()


class LoadReader:
    """Collects what the lines say, one after the other."""

    def __init__(self) -> None:
        self._told: deque[Told] = deque(maxlen=_MOST)
        self._preempted, self._preempted_line = 0, 0

    def read(self, line: Line) -> None:
        if "Running: " in line.text and (match := _STATISTICS.match(line.text)):
            self._told.append(_told(line.number, match))
            if more := int(match["preempted"] or 0):
                self._preempted, self._preempted_line = self._preempted + more, line.number
        elif "#running-req: " in line.text and (match := _SGLANG.match(line.text)):
            running, waiting = int(match["running"]), int(match["waiting"])
            self._told.append(Told(line.number, _number(match["made"]), running, waiting, _number(match["full"])))
        elif "#retracted_reqs: " in line.text and (match := _RETRACTED.match(line.text)):
            self._preempted, self._preempted_line = self._preempted + int(match[1]), line.number
        elif "is preempted by" in line.text and (match := _PREEMPTED.match(line.text)):
            self._preempted, self._preempted_line = max(self._preempted, int(match[1])), line.number

    @property
    def load(self) -> ToldLoad:
        return ToldLoad(tuple(self._told), self._preempted, self._preempted_line)


def _told(line: int, match: re.Match[str]) -> Told:
    prompt, generation, running, waiting = (match[name] for name in ("prompt", "made", "running", "waiting"))
    full, hits = (_number(match[name]) / 100 if match[name] else None for name in ("full", "hits"))
    tokens = _number(prompt) + _number(generation)
    return Told(line, tokens, int(running or 0), int(waiting or 0), full, hits, match["engine"] or "")


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
