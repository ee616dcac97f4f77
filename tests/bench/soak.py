"""About 5,000 pods with 500 vLLM replicas, all scraped, while pods keep changing: how much memory vops has over time.

`soak=SECONDS` says for how long; without, ten minutes. What grows by design is bounded: an hour of the past, in at most
so many bytes, is remembered.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.churn import Churn
from tests.bench.fleet import UNLIMITED, memory_mib
from tests.bench.measure import say, slope, tell
from tests.bench.platform import CHANGES_PER_S, COMPLETE, CROWD, MEMORY_TARGET_MIB, SETTLING_S
from tests.cluster.command import VOPS, Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kwok import Kwok
from tests.cluster.processes import Workspace
from tests.cluster.terminal import Terminal

DEFAULT_S = 600.0
EVERY_S = 5.0
SHOWN = 10


def main(argument: str = "") -> None:
    seconds = float(argument or DEFAULT_S)
    plane = ControlPlane(Workspace.entered())
    kwok = Kwok(plane)
    try:
        plane.start()
        kwok.start()
        CROWD.gather(plane, kwok)
        tell("pods, of which vLLM replicas; seconds", f"{CROWD.pods}, {CROWD.replicas}; {seconds:.0f}")
        with tempfile.TemporaryDirectory() as home:
            _tell(_soak(plane, Path(home), seconds))
    finally:
        kwok.stop()
        plane.stop()


def _soak(plane: ControlPlane, home: Path, seconds: float) -> Sequence[tuple[float, float]]:
    """The seconds since the start and the MiB then."""
    environment = {**Vops(home, plane.admin).environment(), **UNLIMITED}
    pods = plane.kubectl("get", "pods", "-n", "web", "-o", "name").replace("pod/", "").split()
    with Terminal([str(VOPS), "--kubeconfig", str(plane.admin), "-A"], environment) as terminal:
        terminal.wait_until("all replicas", lambda text: COMPLETE in text, within_s=60)
        time.sleep(SETTLING_S)
        seen: list[tuple[float, float]] = []
        began = time.monotonic()
        with Churn(plane, "web", pods, CHANGES_PER_S):
            while (now := time.monotonic() - began) < seconds:
                seen.append((now, memory_mib(terminal.process.pid)[0]))
                time.sleep(EVERY_S)
        return seen


def _tell(seen: Sequence[tuple[float, float]]) -> None:
    for at, mib in seen[:: max(1, len(seen) // SHOWN)]:
        say(f"    {at:6.0f} s  {mib:.0f} MiB")
    first, middle, last = seen[0][1], seen[len(seen) // 2][1], seen[-1][1]
    most = max(mib for _, mib in seen)
    tell("vops: resident memory at the start, the middle, the end", f"{first:.0f}, {middle:.0f}, {last:.0f} MiB")
    met = most < MEMORY_TARGET_MIB
    tell("  the most", f"{most:.0f} MiB", target=f"< {MEMORY_TARGET_MIB:.0f} MiB", met=met)
    tell("  slope of the first half, of the second half", " and ".join(_per_hour(half) for half in _halves(seen)))


def _halves(seen: Sequence[tuple[float, float]]) -> Sequence[Sequence[tuple[float, float]]]:
    return seen[: len(seen) // 2], seen[len(seen) // 2 :]


def _per_hour(seen: Sequence[tuple[float, float]]) -> str:
    return f"{slope(seen) * 3600:+.0f} MiB/h"
