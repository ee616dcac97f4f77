"""What else a look must read: the objects around a pod that could explain the state it is in.

A pod that waits for a node has claims and autoscalers around it, a server that is ready has Services, and a workload
has quotas and scalers. Nothing is asked that no rule would read.
"""

from __future__ import annotations

from asyncio import Task, TaskGroup, gather
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from vops.model.disruption import DISRUPTION_BUDGETS
from vops.model.kinds import RELATED_TYPES
from vops.model.kinds import Related as AnyRelated
from vops.model.monitoring import POD_MONITORS, PROMETHEUSES, SERVICE_MONITORS
from vops.model.network import ENDPOINT_SLICES, NETWORK_POLICIES, SERVICES
from vops.model.objects import Kind, Ref, Resource
from vops.model.pods import Pod
from vops.model.provisioning import CONFIG_MAPS, NODE_CLAIMS, NODE_POOLS, QUOTAS, RESOURCE_CLAIMS
from vops.model.resources import DAEMONSETS, EVENTS
from vops.model.scaling import AUTOSCALERS, SCALED_OBJECTS, ScaledObject
from vops.model.serving import vllm_container
from vops.model.storage import CLAIMS, STORAGE_CLASSES, VOLUMES

_AROUND_WORKLOADS = (QUOTAS, SERVICES, ENDPOINT_SLICES, NETWORK_POLICIES, DISRUPTION_BUDGETS)
EVENTS_OF_NODES = "default"
"""Events about objects without a namespace are written here."""

T = TypeVar("T", bound=Resource)

_AUTOSCALER_STATUS = "metadata.name=cluster-autoscaler-status"
_MOST_NODES = 8


class Ask(msgspec.Struct, frozen=True):
    """One more LIST; the namespace is empty for all of them, and for kinds that have none."""

    kind: Kind
    namespace: str = ""
    fields: str = ""


class Related:
    """The answers to such asks, each of them asked once; `read` gives the objects of one, or none when it fails."""

    def __init__(self, read: Callable[[Ask], Coroutine[Any, Any, tuple[Resource, ...]]], tasks: TaskGroup) -> None:
        self._read = read
        self._tasks = tasks
        self._asked: dict[Ask, Task[tuple[Resource, ...]]] = {}

    def ask(self, asks: Iterable[Ask]) -> None:
        """Starts what was not asked yet."""
        for ask in asks:
            if ask not in self._asked:
                self._asked[ask] = self._tasks.create_task(self._read(ask))

    async def found(self, type_: type[T]) -> tuple[T, ...]:
        """Every object of one type, when all that was asked for is there."""
        await gather(*self._asked.values())
        return tuple(item for task in self._asked.values() for item in task.result() if isinstance(item, type_))

    async def objects(self) -> tuple[AnyRelated, ...]:
        """Every object that a snapshot holds as related."""
        return tuple(item for item in await self.found(Resource) if isinstance(item, RELATED_TYPES))


def scalers(namespace: str) -> tuple[Ask, ...]:
    """What sets the number of replicas."""
    return Ask(AUTOSCALERS, namespace), Ask(SCALED_OBJECTS, namespace)


def around(target: Ref) -> tuple[Ask, ...]:
    """What a target of its own kind needs: an autoscaler the monitors that make its metrics, an exporter itself."""
    if target.kind in ("ScaledObject", "HorizontalPodAutoscaler"):
        return Ask(SERVICE_MONITORS), Ask(POD_MONITORS)
    return (Ask(DAEMONSETS, target.namespace),) if target.kind == "DaemonSet" else ()


def around_workloads(namespace: str) -> tuple[Ask, ...]:
    """What a workload needs beside its pods: what keeps pods from being made or evicted, and the way to them."""
    return tuple(Ask(kind, namespace) for kind in _AROUND_WORKLOADS)


def around_scalers(scaled: Iterable[ScaledObject]) -> tuple[Ask, ...]:
    """What their queries depend on: for GPU metrics the exporters and what has them scraped, with which labels; and
    where Prometheus is, for those that get no answer."""
    watched = tuple(scaled)
    queries = (trigger.metadata.get("query", "") for item in watched for trigger in item.spec.triggers)
    asks: tuple[Ask, ...] = ()
    if any("dcgm" in query.lower() for query in queries):
        asks = tuple(Ask(kind) for kind in (DAEMONSETS, SERVICE_MONITORS, POD_MONITORS, PROMETHEUSES))
    return (*asks, *((Ask(SERVICES),) if any(map(_fails, watched)) else ()))


def _fails(scaled: ScaledObject) -> bool:
    """Whether a trigger gets no answer: then it counts which Services it could have asked."""
    ready = scaled.condition("Ready")
    return ready is not None and ready.status != "True"


def around_pods(pods: Sequence[Pod], namespace: str, *, of_one: bool) -> tuple[Ask, ...]:
    """What the states of `pods` call for, each thing once.

    `namespace` is that of the look, empty for all; `of_one` tells that only the events of one pod are read anyway.
    """
    asks = (
        *_storage(pods, namespace, of_one=of_one),
        *_provisioning(pods, namespace),
        *_reach(pods, namespace),
        *_events_of_nodes(pods),
    )
    return tuple(dict.fromkeys(asks))


def _storage(pods: Iterable[Pod], namespace: str, *, of_one: bool) -> Iterator[Ask]:
    stuck = [pod for pod in pods if not _started(pod) and _claims(pod)]
    if not stuck:
        return
    yield from (Ask(CLAIMS, namespace), Ask(VOLUMES), Ask(STORAGE_CLASSES))
    if of_one:
        yield Ask(EVENTS, namespace, "involvedObject.kind=PersistentVolumeClaim")


def _provisioning(pods: Iterable[Pod], namespace: str) -> Iterator[Ask]:
    waiting = [pod for pod in pods if not pod.spec.node_name and pod.metadata.deletion_timestamp is None]
    if not waiting:
        return
    yield from (Ask(NODE_POOLS), Ask(NODE_CLAIMS), Ask(DAEMONSETS))
    yield Ask(CONFIG_MAPS, "kube-system", _AUTOSCALER_STATUS)
    yield Ask(EVENTS, EVENTS_OF_NODES, "involvedObject.kind=NodeClaim")
    if any(pod.spec.resource_claims for pod in waiting):
        yield Ask(RESOURCE_CLAIMS, namespace)


def _reach(pods: Iterable[Pod], namespace: str) -> Iterator[Ask]:
    if any(_started(pod) and vllm_container(pod) is not None and _serving(pod) for pod in pods):
        yield from (Ask(SERVICES, namespace), Ask(ENDPOINT_SLICES, namespace), Ask(NETWORK_POLICIES, namespace))


def _events_of_nodes(pods: Iterable[Pod]) -> Iterator[Ask]:
    """Of the nodes whose pods died or ended: the kernel may have had a hand in it."""
    nodes = dict.fromkeys(pod.spec.node_name for pod in pods if pod.spec.node_name and _hurt(pod))
    for name in list(nodes)[:_MOST_NODES]:
        yield Ask(EVENTS, EVENTS_OF_NODES, f"involvedObject.kind=Node,involvedObject.name={name}")


def _claims(pod: Pod) -> bool:
    return any(volume.persistent_volume_claim for volume in pod.spec.volumes)


def _started(pod: Pod) -> bool:
    """Whether a container of the pod has ever run."""
    statuses = pod.status.container_statuses
    return any(status.restart_count or status.state.running or status.state.terminated for status in statuses)


def _serving(pod: Pod) -> bool:
    ready = pod.condition("Ready")
    return ready is not None and ready.status == "True"


def _hurt(pod: Pod) -> bool:
    ended = pod.status.phase == "Failed"
    return ended or any(status.restart_count or status.state.terminated for status in pod.status.container_statuses)
