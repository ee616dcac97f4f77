"""Placement as vops recomputes it, beside the real scheduler: the same nodes for the same reasons.

Pods of many mixed demands are given to kube-scheduler one after the other. Where it refuses, the first obstacle of each
node as vops sees it, in the scheduler's order, must add up to the scheduler's own count; where it chooses a node, vops
must see nothing in the way there.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.cluster.controlplane import ControlPlane, Document
from tests.cluster.kwok import Kwok
from tests.cluster.processes import wait_for
from vops.diagnosis.facts import Facts
from vops.diagnosis.placement.blockers import first_obstacle
from vops.diagnosis.placement.recompute import NodeFit, Placement
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.model.kinds import Related
from vops.model.pods import Pod
from vops.model.resources import Node
from vops.model.snapshot import ClusterSnapshot, Source, SourceState, SourceStatus

NAMESPACE = "placement"
ZONE, HOSTNAME, GPU = "topology.kubernetes.io/zone", "kubernetes.io/hostname", "nvidia.com/gpu"
PROBES = 60
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}
TOLERATION = {"key": GPU, "operator": "Exists"}
NODES: dict[str, Document] = {
    "a-gpu-1": {"zone": "a", "gpus": 8, "taints": [TAINT]},
    "a-gpu-2": {"zone": "a", "gpus": 2},
    "b-gpu-1": {"zone": "b", "gpus": 4, "taints": [TAINT, {"key": "team", "value": "ads", "effect": "NoExecute"}]},
    "b-gpu-2": {"zone": "b", "gpus": 4, "cordoned": True},
    "b-cpu": {"zone": "b", "cpu": "4"},
    "c-cpu": {"zone": "c", "memory": "2Gi"},
    "nowhere": {"gpus": 1, "pods": "3"},
}
RESIDENTS = {"a-gpu-1": 6, "a-gpu-2": 1, "b-gpu-1": 4, "b-cpu": 0, "nowhere": 0}
"""GPUs that a pod holds on a node from the beginning."""
Counts = Counter[tuple[Obstacle, str]]


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane, kwok: Kwok) -> Iterator[ControlPlane]:
    """Nodes of all kinds, a pod on most of them, and a volume in zone a."""
    control_plane.make_namespace(NAMESPACE)
    control_plane.apply(*(_node(name, **given) for name, given in NODES.items()))
    wait_for("the nodes to be Ready", lambda: not _tainted_by_the_controller(control_plane))
    control_plane.apply(*(_resident(node, gpus) for node, gpus in RESIDENTS.items()), *_storage())
    wait_for("the claim to be bound", lambda: _claim_is_bound(control_plane))
    yield control_plane
    control_plane.kubectl("delete", "pods,pvc", "--all", "-n", NAMESPACE, "--wait=false")
    control_plane.kubectl("delete", "pv", "models")


def test_the_same_nodes_for_the_same_reasons(cluster: ControlPlane) -> None:
    chance = random.Random(36)  # noqa: S311 - the same demands on every run
    refused = sum(_agree(cluster, _probe(index, chance)) for index in range(PROBES))
    assert PROBES * 0.4 < refused < PROBES


def _agree(plane: ControlPlane, probe: Document) -> bool:
    """Whether the scheduler refused the pod; it fails where vops sees another thing."""
    name = probe["metadata"]["name"]
    plane.apply(probe)
    decided = wait_for("the scheduler", lambda: _decided(plane, name), every_s=0.1)
    placement = _placement(plane, decided)
    plane.kubectl("delete", "pod", name, "-n", NAMESPACE, "--grace-period=0", "--force")
    told = json.dumps(probe["spec"])
    if decided.spec.node_name:
        (fit,) = [fit for fit in placement.fits if fit.name == decided.spec.node_name]
        assert fit.obstacles == frozenset(), told
        return False
    said = placement.scheduler
    assert said is not None
    assert not placement.fitting, f"{said.text} {told}"
    heard: Counts = Counter()
    for reason in said.reasons:
        heard[reason.obstacle, reason.resource] += reason.nodes
    assert _first(placement.fits) == heard, f"{said.text} {told}"
    return True


def _first(fits: tuple[NodeFit, ...]) -> Counts:
    """What the scheduler would say of each node, counted: the first obstacle, every resource that is short."""
    found: Counts = Counter()
    for fit in fits:
        obstacle = first_obstacle(fit)
        assert obstacle is not None
        if obstacle in (Obstacle.RESOURCE, Obstacle.PODS):
            found.update((Obstacle.RESOURCE, item.resource) for item in fit.short)
            found.update([(Obstacle.PODS, "")] if fit.full else [])
        else:
            found[obstacle, ""] += 1
    return found


def _placement(plane: ControlPlane, probe: Pod) -> Placement:
    """The probe against the cluster as it is without it."""
    items = plane.get("nodes,pods,pvc,pv,storageclasses", "-n", NAMESPACE)["items"]
    of = {kind: [item for item in items if item["kind"] == kind] for kind in ("Node", "Pod")}
    others = [item for item in items if item["kind"] not in of]
    pods = [pod for pod in msgspec.convert(of["Pod"], list[Pod]) if pod.metadata.uid != probe.metadata.uid]
    now = datetime.now(UTC)
    facts = Facts(
        ClusterSnapshot(
            at=now,
            sources=tuple(SourceStatus(source, SourceState.LIVE, at=now) for source in Source),
            pods=tuple(pods),
            nodes=tuple(msgspec.convert(of["Node"], list[Node])),
            related=tuple(msgspec.convert(others, list[Related])),
        )
    )
    return facts.placement(probe)


def _decided(plane: ControlPlane, name: str) -> Pod | None:
    pod = msgspec.convert(plane.get("pod", name, "-n", NAMESPACE), Pod)
    return pod if pod.condition("PodScheduled") is not None else None


# --- what is made -----------------------------------------------------------------------------------------


def _probe(index: int, chance: random.Random) -> Document:
    """A pod of mixed demands, each of them now and then."""
    app = chance.choice(["llama", "mistral"])
    asks = {"cpu": chance.choice(["1", "6", "32"]), "memory": chance.choice(["1Gi", "3Gi"])}
    asks |= {GPU: str(chance.choice([1, 2, 4]))} if chance.random() < 0.7 else {}
    container: Document = {"name": "c", "image": "x", "resources": {"requests": asks, "limits": asks}}
    if chance.random() < 0.2:
        container["ports"] = [{"containerPort": 8000, "hostPort": 8000}]
    spec: Document = {"containers": [container], "terminationGracePeriodSeconds": 0, "affinity": {}}
    for add in (_tolerations, _selector, _affinity, _spread, _volume):
        add(spec, app, chance)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"probe-{index}", "namespace": NAMESPACE, "labels": {"app": app}},
        "spec": spec,
    }


def _tolerations(spec: Document, _: str, chance: random.Random) -> None:
    if chance.random() < 0.6:
        spec["tolerations"] = [TOLERATION] + ([{"key": "team", "value": "ads"}] if chance.random() < 0.3 else [])


def _selector(spec: Document, _: str, chance: random.Random) -> None:
    if chance.random() < 0.3:
        spec["nodeSelector"] = {ZONE: chance.choice("abcx")}
    if chance.random() < 0.2:
        operator = chance.choice(["Exists", "DoesNotExist"])
        wanted = {"matchExpressions": [{"key": ZONE, "operator": operator}]}
        terms = [wanted, {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b-cpu"]}]}]
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        spec["affinity"]["nodeAffinity"] = required


def _affinity(spec: Document, app: str, chance: random.Random) -> None:
    for kind in ("podAffinity", "podAntiAffinity"):
        if chance.random() < 0.25:
            label = chance.choice([app, "llama", "mistral"])
            term = {"labelSelector": {"matchLabels": {"app": label}}, "topologyKey": chance.choice([ZONE, HOSTNAME])}
            spec["affinity"][kind] = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}


def _spread(spec: Document, app: str, chance: random.Random) -> None:
    if chance.random() < 0.25:
        spec["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": chance.choice([ZONE, HOSTNAME]),
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": app}},
                "nodeTaintsPolicy": chance.choice(["Honor", "Ignore"]),
            }
        ]


def _volume(spec: Document, _: str, chance: random.Random) -> None:
    if chance.random() < 0.25:
        spec["volumes"] = [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}]


def _node(
    name: str, *, zone: str = "", gpus: int = 0, cpu: str = "16", memory: str = "64Gi", pods: str = "20", **spec: Any
) -> Document:
    has = {"cpu": cpu, "memory": memory, "pods": pods} | ({GPU: str(gpus)} if gpus else {})
    labels = {"type": "kwok", HOSTNAME: name} | ({ZONE: zone} if zone else {})
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": spec.get("taints", []), "unschedulable": spec.get("cordoned", False)},
        "status": {"capacity": has, "allocatable": has},
    }


def _resident(node: str, gpus: int) -> Document:
    """A pod that is on its node from the beginning, and wants no pod of the app `mistral` beside it on some."""
    asks = {"cpu": "2"} | ({GPU: str(gpus)} if gpus else {})
    term = {"labelSelector": {"matchLabels": {"app": "mistral"}}, "topologyKey": HOSTNAME}
    alone = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    container: Document = {"name": "c", "image": "x", "resources": {"requests": asks, "limits": asks}}
    if node == "a-gpu-2":
        container["ports"] = [{"containerPort": 8000, "hostPort": 8000}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"on-{node}", "namespace": NAMESPACE, "labels": {"app": "llama"}},
        "spec": {
            "nodeName": node,
            "containers": [container],
            "tolerations": [{"operator": "Exists"}],
            "terminationGracePeriodSeconds": 0,
            "affinity": alone if node == "a-gpu-1" else {},
        },
    }


def _storage() -> tuple[Document, ...]:
    expression = {"key": ZONE, "operator": "In", "values": ["a"]}
    size = {"storage": "1Gi"}
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeMode": "Filesystem"}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "models"},
        "spec": {
            **common,
            "capacity": size,
            "hostPath": {"path": "/models"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models", "namespace": NAMESPACE},
        "spec": {**common, "volumeName": "models", "resources": {"requests": size}},
    }
    return volume, claim


def _claim_is_bound(plane: ControlPlane) -> bool:
    return bool(plane.get("pvc", "models", "-n", NAMESPACE)["status"].get("phase") == "Bound")


def _tainted_by_the_controller(plane: ControlPlane) -> bool:
    """Whether a node still has the taint that it gets until it is Ready."""
    taints = [taint["key"] for node in plane.get("nodes")["items"] for taint in node["spec"].get("taints", [])]
    ready = [key for key in taints if key == "node.kubernetes.io/not-ready"]
    return bool(ready) or "node.kubernetes.io/unschedulable" not in taints
