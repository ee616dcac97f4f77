"""The pod's sandbox cannot be made: its network, its runtime class, or the runtime itself.

What it finds
    `FailedCreatePodSandBox` or `NetworkNotReady` events that come back and that nothing has overtaken.

Why it matters
    The pod hangs in ContainerCreating without a log, and so does every other new pod on that node or subnet.

Evidence
    The kubelet's event.

Fix
    By hand: what it takes follows from the runtime's words: addresses, the network plugin, or the node's runtime.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.logs.wordings import Reading, read, wording
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import complaints, gist, persists, stuck_at
from vops.diagnosis.states import ReplicaState
from vops.model.resources import Event
from vops.model.text import one_line

_REASONS = (
    "FailedCreatePodSandBox",
    "NetworkNotReady",
    "FailedCreatePodContainer",
    "FailedPodSandBoxStatus",
    "FailedKillPod",
)
_LONGEST = 140
_PAUSE = r'failed to get sandbox image|pull(?:ing)? (?:sandbox|pause) image|/pause:\S{1,20}"?: '
_OF_DISKS = "no space left on device"
_SAYS = (
    wording(
        r'no runtime for "([\w.-]{1,63})" is configured|/(nvidia-container-runtime)\S{0,20} no such file'
        r'|runtime handler "?([\w.-]{1,63})"? not (?:found|supported)'
        r"|failed to find runtime handler ([\w.-]{1,63})|unknown runtime handler",
        "its node has no runtime {what}",
        "Install the NVIDIA container toolkit on {node} (the GPU operator does), or drop runtimeClassName where GPUs "
        "work without it.",
        definite=True,
    ),
    wording(
        r'RuntimeClass(?:es)?(?:\.node\.k8s\.io)? "?([\w.-]{1,63})"? not found|failed to get RuntimeClass',
        "there is no RuntimeClass {what}",
        "Create the RuntimeClass (the GPU operator does), or drop runtimeClassName from the pod template.",
        definite=True,
    ),
    wording(
        r"failed to assign an IP|no (?:more )?IP addresses? available|no available IP|not enough (?:free )?IP"
        r"|range is full|InsufficientFreeAddresses|\bIP(?:AM)?\b[^\n]{0,60}exhaust|no free IP|IP pool[^\n]{0,40}full"
        r"|unable to allocate IP|no IPs available|failed to allocate for range",
        "no address is left for it",
        "Free addresses in the subnet or pod range of {node}, or add a range; pods that hang keep their addresses.",
    ),
    wording(
        r"cni plugin not initialized|network plugin is not ready|network is not ready|NetworkPluginNotReady"
        r"|no networks found in /etc/cni|cni config uninitialized|stat /var/lib/calico|/run/flannel/subnet\.env"
        r"|/opt/cni/bin|failed to find plugin|dial (?:tcp|unix)[^\n]{0,80}refused|connection is unauthorized|cilium",
        "the network plugin of its node is not ready",
        "See the pods of the network plugin on {node}: kubectl -n kube-system get pods -o wide.",
    ),
    wording(
        rf"(?:{_PAUSE})[^\n]{{0,1500}}(?:\b40[13]\b|unauthorized|[Aa]ccess ?[Dd]enied|basic auth credentials|denied:)",
        "its registry wants credentials for the sandbox image (pause)",
        "The runtime of {node} pulls it without the pod's imagePullSecrets: put credentials of the registry into its"
        " own configuration, or set sandbox_image to one that needs none (registry.k8s.io/pause).",
    ),
    wording(
        rf"(?:{_PAUSE})[^\n]{{0,1500}}(?:not found|manifest unknown)",
        "there is no such sandbox image (pause)",
        "Set sandbox_image in the runtime's configuration on {node} to an image and tag that its registry has.",
    ),
    wording(
        _PAUSE,
        "the sandbox image (pause) cannot be pulled",
        "See sandbox_image in the runtime's configuration on {node}, and that its registry can be reached.",
    ),
    wording(
        r'netplugin failed|plugin type="?[\w-]{1,40}"? (?:\S{1,80} )?failed|networkPlugin cni failed',
        "its network plugin fails",
        "See the pods of the network plugin on {node} and their log: kubectl -n kube-system get pods -o wide.",
    ),
    wording(
        r"deadline ?exceeded|failed to reserve sandbox name|shim|cgroup",
        "the container runtime does not answer in time, or fails",
        "See containerd and the kubelet on {node} (journalctl -u containerd -u kubelet), and whether its disk is slow.",
    ),
)


@rule(cause="sandbox-failed", branch=Branch.START, order=12)
def sandbox_failed(replica: Replica) -> Verdict | None:
    event = stuck_at(replica, _REASONS) if replica.state is ReplicaState.CREATING else None
    if event is None or (event.reason == "FailedKillPod" and "PodSandbox" not in event.message):
        return None
    node = replica.pod.spec.node_name or "the node"
    other = Reading(one_line(gist(event.message), _LONGEST), f"See the kubelet's log on {node}: journalctl -u kubelet.")
    if _OF_DISKS in event.message:
        return None
    event, said = _best(replica, event, node) or (event, other)
    if not said.definite and not persists(replica, event):
        return None
    return Verdict(
        summary=f"The sandbox of {replica.name} cannot be made on {node}: {said.says}",
        evidence=(evidence.event(event),),
        confidence=Confidence.CERTAIN if said is not other else Confidence.STRONG,
        fixes=(remedies.advice("Let the node make the pod's sandbox", said.step),),
    )


def _best(replica: Replica, event: Event, node: str) -> tuple[Event, Reading] | None:
    """What the last complaint says, or one of the same moment: the kubelet tells of a failure more than once."""
    told = [item for item in complaints(replica, _REASONS) if item.last_seen == event.last_seen and item is not event]
    for item in (event, *told):
        said = read(item.message, _SAYS, node=node, default=replica.pod.spec.runtime_class_name)
        if said is not None:
            return item, said
    return None
