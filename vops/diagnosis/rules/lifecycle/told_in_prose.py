"""Somebody tells in prose what keeps a pod, and nothing that a program said is at hand.

What it finds
    A paragraph of a post that has all the signs of one cause: what failed, and how that shows. It is asked only where
    no event, status or log came with it.

Why it matters
    Questions are often asked in a sentence or two; what they say is the best that there is to go by.

Evidence
    The paragraph. It is never more than a suspicion.

Fix
    By hand, after a look at what the cluster says: the pod's events and status.
"""

from __future__ import annotations

from functools import partial

from vops.diagnosis.guesses.told import told

_told = partial(told, doc=__doc__ or "", order=90)

RULES = (
    _told(
        "missing-config",
        "Create what is missing",
        "Create the Secret or ConfigMap with the key that the pod names, in the pod's namespace, or correct the name.",
    ),
    _told(
        "token-missing",
        "Give the container a token of the hub",
        "Set env HF_TOKEN from a Secret (secretKeyRef) in the container that downloads, an init container too.",
    ),
    _told(
        "model-not-found",
        "Name a model that is there",
        "See that the path or name of the model is right, and that its volume is mounted there and holds the files.",
    ),
    _told(
        "startup-probe-kill",
        "Allow the start more time",
        "Set a startupProbe whose failureThreshold times periodSeconds is one and a half times the longest start.",
    ),
    _told(
        "liveness-kill-under-load",
        "Give the probes more patience",
        "Set timeoutSeconds of the liveness and readiness probes to 5 or more, and failureThreshold to 3 or more.",
    ),
    _told(
        "host-oom",
        "Give the container more host memory",
        "Raise limits.memory to 1.25 times the weights and 10 GiB more.",
    ),
    _told(
        "permission-denied",
        "Give it a directory to write to",
        "Set HOME and HF_HOME to a mounted volume, and the pod's securityContext.fsGroup so that its user may write.",
    ),
    _told(
        "image-rate-limit",
        "Pull with credentials or from a mirror",
        "Add imagePullSecrets with an account of the registry, or name a mirror.",
    ),
    _told(
        "image-wrong-arch",
        "Use an image for this processor",
        "Set an image that is built for the node's architecture, or nodeSelector kubernetes.io/arch.",
    ),
    _told(
        "image-auth",
        "Let the registry know who pulls",
        "Add imagePullSecrets with access to the repository, in the pod's namespace.",
    ),
    _told(
        "image-not-found",
        "Correct the image",
        "Set a name and tag that the registry has: skopeo list-tags docker://NAME.",
    ),
    _told(
        "registry-unreachable",
        "Open the way to the registry",
        "See the node's DNS, proxy, certificates and firewall towards the registry, or name a mirror.",
    ),
    _told(
        "hub-unreachable",
        "Open the way to where the model is",
        "See egress rules, proxy, DNS and the mesh: an init container runs before its sidecar; or seed the model.",
    ),
    _told(
        "dns-failure",
        "Let pods resolve names on every node",
        "See CoreDNS: kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide, and its log. Where it answers on "
        "its own node only, the network between nodes is broken: UDP and TCP 53, and the ports of the CNI's overlay.",
    ),
    _told(
        "pvc-unbound",
        "Let the claim be bound",
        "See its events: StorageClass, provisioner, size, access mode or zone do not fit.",
    ),
    _told(
        "rollout-volume-conflict",
        "Let the old pod go before the new one comes",
        "Set strategy Recreate (or maxSurge 0), or use a volume that several nodes may mount (ReadWriteMany).",
    ),
    _told(
        "multi-attach",
        "Let go of the volume on the other node",
        "See which pod holds it, and let that end; strategy Recreate, or a volume of ReadWriteMany.",
    ),
    _told(
        "mount-failed",
        "Let the volume be mounted",
        "See that its claim is Bound, its CSI driver runs on the node, and the server it is on answers.",
    ),
    _told(
        "disk-full",
        "Give it space",
        "See with df -h which disk is full: remove images (crictl rmi --prune), or give the node a larger disk; keep "
        "the model in a claim (PVC) that has room for it.",
    ),
    _told(
        "evicted",
        "Ask for what it uses",
        "Set requests and limits for ephemeral-storage to what it uses, or keep the model in a claim (PVC).",
    ),
    _told(
        "admission-denied",
        "Do what the policy asks",
        "See the events of the ReplicaSet for what is violated; set that securityContext, or use a namespace "
        "that allows it.",
    ),
    _told(
        "resource-quota",
        "Make room in the quota",
        "See what is used: kubectl -n NAMESPACE describe quota; raise it, or run fewer replicas.",
    ),
    _told(
        "probe-misconfigured",
        "Probe where the server listens",
        "Set the probes to httpGet, path /health and the port of --port, or to a command that the image has.",
    ),
    _told(
        "service-mismatch",
        "Let the Service lead to servers that are ready",
        "Compare its selector with the labels of the pods, and targetPort with the port that the server listens on.",
        "Where the server listens on localhost only: --host 0.0.0.0.",
    ),
    _told(
        "network-policy",
        "Allow the traffic",
        "Add a rule to the NetworkPolicy for the clients' namespace and the server's port.",
    ),
    _told(
        "shm-too-small",
        "Give it more shared memory",
        "Mount an emptyDir of medium Memory at /dev/shm, 2 GiB for each GPU.",
    ),
    _told(
        "node-selector-mismatch",
        "Ask for labels that a node has",
        "See the labels: kubectl get nodes --show-labels; change nodeSelector or affinity (of a chart: its values) to "
        "what a node has.",
    ),
    _told(
        "progress-deadline",
        "Allow the rollout more time",
        "Set progressDeadlineSeconds above the longest start.",
    ),
    _told(
        "autoscaler-no-metric",
        "Let the autoscaler get its metric",
        "Ask Prometheus the trigger's query; see serverAddress, credentials, and the log of the metrics "
        "adapter or KEDA.",
    ),
)
