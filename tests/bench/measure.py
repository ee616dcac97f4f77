"""Times, ratios and how they are printed."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing, in seconds."""

    seconds: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def quantile(self, share: float) -> float:
        """The smallest measurement that is not below `share` (0..1) of all."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def __str__(self) -> str:
        return f"{_shown(self.median)} ({_shown(min(self.seconds))}–{_shown(max(self.seconds))}, n={len(self.seconds)})"


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
    for _ in range(times):
        for run, taken in zip(runs, seconds, strict=True):
            started = time.perf_counter()
            run()
            taken.append(time.perf_counter() - started)
    return tuple(map(Spread, seconds))


def process(
    *command: str | Path, environment: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)
) -> Callable[[], str]:
    """Something to time: the whole life of a process. Raises RuntimeError when it ends with another code."""

    def run() -> str:
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            check=False,
            env=dict(environment if environment is not None else os.environ),
        )
        if done.returncode not in codes:
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    return run
