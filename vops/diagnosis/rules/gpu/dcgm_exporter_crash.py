"""The DCGM exporter's pods do not run, or run and see no GPU.

What it finds
    Pods of the exporter that crash, by what their log says (no NVML in the container, profiling that the card or the
    rights do not allow, a host engine that does not answer), by how they ended (out of memory), or that wait for the
    driver's validation; and pods that run although NVML could not be started, as newer versions do.

Why it matters
    GPU metrics are missing for these nodes. Dashboards show gaps; an autoscaler that follows them sees 0.

Evidence
    The pods, the line of the log, how the container ended, and whether their node has GPUs at all.

Fix
    By hand, at the DaemonSet: the NVIDIA runtime class, the counters, the memory limit, or a selector for GPU nodes.
"""

from __future__ import annotations

import re

import msgspec

from vops.diagnosis import remedies
from vops.diagnosis.facts import DaemonFacts
from vops.diagnosis.findings import Confidence, Evidence, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.gpu.dcgm_exporter_absent import edit
from vops.model.patterns import lazy_pattern
from vops.model.pods import ContainerStatus, Pod
from vops.model.text import one_line

_LONGEST = 300
_BACK_OFF = ("CrashLoopBackOff", "Error", "RunContainerError", "CreateContainerError")
_VALIDATION_S = 600


class Trouble(msgspec.Struct, frozen=True):
    """What is wrong with one pod: in a sentence, where it was read, and what to do."""

    what: str
    shown: Evidence
    steps: tuple[str, ...]
    runs: bool = False


_RUNTIME = (
    "Give its pods the NVIDIA runtime: runtimeClassName: nvidia (or make it the default runtime of containerd: "
    "nvidia-ctk runtime configure --runtime=containerd --set-as-default).",
    "On a managed cluster: mount the driver's libraries as its provider documents, or use the exporter that it runs.",
)
KNOWN = (
    (
        lazy_pattern(
            r"[^\n]{0,200}(?:ERROR_LIBRARY_NOT_FOUND|ailed to initialize NVML|NVML doesn't exist|libnvidia-ml"
            r"|Cannot init NVML library|Driver Not Loaded|NVML_ERROR_)[^\n]{0,200}"
        ),
        "the driver's library (NVML) is not in its container",
        _RUNTIME,
    ),
    (
        lazy_pattern(
            r"[^\n]{0,200}(?:Profiling module returned an unrecoverable error|module of DCGM that is not currently"
            r" loaded|rofiling .{0,40}not supported)[^\n]{0,200}"
        ),
        "the card or DCGM does not offer the profiling counters that it asks for",
        ("Use counters without DCGM_FI_PROF_*: arguments -f /etc/dcgm-exporter/default-counters.csv.",),
    ),
    (
        lazy_pattern(r"[^\n]{0,200}(?:sufficient privileges|Operation not permitted|cap-add SYS_ADMIN)[^\n]{0,200}"),
        "it lacks the capability SYS_ADMIN for profiling counters",
        ("Set securityContext.capabilities.add: [SYS_ADMIN] on its container, or leave the DCGM_FI_PROF_* out.",),
    ),
    (
        lazy_pattern(
            r"[^\n]{0,200}(?:onnect(?:ing)? to .{0,60}(?:hostengine|:5555)|tarting nv-hostengine|etting up DCGM"
            r"|DCGM initialization error|DCGM library couldn't be found|libdcgm\.so)[^\n]{0,200}"
        ),
        "DCGM's host engine does not start or answer",
        ("See that the driver works on the node (nvidia-smi), and that DCGM_REMOTE_HOSTENGINE_INFO is right if set.",),
    ),
    (
        lazy_pattern(r"[^\n]{0,200}address already in use[^\n]{0,200}"),
        "another process on its node has its port",
        ("Change --address / DCGM_EXPORTER_LISTEN, or remove the other exporter.",),
    ),
)
"""What the exporter says as it fails, what that means, and what to do; the more telling first."""


@rule(cause="dcgm-exporter-failure", branch=Branch.SERVE, of=DaemonFacts, order=20)
def dcgm_exporter_crash(daemon: DaemonFacts) -> Verdict | None:
    if not daemon.exports_gpus:
        return None
    found = [(pod, trouble) for pod in daemon.pods if (trouble := _trouble(daemon, pod)) is not None]
    if not found:
        return None
    pod, trouble = min(found, key=lambda entry: entry[1].runs)
    more = f" (and {len(found) - 1} more of its pods)" if len(found) > 1 else ""
    gpus = {node.metadata.name for node in daemon.gpu_nodes}
    node = pod.spec.node_name
    without = bool(node in daemon.facts.nodes and node not in gpus)
    steps = ('Give it a node selector for GPU nodes, such as nvidia.com/gpu.present: "true".',) if without else ()
    return Verdict(
        summary=f"The DCGM exporter {pod.metadata.name} on {node} "
        + ("sees no GPU: " if trouble.runs else "does not run: ")
        + (f"{node} has no GPU" if without else trouble.what)
        + more,
        evidence=(
            Evidence("pod", f"{pod.metadata.name} status", _status_words(pod)),
            trouble.shown,
            *((Evidence("node", f"{node} status.capacity", "no NVIDIA GPU"),) if without else ()),
        ),
        confidence=Confidence.STRONG if trouble.shown.source == "log" else Confidence.PROBABLE,
        severity=Severity.WARNING if trouble.runs or len(found) < daemon.desired else Severity.ERROR,
        fixes=(remedies.advice("Let the exporter see the GPUs", edit(daemon), *(steps or trouble.steps)),),
    )


def _trouble(daemon: DaemonFacts, pod: Pod) -> Trouble | None:
    if pod.metadata.deletion_timestamp is not None:
        return None
    statuses = pod.status.container_statuses
    fails = next((item for item in statuses if _fails(item)), None)
    told = _told(daemon, pod)
    if fails is not None:
        return told or _ended(fails)
    if statuses and all(item.ready for item in statuses):
        blind = told is not None and "NVML" in told.shown.observed
        return msgspec.structs.replace(told, runs=True) if told is not None and blind else None
    return _validating(daemon, pod)


def _fails(status: ContainerStatus) -> bool:
    waiting, running = status.state.waiting, status.state.running
    if waiting is not None:
        return waiting.reason in _BACK_OFF
    if running is not None:
        return not status.ready and status.restart_count > 1
    return status.state.terminated is not None and status.state.terminated.exit_code != 0


def _told(daemon: DaemonFacts, pod: Pod) -> Trouble | None:
    for text in daemon.logs(pod):
        for pattern, what, steps in KNOWN:
            match: re.Match[str] | None = pattern.search(text)
            if match is not None:
                return Trouble(what, Evidence("log", pod.metadata.name, one_line(match[0].strip(), _LONGEST)), steps)
    return None


def _ended(status: ContainerStatus) -> Trouble:
    death = status.state.terminated or status.last_state.terminated
    where = f"containerStatuses[{status.name}].lastState"
    if death is not None and death.reason == "OOMKilled":
        steps = ("Raise its memory limit: 512Mi to 1Gi holds the counters of 8 GPUs.",)
        return Trouble("its memory limit is too small", Evidence("pod", where, "OOMKilled"), steps)
    waiting = status.state.waiting
    words = (
        f"exit code {death.exit_code}" if death is not None else waiting.reason if waiting is not None else "not ready"
    )
    return Trouble("it crashes", Evidence("pod", where, words), ("Read its log: kubectl logs --previous", *_RUNTIME))


def _validating(daemon: DaemonFacts, pod: Pod) -> Trouble | None:
    """A pod of the GPU operator that waits for the toolkit's validation, for longer than a driver takes to install."""
    made = pod.metadata.creation_timestamp
    waits = next((item for item in pod.status.init_container_statuses if item.state.running is not None), None)
    if waits is None or made is None or (daemon.facts.snapshot.at - made).total_seconds() < _VALIDATION_S:
        return None
    return Trouble(
        f"it waits for {waits.name}, the driver's validation",
        Evidence("pod", f"initContainerStatuses[{waits.name}].state", "running"),
        ("Look at the driver and the toolkit on that node: kubectl -n gpu-operator get pods -o wide",),
    )


def _status_words(pod: Pod) -> str:
    words = [
        f"{item.name}: {'ready' if item.ready else 'not ready'}, {item.restart_count} restarts"
        for item in pod.status.container_statuses
    ]
    return "; ".join(words) or pod.status.phase or "no status"
