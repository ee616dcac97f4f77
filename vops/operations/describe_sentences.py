"""What Kubernetes says in events and statuses, where somebody copied the sentence alone.

The sentence tells which component says it, and so what the reason of its event is; a text counts as such sentences only
when it holds nothing that a log has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.model.patterns import lazy_pattern
from vops.operations.describe_events import Told

_PREFIX = lazy_pattern(
    r"(?:[>|*\s-]{0,8})(?:(?:Warning|Normal|Message|message|status|reason)\b[: ]{1,3}){0,2}"
    r"(?:(?P<reason>[A-Z][A-Za-z]{4,40})(?::| -|,)? +)?[\"'`]?"
)
_SENTENCES: tuple[tuple[str, str, str, re.Pattern[str]], ...] = tuple(
    (reason, kind, source, lazy_pattern(pattern))
    for reason, kind, source, pattern in (
        ("FailedScheduling", "Pod", "karpenter", r"Failed to schedule pod, "),
        (
            "FailedScheduling",
            "Pod",
            "default-scheduler",
            r"\d{1,6}/\d{1,6} nodes are available|no nodes available to schedule pods"
            r"|running (?:PreBind|PreFilter|Bind) ",
        ),
        ("NotTriggerScaleUp", "Pod", "cluster-autoscaler", r"pod didn't trigger scale-up"),
        ("TriggeredScaleUp", "Pod", "cluster-autoscaler", r"pod triggered scale-up: "),
        ("FailedScaleUp", "Pod", "cluster-autoscaler", r"Node scale up in zones? "),
        ("Nominated", "Pod", "karpenter", r"Pod should schedule on: "),
        (
            "InsufficientCapacityError",
            "NodeClaim",
            "karpenter",
            r"NodeClaim \S{1,253} event: |creating instance, insuff",
        ),
        ("ScaleUpFailed", "ConfigMap", "cluster-autoscaler", r"Failed adding \d{1,6} nodes to group|Scale-up failed"),
        ("ScaleUpTimedOut", "ConfigMap", "cluster-autoscaler", r"Nodes added to group \S{1,300} failed to register"),
        (
            "FailedCreate",
            "ReplicaSet",
            "replicaset-controller",
            r"(?:Error from server.{0,200}?(?:denied the request|is forbidden|exceeded quota)"
            r"|Error creating: |create Pod \S{1,253} in StatefulSet"
            r"|(?:Error from server.{0,40}: )?pods \"[^\"]{1,253}\" is forbidden)|admission webhook \"",
        ),
        (
            "Failed",
            "Pod",
            "kubelet",
            r"Failed to (?:inspect|apply default image tag)|Failed to pull image "
            r"|rpc error: code = \w{1,20} desc = failed to (?:pull and unpack image|resolve reference)",
        ),
        ("BackOff", "Pod", "kubelet", r"Back-off (?:pulling|restarting)|back-off \S{2,12} restarting failed"),
        (
            "FailedMount",
            "Pod",
            "kubelet",
            r"MountVolume\.|MapVolume\.|Unable to attach or mount volumes|Unable to mount volumes",
        ),
        ("FailedAttachVolume", "Pod", "attachdetach-controller", r"Multi-Attach error|AttachVolume\."),
        ("FailedCreatePodSandBox", "Pod", "kubelet", r"Failed to create pod sandbox"),
        ("Unhealthy", "Pod", "kubelet", r"(?:Liveness|Startup|Readiness) probe (?:failed|errored)"),
        ("Killing", "Pod", "kubelet", r"Container \S{1,63} failed (?:liveness|startup) probe"),
        (
            "Evicted",
            "Pod",
            "kubelet",
            r"The node was low on resource|The node had condition|Pod ephemeral local storage usage exceeds"
            r"|Usage of EmptyDir volume|Container \S{1,63} exceeded its local ephemeral",
        ),
        (
            "UnexpectedAdmissionError",
            "Pod",
            "kubelet",
            r"(?:Pod was rejected: |Pod )?(?:Allocate failed due to|Update plugin resources failed)",
        ),
        ("NodeShutdown", "Pod", "kubelet", r"Pod was rejected as the node is shutting down"),
        ("OutOfnvidia.com/gpu", "Pod", "kubelet", r"(?:Pod was rejected: )?Node didn't have enough resource"),
        (
            "ProvisioningFailed",
            "PersistentVolumeClaim",
            "persistentvolume-controller",
            r"storageclass(?:\.storage\.k8s\.io)? \"|failed to provision volume|no persistent volumes available",
        ),
        ("FailedGetExternalMetric", "HorizontalPodAutoscaler", "horizontal-pod-autoscaler", r"unable to get external"),
        (
            "Failed",
            "Pod",
            "kubelet",
            r"Error: (?:ErrImagePull|ImagePullBackOff|InvalidImageName|secret \"|configmap \"|couldn't find key"
            r"|failed to (?:create|start|generate|prepare|reserve|get)|container has runAsNonRoot|stat |context dead)"
            r"|failed to create (?:containerd task|shim)|OCI runtime create failed",
        ),
    )
)
_OF_A_LOG = lazy_pattern(
    r"^(?:\(\w|\[?\d{4}-\d\d-\d\d|(?:INFO|WARNING|ERROR|DEBUG)\b|[IWEF]\d{4} )|Traceback \(most recent", re.MULTILINE
)
_MOST_LINES = 60


def told_sentences(text: str) -> Iterator[Told]:
    """An event for each sentence of a text that is known as one; a line that goes on is added to it."""
    if _OF_A_LOG.search(text):
        return
    current: Told | None = None
    for line in text.splitlines()[:_MOST_LINES]:
        told = _told(line)
        if told is not None:
            if current is not None:
                yield current
            current = told
        elif current is not None and line.strip():
            current = _longer(current, line.strip())
    if current is not None:
        yield current


def _told(line: str) -> Told | None:
    prefix = _PREFIX.match(line)
    starts = {prefix.end(), prefix.end("reason") if prefix["reason"] else prefix.end(), 0} if prefix else {0}
    for start in sorted(starts, reverse=True):
        rest = line[start:].strip().rstrip("\"'`")
        for reason, kind, source, pattern in _SENTENCES:
            if pattern.match(rest):
                return Told("Warning", reason, rest, source, about={"kind": kind, "name": ""})
    return None


def _longer(told: Told, line: str) -> Told:
    return Told(told.type, told.reason, f"{told.message} {line}"[:8_192], told.source, about=told.about)
