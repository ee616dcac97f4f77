"""The CPU time and memory of diagnosing: one pod, and all 500 replicas, of a snapshot of 5,000 pods. No cluster.

A tenth of the pods are vLLM replicas, and of these one in five is pending and one in five crash-loops.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator

import msgspec

from tests.bench.measure import Spread, say, tell
from tests.unit.diagnosis import cluster_parts as parts
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.rule import discover
from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.model.resources import Event, Node, Workload
from vops.model.snapshot import ClusterSnapshot, ContainerLog

PODS, PODS_PER_NODE, TIMES = 5000, 10, 5
ONE_TARGET_S, ALL_TARGET_S, GROWTH_TARGET = 0.050, 2.0, 2.5
LOG = "fail-kv-too-small.log"
PENDING, CRASHED, READY = "model-0-0", "model-0-1", "model-0-2"


def main() -> None:
    discover()
    snapshot = crowd(PODS)
    tell("pods, nodes, events", f"{len(snapshot.pods)}, {len(snapshot.nodes)}, {len(snapshot.events)}")
    for what, name in (("pending", PENDING), ("crash-looping", CRASHED), ("ready", READY)):
        spent = _spent(lambda name=name: diagnose(Facts(snapshot), _ref(name)))  # type: ignore[misc]  # a default binds the name
        tell(f"one {what} pod, CPU", spent, target="< 50 ms", met=spent.median < ONE_TARGET_S)
        report = diagnose(Facts(snapshot), _ref(name))
        say(f"    {report.state}: {report.summary[:100]}")
    spent = _spent(lambda: _everything(snapshot))
    tell("a namespace of 500 replicas, CPU", spent, target="< 2 s", met=spent.median < ALL_TARGET_S)
    half, whole = _peak_mib(crowd(PODS // 2)), _peak_mib(snapshot)
    tell("memory of that at half the size, at the whole", f"{half:.1f} MiB, {whole:.1f} MiB")
    tell("growth", f"{whole / half:.2f}", target=f"< {GROWTH_TARGET}", met=whole / half < GROWTH_TARGET)


def _everything(snapshot: ClusterSnapshot) -> None:
    facts = Facts(snapshot)
    for replica in facts.replicas:
        diagnose(facts, replica.ref)


def _spent(run: Callable[[], object]) -> Spread:
    """The CPU time of each of several runs."""
    seconds = []
    for _ in range(TIMES):
        before = time.process_time()
        run()
        seconds.append(time.process_time() - before)
    return Spread(seconds)


def _peak_mib(snapshot: ClusterSnapshot) -> float:
    """What diagnosing everything takes at its worst, besides the snapshot."""
    tracemalloc.start()
    _everything(snapshot)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def _ref(name: str) -> Ref:
    return Ref("Pod", name, parts.NAMESPACE, name)


def crowd(pods: int) -> ClusterSnapshot:
    """So many pods on a tenth as many nodes; ten replicas to a Deployment, nine of ten pods are web servers."""
    nodes = [_node(number) for number in range(pods // PODS_PER_NODE)]
    web = [_web(number) for number in range(pods - pods // 10)]
    replicas = [_replica(number) for number in range(pods // 10)]
    models = range(len(replicas) // 10)
    deployments = tuple(parts.deployment(f"model-{model}", replicas=10) for model in models)
    failing = [pod for pod in replicas if not pod.condition("Ready")]
    facts = parts.world(*web, *replicas, *nodes, *deployments, *_replicasets(len(models)), *_events(failing))
    text = parts.log_text(LOG)
    logs = tuple(
        # No two logs are the same, as the reading of one is remembered.
        ContainerLog(parts.NAMESPACE, pod.metadata.name, "vllm", f"{pod.metadata.name} {previous}\n{text}", previous)
        for pod in failing
        if pod.spec.node_name
        for previous in (False, True)
    )
    return msgspec.structs.replace(facts.snapshot, logs=logs)


def _node(number: int) -> Node:
    taints = [parts.TAINT] if number % 2 else []
    return parts.node(f"gpu-{number}", gpus=1, taints=taints, labels={"zone": f"z{number % 3}"})


def _web(number: int) -> Pod:
    node = f"gpu-{number // 9}"
    ready = parts.ready(f"web-{number}", node=node, gpus=0, requests={"cpu": "100m", "memory": "128Mi"})
    container = msgspec.structs.replace(ready.spec.containers[0], command=("nginx",), image="nginx:1.29")
    return msgspec.structs.replace(ready, spec=msgspec.structs.replace(ready.spec, containers=(container,)))


def _replica(number: int) -> Pod:
    model, place = divmod(number, 10)
    name, owner = f"model-{model}-{place}", f"model-{model}"
    match place % 5:
        case 0:
            said = "0/500 nodes are available: 250 Insufficient nvidia.com/gpu, 250 node(s) had untolerated taint(s)."
            return parts.pending(said, name=name, owner=owner)
        case 1:
            return parts.pod(name, node=f"gpu-{number}", owner=owner, status=parts.crashed())
        case _:
            return parts.ready(name, node=f"gpu-{number}", owner=owner, tolerations=[parts.TOLERATION])


def _replicasets(models: int) -> Iterator[Workload]:
    return (parts.replicaset(f"model-{model}") for model in range(models))


def _events(failing: list[Pod]) -> Iterator[Event]:
    for pod in failing:
        name = pod.metadata.name
        yield parts.event("Scheduled" if pod.spec.node_name else "FailedScheduling", "as its status says", name=name)
        yield parts.event("BackOff", "Back-off restarting failed container", name=name, count=30)
