"""The pods of a workload, as waiting and measuring steps find them."""

from __future__ import annotations

import msgspec

from vops.model.objects import Ref
from vops.model.pods import Pod
from vops.model.resources import PODS, Workload
from vops.planning.changes import kind_of
from vops.planning.patches import Document
from vops.ports import Cluster
from vops.runbooks.asks import ListAsk
from vops.runbooks.kinds import StepFault, View


async def pods_of(cluster: Cluster, ref: Ref) -> tuple[Pod, ...]:
    """The pods that a workload selects, or the one pod that is meant; those on their way out are left out."""
    document = await cluster.get(kind_of(ref), ref.name, ref.namespace)
    if ref.kind == "Pod":
        return (msgspec.convert(document, Pod),)
    listed = await cluster.list(PODS, ref.namespace, label_selector=selector_of(document))
    pods = (item for item in listed.items if isinstance(item, Pod))
    return tuple(pod for pod in pods if pod.metadata.deletion_timestamp is None)


def seen_pods(view: View, ref: Ref) -> tuple[Pod, ...]:
    """The same while a plan is made, the newest first. Raises StepFault where pods may not be listed."""
    document = view.document(ref)
    if ref.kind == "Pod":
        return (msgspec.convert(document, Pod),)
    found = view.answer(ListAsk(PODS, ref.namespace, selector_of(document)))
    if found is None:
        raise StepFault(f"the pods of {ref} may not be listed", hint="ask for the verb 'list' on pods")
    pods = [item for item in found if item.metadata.deletion_timestamp is None]
    return tuple(sorted(pods, key=lambda pod: str(pod.metadata.creation_timestamp), reverse=True))


async def ready_pods(cluster: Cluster, ref: Ref) -> tuple[str, ...]:
    """The names of those that are ready, sorted."""
    pods = await pods_of(cluster, ref)
    return tuple(sorted(pod.metadata.name for pod in pods if is_ready(pod)))


def is_ready(pod: Pod) -> bool:
    condition = pod.condition("Ready")
    return condition is not None and condition.status == "True"


def selector_of(document: Document) -> str:
    """A workload's label selector as the API takes it."""
    labels = msgspec.convert(document, Workload).spec.selector.match_labels
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
