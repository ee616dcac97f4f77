"""About 5,000 pods with 500 vLLM replicas on a real API server, beside k9s: first rows, CPU, keys, memory.

Both programs show all namespaces on a terminal of the same size: k9s its pods, vops its fleet. vops is also measured
while it scrapes every replica every two seconds, which k9s has nothing like, and once more with a watch on its loop.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.churn import Churn
from tests.bench.crowd import NAMESPACE, Crowd
from tests.bench.fleet import UNLIMITED, memory_mib, sgr, tell_keys
from tests.bench.keys import press_and_measure
from tests.bench.measure import tell
from tests.bench.watched import worst_of
from tests.cluster.command import VOPS, Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kwok import Kwok
from tests.cluster.processes import Workspace
from tests.cluster.terminal import Terminal
from vops.tui.theme import NIGHT

CROWD = Crowd(models=25, replicas_each=20, services=45, pods_each=100)
CHANGES_PER_S = 50.0
SETTLING_S, WATCHED_S = 15.0, 30.0
PRESSES = 168
FIRST_TARGET_S, COMPLETE_TARGET_S, KEY_TARGET_S, MEMORY_TARGET_MIB = 0.5, 2.0, 0.050, 250.0
HANDLER_TARGET_S = 0.050
COMPLETE = f"Replicas {CROWD.replicas}  "
"""What the table says when it has them all; while more are to come, `so far` follows the number."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stay:
    """What a program on a terminal did: when it showed something, and what it took of the machine."""

    first_s: float
    complete_s: float
    rest_cpu: float
    churn_cpu: float
    memory_mib: float


def main() -> None:
    plane = ControlPlane(Workspace.entered())
    kwok = Kwok(plane)
    try:
        plane.start()
        kwok.start()
        CROWD.gather(plane, kwok)
        tell("pods, of which vLLM replicas", f"{CROWD.pods}, {CROWD.replicas}")
        with tempfile.TemporaryDirectory() as home:
            _compare(plane, Path(home))
    finally:
        kwok.stop()
        plane.stop()


def _compare(plane: ControlPlane, home: Path) -> None:
    environment = Vops(home, plane.admin).environment()
    pods = plane.kubectl("get", "pods", "-n", "web", "-o", "name").replace("pod/", "").split()
    ours = [str(VOPS), "--kubeconfig", str(plane.admin), "-A"]
    vops = _stay(plane, pods, ours, environment, "model-", COMPLETE)
    theirs = ["k9s", "--kubeconfig", str(plane.admin), "--all-namespaces", "--command", "pods", "--readonly"]
    peer = _stay(plane, pods, theirs, environment, NAMESPACE, f"[{CROWD.pods:,}]")
    _tell(vops, peer)
    _keys(ours, {**environment, **UNLIMITED})
    _watch(plane, pods, environment)


def _stay(
    plane: ControlPlane,
    pods: Sequence[str],
    command: Sequence[str],
    environment: Mapping[str, str],
    first: str,
    complete: str,
) -> Stay:
    with Terminal(command, environment) as terminal:
        first_s = terminal.wait_until("its first rows", lambda text: first in text, within_s=60)
        complete_s = terminal.wait_until("all rows", lambda text: complete in text, within_s=60)
        time.sleep(SETTLING_S)
        pid = terminal.process.pid
        rest = _share_of_a_core(pid)
        with Churn(plane, "web", pods, CHANGES_PER_S):
            time.sleep(2)
            churn = _share_of_a_core(pid)
        return Stay(first_s, complete_s, rest, churn, memory_mib(pid)[0])


def _keys(command: Sequence[str], environment: Mapping[str, str]) -> None:
    with Terminal(command, environment) as terminal:
        terminal.wait_until("all replicas", lambda text: COMPLETE in text, within_s=60)
        time.sleep(SETTLING_S)
        keys = press_and_measure(terminal, sgr(NIGHT.variables["cursor"]), presses=PRESSES)
        memory, peak = memory_mib(terminal.process.pid)
    tell_keys("vops, scraping all every 2 s: key press to paint", keys, met=keys.quantile(0.95) <= KEY_TARGET_S)
    tell("vops, scraping all every 2 s: resident memory, peak", f"{memory:.0f} MiB, {peak:.0f} MiB")


def _watch(plane: ControlPlane, pods: Sequence[str], environment: Mapping[str, str]) -> None:
    """From its start, through keys and churn: the handler of the loop that took longest."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "worst.jsonl"
        command = [sys.executable, "-m", "tests.bench.watched", str(file), "--kubeconfig", str(plane.admin), "-A"]
        with Terminal(command, environment) as terminal:
            terminal.wait_until("all replicas", lambda text: COMPLETE in text, within_s=60)
            time.sleep(SETTLING_S)
            starting = worst_of(file)
            file.unlink(missing_ok=True)
            with Churn(plane, "web", pods, CHANGES_PER_S):
                press_and_measure(terminal, sgr(NIGHT.variables["cursor"]), presses=PRESSES)
        for when, found in (("while it starts", starting), ("after that, at churn and under keys", worst_of(file))):
            slowest = max((item.s for item in found), default=0.0)
            shown = found[0] if found else "none above 20 ms"
            tell(f"vops: the worst handler {when}", shown, target="≤ 50 ms", met=slowest <= HANDLER_TARGET_S)


def _tell(vops: Stay, k9s: Stay) -> None:
    first, complete = vops.first_s <= FIRST_TARGET_S, vops.complete_s <= COMPLETE_TARGET_S
    tell("vops: first rows, from process start", f"{vops.first_s:.2f} s", target="≤ 0.5 s", met=first)
    tell("vops: all rows", f"{vops.complete_s:.2f} s", target="≤ 2 s", met=complete)
    tell("k9s: first rows, all rows", f"{k9s.first_s:.2f} s, {k9s.complete_s:.2f} s")
    for when, ours, theirs in (
        ("at rest", vops.rest_cpu, k9s.rest_cpu),
        (f"at {CHANGES_PER_S:.0f} pod changes/s", vops.churn_cpu, k9s.churn_cpu),
    ):
        shares = f"{ours:.1%} and {theirs:.1%}, ratio {ours / theirs:.2f}"
        tell(f"of a core {when}: vops and k9s", shares, target="< 1", met=ours < theirs)
    met = vops.memory_mib < MEMORY_TARGET_MIB
    tell("vops: resident memory after that", f"{vops.memory_mib:.0f} MiB", target="< 250 MiB", met=met)
    tell("k9s: resident memory after that", f"{k9s.memory_mib:.0f} MiB")


def _share_of_a_core(pid: int) -> float:
    """What a process took of one core over the next WATCHED_S."""
    before, began = _cpu_s(pid), time.monotonic()
    time.sleep(WATCHED_S)
    return (_cpu_s(pid) - before) / (time.monotonic() - began)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
