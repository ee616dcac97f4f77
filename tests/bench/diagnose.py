"""`vops diagnose POD`, a cold process, beside the kubectl commands that fetch the same facts one after the other.

On a real node, with a pod whose container fails as its KV cache is too small.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.measure import process, ratios, side_by_side, tell
from tests.cluster.command import VOPS, Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.failures import FAILURES, Workload
from tests.cluster.node import GpuNode
from tests.cluster.processes import Workspace

NAMESPACE = "bench"
TIMES = 9


def main() -> None:
    plane = ControlPlane(Workspace.entered())
    node = GpuNode(plane)
    try:
        plane.start()
        node.start()
        plane.make_namespace(NAMESPACE)
        _compare(plane, Workload(plane, NAMESPACE).bring_about(FAILURES["kv-cache-too-small"]))
    finally:
        node.stop()
        plane.stop()


def _compare(plane: ControlPlane, pod: str) -> None:
    with tempfile.TemporaryDirectory() as home:
        environment = Vops(Path(home), plane.admin).environment()
        diagnose = process(
            VOPS, "--kubeconfig", plane.admin, "-n", NAMESPACE, "diagnose", pod, environment=environment, codes=(0, 1)
        )
        ours, theirs = side_by_side(diagnose, _five_commands(plane, pod), times=TIMES)
        answer = diagnose()
    ratio = ours.median / theirs.median
    tell("vops diagnose POD, whole process", ours)
    tell("kubectl: pod, events, logs, previous logs, nodes", theirs)
    tell("ratio", ratios(ours, theirs), target="≤ 1", met=ratio <= 1)
    tell("it named the cause", "kv-cache-too-small" in answer)


def _five_commands(plane: ControlPlane, pod: str) -> Callable[[], None]:
    commands = [
        ("get", "pod", pod, "-n", NAMESPACE, "-o", "yaml"),
        ("get", "events", "-n", NAMESPACE, f"--field-selector=involvedObject.name={pod}"),
        ("logs", pod, "-n", NAMESPACE, "--tail=2000"),
        ("logs", pod, "-n", NAMESPACE, "--previous", "--tail=2000"),
        ("get", "nodes", "-o", "yaml"),
    ]
    runs = [process("kubectl", "--kubeconfig", plane.admin, *command, codes=(0, 1)) for command in commands]

    def run() -> None:
        for each in runs:
            each()

    return run
