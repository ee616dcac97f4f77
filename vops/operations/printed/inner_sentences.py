"""The cores of messages, as people quote them without what the kubelet or a controller puts around them.

Each means one thing wherever it stands. What other programs say in the same words (a certificate, a refused connection)
is taken only where the line speaks of a registry or an image.
"""

from __future__ import annotations

_OF_IMAGES = r"(?=.{0,160}\b(?:[Rr]egistr(?:y|ies)|[Pp]ull(?:s|ed|ing)?|[Ii]mages?|kubelet|containerd|Harbor)\b)"

INNER: tuple[tuple[str, str, str, str], ...] = (
    (
        "FailedMount",
        "Pod",
        "kubelet",
        r"failed to find the sidecar container in Pod spec|driver name \S{1,120} not found in the list of registered "
        r"|hostPath type check failed: |mount isn't ready in \d{1,4} seconds|applyFSGroup failed for vol "
        r"|kubernetes\.io/csi: mounter\.\w{3,30} failed",
    ),
    (
        "FailedAttachVolume",
        "Pod",
        "attachdetach-controller",
        r"timed out waiting for external-attacher of |CSINode \S{1,253} does not contain driver "
        r"|[Vv]olume is already (?:exclusively attached to one node|used by pod\(s\))",
    ),
    (
        "ProvisioningFailed",
        "PersistentVolumeClaim",
        "persistentvolume-controller",
        r"[Vv]olume capabilities \w{5,60} not supported|error generating accessibility requirements: "
        r"|could not create volume in EC2: ",
    ),
    (
        "NotTriggerScaleUp",
        "Pod",
        "cluster-autoscaler",
        r"max node group size reached",
    ),
    (
        "FailedCreatePodSandBox",
        "Pod",
        "kubelet",
        r"failed to assign an IP address to container|failed to reserve sandbox name "
        r"|failed to allocate for range \d{1,3}: no IP addresses available in range set",
    ),
    (
        "FailedCreate",
        "ReplicaSet",
        "replicaset-controller",
        r"(?:maximum|minimum) (?:memory|cpu) usage per (?:Container|Pod) is |error looking up service account "
        r"|violates PodSecurity \"|unable to validate against any security context constraint",
    ),
    (
        "Failed",
        "Pod",
        "kubelet",
        r"manifest for \S{1,400} not found|pull access denied|no basic auth credentials"
        rf"|x509: certificate {_OF_IMAGES}|http: server gave HTTP response to HTTPS client{_OF_IMAGES}",
    ),
)
