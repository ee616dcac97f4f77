"""Rows of tables that kubectl prints for people, where nothing else was copied: pods, nodes, conditions of a node.

A pod's row counts where its status is a reason, or where the pod is one of those that make a node offer its GPUs;
`Error` and `CrashLoopBackOff` of any other say only that there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from textwrap import dedent
from typing import Any

from vops.diagnosis.nodes.device_plugin import GPU_STACK
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import seconds

Document = dict[str, Any]

POD_TABLE = lazy_pattern(r"^(?:NAMESPACE +)?NAME +READY +STATUS +RESTARTS +AGE", re.MULTILINE)
NODE_ROW = lazy_pattern(
    r"^ *[A-Z][A-Za-z]{4,60} +(?:True|False|Unknown) +[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} .*$", re.MULTILINE
)
"""A condition in a description of a node, which alone has the times of two moments in such a row."""

_NODE = "Name: node\nRoles: <none>\nTaints: {}\nConditions:\n  Type\n  ----\n{}\n{}"
_PODS = "Capacity:\n  pods: 110\nAllocatable:\n  pods: 110"
_AMOUNTS = lazy_pattern(
    r"^(?P<indent> *)(?:Capacity|Allocatable): *\n(?:(?P=indent) +[\w./-]{1,253}: +\S+ *(?:\n|$))+", re.MULTILINE
)
_KILLED_ROW = lazy_pattern(
    r"^(?:(?P<namespace>[a-z0-9-]{1,63}) +)?(?P<name>[a-z0-9.-]{1,253}) +\d{1,3}/\d{1,3} +OOMKilled"
    r" +(?P<restarts>\d{1,6})\b",
    re.MULTILINE,
)
_POD_ROW = lazy_pattern(
    r"^ {0,12}(?:(?P<namespace>[a-z0-9-]{1,63}) +)?(?P<name>[a-z0-9][a-z0-9.-]{1,252}) +\d+/\d+ +"
    r"(?P<status>(?:Init:)?(?:Evicted|UnexpectedAdmissionError|OOMKilled|ErrImagePull|ImagePullBackOff|InvalidImageName"
    r"|ErrImageNeverPull|ImageInspectError|RegistryUnavailable|CreateContainerConfigError|SchedulingGated"
    r"|OutOf[\w./-]{2,80}|Topology ?Affinity ?Error|MatchNodeSelector|NodeSelectorMismatching)"
    r"|CreateContainerError|RunContainerError|StartError|ContainerCannotRun|PostStartHookError|ContainerStatusUnknown"
    r"|Unknown|NodeLost|Terminated|Shutdown|NodeShutdown|NodeAffinity|Preempting|SysctlForbidden|AppArmor"
    r"|SMTAlignmentError|PodOSNotSupported) +\d",
    re.MULTILINE,
)
_STACK_ROW = lazy_pattern(
    rf"^ {{0,12}}(?:(?P<namespace>[a-z0-9-]{{1,63}}) +)?(?P<name>{GPU_STACK}[a-z0-9.-]{{0,120}}) +\d+/\d+ +"
    r"(?P<status>(?:Init:)?(?:CrashLoopBackOff|Error|RunContainerError|StartError|CreateContainerError)) +\d",
    re.MULTILINE,
)
_SCHEDULER_ROW = lazy_pattern(
    r"^ {0,12}(?:kube-system +)?(?P<name>kube-scheduler-[a-z0-9.-]{1,240}) +\d+/\d+ +"
    r"(?P<status>CrashLoopBackOff|Error|CreateContainer(?:Config)?Error|RunContainerError|ImagePullBackOff|Pending)"
    r" +\d",
    re.MULTILINE,
)
_PENDING_ROW = lazy_pattern(
    r"^ {0,12}(?:(?P<namespace>[a-z0-9-]{1,63}) +)?(?P<name>(?!kube-)[a-z0-9][a-z0-9.-]{1,252}) +0/\d+ +Pending +\d",
    re.MULTILINE,
)
_WAITS = lazy_pattern(r"\b[Pp]ending\b")
SCHEDULER_DOWN = "SchedulerDown"
_AGED_ROW = lazy_pattern(
    r"^ {0,12}(?:[a-z0-9-]{1,63} +)??(?P<name>[a-z0-9][a-z0-9.-]{1,252}) +\d+/\d+ +\S+ +\d+(?: \([^)\n]{1,20}\))? +"
    r"(?P<age>[\dywdhms]{2,12})(?:\s|$)",
    re.MULTILINE,
)
_INIT_ROW = lazy_pattern(
    r"^ {0,12}(?:(?P<namespace>[a-z0-9-]{1,63}) +)?(?P<name>[a-z0-9][a-z0-9.-]{1,252}) +\d+/\d+ +"
    r"Init:(?:CrashLoopBackOff|Error|RunContainerError|CreateContainerError|StartError) +(?P<restarts>\d{1,6})\b",
    re.MULTILINE,
)
_NODE_LINE = lazy_pattern(
    r"^ {0,12}(?P<name>[a-z0-9][a-z0-9.-]{1,252}) +NotReady\S{0,60} +\S+ +[\dywdhms]{2,12} +v1\.\d", re.MULTILINE
)
_CLAIM_TABLE = lazy_pattern(r"^(?:NAMESPACE +)?NAME +(?:RESOURCECLASSNAME +ALLOCATIONMODE +)?STATE +AGE", re.MULTILINE)
_CLAIM_ROW = lazy_pattern(
    r"^(?:(?P<namespace>[a-z0-9-]{1,63}) +)?(?P<name>[a-z0-9][a-z0-9.-]{1,252}) +"
    r"(?:\S+ +(?:Immediate|WaitForFirstConsumer) +)?"
    r"pending +(?:(?:[2-9]\d|1\d\d)s|(?:[2-9]m|\d\dm|\d+[hd])\S{0,6})$",
    re.MULTILINE,
)
"""A claim of devices that has been pending for longer than a scheduler takes."""

_WORKLOAD_TABLE = lazy_pattern(r"^(?:NAMESPACE +)?NAME +QUEUE +RESERVED IN +ADMITTED\b", re.MULTILINE)
_WORKLOAD_ROW = lazy_pattern(
    r"^(?:(?P<namespace>[a-z0-9-]{1,63}) +)?(?:workload[a-z0-9.-]{0,40}/)?(?P<name>[a-z0-9][a-z0-9.-]{1,252}) +"
    r"(?P<queue>[a-z0-9][a-z0-9.-]{0,252}) {2,}(?:[a-z][a-z0-9.-]{1,252} +)?(?:False +)?"
    r"(?:[2-9]m|\d\dm|\d{1,4}[hd])\S{0,6}$",
    re.MULTILINE,
)
"""A workload that Kueue has not admitted for minutes."""

_ENDS = frozenset(
    {
        "Evicted",
        "UnexpectedAdmissionError",
        "NodeShutdown",
        "NodeLost",
        "Shutdown",
        "Preempting",
        "SysctlForbidden",
        "AppArmor",
        "SMTAlignmentError",
        "PodOSNotSupported",
        "TopologyAffinityError",
        "NodeAffinity",
        "MatchNodeSelector",
        "NodeSelectorMismatching",
    }
)
_OF_LOST_NODES: dict[str, Document] = {
    "Unknown": {"phase": "Failed", "reason": "NodeLost"},
    "Terminated": {"phase": "Failed", "reason": "Shutdown"},
    "ContainerStatusUnknown": {
        "phase": "Failed",
        "containerStatuses": [
            {"name": "vllm", "state": {"terminated": {"reason": "ContainerStatusUnknown", "exitCode": 137}}}
        ],
    },
}
"""What kubectl prints of pods whose node was lost or shut down, by what it reads that from."""
_GATED = "Scheduling is blocked due to non-empty scheduling gates"
"""What the API server writes into the condition of every such pod."""


def listed_at(text: str, born: Mapping[str, datetime]) -> datetime | None:
    """When a table of pods was printed, by the ages of those of which it is known when they were made."""
    rows = _AGED_ROW.finditer(text) if POD_TABLE.search(text) is not None else ()
    ages = ((born.get(row["name"]), seconds(row["age"])) for row in rows)
    return max((made + timedelta(seconds=age) for made, age in ages if made and age is not None), default=None)


def has_rows(head: str) -> bool:
    """Whether a text has a row that counts."""
    if _SCHEDULER_ROW.search(head) and _WAITS.search(head):
        return True
    signs = (_CLAIM_TABLE, _WORKLOAD_TABLE, _KILLED_ROW, _POD_ROW, _STACK_ROW, _INIT_ROW, _NODE_LINE, NODE_ROW)
    return is_node_fragment(head) or any(sign.search(head) for sign in signs)


def killed_pods(text: str) -> Iterator[Document]:
    """The pods of a table that were killed for their memory."""
    if POD_TABLE.search(text) is None:
        return
    for row in _KILLED_ROW.finditer(text):
        killed = {"exitCode": 137, "reason": "OOMKilled"}
        yield {
            "kind": "Pod",
            "metadata": {"namespace": row["namespace"] or "", "name": row["name"]},
            "spec": {"nodeName": "unknown", "containers": [{"name": "vllm"}]},
            "status": {
                "phase": "Running",
                "containerStatuses": [
                    {"name": "vllm", "restartCount": int(row["restarts"]), "state": {"terminated": killed}}
                ],
            },
        }


def listed(text: str) -> Iterator[Document]:
    """The pods of a table that do not run for the reason that it gives, and the nodes that do not answer."""
    for row in _POD_ROW.finditer(text):
        yield _pod(row, {"name": "vllm", "command": ["vllm", "serve"]}, _status(row["status"].removeprefix("Init:")))
    for row in _STACK_ROW.finditer(text):
        waits = {"reason": "CrashLoopBackOff"}
        ended = {"terminated": {"reason": "Error", "exitCode": 1}}
        state = {"name": "ctr", "state": {"waiting": waits}, "lastState": ended, "restartCount": 1}
        yield _pod(row, {"name": "ctr"}, {"phase": "Running", "containerStatuses": [state]})
    yield from _waiting_for_devices(text)
    yield from _waiting_for_quota(text)
    yield from _waiting_for_a_scheduler(text)
    yield from stuck_before(text)
    for row in _NODE_LINE.finditer(text):
        ready = {"type": "Ready", "status": "Unknown", "reason": "NotReady"}
        yield {"kind": "Node", "metadata": {"name": row["name"]}, "status": {"conditions": [ready]}}


def _waiting_for_devices(text: str) -> Iterator[Document]:
    """Claims that no device was found for, each with the pod that waits for it."""
    if _CLAIM_TABLE.search(text) is None:
        return
    for row in _CLAIM_ROW.finditer(text):
        named = {"name": row["name"], "namespace": row["namespace"] or ""}
        said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
        uses = [{"name": "devices", "resourceClaimName": row["name"]}]
        yield {"kind": "ResourceClaim", "metadata": named, "spec": {}, "status": {}}
        yield {
            "kind": "Pod",
            "metadata": named,
            "spec": {"containers": [{"name": "vllm"}], "resourceClaims": uses},
            "status": {"phase": "Pending", "conditions": [said]},
        }


def _waiting_for_quota(text: str) -> Iterator[Document]:
    """The pods of workloads that Kueue has not admitted."""
    for row in _WORKLOAD_ROW.finditer(text) if _WORKLOAD_TABLE.search(text) is not None else ():
        labels = {"kueue.x-k8s.io/queue-name": row["queue"]}
        said = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": _GATED}
        yield {
            "kind": "Pod",
            "metadata": {"name": row["name"], "namespace": row["namespace"] or "", "labels": labels},
            "spec": {"containers": [{"name": "vllm"}], "schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]},
            "status": {"phase": "Pending", "conditions": [said]},
        }


def _waiting_for_a_scheduler(text: str) -> Iterator[Document]:
    """The pods that wait while the scheduler's own pod does not run, and an event that says so."""
    down = _SCHEDULER_ROW.search(text)
    if down is None or not _WAITS.search(text):
        return
    names = [(row["name"], row["namespace"] or "") for row in _PENDING_ROW.finditer(text)]
    for name, namespace in names or [("pod", "")]:
        pod = {"kind": "Pod", "name": name, "namespace": namespace}
        message = f"{down['name']}: {down['status']}"
        server = {"name": "vllm", "command": ["vllm", "serve"]}
        yield {
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": [server]},
            "status": {"phase": "Pending", "conditions": []},
        }
        yield {
            "kind": "Event",
            "involvedObject": pod,
            "type": "Warning",
            "reason": SCHEDULER_DOWN,
            "message": message,
            "source": {"component": "kubectl"},
        }


def stuck_before(text: str) -> Iterator[Document]:
    """The pods of a table of which an init container fails; a log beside it is that container's."""
    yield from map(_stuck_before_it, _INIT_ROW.finditer(text))


def _stuck_before_it(row: re.Match[str]) -> Document:
    """A pod of which an init container fails again and again."""
    waits = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": max(int(row["restarts"]), 1)}
    failing = {"name": "init", **waits, "lastState": {"terminated": {"reason": "Error", "exitCode": 1}}}
    server = {"name": "vllm", "state": {"waiting": {"reason": "PodInitializing"}}}
    status = {"phase": "Pending", "initContainerStatuses": [failing], "containerStatuses": [server]}
    pod = _pod(row, {"name": "vllm", "command": ["vllm", "serve"]}, status)
    return {**pod, "spec": {**pod["spec"], "initContainers": [{"name": "init"}]}}


def described_node(text: str) -> str:
    """The description of a node of which only conditions or amounts were copied; empty where there are none."""
    rows = [f"  {match[0].strip()}" for match in NODE_ROW.finditer(text)]
    taints = [f"node.kubernetes.io/{match[1].lower()}-pressure:NoSchedule" for match in _PRESSED.finditer(text)]
    held = "\n".join(dedent(match[0]) for match in _AMOUNTS.finditer(text))
    if not rows and not is_node_fragment(text):
        return ""
    return _NODE.format("\n  ".join(taints) or "<none>", "\n".join(rows), held or _PODS)


def is_node_fragment(text: str) -> bool:
    """Whether a text has what a node holds and offers, of which only nodes have both."""
    found = [match[0].strip() for match in _AMOUNTS.finditer(text)]
    return any(item.startswith("Capacity") for item in found) and any(item.startswith("Alloc") for item in found)


def without_a_node(text: str) -> tuple[str, str]:
    """The description of something, and of a node of which only the amounts were copied behind it; empty if not."""
    begins = _AMOUNTS.search(text)
    if begins is None or _OF_A_NODE.search(text) or not is_node_fragment(text):
        return text, ""
    return text[: begins.start()], described_node(text[begins.start() :])


_OF_A_NODE = lazy_pattern(r"^ *(?:Roles|System Info|PodCIDR|Addresses|Non-terminated Pods):", re.MULTILINE)

_PRESSED = lazy_pattern(r"^ *(Memory|Disk|PID)Pressure +True ", re.MULTILINE)
"""What the node controller answers with a taint."""


_WIDE = lazy_pattern(
    r"\d*(?: \([^)\n]{1,20}\))? +[\dywdhms]{2,12} +(?:<none>|[\da-f.:]{3,39})"
    r" +(?P<node>[a-z0-9][a-z0-9.-]{1,252})(?=\s|$)"
)
"""What follows the first digit of a pod's restarts where the table is wide."""


def _pod(row: re.Match[str], container: Document, status: Document) -> Document:
    waits = "conditions" in status
    wide = _WIDE.match(row.string, row.end())
    return {
        "kind": "Pod",
        "metadata": {"name": row["name"], "namespace": row["namespace"] or ""},
        "spec": {**({} if waits else {"nodeName": wide["node"] if wide else "unknown"}), "containers": [container]},
        "status": status,
    }


def _status(said: str) -> Document:
    reason = said.replace(" ", "")
    if reason in _OF_LOST_NODES:
        return _OF_LOST_NODES[reason]
    if reason in _ENDS or reason.startswith("OutOf"):
        return {"phase": "Failed", "reason": reason}
    if reason == "SchedulingGated":
        gated = {"type": "PodScheduled", "status": "False", "reason": reason, "message": _GATED}
        return {"phase": "Pending", "conditions": [gated]}
    container: Document = {"name": "vllm", "state": {"waiting": {"reason": reason}}}
    if reason == "OOMKilled":
        container["state"] = {"terminated": {"reason": reason, "exitCode": 137}}
    return {"phase": "Pending", "containerStatuses": [container]}
