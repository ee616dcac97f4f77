"""A volume cannot be attached to the node or mounted into the pod.

What it finds
    `FailedMount` and `FailedAttachVolume` events that nothing has overtaken, and the runtime's refusal to mount a path
    into the container. A single stumble of a pod that was just created does not count, nor does a slow mount.

Why it matters
    The pod hangs in ContainerCreating, without a log.

Evidence
    The kubelet's event, and the volume in the pod.

Fix
    By hand: what it takes follows from the words of the kubelet, the CSI driver or mount(8).
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.logs.wordings import Reading, read, wording
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.attachments import elsewhere, of_another_zone
from vops.diagnosis.starting.creation import complaints, gist, persists, refusal, stuck_at
from vops.diagnosis.states import ReplicaState
from vops.model.patterns import lazy_pattern
from vops.model.pods import Volume
from vops.model.resources import Event
from vops.model.text import one_line

_REASONS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
_OF_OTHERS = lazy_pattern(
    r"no space left on device"
    r"|\b(?:secrets?|configmaps?|serviceaccounts?|persistentvolumeclaims?) \"[^\"]{1,253}\" not found"
    r"|PVC is not bound|non-existent (?:secret|config) key|SecretProviderClass[^\n]{0,80}not found"
)
"""Said of what other rules name: a full disk of the node, configuration or a claim that is not there."""

_OF_A_MOUNT = lazy_pattern(
    r"(?i:mount)|relabel failed|lsetxattr|^l?stat /|spec: .{0,60}l?stat /|[Ss]tale (?:NFS )?file handle"
)
_WRAPPER = "Unable to attach or mount volumes"
_NAMES = lazy_pattern(r'for volume "([^"]{1,253})"|unmounted volumes=\[([^\]]{1,253})\]')
_LONGEST = 160

_SAYS = (
    wording(
        r"hostPath type check failed: (\S+) is not",
        "{what} is not on {node}, or is of another type",
        "Create {what} on every node that may run the pod, or set hostPath.type DirectoryOrCreate.",
        definite=True,
    ),
    wording(
        r"driver name (\S+) not found in the list of registered CSI drivers|does not contain driver (\S+)"
        r"|driver not found plugin name[= ]+(\S+)|no such CSI driver",
        "the CSI driver {what} does not run on {node}",
        "See the driver's node DaemonSet (kubectl get ds -A | grep csi): it must tolerate the taints of GPU nodes.",
    ),
    wording(
        r"need a /sbin/mount\.<type> helper|unknown filesystem type '?(\w+)|lustre modules"
        r"|mount\.lustre[^\n]{0,200}No such device|failed to find \w{2,30} in \$PATH"
        r"|mount program didn't pass remote address",
        "{node} lacks the client for this kind of file system",
        "Install the client on the nodes (nfs-common or nfs-utils, cifs-utils, Lustre), or use a CSI driver.",
        definite=True,
    ),
    wording(
        r"access denied by server while mounting (\S+)|mount error\(13\)",
        "the file server denies the mount",
        "Allow the nodes' addresses in the export (NFS), or correct the credentials of the mount (SMB).",
        definite=True,
    ),
    wording(
        r"Failed to resolve (?:server )?\"?([\w.-]+)|Name or service not known|no such host",
        "the name of its server cannot be resolved",
        "Correct the server's name; a mount is resolved by the node's DNS, not by the cluster's.",
    ),
    wording(
        r"/mount: (?:connection refused|software caused connection abort)|mountpoint is not empty",
        "a mount of its FUSE program is there and does not work",
        "Unmount it on {node} (umount -l), delete the pod, and see in the driver's log there why its program ended.",
    ),
    wording(
        r"mount\.nfs4?: Connection|mount\.nfs[^\n]{0,80}timed out|No route to host|Network is unreachable|Host is down"
        r"|mount error\(11\d\)|connection timed out|connection refused|Is the MGS running",
        "its file server does not answer",
        "Open the way from {node} to the server (NFS: port 2049; Lustre: 988): firewall, security group, mount target.",
    ),
    wording(
        r"NoSuchBucket|bucket (?:doesn't|does not) exist|bucket[^\n]{0,60}not found",
        "the bucket is not there",
        "Correct the bucket's name in the volume.",
        definite=True,
    ),
    wording(
        r"PermissionDenied|AccessDenied|does not have storage|\b403\b|not authorized"
        r"|UnauthorizedOperation|AuthorizationFailed|failed to authenticate credentials|lack of credentials"
        r"|AssumeRoleWithWebIdentity|Unauthenticated|invalid_grant",
        "the cloud denies access to it",
        "Give the pod's service account (workload identity, IRSA) or the driver's role access to the storage.",
    ),
    wording(
        r"reason given by server: No such file or directory|mount error\(2\)|special device \S+ does not exist",
        "the server has no such path",
        "Create the directory on the server, or correct the path in the volume.",
        definite=True,
    ),
    wording(
        r"wrong fs type|bad superblock|fsck|Structure needs cleaning|can't read superblock|input/output error",
        "its file system is damaged, or of another type than the volume says",
        "Check the file system from another pod or machine before anything is written to it.",
    ),
    wording(
        r"attachment limit|too many (?:volumes|disks)|exceed\w*[^\n]{0,40}(?:limit|maximum)"
        r"|maximum (?:number of|data disks)|ResourceExhausted",
        "{node} has as many volumes attached as it can take",
        "Move other pods with volumes away from {node}, or use a machine type that takes more.",
    ),
    wording(
        r"InvalidVolume\.NotFound|VolumeNotFound|code = NotFound|resourceNotFound"
        r"|volume[^\n]{0,80}(?:not found|does not exist)",
        "the disk behind it is gone",
        "The PersistentVolume points at a disk that the cloud does not have: restore it, or bind another volume.",
    ),
    wording(
        r"already attached|is exist(?:s|ed) and is attached"
        r"|in use by|being used by|currently attached|IN_USE|VolumeInUse|attachment is being deleted",
        "the disk is still attached to another machine",
        "Wait until the old pod is gone (strategy Recreate lets it go first); if its machine is gone for good, delete "
        "its VolumeAttachment.",
    ),
    wording(
        r"cannot find volume \"?([\w.-]{1,253})",
        "the volume {what} that volumeMounts names is not mounted into the pod",
        "See that spec.volumes has {what}, and that no webhook adds a mount without its volume; else delete the pod.",
        definite=True,
    ),
    wording(
        r"mount a directory onto a file|not a directory",
        "a directory and a file meet at the same path",
        "Give volumeMounts.subPath a file where the mount path is a file, or mount at another path.",
        definite=True,
    ),
    wording(
        r"failed to (?:prepare|create|make) subPath|subPath",
        "its subPath cannot be prepared",
        "See that the subPath exists and that the volume may be written to.",
    ),
    wording(
        r"failed to (?:stat|mkdir) \"?([^\":\s]+)|: stat (/[^:\s]+): no such file",
        "{what} is not on {node} and cannot be created there",
        "Create {what} on the node, or mount at a path that may be written to.",
        definite=True,
    ),
    wording(
        r"^l?stat (/\S{1,300}): no such file|spec: l?stat (/\S{1,300}): no such file",
        "{what} is not on {node}",
        "Create {what} on every node that may run the pod, or see that what mounts it there runs.",
        definite=True,
    ),
    wording(
        r"path \"?(\S{1,300}?)\"? is mounted on .{1,80} but it is not a shared mount",
        "{what} is not a shared mount on {node}",
        "Make it shared on the node (mount --make-rshared), or leave mountPropagation out.",
        definite=True,
    ),
    wording(
        r"error mounting \"(/\S{1,300})\" to rootfs[^\n]{0,200}no such file",
        "{what} is not on {node}",
        "Create {what} on every node that may run the pod, or see that what mounts it there runs.",
        definite=True,
    ),
    wording(
        r"error mounting \"[^\"]{1,300}\" to rootfs[^\n]{0,300}read-only file system",
        "its mount path lies where the container may not write",
        "Mount it at a path that the image has, or that does not lie below a read-only mount.",
        definite=True,
    ),
    wording(
        r"relabel failed|lsetxattr",
        "its files cannot be given the pod's SELinux label",
        "Set securityContext.seLinuxOptions.type spc_t, or mount the volume with context=; many files take long.",
    ),
    wording(
        r"[Ss]tale (?:NFS )?file handle|[Tt]ransport endpoint is not connected",
        "what was mounted is gone: its server was restarted or its path was made anew",
        "Unmount it on {node} (umount -l) or restart the driver's pod there, then delete the pod.",
    ),
    wording(
        r"secrets store objects|SecretProviderClass",
        "the secrets store does not give out its objects",
        "See the names in the SecretProviderClass, and that the pod's identity may read them.",
    ),
    wording(
        r"sidecar container in Pod|gcsfuse|FUSE",
        "the FUSE sidecar that serves it fails",
        "See the log of the sidecar (gke-gcsfuse-sidecar), and the annotation gke-gcsfuse/volumes of the pod.",
    ),
    wording(
        r"volumeMode Block",
        "it is a raw block volume, and is mounted as a file system",
        "Use volumeDevices for it, or a claim with volumeMode Filesystem.",
        definite=True,
    ),
)
_LATE = "it is not mounted in time"


@rule(cause="mount-failed", branch=Branch.START, order=15)
def mount_failed(replica: Replica) -> Verdict | None:
    refused = refusal(replica)
    said = _read(replica, refused.text) if refused is not None and _OF_A_MOUNT.search(refused.text) else None
    if said is not None and refused is not None:
        return _verdict(replica, said, refused.shown, "")
    if replica.state is not ReplicaState.CREATING:
        return None
    event = _event(replica)
    if event is None or _is_of_others(event.message):
        return None
    said = _read(replica, event.message) or _unread(replica, event)
    if not said.definite and not persists(replica, event):
        return None
    return _verdict(replica, said, evidence.event(event), event.message)


def _is_of_others(message: str) -> bool:
    return elsewhere(message) or of_another_zone(message) or _OF_OTHERS.search(message) is not None


def _event(replica: Replica) -> Event | None:
    """The complaint that the pod is stuck at; one that gives a reason before one that only sums up."""
    last = stuck_at(replica, _REASONS)
    if last is None or _WRAPPER not in last.message:
        return last
    specific = (item for item in reversed(complaints(replica, _REASONS)) if _WRAPPER not in item.message)
    return next(specific, last)


def _read(replica: Replica, text: str) -> Reading | None:
    return read(text, _SAYS, node=replica.pod.spec.node_name or "the node")


def _unread(replica: Replica, event: Event) -> Reading:
    if "timed out" in event.message or "deadline" in event.message.lower():
        node = replica.pod.spec.node_name or "its node"
        return Reading(_LATE, f"See the pods of the CSI driver on {node}, and the events of the claim.")
    return Reading(one_line(gist(event.message), _LONGEST), "The event names the volume and the reason.")


def _verdict(replica: Replica, said: Reading, shown: Evidence, text: str) -> Verdict:
    match = _NAMES.search(text)
    name = next(filter(None, match.groups()), "") if match is not None else ""
    volume = next((item for item in replica.pod.spec.volumes if item.name == name), None)
    return Verdict(
        summary=f"A volume of {replica.name} cannot be mounted{f' ({name})' if name else ''}: {said.says}",
        evidence=(shown, *(_shown(volume) if volume is not None else ())),
        confidence=Confidence.STRONG,
        fixes=(remedies.advice("See to the volume", said.step, *_ownership(replica, said)),),
    )


def _ownership(replica: Replica, said: Reading) -> tuple[str, ...]:
    """Changing the owner of every file of a model at each mount takes minutes."""
    context = replica.pod.spec.security_context
    slow = "fsGroup" in context and context.get("fsGroupChangePolicy") != "OnRootMismatch"
    return ("Set securityContext.fsGroupChangePolicy: OnRootMismatch.",) if slow and said.says == _LATE else ()


def _shown(volume: Volume) -> tuple[Evidence, ...]:
    sources = {
        "persistentVolumeClaim": volume.persistent_volume_claim,
        "hostPath": volume.host_path,
        "csi": volume.csi,
        "nfs": volume.nfs,
    }
    return tuple(
        evidence.pod_field(
            f"spec.volumes[{volume.name}].{kind}", ", ".join(f"{key} {value}" for key, value in source.items())
        )
        for kind, source in sources.items()
        if source
    )
