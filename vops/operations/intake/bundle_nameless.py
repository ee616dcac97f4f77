"""Reports about what nobody named: with words, or a placeholder in commands, where a name would stand.

Objects that stand for what events or lines tell of are called `pod`, and their node `unknown`. So called, a sentence
would say that "unknown refused pod", and a command would cordon a node of that name. While rules are asked, those
objects have a name that nobody else has, and what the rules say is reworded by it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, TypeVar

import msgspec

from vops.diagnosis.facts import STAND_IN
from vops.diagnosis.findings import Report
from vops.diagnosis.rewording import Wording
from vops.diagnosis.states import ReplicaState
from vops.model.objects import UNNAMED_PREFIX, Ref, Resource
from vops.model.pods import Pod, Volume
from vops.model.resources import ObjectReference, Workload
from vops.model.snapshot import ClusterSnapshot, ContainerLog, EngineSamples
from vops.operations.intake.bundle_subjects import UNNAMED

Named = TypeVar("Named", bound=Resource)
Told = TypeVar("Told", ContainerLog, EngineSamples)

NOT_NAMED = "(not named)"
"""The name in a report of what has none."""

_MARK = UNNAMED_PREFIX
_NO_NODE = "unknown"
_COMMAND = re.compile(r"\b(?:kubectl|crictl|helm|vops) [^;()\n]*?(?=, |[;()\n]|\. |: |\.?$)")
_MARKED = re.compile(rf"{_MARK}([a-z]+)")
_SAID = re.compile(
    rf"(?:\b(?P<article>[Tt]he|[Ii]ts|[Tt]his) )?(?:\b(?P<kind>[A-Za-z]+)[ /](?={_MARK}(?i:(?P=kind))\b))?"
    rf"{_MARK}(?P<what>[a-z]+)"
)
_OWN_WORDS = ("pod", "node")
_WORDS = {
    kind.lower(): kind
    for kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ScaledObject", "HorizontalPodAutoscaler")
} | {"persistentvolumeclaim": "claim"}


def marked(snapshot: ClusterSnapshot) -> ClusterSnapshot:
    """The snapshot, in which whatever nobody named can be told from what has a name."""
    pods = {(pod.metadata.namespace, pod.metadata.name) for pod in map(_pod, snapshot.pods)}
    return msgspec.structs.replace(
        snapshot,
        pods=tuple(map(_pod, snapshot.pods)),
        nodes=tuple(map(_resource, snapshot.nodes)),
        deployments=tuple(map(_resource, snapshot.deployments)),
        replicasets=tuple(map(_resource, snapshot.replicasets)),
        statefulsets=tuple(map(_resource, snapshot.statefulsets)),
        daemonsets=tuple(map(_resource, snapshot.daemonsets)),
        related=tuple(map(_resource, snapshot.related)),
        events=tuple(
            msgspec.structs.replace(event, involved_object=_about(event.involved_object, pods))
            for event in snapshot.events
        ),
        logs=tuple(_of_pod(log, pods) for log in snapshot.logs),
        samples=tuple(_of_pod(sample, pods) for sample in snapshot.samples),
    )


def in_words(report: Report) -> Report:
    """The report, with words for names that nobody gave; nor has anybody seen that such a pod is ready."""
    unseen = report.subject.name.startswith(_MARK) and report.findings and report.state == ReplicaState.READY
    words = _of_some_container if report.subject.name.startswith(_MARK) else _worded
    said = Wording(words, _subject, _param).of(report)
    return msgspec.structs.replace(said, state="unknown") if unseen else said


# --- before the rules are asked ---------------------------------------------------------------------------


def _pod(pod: Pod) -> Pod:
    made_up = STAND_IN in pod.metadata.annotations
    pod, spec = _resource(pod), pod.spec
    nowhere = spec.node_name == _NO_NODE or (made_up and spec.node_name == UNNAMED)
    node = _mark("Node") if nowhere else spec.node_name
    volumes = tuple(map(_volume, spec.volumes)) if made_up else spec.volumes
    return msgspec.structs.replace(pod, spec=msgspec.structs.replace(spec, node_name=node, volumes=volumes))


def _volume(volume: Volume) -> Volume:
    if (volume.persistent_volume_claim or {}).get("claimName") != UNNAMED:
        return volume
    claim = {**(volume.persistent_volume_claim or {}), "claimName": _mark("PersistentVolumeClaim")}
    return msgspec.structs.replace(volume, persistent_volume_claim=claim)


def _resource(item: Named) -> Named:
    meta = item.metadata
    if STAND_IN not in meta.annotations and (not isinstance(item, Pod) or meta.namespace):
        return item
    kind = item.kind if isinstance(item, Workload) else type(item).__name__
    owners = tuple(
        msgspec.structs.replace(owner, name=_mark(owner.kind)) if owner.name == UNNAMED else owner
        for owner in meta.owner_references
    )
    name = _mark(kind) if meta.name == UNNAMED else meta.name
    return msgspec.structs.replace(item, metadata=msgspec.structs.replace(meta, name=name, owner_references=owners))


def _about(reference: ObjectReference, pods: Collection[tuple[str, str]]) -> ObjectReference:
    """What an event is about, as the object that stands for it is called."""
    if reference.name != UNNAMED or (reference.kind == "Pod" and (reference.namespace, UNNAMED) in pods):
        return reference
    return msgspec.structs.replace(reference, name=_mark(reference.kind))


def _of_pod(item: Told, pods: Collection[tuple[str, str]]) -> Told:
    known = item.pod != UNNAMED or (item.namespace, UNNAMED) in pods
    return item if known else msgspec.structs.replace(item, pod=_mark("Pod"))


def _mark(kind: str) -> str:
    return _MARK + kind.lower()


# --- after that -------------------------------------------------------------------------------------------


def _subject(ref: Ref) -> Ref:
    return msgspec.structs.replace(ref, name=NOT_NAMED) if ref.name.startswith(_MARK) else ref


def _param(value: Any) -> Any:
    return _to_replace(value) if isinstance(value, str) else value


def _worded(text: str) -> str:
    """Commands get a word to replace, as kubectl's own pages write it; sentences say `the pod`, `the node`."""
    if _MARK not in text:
        return text
    said = _SAID.sub(_in_a_sentence, _COMMAND.sub(lambda match: _to_replace(match[0]), text))
    return said[0].upper() + said[1:] if text.startswith(_MARK) else said


def _of_some_container(text: str) -> str:
    """As `_worded`; nor did anybody say that the container of such a pod is called vllm."""
    return (
        _worded(text)
        .replace(" -c vllm ", " -c CONTAINER ")
        .replace("of container vllm ", "of its container ")
        .replace("Statuses[vllm]", "Statuses[*]")
    )


def _to_replace(text: str) -> str:
    return _MARKED.sub(lambda match: match[1].upper() if match[1] in _OWN_WORDS else "NAME", text)


def _in_a_sentence(match: re.Match[str]) -> str:
    article = match["article"] or ("The" if match["kind"] and match["kind"][0].isupper() else "the")
    return f"{article} {_WORDS.get(match['what'], match['what'])}"
