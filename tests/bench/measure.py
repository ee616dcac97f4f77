"""Times, ratios and how they are printed."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing, in seconds; `cpu_seconds` is what each took of the processors, where known."""

    seconds: Sequence[float]
    cpu_seconds: Sequence[float] = ()

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def quantile(self, share: float) -> float:
        """The smallest measurement that is not below `share` (0..1) of all."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def __str__(self) -> str:
        spread = f"{_shown(min(self.seconds))}–{_shown(max(self.seconds))}, n={len(self.seconds)}"
        cpu = f"; CPU at least {_shown(min(self.cpu_seconds))}" if self.cpu_seconds else ""
        return f"{_shown(self.median)} ({spread}{cpu})"


def _shown(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def say(text: str = "") -> None:
    """One line of the report, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(what: str, measured: object, *, target: str = "", met: bool | None = None) -> None:
    """One measured thing, and where there is a target whether it was met."""
    verdict = "" if met is None else f"  [target {target}: {'met' if met else 'MISSED'}]"
    say(f"  {what:<58} {measured}{verdict}")


def side_by_side(*runs: Callable[[], object], times: int) -> tuple[Spread, ...]:
    """Each of `runs` timed `times` times, in turns, so that the machine's moods meet all of them."""
    seconds: list[list[float]] = [[] for _ in runs]
    cpu_seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(times):
        for run, taken, spent in zip(runs, seconds, cpu_seconds, strict=True):
            started, before = time.perf_counter(), _cpu_s()
            run()
            taken.append(time.perf_counter() - started)
            spent.append(_cpu_s() - before)
    return tuple(map(Spread, seconds, cpu_seconds))


def ratios(ours: Spread, theirs: Spread) -> str:
    """How much more time ours takes, by the clock (medians) and by the CPU (minima, which others disturb least)."""
    cpu = min(ours.cpu_seconds) / min(theirs.cpu_seconds)
    return f"{ours.median / theirs.median:.2f} (CPU {cpu:.2f})"


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much the second number grows with the first: least squares."""
    times, values = zip(*points, strict=True)
    return statistics.linear_regression(times, values).slope if len(points) > 1 else 0.0


def _cpu_s() -> float:
    """The CPU time of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def process(
    *command: str | Path, environment: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)
) -> Callable[[], str]:
    """Something to time: the whole life of a process. Raises RuntimeError when it ends with another code.

    Python may keep its byte code, as it does where a program is installed.
    """
    given = dict(environment if environment is not None else os.environ)
    given.pop("PYTHONDONTWRITEBYTECODE", None)

    def run() -> str:
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            check=False,
            env=given,
        )
        if done.returncode not in codes:
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    return run
