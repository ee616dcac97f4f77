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

from vops.diagnosis.facts import Replica
from vops.diagnosis.guesses.told import as_told
from vops.diagnosis.rule import Branch, Verdict, rule


@rule(cause="missing-config", branch=Branch.START, order=90, last_resort=True)
def told_missing_config(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "missing-config",
        "Create what is missing",
        "Create the Secret or ConfigMap with the key that the pod names, in the pod's namespace, or correct the name.",
    )


@rule(cause="token-missing", branch=Branch.START, order=90, last_resort=True)
def told_token_missing(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "token-missing",
        "Give the container a token of the hub",
        "Set env HF_TOKEN from a Secret (secretKeyRef) in the container that downloads, an init container too.",
    )


@rule(cause="model-not-found", branch=Branch.START, order=90, last_resort=True)
def told_model_not_found(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "model-not-found",
        "Name a model that is there",
        "See that the path or name of the model is right, and that its volume is mounted there and holds the files.",
    )


@rule(cause="startup-probe-kill", branch=Branch.START, order=90, last_resort=True)
def told_startup_probe_kill(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "startup-probe-kill",
        "Allow the start more time",
        "Set a startupProbe whose failureThreshold times periodSeconds is one and a half times the longest start.",
    )


@rule(cause="liveness-kill-under-load", branch=Branch.START, order=90, last_resort=True)
def told_liveness_kill_under_load(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "liveness-kill-under-load",
        "Give the probes more patience",
        "Set timeoutSeconds of the liveness and readiness probes to 5 or more, and failureThreshold to 3 or more.",
    )


@rule(cause="host-oom", branch=Branch.START, order=90, last_resort=True)
def told_host_oom(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "host-oom",
        "Give the container more host memory",
        "Raise limits.memory to 1.25 times the weights and 10 GiB more.",
    )


@rule(cause="permission-denied", branch=Branch.START, order=90, last_resort=True)
def told_permission_denied(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "permission-denied",
        "Give it a directory to write to",
        "Set HOME and HF_HOME to a mounted volume, and the pod's securityContext.fsGroup so that its user may write.",
    )


@rule(cause="image-rate-limit", branch=Branch.START, order=90, last_resort=True)
def told_image_rate_limit(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "image-rate-limit",
        "Pull with credentials or from a mirror",
        "Add imagePullSecrets with an account of the registry, or name a mirror.",
    )


@rule(cause="image-wrong-arch", branch=Branch.START, order=90, last_resort=True)
def told_image_wrong_arch(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "image-wrong-arch",
        "Use an image for this processor",
        "Set an image that is built for the node's architecture, or nodeSelector kubernetes.io/arch.",
    )


@rule(cause="image-auth", branch=Branch.START, order=90, last_resort=True)
def told_image_auth(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "image-auth",
        "Let the registry know who pulls",
        "Add imagePullSecrets with access to the repository, in the pod's namespace.",
    )


@rule(cause="image-not-found", branch=Branch.START, order=90, last_resort=True)
def told_image_not_found(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "image-not-found",
        "Correct the image",
        "Set a name and tag that the registry has: skopeo list-tags docker://NAME.",
    )


@rule(cause="registry-unreachable", branch=Branch.START, order=90, last_resort=True)
def told_registry_unreachable(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "registry-unreachable",
        "Open the way to the registry",
        "See the node's DNS, proxy, certificates and firewall towards the registry, or name a mirror.",
    )


@rule(cause="hub-unreachable", branch=Branch.START, order=90, last_resort=True)
def told_hub_unreachable(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "hub-unreachable",
        "Open the way to where the model is",
        "See egress rules, proxy, DNS and the mesh: an init container runs before its sidecar; or seed the model.",
    )


@rule(cause="dns-failure", branch=Branch.START, order=90, last_resort=True)
def told_dns_failure(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "dns-failure",
        "Let pods resolve names on every node",
        "See CoreDNS: kubectl -n kube-system get pods -l k8s-app=kube-dns -o wide, and its log. Where it answers on "
        "its own node only, the network between nodes is broken: UDP and TCP 53, and the ports of the CNI's overlay.",
    )


@rule(cause="pvc-unbound", branch=Branch.START, order=90, last_resort=True)
def told_pvc_unbound(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "pvc-unbound",
        "Let the claim be bound",
        "See its events: StorageClass, provisioner, size, access mode or zone do not fit.",
    )


@rule(cause="rollout-volume-conflict", branch=Branch.START, order=90, last_resort=True)
def told_rollout_volume_conflict(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "rollout-volume-conflict",
        "Let the old pod go before the new one comes",
        "Set strategy Recreate (or maxSurge 0), or use a volume that several nodes may mount (ReadWriteMany).",
    )


@rule(cause="multi-attach", branch=Branch.START, order=90, last_resort=True)
def told_multi_attach(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "multi-attach",
        "Let go of the volume on the other node",
        "See which pod holds it, and let that end; strategy Recreate, or a volume of ReadWriteMany.",
    )


@rule(cause="mount-failed", branch=Branch.START, order=90, last_resort=True)
def told_mount_failed(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "mount-failed",
        "Let the volume be mounted",
        "See that its claim is Bound, its CSI driver runs on the node, and the server it is on answers.",
    )


@rule(cause="disk-full", branch=Branch.START, order=90, last_resort=True)
def told_disk_full(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "disk-full",
        "Give it space",
        "See with df -h which disk is full: remove images (crictl rmi --prune), or give the node a larger disk; keep "
        "the model in a claim (PVC) that has room for it.",
    )


@rule(cause="evicted", branch=Branch.START, order=90, last_resort=True)
def told_evicted(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "evicted",
        "Ask for what it uses",
        "Set requests and limits for ephemeral-storage to what it uses, or keep the model in a claim (PVC).",
    )


@rule(cause="admission-denied", branch=Branch.START, order=90, last_resort=True)
def told_admission_denied(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "admission-denied",
        "Do what the policy asks",
        "See the events of the ReplicaSet for what is violated; set that securityContext, or use a namespace "
        "that allows it.",
    )


@rule(cause="resource-quota", branch=Branch.START, order=90, last_resort=True)
def told_resource_quota(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "resource-quota",
        "Make room in the quota",
        "See what is used: kubectl -n NAMESPACE describe quota; raise it, or run fewer replicas.",
    )


@rule(cause="probe-misconfigured", branch=Branch.START, order=90, last_resort=True)
def told_probe_misconfigured(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "probe-misconfigured",
        "Probe where the server listens",
        "Set the probes to httpGet, path /health and the port of --port, or to a command that the image has.",
    )


@rule(cause="service-mismatch", branch=Branch.START, order=90, last_resort=True)
def told_service_mismatch(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "service-mismatch",
        "Let the Service lead to servers that are ready",
        "Compare its selector with the labels of the pods, and targetPort with the port that the server listens on.",
    )


@rule(cause="network-policy", branch=Branch.START, order=90, last_resort=True)
def told_network_policy(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "network-policy",
        "Allow the traffic",
        "Add a rule to the NetworkPolicy for the clients' namespace and the server's port.",
    )


@rule(cause="shm-too-small", branch=Branch.START, order=90, last_resort=True)
def told_shm_too_small(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "shm-too-small",
        "Give it more shared memory",
        "Mount an emptyDir of medium Memory at /dev/shm, 2 GiB for each GPU.",
    )


@rule(cause="node-selector-mismatch", branch=Branch.START, order=90, last_resort=True)
def told_node_selector_mismatch(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "node-selector-mismatch",
        "Ask for labels that a node has",
        "See the labels: kubectl get nodes --show-labels; change nodeSelector or affinity (of a chart: its values) to "
        "what a node has.",
    )


@rule(cause="progress-deadline", branch=Branch.START, order=90, last_resort=True)
def told_progress_deadline(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "progress-deadline",
        "Allow the rollout more time",
        "Set progressDeadlineSeconds above the longest start.",
    )


@rule(cause="autoscaler-no-metric", branch=Branch.START, order=90, last_resort=True)
def told_autoscaler_no_metric(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "autoscaler-no-metric",
        "Let the autoscaler get its metric",
        "Ask Prometheus the trigger's query; see serverAddress, credentials, and the log of the metrics "
        "adapter or KEDA.",
    )
