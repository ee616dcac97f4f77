"""A volume that was mounted answers with errors: what the server reads or writes there fails.

What it finds
    The file system's own errors in the log: a stale handle, an input/output error, a transport that is gone.

Why it matters
    The mount looks well to Kubernetes, and every restart on the same node meets it again, until the volume is mounted
    anew.

Evidence
    The error with the file that it was about, and the volumes that the container mounts.

Fix
    By hand: the pod on another node or mounted again, and a look at the file server or the disk.
"""

from __future__ import annotations

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_FAILED = lazy_pattern(
    r"\[Errno (?:37|38|95|107|112|116|121)\]|\[Errno 5\] Input/output error: '|Stale (?:NFS )?file handle"
    r"|\[Errno 5\] Input/output error @ (?:safetensors/|torch/serialization|(?:vllm/)?model_executor/(?:model|weight))"
    r"|Transport endpoint is not connected|Remote I/O error|\(os error (?:5|19|107|116|121)\)"
)
"""An input/output error counts with the file that it was about, or in code that reads weights: a terminal that is gone
gives one without."""


@rule(cause="mount-failed", branch=Branch.DIED, needs={Source.LOGS}, order=25, signature=_FAILED)
def volume_io_failed(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _FAILED)
    if hit is None:
        return None
    mounts = ", ".join(item.mount_path for item in replica.container.volume_mounts[:4]) or "not known"
    return deaths.verdict(
        replica,
        hit,
        f"A volume of {replica.name} fails under its server: {deaths.quoted(hit, 100)}",
        deaths.steps(
            replica,
            "Mount the volume anew",
            "Delete the pod: its controller makes another, which mounts the volume again.",
            "If that one fails too, see the file server (NFS, FUSE driver) or the disk: kubectl describe pvc, the CSI "
            "driver's log on the node, and dmesg there.",
        ),
        evidence.container_field(replica, "volumeMounts", mounts),
    )
