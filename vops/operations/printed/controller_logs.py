"""What Kubernetes' own programs write to their logs, as the events that they post of the same.

Karpenter and the Cluster Autoscaler say there of a pod or a machine what their events say, and so do the kubelet, the
scheduler, the controllers and the drivers of volumes, in lines of errors and warnings; other lines are passed over. A
volume that came after all is not complained of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vops.diagnosis.logs.lines import log_lines
from vops.diagnosis.logs.structured import read_object
from vops.diagnosis.provisioning.cloud_text import cloud_answer
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told, of_some_pod, unescaped
from vops.operations.printed.describe_sentences import cloud_sentence, sentence_within
from vops.operations.printed.waiting_texts import waiting_sentence, without_pulled

_CONSOLE = lazy_pattern(
    r"\S{10,40}Z?(?:\t| {1,12})(?:ERROR|WARN|INFO)(?:\t| {1,12})(?P<logger>controller[\w.]{0,80})(?:\t| {1,12})"
    r"(?P<message>[^\t]{1,4000}?)(?:(?:\t| {2,12})(?P<more>\{.{0,4000}))?$"
)
_STAMP = lazy_pattern(r"^\d{4}-\d\d-\d\d[T ][\d:.]{8,20}(?:Z|[+-]\d\d:\d\d)?[ \t](?=\{)")
"""What kubectl puts before a line with --timestamps."""

_UNREGISTERED = lazy_pattern(r"[Ee]xpected resource .{1,160} didn't register on the node.{0,200}")
_UNPLACED = lazy_pattern(
    r"(?:[Cc]ould not|[Ff]ailed to) schedule pod,? ?|(?=Failed to find instance type option\(s\) for \[)"
)
"""The last is Karpenter's before 0.6, which names several pods at once."""

_LAUNCH = lazy_pattern(
    r"(?:failed |could not )?launch(?:ing)? (?:nodeclaim|machine|node)|creating (?:instance|machine)", re.I
)
_WITHIN = lazy_pattern(
    r"(?:could not launch node|(?:creating|launching) (?:instance|machine|nodeclaim)), (?P<error>.{1,4000})", re.I
)
"""How Karpenter before 0.34 writes one: what the cloud said is a part of the message."""

_OF_AZURE = lazy_pattern(r"ERROR CODE: (?P<code>\w{1,80})\n.{0,400}?\"message\": \"(?P<said>[^\"]{20,4000})", re.DOTALL)
"""How Azure's client for Go prints an answer, behind the address that was asked."""

_UNSUITED = lazy_pattern(r"incompatible with (?:nodepool|provisioner) \"|no instance type (?:satisfied|met|has)")
_KLOG = lazy_pattern(
    r"(?:\[?[\w./-]{1,253}\]? ){0,2}[IWE]\d{4} [\d:.]{8,20} +\d+ [\w.]{1,60}:\d+\] (?P<message>.{1,4000})"
)
"""klog's lines, also behind the names of pod and container that stern and kubectl's --prefix put there."""
_GROUP_FAILED = lazy_pattern(
    r"Disabling scale-up for node group .{1,400}errorClass=|Failed to scale up|Failed to increase (?:node|ASG)"
    r"|Instance \S{1,400} could not be created|Scale-up timed out for node group|Node group \S{1,400} is in backoff"
)
_OF_A_GROUP = lazy_pattern(
    r"[Ss]cale ?[Ss]et|\bASG\b|[Aa]uto ?[Ss]caling|[Ii]nstance ?[Gg]roup|[Nn]ode ?[Gg]roup"
    r"|\bMIG\b(?! device)|Agent ?[Pp]ool"
)
"""How the autoscaler's providers call what they enlarge; an error about one is a cloud's answer if its words are."""
_POD_IGNORED = lazy_pattern(
    r"Pod (?P<pod>[\w./-]{1,400}) can't be scheduled on (?P<group>\S{1,400})[,.] (?P<why>.{1,2000})"
)
_POSTED = lazy_pattern(
    r"Event\((?:v1\.)?ObjectReference\{Kind:\"(?P<kind>\w{1,40})\", Namespace:\"(?P<namespace>[\w.-]{0,63})\", "
    r"Name:\"(?P<name>[\w.-]{1,253})\".{0,400}?\}\): type: '(?P<type>\w{1,20})' reason: '(?P<reason>\w{1,60})' "
    r"(?P<message>.{1,2000})"
)
_OCCURRED = lazy_pattern(
    r"\"Event occurred\" object=\"(?:(?P<namespace>[\w.-]{1,63})/)?(?P<name>[\w.-]{1,253})\" .{0,200}?"
    r"kind=\"(?P<kind>\w{1,40})\""
    r".{0,120}? type=\"(?P<type>\w{1,20})\" reason=\"(?P<reason>\w{1,60})\" message=\"(?P<message>.{1,2000})\""
)
"""How controllers log their events since 1.20; the other form is of client-go's own logging."""

_DELETED = lazy_pattern(
    r"(?:TaintManager is deleting [Pp]od:?|\"Deleting pod\" controller=\"taint-eviction-controller\")\"? (?:pod=\")?"
    r"(?P<namespace>[\w.-]{1,63})/(?P<name>[\w.-]{1,253})"
)
_PREEMPTED = lazy_pattern(
    r"\"Preemptor Pod preempted victim Pod\" preemptor=\"(?P<by>[\w./-]{1,320})\" victim=\""
    r"(?P<namespace>[\w.-]{1,63})/(?P<name>[\w.-]{1,253})\""
)
_LOSSES = ("NodeNotReady", "TaintManagerEviction", "Preempted", "Evict", "FailedScheduling", "FailedCreate", "Evicted")
"""Reasons that say what is wrong whatever their message; of all others the message must be a known sentence."""

_UNFIT = lazy_pattern(
    r"Predicates failed for task <(?P<pod>[\w./-]{1,320})> on node <(?P<node>[\w.-]{1,253})>: (?P<why>.{1,2000})"
)
_SCALING = ("NotTriggerScaleUp", "TriggeredScaleUp", "ScaleUpFailed", "FailedToScaleUpGroup", "ScaleUpTimedOut")
_INTERRUPTED = ("initiating delete from interruption message", "deleting node from interruption message")
_NOTICES = {
    "SpotInterruptionKind": "SpotInterrupted",
    "spot_interrupted": "SpotInterrupted",
    "StateChangeKind": "InstanceTerminating",
    "instance_terminated": "InstanceTerminating",
    "instance_stopped": "InstanceStopping",
    "ScheduledChangeKind": "InstanceUnhealthy",
    "scheduled_change": "InstanceUnhealthy",
}
"""Karpenter's kinds of messages from its cloud, by the event that it posts of each."""

_RECONCILER = "Reconciler error"
_OF_PODS = {
    "no nodepools found": "no nodepools found",
    "no dynamic nodepools found": "no nodepools found",
    "nodepool node limit reached": "node limits have been exhausted for nodepool",
    "skipping pod with Dynamic Resource Allocation requirements, not yet supported by Karpenter": (
        "no instance type met all requirements: Karpenter does not support its claims of devices"
    ),
    "skipping, no resolved instance types found": "no instance type met all requirements",
    "skipping, nodepool requirements filtered out all instance types": "no instance type met all requirements",
}
_OF_POOLS = {
    "ignoring nodepool, not ready": "resolving nodeclass",
    "skipping, nodepool not ready": "resolving nodeclass",
    "failed resolving NodeClass": "resolving nodeclass",
    "skipping, unable to resolve instance types": "resolving nodeclass",
    "terminating due to registration ttl": "the node failed to register within its time",
    "terminating due to timeout": "the node failed to register within its time",
}
"""What Karpenter's lines without a pod or an error say, in the words of its events."""

_OVER_QUOTA = lazy_pattern(
    r"^\s*Error Code: QuotaExceeded *\n\s*Message: (.{0,200}exceeding quota limits? of .{1,400})$", re.MULTILINE
)
_NO_TYPES = lazy_pattern(
    r"failed listing instance types.{0,80}: (?:.{0,200}: )?no (?:subnets|security ?groups|amis)\b"
    r"|failed listing instance types.{0,80}: .{0,400}(?:[Uu]nauthori[sz]ed|AccessDenied|not authorized)",
    re.IGNORECASE,
)
"""Karpenter's word on a class that it finds nothing for, which waiting does not mend."""

_JOINED = ("registered nodeclaim", "initialized nodeclaim")
_OF_STARTS = ("resolving nodeclass", "Failed to schedule pod, no nodepools")
"""Said before all pools were looked at; nodes that came since tell that it is over."""

_NO_GROUP = "pod didn't trigger scale-up (it wouldn't fit if a new node is added)"
_MAXED = lazy_pattern(r"Skipping node group (?P<group>\S{1,400}) - max size reached")
_MOST = 500
_NODE = lazy_pattern(
    r"MountVolume\.|AttachVolume\.|MapVolume\.|Multi-Attach|Unable to (?:attach or )?mount volumes"
    r"|Node(?:Stage|Publish)Volume|Controller(?:Publish|Create)"
    r"|CreateVolume|mount failed: exit status|nodes are available|[Pp]od ?[Ss]andbox|for sandbox|Allocate failed"
    r"|failed calling webhook|failed to attach: |[Vv]olume not attached|runtime network not ready|network plugin is not"
    r"|prepar(?:e dynamic resources|ing devices for claim)"
    r"|blocking resource request|admission request denied|PullImage .{1,300} failed|status is now: NodeReady"
    r"|PLEG is not healthy: pleg was|Node became not ready|just became ready"
    r"|CreateContainer within sandbox|StartContainer for \""
    r"|Failed to pull image|failed to extract layer|resolve image to digest|checking image: "
    r"|Failed to admit pod |\"StartContainer|eviction manager: must evict pod"
    r"|container start failed: [A-Z]|[Ee]rror scheduling |[Ee]rror selecting node for pod"
    r"|failed to provision volume|failed with pods \"|failed to compute desired number of replicas"
    r"|Failed to allocate device plugin|failed (?:liveness|startup) probe|[Ee]viction manager: pod is evicted"
    r"|Unable to register node with API|[Ee]rror creating: "
    r"|Back-off pulling image|[Mm]ount failed(?: with error)?: |GRPC error: "
)
_VOLUME_CALLS = (
    ("FailedMount", lazy_pattern(r"Node(?:Stage|Publish)Volume|[Mm]ount failed|Could not mount|kubernetes\.io~csi/")),
    ("FailedAttachVolume", lazy_pattern(r"ControllerPublish")),
    ("ProvisioningFailed", lazy_pattern(r"CreateVolume|ControllerCreate")),
)
"""What drivers of volumes call their work, by the event that the kubelet and the controllers make of its failure."""

_FAILED = lazy_pattern(r"\berr(?:or)?\b|failed", re.IGNORECASE)
_CAME = lazy_pattern(r"(?:SetUp|MountDevice|Attach) succeeded for volume|\bmount on .{1,400} succeeded")
_BOUND = lazy_pattern(r"bound successfully on node|Successfully bound pod to node")
_TRANSIENT = "unbound immediate PersistentVolumeClaims"
"""What the scheduler says of every new claim until its volume is there: over, where pods are bound after it."""

_ERROR_OF = lazy_pattern(r"\" err=\"(?=\w)")
"""Where klog's message ends and the error that it is about begins."""

_READY = ("status is now: NodeReady", "it just became ready")
_SAYS_SO = lazy_pattern(
    r"\"?(?:Unable to schedule (?:pod|\S{1,320}: no fit)|Node became not ready)|\"?Error (?:processing|syncing)"
    r"|blocking resource request|admission request denied|\"?[Ee]viction manager: (?:must evict pod|pod is evicted)"
    r"|\"?Message for Container of pod"
    r"|apply failure, attempting cleanup"
)
"""What is an error by its words in a line that its logger calls information."""

_STRANGER = "Unable to register node with API server"
_LEVELS = ("ERROR", "WARNING", "CRITICAL")


def controller_events(text: str) -> Iterator[Told]:
    """The events that the lines of such a log amount to."""
    found = list(_of_the_control_plane(text)) or list(_of_nodes(text))
    if "Final scale-up plan" in text or any(told.message != _NO_GROUP for told in found):
        found = [told for told in found if told.message != _NO_GROUP]
    yield from found or _of_gangs(text) or list(_posted_losses(text)) or _of_azure(text)


def _of_azure(text: str) -> Iterator[Told]:
    """What Azure's own clients print of a deployment that a quota forbids, in lines below that of a logger."""
    if (refused := _OVER_QUOTA.search(text)) is not None:
        yield of_some_pod("Warning", "FailedScaleUp", refused[1].strip(), "cluster-autoscaler")


def _of_gangs(text: str) -> list[Told]:
    """What Volcano's scheduler says of the nodes that a pod does not fit on, once for each pod."""
    found = [match for line in text.splitlines() if (match := _UNFIT.search(line)) is not None]
    why: dict[str, list[str]] = {}
    for match in found[-_MOST:]:
        reason = match["why"].rpartition("fit failed: ")[2].strip().rstrip(".")
        why.setdefault(match["pod"], []).append(f"1 {reason}")
    return [
        Told(
            "Warning",
            "FailedScheduling",
            f"all nodes are unavailable: {', '.join(reasons)}.",
            "volcano",
            about=_pod(pod),
        )
        for pod, reasons in why.items()
    ]


def _posted_losses(text: str) -> Iterator[Told]:
    """Events that controllers wrote to their logs as they posted them, where they tell of a loss."""
    for line in text.splitlines():
        match = _POSTED.search(line) or _OCCURRED.search(line)
        if match is not None:
            about = {"kind": match["kind"], "namespace": match["namespace"] or "", "name": match["name"]}
            message = unescaped(match["message"])
            if match["reason"] in _LOSSES or (match["type"] == "Warning" and sentence_within(message) is not None):
                yield Told("Warning", match["reason"], message, about=about)
        elif (gone := _DELETED.search(line)) is not None:
            about = {"kind": "Pod", "namespace": gone["namespace"], "name": gone["name"]}
            message = f"Marking for deletion Pod {gone['namespace']}/{gone['name']}"
            yield Told("Normal", "TaintManagerEviction", message, about=about)
        elif (victim := _PREEMPTED.search(line)) is not None:
            about = {"kind": "Pod", "namespace": victim["namespace"], "name": victim["name"]}
            yield Told("Normal", "Preempted", f"Preempted by pod {victim['by']}", "default-scheduler", about=about)


def _of_nodes(text: str) -> Iterator[Told]:
    """What the kubelet, the scheduler, controllers and drivers of volumes say."""
    if _NODE.search(text) is None:
        return
    text = "\n".join(without_pulled(text.splitlines()))
    said = [line for line in log_lines(text) if any(told.search(line.text) for told in (_NODE, _CAME, _BOUND))][-_MOST:]
    last_bound = max((index for index, line in enumerate(said) if _BOUND.search(line.text)), default=-1)
    last_came = max((index for index, line in enumerate(said) if _CAME.search(line.text)), default=-1)
    last_ready = max(
        (index for index, line in enumerate(said) if any(word in line.text for word in _READY)), default=-1
    )
    for index, line in enumerate(said):
        complains = line.level in _LEVELS or _SAYS_SO.search(line.text)
        told = _of_node(_ERROR_OF.sub(": ", unescaped(line.text)), text) if complains else None
        if told is None or (index < last_came and told.reason in ("FailedMount", "FailedAttachVolume")):
            continue
        if index < last_bound and _TRANSIENT in told.message:
            continue
        if index >= last_ready or told.reason != "NodeNotReady":
            yield told


def _of_node(message: str, text: str) -> Told | None:
    """What a line amounts to; a driver's error without the call that failed is of the call that `text` tells of."""
    told = sentence_within(message) or waiting_sentence(message)
    if _STRANGER in message:
        told = cloud_sentence(message)
    if told is not None:
        return told
    if not _FAILED.search(message):
        return None
    where = text if message.startswith("GRPC error: ") else message
    reason = next((reason for reason, call in _VOLUME_CALLS if call.search(where)), None)
    if reason is None:
        return None
    kind = "PersistentVolumeClaim" if reason == "ProvisioningFailed" else "Pod"
    return Told("Warning", reason, message, about={"kind": kind, "name": ""})


def _of_the_control_plane(text: str) -> Iterator[Told]:
    count, joined = 0, any(sign in text for sign in _JOINED)
    for line in text.splitlines():
        line = _STAMP.sub("", line)
        told = _of_karpenter(line) if line.startswith("{") or _CONSOLE.match(line) else _of_autoscaler(line)
        told = None if told is not None and joined and told.message.startswith(_OF_STARTS) else told
        if told is not None:
            count += 1
            yield told
        if count >= _MOST:
            return


def _of_karpenter(line: str) -> Told | None:
    record = _record(line)
    if record is None:
        return None
    message, error = str(record.get("message", "")), str(record.get("error", ""))
    if (start := _UNPLACED.match(message)) is not None:
        why = f"Failed to schedule pod, {message[start.end() :] or error}"
        return Told("Warning", "FailedScheduling", why, "karpenter", about=_pod(record.get("pod") or record.get("Pod")))
    if (lacking := _UNREGISTERED.search(message)) is not None:
        about = {"kind": "Node", "name": str(record.get("node") or _named(record.get("Node")))}
        return Told("Warning", "FailedConsistencyCheck", lacking[0], "karpenter", about=about)
    if (within := _WITHIN.match(message)) is not None:
        error = error or within["error"]
    if message.startswith(_INTERRUPTED) and (kind := _NOTICES.get(str(record.get("messageKind")))):
        about = {"kind": "NodeClaim", "name": str(record.get("node") or _named(record.get("Node")) or "node-0")}
        return Told("Warning", kind, f"{message}: {record['messageKind']}", "karpenter", about=about)
    if (fixed := _told_by_message(message, error, record)) is not None:
        return fixed
    if error and (_LAUNCH.search(message) or (message == _RECONCILER and _LAUNCH.match(error))):
        name = _named(record.get("NodeClaim")) or "pool-0"
        about = {"kind": "NodeClaim", "name": name}
        return Told("Warning", "InsufficientCapacityError", _answered(error), "karpenter", about=about)
    if str(record.get("level")).upper() == "ERROR" and cloud_sentence(message) is not None:
        about = {"kind": "NodeClaim", "name": _named(record.get("NodeClaim")) or "pool-0"}
        return Told("Warning", "InsufficientCapacityError", _answered(message), "karpenter", about=about)
    return None


def _answered(text: str) -> str:
    """What a cloud answered, without what was asked."""
    answer = _OF_AZURE.search(text)
    return f"{answer['code']}: {answer['said']}" if answer is not None else text


def _told_by_message(message: str, error: str, record: dict[str, Any]) -> Told | None:
    """What Karpenter says of its pools and of machines that are late, each by a message of its own."""
    if (why := _OF_PODS.get(message)) is not None:
        return of_some_pod("Warning", "FailedScheduling", f"Failed to schedule pod, {why}", "karpenter")
    said = _OF_POOLS.get(message) or ("resolving nodeclass" if _NO_TYPES.match(f"{message}: {error}") else None)
    if said is None:
        return None
    about = {"kind": "NodeClaim", "name": _named(record.get("NodeClaim")) or "pool-0"}
    words = f"{said}, {error}" if error else said
    return Told("Warning", "InsufficientCapacityError", words, "karpenter", about=about)


def _record(line: str) -> dict[str, Any] | None:
    """A line of Karpenter's logger, JSON or console."""
    match = _CONSOLE.match(line)
    text = (match["more"] or "{}") if match is not None else line
    found = read_object(text)
    if found is None:
        return None
    if match is not None:
        return {**found, "message": match["message"]}
    if str(found.get("logger", "")).startswith("controller"):
        return found
    why = str(found.get("error", ""))  # one of a line's errorCauses, which was copied without the rest
    return {"message": "could not schedule pod", "error": why} if _UNSUITED.match(why) else None


def _pod(pod: Any) -> dict[str, str]:
    if isinstance(pod, dict):
        return {"kind": "Pod", "name": str(pod.get("name", "")), "namespace": str(pod.get("namespace", ""))}
    namespace, _, name = str(pod or "").rpartition("/")
    return {"kind": "Pod", "name": name, "namespace": namespace}


def _named(item: Any) -> str:
    return str(item.get("name", "")) if isinstance(item, dict) else str(item or "")


def _as_posted(match: re.Match[str]) -> Told | None:
    """An event that a controller wrote to its log as it posted it; only what the autoscaler says of pods and groups."""
    if match["reason"] not in _SCALING:
        return None
    about = {"kind": match["kind"], "namespace": match["namespace"], "name": match["name"]}
    return Told(match["type"], match["reason"], match["message"], "cluster-autoscaler", about=about)


def _of_autoscaler(line: str) -> Told | None:
    match = _KLOG.match(line)
    if match is None:
        return None
    message = match["message"]
    if (posted := _POSTED.search(message)) is not None:
        return _as_posted(posted)
    refused = not line.startswith("I") and _OF_A_GROUP.search(message) and cloud_answer(message) is not None
    if refused or _GROUP_FAILED.search(message):
        about = {"kind": "ConfigMap", "name": "cluster-autoscaler-status"}
        return Told("Warning", "ScaleUpFailed", message, "cluster-autoscaler", about=about)
    if (ignored := _POD_IGNORED.search(message)) is not None:
        namespace, _, name = ignored["pod"].rpartition("/")
        about = {"kind": "Pod", "name": name, "namespace": namespace}
        why = f"pod didn't trigger scale-up: 1 {ignored['why']}"
        return Told("Normal", "NotTriggerScaleUp", why, "cluster-autoscaler", about=about)
    if message.startswith("No expansion options"):
        return of_some_pod("Normal", "NotTriggerScaleUp", _NO_GROUP, "cluster-autoscaler")
    if _MAXED.search(message) is not None:
        why = "pod didn't trigger scale-up: 1 max node group size reached"
        return of_some_pod("Normal", "NotTriggerScaleUp", why, "cluster-autoscaler")
    return None
