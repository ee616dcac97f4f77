"""What Kubernetes says in events and statuses, where somebody copied the sentence alone.

The sentence tells which component says it, and so what the reason of its event is. It may begin a line, stand within
prose or quotation marks, be what a client prints, or be a part of another message; a log's own lines are not looked at
here, since they quote what was said long ago.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.diagnosis.placement.scheduler_text import SHORT, SPOKEN
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told
from vops.operations.printed.waiting_texts import waiting_sentences

_PREFIX = lazy_pattern(
    r"(?:[>|*\s-]{0,8})(?:\d{4}-\d\d-\d\d[T ][\d:.]{5,16}(?:Z|[+-]\d\d:?\d\d)? )?"
    r"(?:\[?(?:Warning|Normal|Message|message|status|reason)\b\]?[: ]{1,3}){0,2}"
    r"(?:(?P<reason>[A-Z][A-Za-z]{4,40})(?::| -|,)? +)?[\"'`]?"
)
_SENTENCES: tuple[tuple[str, str, str, re.Pattern[str]], ...] = tuple(
    (reason, kind, source, lazy_pattern(pattern))
    for reason, kind, source, pattern in (
        (
            "FailedScheduling",
            "Pod",
            "karpenter",
            r"Failed to schedule pod, |incompatible with (?:nodepool|provisioner) \""
            r"|no instance type (?:satisfied|met|has)",
        ),
        (
            "FailedScheduling",
            "Pod",
            "default-scheduler",
            r"\d{1,6}/\d{1,6} nodes are (?:un)?available|[Aa]ll nodes are unavailable: \d"
            r"|[Nn]o nodes (?:are )?available (?:to schedule pods|that match all)"
            r"|Cannot schedule pods: |pod has unbound immediate Pers"
            r"|running (?:\"\w{1,40}\" )?(?:PreBind|PreFilter|filter|Reserve|Permit|Bind|Score)\b ?plugins?[ :]"
            r"|waiting for dynamic resource controller to create|waiting for resource driver to",
        ),
        (
            "Unschedulable",
            "Pod",
            "kai-scheduler",
            r"[Nn]o nodes with enough resources were found: |Unable to schedule podgroup|Resources were not found for"
            r"|node-group\(s\) didn't have enough resources"
            r"|Non-?[Pp]reemptible ?(?:workload is over quota|OverQuota)"
            r"|\S{1,253} quota has reached the allowable limit"
            r"|Workload requested [\d.]{1,20} (?:GPUs|CPU cores|GB memory), but ",
        ),
        (
            "Unschedulable",
            "Pod",
            "kueue-admission",
            r"couldn't assign flavors to pod set|[Ww]orkload didn't fit in|The workload has exceeded the quota"
            r"|(?:Local|Cluster)Queue \S{1,253} (?:is inactive|doesn't exist)",
        ),
        (
            "Unschedulable",
            "Pod",
            "yunikorn",
            r"Request '[^']{1,253}' does not fit in queue |Unschedulable request '[^']{1,253}': ",
        ),
        ("NodeAffinity", "Pod", "kubelet", r"(?:Pod )?Predicate (?:NodeAffinity|MatchNodeSelector) failed"),
        (
            "TopologyAffinityError",
            "Pod",
            "kubelet",
            r"(?:Pod was rejected: |Pod )?Resources cannot be allocated with Topology locality",
        ),
        ("FilteringFailed", "Pod", "hami-scheduler", r"no available node, \d{1,6} nodes? do"),
        (
            "NotTriggerScaleUp",
            "Pod",
            "cluster-autoscaler",
            r"pod didn't trigger scale-up|Provisioning Request(?:'s pods)? cannot be scheduled in "
            r"|[Mm]ax (?:cluster size|nodepool size|cluster limit) reached|Nodepool not ready for scale-up"
            r"|Nodepool in backoff after failed scale-up|No nodepool with QueuedProvisioning enabled",
        ),
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
            r"resource \S{1,300} was blocked due to the following policies|blocking resource request"
            r"|admission request denied"
            r"|(?:The (?:\w{2,40} \"[^\"]{1,253}\"|request)"
            r"|[A-Z]\w{2,40}\.[a-z][\w.]{1,60} \"[^\"]{1,253}\") is invalid:"
            r"|(?:Error from server \(BadRequest\): )?(?:error when (?:creat|apply|patch|replac)ing .{0,200}?: )?"
            r"[A-Z]\w{2,40} in version \"[^\"]{1,60}\" cannot be handled as an? "
            r"|(?:[Ee]rror: .{0,200}?)?(?:error (?:parsing|validating) \S{1,200}: error "
            r"|error converting YAML to JSON: "
            r"|values don't meet the specifications of the schema)"
            r"|[a-z]{3,40}s \"[^\"]{1,253}\" is forbidden: (?:[Ee]xceeded|[Ff]ailed) quota"
            r"|(?:Error from server.{0,200}?(?:denied the request|is "
            r"forbidden|exceeded quota|failed calling)"
            r"|Error creating: |create Pod \S{1,253} in StatefulSet"
            r"|(?:Error from server.{0,40}: )?pods \"[^\"]{1,253}\" is forbidden)"
            r"|admission webhook \"[^\"]{1,253}\" denied|(?:Internal error occurred: )?failed calling (?:admission )?"
            r"webhook \"",
        ),
        (
            "Failed",
            "Pod",
            "kubelet",
            r"Unable to fetch image \"|failed to resolve image to digest: |checking image: (?:HEAD|GET) https?://",
        ),
        (
            "Unschedulable",
            "Pod",
            "volcano",
            r"\d{1,6}/\d{1,6} tasks? in gang unschedulable|pod group is not ready, \d{1,6} "
            r"|queue resource quota insufficient",
        ),
        (
            "FailedPrepareDynamicResources",
            "Pod",
            "kubelet",
            r"Failed to prepare dynamic resources|NodePrepareResources? failed|error preparing devices for claim ",
        ),
        (
            "ProgressDeadlineExceeded",
            "Deployment",
            "deployment-controller",
            r"(?:error: )?[Dd]eployment \"[\w./-]{1,253}\" exceeded its progress deadline"
            r"|(?:Deployment|ReplicaSet) \"[\w./-]{1,253}\" has timed out progressing|Initial scale was never achieved"
            r"|Helm (?:install|upgrade) failed for release .{1,300}?: (?:timed out waiting|context deadline exceeded"
            r"|resource \S{1,300} not ready)|resource \S{1,300} not ready\. status: (?:Failed|InProgress), message: "
            r"|(?:Error: )?(?:INSTALLATION|UPGRADE) FAILED: .{0,200}?(?:timed out waiting|context deadline exceeded)"
            r"|error: timed out waiting for the condition",
        ),
        (
            "Failed",
            "Pod",
            "kubelet",
            r"Failed to (?:inspect|apply default image tag)|Failed to pull image\b"
            r"|rpc error: code = \w{1,20} desc = failed to (?:pull and unpack image|resolve reference)",
        ),
        ("BackOff", "Pod", "kubelet", r"Back-off (?:pulling|restarting)|back-off \S{2,12} restarting failed"),
        (
            "FailedMount",
            "Pod",
            "kubelet",
            r"MountVolume\.|MapVolume\.|[Mm]ount failed: exit status|mount\.(?:nfs4?|cifs|lustre|ceph): "
            r"|Unable to (?:attach or )?mount volumes|mount: /var/lib/kubelet/\S{1,400}: "
            r"|failed to find \w{2,30} in \$PATH",
        ),
        (
            "FailedAttachVolume",
            "Pod",
            "attachdetach-controller",
            r"Multi-Attach error|AttachVolume\.|failed to attach: |[Vv]olume \S{1,120} is not ready for workloads"
            r"|Volume (?:not attached|is not attached|has not been added)",
        ),
        (
            "FailedCreatePodSandBox",
            "Pod",
            "kubelet",
            r"Failed (?:to )?create pod sandbox|plugin type=\"[\w.-]{1,60}\".{0,80} failed \(add\)"
            r"|CreatePodSandbox for pod|failed to set ?up (?:network for )?sandbox"
            r"|RunPodSandbox from runtime service failed",
        ),
        (
            "NodeNotReady",
            "Node",
            "kubelet",
            r"PLEG is not healthy: pleg was last seen|[Kk]ubelet stopped posting node status|Node became not ready"
            r"|[Cc]ontainer runtime network not ready|[Nn]etwork plugin is not ready|runtime network not ready",
        ),
        (
            "Preempted",
            "Pod",
            "kai-scheduler",
            r"Pod \S{1,320} was preempted (?:by|and rescheduled)|Pod is evicted, because of \w"
            r"|Preempted to accommodate a workload",
        ),
        (
            "FreeDiskSpaceFailed",
            "Node",
            "kubelet",
            r"[Ff]ailed to garbage collect required amount of images"
            r"|Attempting to reclaim (?:nodefs|imagefs|ephemeral)",
        ),
        ("BackendNotFound", "Ingress", "ingress", r"<error: (?:endpoints|services?) \"[^\"]{1,253}\" not found>"),
        ("Unhealthy", "Pod", "kubelet", r"(?:Liveness|Startup|Readiness) probe (?:failed|errored)"),
        ("Killing", "Pod", "kubelet", r"Container \S{1,63} failed (?:liveness|startup) probe"),
        (
            "Evicted",
            "Pod",
            "kubelet",
            r"Failed to admit pod .{1,300}node has conditions"
            r"|The node was low on resource|The node had condition|eviction manager: must evict pod\(s\)"
            r"|Pod ephemeral local storage usage exceeds"
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
            r"storageclass(?:\.storage\.k8s\.io)? \"[\w.-]{1,253}\" not found|failed to provision volume"
            r"|no persistent volumes available|[Ww]aiting for a volume to be created,? either by the? ?external "
            r"provisioner",
        ),
        (
            "FailedGetExternalMetric",
            "HorizontalPodAutoscaler",
            "horizontal-pod-autoscaler",
            r"unable to get (?:external |resource |object |pods? )?metric |the HPA was unable to compute the replica "
            r"count"
            r"|(?:Error from server \(\w{1,40}\): )?the server could not find the metric |unable to fetch metrics from "
            r"|no metrics returned from (?:external|custom|resource) metrics API",
        ),
        (
            "KEDAScalerFailed",
            "ScaledObject",
            "keda-operator",
            r"error parsing \w{1,40} metadata|\S{1,60} metrics '[^']{1,60}' target may be lost"
            r"|ScaledObject doesn't have correct|[Tt]riggers defined in ScaledObject are not working",
        ),
        (
            "Failed",
            "Pod",
            "kubelet",
            r"Error: (?:ErrImagePull|ImagePullBackOff|InvalidImageName|secret \"|configmap \"|couldn't find key"
            r"|failed to (?:create|start|generate|prepare|reserve|get)|container has runAsNonRoot|stat |context dead)"
            r"|nvidia-container-cli(?:\.real)?: \w{1,20} error: "
            r"|failed to create (?:containerd task|shim)|OCI runtime create failed",
        ),
    )
)
_OF_A_LOG = lazy_pattern(
    r"^(?:\([A-Za-z][\w ]{0,40}(?:pid|ip|rank)=|\[?\d{4}-\d\d-\d\d[T "
    r"][^\[\n]{0,40}(?:INFO|WARN|ERROR|DEBUG|\]|\t)|(?:INFO|WARNING|ERROR|DEBUG)\b(?!: \(gcloud\.)"
    r"|[IWEF]\d{4} (?!\S{1,20} +\d{1,7} warnings\.go:))|Traceback \(most recent",
    re.MULTILINE,
)
_CLOUD = lazy_pattern(
    r"[Cc]ould not launch (?:On-Demand|Spot) Instances|InsufficientInstanceCapacity|VcpuLimitExceeded"
    r"|MaxSpotInstanceCountExceeded|(?:do|does|did) not have (?:sufficient|enough) (?:\S{1,60} ){0,4}capacity"
    r"|requested more vCPU capacity"
    r"|(?<!message=\")(?<!MODULE:PT_DEVMEM )Allocation ?[Ff]ail(?:ed|ure)"
    r"|Overconstrained(?:Zonal)?AllocationRequest|SkuNotAvailable"
    r"|exceeding (?:approved|quota limit)|ZONE_RESOURCE_POOL_EXHAUSTED|GCE_STOCKOUT|Quota '[A-Z_0-9]{3,80}' exceeded"
    r"|does not have enough resources available to fulfill|is currently not available in location"
    r"|resource is not available in the location"
    r"|QuotaExceeded|reached your quota for|[Qq]uota metrics? exceed|Quota exceeded for"
    r"|out\.of\.resources|scale\.up\.error|not enough free addresses|InsufficientFreeAddressesInSubnet"
    r"|[Oo]ut of (?:host )?capacity|[Oo]ut of stock|NoStock\b|ResourceInsufficient|ResourcesSoldOut"
    r"|[Ii]nsufficient \w{2,20} quota|Insufficient\w{2,20}Quota|quota of \d{1,9} and cannot|GCE (?:out of|quota)"
)
_OVER = lazy_pattern(r"\b(?:fixed|solved|resolved|no longer|went away|works? now|avoids?|prevents?)\b", re.IGNORECASE)
_CAME = lazy_pattern(r"\bSuccessfully (?:provisioned|launched) (?:cluster|instance|node)")
"""What a tool that tries one zone after another says once it was given a machine."""

_ROW = lazy_pattern(
    r"(?:Normal|Warning)\s+[A-Z]|[A-Z][A-Za-z]{2,30}(?: [A-Za-z-]{2,30})?:(?:\s|$)|(?:\$|NAME|apiVersion:)\s?"
)
_MOST_LINES = 60
_LONGEST = 8_192
_CLOSING = {"`": "`", '"': '"', "'": "'", "\u201c": "\u201d", "\u300c": "\u300d", "(": ")", "[": "]"}
_SCHEDULED = lazy_pattern(r"schedul|\b[Pp]ending\b")
_WORD = lazy_pattern(r"[\w/-]", re.ASCII)
_ENDS = lazy_pattern(r"[\u3002\uff0c\uff1b]")
"""Full stop, comma and semicolon of Chinese prose, which none of the sentences have."""


def told_sentences(text: str) -> Iterator[Told]:
    """An event for each sentence of a text that is known as one; a line that goes on is added to it."""
    if (log := _OF_A_LOG.search(text)) is not None:
        text = text[: log.start()]
    lines = text.splitlines()[:_MOST_LINES]
    back = "just became ready" in text
    came = max((index for index, line in enumerate(lines) if _CAME.search(line)), default=-1)
    lines = lines[came + 1 :]
    found = list(_begun(lines)) or list(_within(lines)) or list(waiting_sentences(lines))
    found = found or list(_quoted(lines))
    yield from (told for told in found if not (back and told.reason == "NodeNotReady"))


def _quoted(lines: list[str]) -> Iterator[Told]:
    """What somebody quotes of the scheduler's reasons alone; nothing where they tell that it is over."""
    told = [line.strip()[:_LONGEST] for line in lines if SPOKEN.search(line) or _is_short(line)]
    if told and not any(_OVER.search(line) for line in lines):
        about = {"kind": "Pod", "name": ""}
        yield Told("Warning", "FailedScheduling", " ".join(told), "default-scheduler", about=about)


def _is_short(line: str) -> bool:
    return SHORT.search(line) is not None and _SCHEDULED.search(line) is not None


def _within(lines: list[str]) -> Iterator[Told]:
    """Sentences within lines; one that is not closed goes on in the lines after it, where it was wrapped."""
    current: Told | None = None
    for line in lines:
        told = sentence_within(line) or cloud_sentence(line)
        if current is not None and _goes_on(current, line, told):
            current = _longer(current, line.strip())
            continue
        if current is not None:
            yield current
        current = told
    if current is not None:
        yield current


def _goes_on(told: Told, line: str, begins: Told | None) -> bool:
    """Whether a line continues a sentence: it is open, and the line is a rest of one and not the next one."""
    text = line.strip()
    if not text or told.message.endswith((".", "!", "\u3002")) or _ROW.match(text):
        return False
    return begins is None or (begins.reason == told.reason and not text.startswith(begins.message))


def cloud_sentence(line: str) -> Told | None:
    """What a cloud answers when it is asked for a machine: the whole of the line, since its code may stand anywhere."""
    text = line.replace('\\"', '"').strip(" \t\r\"'`,>*-")
    if not _CLOUD.search(text):
        return None
    return Told("Warning", "FailedScaleUp", text[:_LONGEST], "cluster-autoscaler", about={"kind": "Pod", "name": ""})


def sentence_within(text: str) -> Told | None:
    """The first known sentence that a text contains, up to the quotation mark that closes it, as an event."""
    best: tuple[int, tuple[str, str, str]] | None = None
    text = text.replace('\\"', '"')
    for reason, kind, source, pattern in _SENTENCES:
        match = pattern.search(text)
        if match is None or (match.start() and _WORD.match(text[match.start() - 1])):
            continue
        if best is None or match.start() < best[0]:
            best = (match.start(), (reason, kind, source))
    if best is None:
        return None
    start, (reason, kind, source) = best
    return Told("Warning", reason, _closed(text, start), source, about={"kind": kind, "name": ""})


def _closed(text: str, start: int) -> str:
    """A sentence from where it begins to where what it is quoted in closes."""
    rest = text[start : start + _LONGEST].strip()
    ends = _CLOSING.get(text[start - 1]) if start else None
    if ends is None and text[:start].count("`") % 2:
        ends = "`"
    if ends in ('"', "'"):
        rest = rest.rpartition(ends)[0] or rest
    elif ends is not None:
        rest = rest.partition(ends)[0]
    return _ENDS.split(rest, maxsplit=1)[0].strip().rstrip("`")


def _begun(lines: list[str]) -> Iterator[Told]:
    """Sentences that begin a line, with the lines after them that go on."""
    current: Told | None = None
    for line in lines:
        told = _told(line)
        if told is not None and not (current is not None and current.message.endswith(":")):
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
    return Told(told.type, told.reason, f"{told.message} {line}"[:_LONGEST], told.source, about=told.about)
