"""About 1,000 pods with 100 vLLM replicas on a real API server: time to a complete fleet, keys, memory.

Peers: `kubectl get pods -A` for the time, a Textual app with an idle table of 100 rows for keys and memory.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench.crowd import Crowd
from tests.bench.keys import LOST_S, press_and_measure
from tests.bench.measure import Spread, process, ratios, side_by_side, tell
from tests.cluster.command import VOPS, Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kwok import Kwok
from tests.cluster.processes import Workspace
from tests.cluster.terminal import Terminal
from vops.tui.theme import NIGHT

CROWD = Crowd()
TIMES = 7
PRESSES = 168
KEY_TARGET_S, COMPLETE_TARGET_S, MEMORY_TARGET_MIB = 0.050, 1.5, 150.0
UNLIMITED = {"VOPS_SCRAPE_BUDGET_PER_S": "0", "VOPS_SCRAPE_INTERVAL_S": "2"}
IDLE_TABLE = f"""
from textual.app import App, ComposeResult
from textual.widgets import DataTable

class Idle(App[None]):
    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns(*(f"column {{number}}" for number in range(12)))
        for row in range({CROWD.replicas}):
            table.add_row(*(f"cell {{row}}.{{number}}" for number in range(12)))

    def on_key(self, event) -> None:
        moves = {{"j": "action_cursor_down", "k": "action_cursor_up"}}
        if event.key in moves:
            getattr(self.query_one(DataTable), moves[event.key])()

Idle().run()
"""
IDLE_CURSOR = "48;2;1;120;212"


def main() -> None:
    plane = ControlPlane(Workspace.entered())
    kwok = Kwok(plane)
    try:
        plane.start()
        kwok.start()
        CROWD.gather(plane, kwok)
        tell("pods, of which vLLM replicas", f"{CROWD.pods}, {CROWD.replicas}")
        with tempfile.TemporaryDirectory() as home:
            environment = Vops(Path(home), plane.admin).environment()
            _time_to_complete(plane, environment)
            _keys_and_memory(plane, environment)
    finally:
        kwok.stop()
        plane.stop()


def _time_to_complete(plane: ControlPlane, environment: Mapping[str, str]) -> None:
    command = (VOPS, "--kubeconfig", plane.admin, "fleet", "-A", "-o", "json")
    ours = process(*command, environment={**environment, **UNLIMITED})
    budgeted = process(*command, environment=environment)
    kubectl = process("kubectl", "--kubeconfig", plane.admin, "get", "pods", "-A")
    fleet, slower, peer = side_by_side(ours, budgeted, kubectl, times=TIMES)
    met = fleet.median <= COMPLETE_TARGET_S
    tell("vops fleet, whole process, no scrape budget", fleet, target="≤ 1.5 s", met=met)
    tell("  replicas with numbers, with rates, with a TTFT", _answered(ours()))
    tell("vops fleet, whole process, default budget (25 scrapes/s)", slower)
    tell("  replicas with numbers, with rates, with a TTFT", _answered(budgeted()))
    tell("kubectl get pods -A", peer)
    tell("ratio of the first to that", ratios(fleet, peer))


def _answered(out: str) -> str:
    rows = json.loads(out)["replicas"]
    names = ("running", "tokens_per_s", "ttft_p95_s")
    return ", ".join(str(sum(row[name] is not None for row in rows)) for name in names)


def _keys_and_memory(plane: ControlPlane, environment: Mapping[str, str]) -> None:
    command = [str(VOPS), "--kubeconfig", str(plane.admin), "-A"]
    with Terminal(command, {**environment, **UNLIMITED}) as terminal:
        shown = terminal.wait_until("all replicas", lambda text: f"Replicas {CROWD.replicas}" in text)
        tell("TUI: all rows on the screen, from process start", f"{shown:.2f} s")
        time.sleep(6)
        scrapes, began = _proxied(plane), time.monotonic()
        keys = press_and_measure(terminal, sgr(NIGHT.variables["cursor"]), presses=PRESSES)
        per_s = (_proxied(plane) - scrapes) / (time.monotonic() - began)
        memory, peak = memory_mib(terminal.process.pid)
    with Terminal([sys.executable, "-c", IDLE_TABLE], dict(os.environ)) as terminal:
        terminal.wait_until("the idle table", lambda text: "cell 5.1" in text)
        time.sleep(1)
        idle = press_and_measure(terminal, IDLE_CURSOR, presses=PRESSES // 2)
        idle_memory, _ = memory_mib(terminal.process.pid)
    tell("scrapes per second through the API server meanwhile", f"{per_s:.0f}")
    tell_keys("TUI: key press to paint", keys, met=keys.quantile(0.95) <= KEY_TARGET_S)
    tell_keys("an idle Textual table: key press to paint", idle)
    tell("ratio of the p95s", f"{keys.quantile(0.95) / idle.quantile(0.95):.2f}")
    tell("TUI: resident memory", f"{memory:.0f} MiB", target="< 150 MiB", met=memory < MEMORY_TARGET_MIB)
    tell("  peak", f"{peak:.0f} MiB")
    tell("an idle Textual table: resident memory", f"{idle_memory:.0f} MiB")


def tell_keys(what: str, keys: Spread, met: bool | None = None) -> None:
    lost = sum(seconds == LOST_S for seconds in keys.seconds)
    shares = ", ".join(f"p{share * 100:.0f} {keys.quantile(share) * 1000:.1f} ms" for share in (0.5, 0.95, 0.99))
    tell(
        what, f"{shares}, n={len(keys.seconds)}, lost {lost}", target="p95 < 50 ms" if met is not None else "", met=met
    )


def sgr(colour: str) -> str:
    """`#1d3147` as the arguments of a background colour."""
    return "48;2;" + ";".join(str(int(colour[place : place + 2], 16)) for place in (1, 3, 5))


def _proxied(plane: ControlPlane) -> float:
    """How many requests the API server has passed on to pods."""
    page = plane.kubectl("get", "--raw", "/metrics")
    lines = [line for line in page.splitlines() if line.startswith("apiserver_request_total{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if 'subresource="proxy"' in line)


def memory_mib(pid: int) -> tuple[float, float]:
    """Resident memory of a process now, and the most it was."""
    status = Path(f"/proc/{pid}/status").read_text()
    values = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", status, re.MULTILINE))
    return int(values["VmRSS"]) / 1024, int(values["VmHWM"]) / 1024
