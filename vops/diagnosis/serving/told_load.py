"""What a server's own log says of its load: the statistics that vLLM prints every few seconds, and its preemptions.

Knows the lines of the engines of vLLM 0.3 to 0.33. Of many lines the newest are kept, and nothing is concluded here.
"""

from __future__ import annotations

from collections import deque

import msgspec

from vops.diagnosis.logs.lines import Line
from vops.model.patterns import lazy_pattern

_STATISTICS = lazy_pattern(
    r".{0,40}Avg prompt throughput: ([\d.]{1,12}) tokens/s.{0,8}Avg generation throughput: ([\d.]{1,12}) tokens/s"
    r".{0,8}Running: (\d{1,9}) reqs?(?:.{0,60}?(?:Waiting|Pending): (\d{1,9}) reqs?)?"
    r"(?:.{0,80}?Preemptions: (?P<preempted>\d{1,9}))?(?:.{0,80}?KV cache usage: (?P<full>[\d.]{1,8})%)?"
)
_PREEMPTED = lazy_pattern(
    r".{0,40}Sequence group \S{1,200} is preempted by .{0,400}total_num_cumulative_preemption=(\d{1,9})"
)
_MOST = 30


class Told(msgspec.Struct, frozen=True):
    """One line of statistics; `full` is the share of the KV cache in use, 0..1, None where it is not told."""

    line: int
    tokens_per_s: float
    running: int
    waiting: int
    full: float | None = None

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
            self._told.append(_told(line.number, match.groups()))
            if more := int(match["preempted"] or 0):
                self._preempted, self._preempted_line = self._preempted + more, line.number
        elif "is preempted by" in line.text and (match := _PREEMPTED.match(line.text)):
            self._preempted, self._preempted_line = max(self._preempted, int(match[1])), line.number

    @property
    def load(self) -> ToldLoad:
        return ToldLoad(tuple(self._told), self._preempted, self._preempted_line)


def _told(line: int, groups: tuple[str | None, ...]) -> Told:
    prompt, generation, running, waiting, _, full = groups
    share = _number(full) / 100 if full else None
    return Told(line, _number(prompt) + _number(generation), int(running or 0), int(waiting or 0), share)


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
