"""What the scheduler says about a pod that it cannot place, in every dialect from Kubernetes 1.22 to 1.36.

The text is no contract (1.35 dropped the taints from it), and it names for each node only the first obstacle. It
corroborates what vops computes from the objects (vops.diagnosis.placement.recompute); it never replaces that where
nodes can be read. Sources: FitError.Error of pkg/scheduler/framework/types.go, the reasons of its plugins, and of
preemption; for other schedulers KAI's node_info.go and unschedule_info.go, Volcano's, HAMi's and
SkyPilot's.

    0/<N> nodes are available: [<PreFilter's message>.] | [<n> <reason>{, <n> <reason>}.] [<DRA's word>, preemption: …]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from vops.diagnosis.placement.filters.taints import says_unavailable
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event, Taint


class Obstacle(StrEnum):
    """Why a node does not take a pod."""

    UNAVAILABLE = "unavailable"
    TAINT = "taint"
    SELECTOR = "selector"
    RESOURCE = "resource"
    PODS = "pods"
    POD_AFFINITY = "pod affinity"
    SPREAD = "topology spread"
    PORTS = "host ports"
    VOLUME = "volume"
    CLAIM = "resource claim"
    OTHER = "other"


class Preemption(StrEnum):
    """What the scheduler says that evicting pods of lower priority would do."""

    UNSAID = "unsaid"
    NO_VICTIMS = "no victims"  # a node would do if it were emptied, and nobody there ranks lower
    NOT_HELPFUL = "not helpful"  # no node would do even if it were emptied
    MIXED = "mixed"
    NOT_ALLOWED = "not allowed"  # preemptionPolicy: Never
    UNDER_WAY = "under way"


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One obstacle: on how many nodes by the scheduler's count (0 without one), and the resource or taint if named."""

    obstacle: Obstacle
    nodes: int
    text: str
    resource: str = ""
    taint: Taint | None = None


class SchedulerText(msgspec.Struct, frozen=True):
    """A message taken apart; `blocked` is what rules out every node at once, such as a claim that is not there.

    `modern` says that it is of 1.34 or later, where "not helpful" tells that no node is large enough. `cut` says that
    an event had no room for all of it.
    """

    text: str
    nodes: int | None = None
    reasons: tuple[Reason, ...] = ()
    blocked: str = ""
    gates: str = ""
    preemption: Preemption = Preemption.UNSAID
    modern: bool = False
    cut: bool = False

    def says(self, obstacle: Obstacle, resource: str = "") -> bool:
        """Whether an obstacle (of one resource) is among the reasons."""
        return any(reason.obstacle is obstacle and resource in ("", reason.resource) for reason in self.reasons)


_LONGEST = 8_000
_NEAR = 60
"""Within so many characters a scheduler that has a reason of its own for its events comes to the count of nodes."""

_CUT = " ..."
_HEAD = lazy_pattern(r"(?:(\d{1,7})/(\d{1,7}) nodes(?: are)?|\b[Aa]ll nodes are) (?:un)?available: ?")
"""Volcano and Run:ai count no nodes: none is available."""

SCHEDULERS = _HEAD
"""What every refusal of kube-scheduler has, and of those that are built on it."""

_AFTER = (
    r"no new claims to deallocate|still not schedulable|plugin disabled"
    r"|(?:deallocation|deletion) of ResourceClaim completed"
)
_TAIL = lazy_pattern(rf"[.,]? ?(?:(?:{_AFTER})(?:, preemption: |\.*$)|preemption: )")
_TEXT = (
    r"(?P<text>"
    r"[Ii]nsufficient (?P<resource>[\w./-]*\w)"
    r"|Too many pods"
    r"|node\(s\) had untolerated taint\(s\)"
    r"|node\(s\) had untolerated taint \{(?P<new>[^{}]{0,500})\}"
    r"|node\(s\) had taint \{(?P<old>[^{}]{0,500})\}, that the pod didn't tolerate"
    r"|[A-Za-z(\"][^,]{2,300}?)"
)
_REASON = lazy_pattern(rf"(?P<nodes>\d{{1,7}}) {_TEXT}(?=, \d|\.? ?\.*$|\. )")
_OBSTACLES = (
    ("plugin NodeAffinity", Obstacle.SELECTOR),
    ("[NodeAffinity]", Obstacle.SELECTOR),
    ("plugin VolumeBinding", Obstacle.VOLUME),
    ("[VolumeBinding]", Obstacle.VOLUME),
    ("were unschedulable", Obstacle.UNAVAILABLE),
    ("had unknown conditions", Obstacle.UNAVAILABLE),
    ("were not ready", Obstacle.UNAVAILABLE),
    ("taint", Obstacle.TAINT),
    ("requested node name", Obstacle.SELECTOR),
    ("node affinity/selector", Obstacle.SELECTOR),
    ("affinity terms conflict", Obstacle.SELECTOR),
    ("required features", Obstacle.SELECTOR),
    ("match node selector", Obstacle.SELECTOR),
    ("scheduler-enforced node affinity", Obstacle.SELECTOR),
    ("Insufficient", Obstacle.RESOURCE),
    ("insufficient", Obstacle.RESOURCE),
    ("Too many pods", Obstacle.PODS),
    ("affinity rules", Obstacle.POD_AFFINITY),
    ("pod affinity/anti-affinity", Obstacle.POD_AFFINITY),
    ("topology spread constraints", Obstacle.SPREAD),
    ("free ports", Obstacle.PORTS),
    ("persistent volumes", Obstacle.VOLUME),
    ("volume", Obstacle.VOLUME),
    ("Volume node affinity", Obstacle.VOLUME),
    ("PersistentVolume", Obstacle.VOLUME),
    ("pvc(s)", Obstacle.VOLUME),
    ("free storage", Obstacle.VOLUME),
    ("no available disk", Obstacle.VOLUME),
    ("CSI driver", Obstacle.VOLUME),
    ("claim", Obstacle.CLAIM),
    ("cannot fit resource", Obstacle.CLAIM),
    ("resource class node filter", Obstacle.CLAIM),
    ("device class", Obstacle.CLAIM),
    ("waiting for resource driver", Obstacle.CLAIM),
    ("node unregister", Obstacle.RESOURCE),
    ("resource fit failed", Obstacle.RESOURCE),
    ("pod number exceeded", Obstacle.PODS),
    ("Card", Obstacle.RESOURCE),
    ("InsufficientDevice", Obstacle.RESOURCE),
    ("GPU", Obstacle.RESOURCE),
    ("gpu", Obstacle.RESOURCE),
    ("node affinity", Obstacle.SELECTOR),
    ("node selector", Obstacle.SELECTOR),
    ("MatchNodeSelector", Obstacle.SELECTOR),
    ("HostName", Obstacle.SELECTOR),
    ("ToleratesNodeTaints", Obstacle.TAINT),
    ("InterPodAffinity", Obstacle.POD_AFFINITY),
    ("HostPorts", Obstacle.PORTS),
    ("Volume", Obstacle.VOLUME),
    ("NoDiskConflict", Obstacle.VOLUME),
    ("NodeUnschedulable", Obstacle.UNAVAILABLE),
    ("NodeNotReady", Obstacle.UNAVAILABLE),
    ("Pressure", Obstacle.UNAVAILABLE),
)
"""What a reason is about, by a part of it; those without spaces are predicates of schedulers before 1.10."""

_FAILED = ("FailedScheduling", "Unschedulable", "FilteringFailed", "PodGroupPending")
"""What kube-scheduler and Volcano, KAI and Volcano's pod groups, HAMi, and Volcano's controller call it."""

SKIPPED = "skip schedule deleting pod"
"""Said of a pod that is being deleted, which is no refusal."""

_PENDING = "Pending"
"""What Kueue calls a workload that gets no quota."""

_PREDICATES = lazy_pattern(r"([A-Z][\w ./()'-]{2,120}?) \((\d{1,7})\)(?=[,.\s]|$)")
"""A reason with the nodes behind it, as schedulers before 1.10 wrote."""

_BY_PREDICATES = ("match all of the predicates", "match all of the following predicates", "summary on nodes")

SPOKEN = lazy_pattern(
    r"[Vv]olume node affinity conflict|untolerated taint \{[^{}]{1,300}\}"
    r"|[Ii]nsufficient (?:nvidia|amd)(?:\.com/[\w.-]{1,60})?\b"
    r"|node\(s\) had taint \{[^{}]{1,300}\}, that the pod didn't tolerate"
    r"|node\(s\) had untolerated taint\(s\)|unbound (?:immediate )?PersistentVolumeClaims"
    r"|(?:did|do|does)(?:n't| not) match (?:the )?(?:[Pp]od's )?node (?:affinity|selector)"
    r"|(?:did|do|does)(?:n't| not) match PersistentVolume's node affinity"
    r"|didn't match pod (?:anti-)?affinity rules|didn't match pod topology spread constraints"
    r"|cannot allocate all claims|didn't have free ports for the requested pod ports"
)
"""The reasons that mean nothing else, as people quote them without what the scheduler writes around them."""

SHORT = lazy_pattern(r"\b[Ii]nsufficient (?:memory|cpu|ephemeral-storage)\b")
"""Those that mean a node only where a line speaks of scheduling as well."""

AGAINST_OLD = lazy_pattern(
    r"\b(?:old|previous|existing|outgoing) (?:\S{1,30} )?(?:pod|replica|revision|replica ?set|one|instance)s?\b"
    r"[^.\n]{0,40}\b(?:h[eo]ld|keep|kept|occup|is not released|(?:can|could|may)(?:not| not) be (?:terminated|removed)"
    r"|(?:never|not) (?:being )?(?:torn down|terminated|removed|stopped))"
)
"""How people tell that a rolling update waits for what its old pods have."""

OF_A_ROLLOUT = lazy_pattern(r"(?i)\broll(?:out|ing)|\bsurge\b|\bnew (?:pod|replica|one)\b")

_NO_VOLUMES = lazy_pattern(r"unbound (?:immediate )?PersistentVolumeClaims|PersistentVolumeClaim is not bound")
_SHORT_OF = lazy_pattern(r"[Ii]nsufficient (cpu|memory|ephemeral-storage)\b")
_IS_GATED = lazy_pattern(r"(?:\S{1,9} ){1,3}SchedulingGated\b")
_OF_A_CLAIM = lazy_pattern(r"(?i)\bresource ?claim\b")
_COUNTED = lazy_pattern(r"(?:\d{1,7} )?node\(s\)")
_OF_YUNIKORN = lazy_pattern(r"'([^']{3,300})' \((\d{1,7})x\)")
_GPU = "nvidia.com/gpu"
_OTHERS = lazy_pattern(
    r"(?:(?P<nodes>\d{1,7}) node\(s\)|node-group\(s\)|\bNode \S{1,253}) didn't have enough "
    r"(?:resources?|of mig profile): "
    r"(?P<short>[\w./ -]{1,80}?)"
    r"(?=[.,;\n]|$)"
    r"|Insufficient (?P<capacity>\w{2,20}) capacity on the cluster\.|resource in cluster is overused"
    r"|[Nn]o node in the .{1,80} node-pool has (?P<absent>[\w./-]{1,120}) resources"
    r"|(?P<cards>\d{1,7}) nodes? (?:(?:Card|Allocated|Node|Numa|Exclusive)\w{4,40}|is not a gpu node)"
)
_ABSENT = lazy_pattern(r"[Nn]o node in the .{1,80} node-pool has [\w./-]{1,120} resources")
_OF_ALL = ("insufficient ", "pod affinity terms conflict")
"""Reasons that may come without a count, and are then of every node."""

_BLOCKED, _GATED = "non-empty scheduling gates", "in its spec"
"""What the API server says of a pod with gates before the scheduler has seen it."""

_CONSOLE = "Cannot schedule pods: "
"""How the console of Google Cloud begins one of the scheduler's reasons; it cuts `nvidia.com/gpu` at the dot."""

_OF_KAI = "nough resources were found: "
"""Behind it KAI counts nodes by what it lacks there, and by what the scheduler's own plugins say."""

_NAMES = {"nvidia": _GPU, "GPUs": _GPU, "GPU": _GPU, "GPU memory": _GPU, "CPU cores": "cpu", "CPU": "cpu"}
_KARPENTER = "Failed to schedule pod"


def scheduler_text(message: str) -> SchedulerText:
    """A PodScheduled message or a FailedScheduling event taken apart; never raises."""
    text = " ".join(message[:_LONGEST].split())
    cut = text.endswith(_CUT)
    gates = text.partition("waiting for scheduling gates: ")[2] or (
        _GATED if _BLOCKED in text or _IS_GATED.match(text) else ""
    )
    head = _HEAD.search(text)
    if head is None:
        nodes = 0 if text.startswith("no nodes available") else None
        absent = _ABSENT.search(text) is not None
        return SchedulerText(
            text,
            nodes,
            tuple(_of_others(text)),
            gates=gates,
            blocked=_outside_the_form(text),
            preemption=Preemption.NOT_HELPFUL if absent else Preemption.UNSAID,
            modern=absent,
            cut=cut,
        )
    before, within, _ = text[: head.start()].rpartition("preemption: ")
    if within and head.start() > _NEAR:
        blocked = before.replace("no new claims to deallocate", "").strip(" ,.")
        return SchedulerText(text, int(head[2] or 1), blocked=blocked, preemption=_preemption(text[head.end() :]))
    body, after = _parted(text[head.end() :].removesuffix(_CUT))
    body = f"{head[2] or 1} {body}" if body.lower().startswith(_OF_ALL) else body
    reasons = tuple(_reason(match) for match in _REASON.finditer(body)) if body[:1].isdigit() else ()
    if cut and not after:
        reasons = reasons[:-1]
    return SchedulerText(
        text,
        int(head[2]) if head[2] else None,
        reasons,
        blocked="" if body[:1].isdigit() else body.strip(" ."),
        preemption=_preemption(after),
        modern=any(word in text for word in ("no new claims to deallocate", "still not schedulable")),
        cut=cut,
    )


def last_words(said: str, events: Iterable[Event]) -> str:
    """What the scheduler said last: the pod's condition, else the newest of its events (oldest first)."""
    if said:
        return said
    return next((event.message for event in reversed(tuple(events)) if by_scheduler(event)), "")


def by_scheduler(event: Event) -> bool:
    """Whether an event is a scheduler's refusal, and not Karpenter's, which has the same reason."""
    who = event.source.component or event.reporting_component
    if event.message.startswith(SKIPPED):
        return False
    if event.reason == _PENDING and who.startswith("kueue"):
        return True
    told = event.reason in _FAILED or _HEAD.search(event.message[:_NEAR]) is not None
    return told and not event.message.startswith(_KARPENTER) and not who.startswith("karpenter")


def _parted(rest: str) -> tuple[str, str]:
    """What is said about the nodes, and what is said after it about evicting others."""
    match = _TAIL.search(rest)
    return (rest, "") if match is None else (rest[: match.start()], rest[match.end() :])


def _outside_the_form(text: str) -> str:
    """An error of a plugin, which comes without the count of nodes; of claims it is known wherever it stands."""
    begins = text.startswith(("running ", "binding volumes", "persistentvolumeclaim"))
    return text if begins or _NO_VOLUMES.search(text) or _OF_A_CLAIM.search(text) else ""


def _preemption(after: str) -> Preemption:
    if "preemptionPolicy=Never" in after:
        return Preemption.NOT_ALLOWED
    if "terminating pod on the nominated node" in after:
        return Preemption.UNDER_WAY
    victims, helpless = "No preemption victims found" in after, "Preemption is not helpful" in after
    if victims and helpless:
        return Preemption.MIXED
    if victims:
        return Preemption.NO_VICTIMS
    return Preemption.NOT_HELPFUL if helpless else Preemption.UNSAID


def _reason(match: re.Match[str]) -> Reason:
    text = match["text"]
    taint = _taint(match["new"] or match["old"] or "")
    obstacle = next((obstacle for part, obstacle in _OBSTACLES if part in text), Obstacle.OTHER)
    if taint is not None and says_unavailable(taint):
        obstacle = Obstacle.UNAVAILABLE
    named = _SHORT_OF.match(text)
    resource = match["resource"] or (named[1] if named else _GPU if obstacle is Obstacle.RESOURCE else "")
    return Reason(obstacle, int(match["nodes"]), text, resource, taint)


def _of_others(text: str) -> Iterator[Reason]:
    """The reasons of schedulers that do not write in this form; some count nodes all the same."""
    for match in _OTHERS.finditer(text):
        short = match["short"] or match["absent"] or match["capacity"] or "GPUs"
        nodes = int(match["nodes"] or match["cards"] or 1)
        yield Reason(Obstacle.RESOURCE, nodes, match[0], _NAMES.get(short.strip(), short.strip()))
    if _OF_KAI in text:
        plugins = map(_reason, _REASON.finditer(text.rpartition(_OF_KAI)[2].rstrip(" .")))
        yield from (item for item in plugins if item.obstacle is Obstacle.CLAIM)
    listed = next((text.partition(word)[2] for word in _BY_PREDICATES if word in text), "")
    if listed:
        for why, count in _PREDICATES.findall(listed.lstrip(": ")):
            short = why.removeprefix("Insufficient ") if why.startswith("Insufficient ") else ""
            obstacle = next((known for part, known in _OBSTACLES if part in why), Obstacle.OTHER)
            yield Reason(obstacle, int(count), why, short)
    if _CONSOLE in text:
        first = _REASON.search(f"1 {text.partition(_CONSOLE)[2]}")
        if first is not None and (found := _reason(first)).obstacle is not Obstacle.OTHER:
            yield msgspec.structs.replace(found, nodes=0, resource=_NAMES.get(found.resource, found.resource))
    elif text.startswith("Ray has "):
        yield Reason(Obstacle.RESOURCE, 1, text, _GPU)
    elif "failing predicate(s): " in text:
        counted = (_REASON.match(f"{count} {why}") for why, count in _OF_YUNIKORN.findall(text))
        yield from (_reason(match) for match in counted if match is not None)
    elif (first := _COUNTED.search(text)) is not None:
        said = text.partition(": ")[2] if ": " in text[: first.start()] else text[first.start() :]
        told = (_reason(match) for match in _REASON.finditer(said))
        known = [item for item in told if item.obstacle not in (Obstacle.RESOURCE, Obstacle.OTHER)]
        yield from known or _as_quoted(text)
    else:
        yield from _as_quoted(text)


def _as_quoted(text: str) -> Iterator[Reason]:
    """Reasons without a count, each once: what somebody writes of them."""
    for words in dict.fromkeys((*SPOKEN.findall(text), *SHORT.findall(text))):
        if (match := _REASON.match(f"1 node(s) had {words}" if "taint" in words else f"1 {words}")) is not None:
            found = _reason(match)
            yield msgspec.structs.replace(found, nodes=0, resource=_NAMES.get(found.resource, found.resource))


def _taint(text: str) -> Taint | None:
    key, _, value = text.partition(":")
    return Taint(key.strip(), value.strip()) if key.strip() else None
