"""The node's container runtime does not make or start the container, for reasons of its own.

What it finds
    A container that is refused with words about the runtime's work and not about the pod's: a name that is still
    reserved, no answer in time, cgroups, AppArmor or seccomp, the shim, the image's file system.

Why it matters
    The container waits in CreateContainerError or RunContainerError without a log, and only on this node.

Evidence
    The runtime's words.

Fix
    By hand, at the node: its runtime, or the profile that the pod asks for.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.logs.wordings import read, wording
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import gist, refusal

_RESTART = (
    "See containerd (or CRI-O) and the kubelet on {node}: journalctl -u containerd -u kubelet; restart the runtime."
)
_SAYS = (
    wording(
        r"failed to reserve container name|reserving ctr name|is reserved|already in use by",
        "an earlier attempt to make it still holds its name",
        "The runtime on {node} is slow or hangs: see its disk and load (journalctl -u containerd), and drain the node "
        "where it does not recover.",
    ),
    wording(
        r"deadline ?exceeded|context canceled|transport is closing|ttrpc: closed|dial unix|connection error|timed out"
        r"|resource temporarily unavailable|start(?:ing)? shim",
        "the runtime does not answer in time",
        _RESTART,
    ),
    wording(
        r"apparmor|seccomp|selinux|capabilit",
        "the node cannot apply the security profile that the pod asks for",
        "See which profile the securityContext names, and that {node} has it; else leave it out.",
    ),
    wording(r"cgroup|systemd|dbus", "its control group cannot be made", _RESTART),
    wording(
        r"container networking|network namespace|netns",
        "its network cannot be set up",
        "See the network plugin and the runtime on {node}.",
    ),
    wording(
        r"rootfs|snapshot|overlay|mount callback|layer|keyring",
        "the runtime cannot make its file system or process",
        _RESTART,
    ),
)


@rule(cause="sandbox-failed", branch=Branch.START, order=95, last_resort=True)
def runtime_failed(replica: Replica) -> Verdict | None:
    found = refusal(replica)
    node = replica.pod.spec.node_name or "the node"
    said = read(gist(found.text), _SAYS, node=node) if found is not None else None
    if found is None or said is None:
        return None
    return Verdict(
        summary=f"The runtime of {node} does not start {replica.name}: {said.says}: {gist(found.text)[:140]}",
        evidence=(found.shown,),
        confidence=Confidence.STRONG,
        fixes=(remedies.advice("See to the node's container runtime", said.step),),
    )
