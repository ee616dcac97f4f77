"""Cases of what people tell in sentences of their own: for each cause a paragraph that tells of it, and one that tells
of what may be, was mended or is of another kind."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.diagnosis.cluster_parts import event, node, pod, waiting, world
from vops.diagnosis.facts import Facts
from vops.diagnosis.guesses.prose import TOLD

Case = Callable[[], Facts]

_PARAGRAPHS: dict[str, tuple[str, str]] = {
    "missing-config": (
        "The pods hang in CreateContainerConfigError since the chart does not create the secret of the token.",
        "The pods are stuck in ContainerCreating, and the secret of the token is there.",
    ),
    "token-missing": (
        "The servers do not become healthy due to not being able to pull the model (missing HF token).",
        "The servers cannot pull the model, and the HF token is set in their environment.",
    ),
    "model-not-found": (
        "The server is crash-looping because the path of the model in the bucket does not exist.",
        "The server is ready and the path of the model in the bucket is the one that we set.",
    ),
    "startup-probe-kill": (
        "The pods are killed by the liveness probe before the model is loaded, over and over.",
        "A startupProbe keeps the pods from being killed by the liveness probe, so that the model can load.",
    ),
    "liveness-kill-under-load": (
        "The liveness probe times out as the server answers in 1.1 s, and the kubelet restarts it.",
        "The liveness probe is answered in 1.1 s, and its timeout is of 5 s.",
    ),
    "hub-unreachable": (
        "The init container is not able to download the model, since the istio proxy is not up yet.",
        "The init container is done with the download of the model, and the istio proxy is up.",
    ),
    "host-oom": (
        "The container is killed by Kubernetes when its memory crosses the limit while the model is loading.",
        "The container is killed when the GPU memory crosses the limit that we set for the model.",
    ),
    "permission-denied": (
        "The generated users have no home, and the libraries that keep a cache there make the pod fail.",
        "The generated users of the gateway fail to log in, and that is no fault of the pod.",
    ),
    "rollout-volume-conflict": (
        "The new pod is stuck as the volume is ReadWriteOnce and is still attached to the old pod.",
        "The new pod is stuck as the volume is ReadWriteOnce and its claim is in another zone.",
    ),
    "multi-attach": (
        "The pod is stuck since the volume is ReadWriteOnce and is used by another pod of the team.",
        "The pod is ready since the volume is ReadWriteMany and is used by another pod of the team.",
    ),
    "image-rate-limit": (
        "The pods are stuck in ImagePullBackOff because of the rate limit of Docker Hub.",
        "The clients of the server get 429 because of the rate limit of the gateway.",
    ),
    "image-wrong-arch": (
        "The pods are stuck in ImagePullBackOff since the image is built for amd64 only.",
        "The image is pulled on amd64 and on arm64, and the pods start on both.",
    ),
    "image-auth": (
        "The pods get ImagePullBackOff, it fails with 403 for the private registry of the team.",
        "The pods get the image from the private registry of the team with an imagePullSecret.",
    ),
    "image-not-found": (
        "The pods get ErrImagePull, the tag v0.9.9 of the image does not exist.",
        "The path does not exist in the container, and the image is on the node.",
    ),
    "registry-unreachable": (
        "The nodes are air-gapped and the pods are stuck in ErrImagePull for the image.",
        "The nodes are air-gapped, and the image is on all of them.",
    ),
    "pvc-unbound": (
        "The PVC of the model cache stays pending for hours on our cluster.",
        "The PVC of the model cache is bound, and the pod waits for a node.",
    ),
    "mount-failed": (
        "The pod is stuck in ContainerCreating as the NFS volume cannot be mounted on the node.",
        "The pod is stuck in Pending as the NFS volume is in another zone.",
    ),
    "evicted": (
        "The pods are evicted while they download the model, with ephemeral storage of 10Gi.",
        "The requests are evicted from the cache of the engine as it fills.",
    ),
    "admission-denied": (
        "The deployment has no pods, they are rejected by Kyverno because of the host path.",
        "The requests to the deployment are rejected by the gateway since the key is wrong.",
    ),
    "resource-quota": (
        "The deployment is blocked by the ResourceQuota of the team in this namespace.",
        "The ResourceQuota of the team is in the namespace, and the pods are ready.",
    ),
    "probe-misconfigured": (
        "The readiness probe gets a 404 and the pod is never ready, although the model is served.",
        "The readiness probe succeeds and the pod is ready, and clients get a 404 for the model.",
    ),
    "service-mismatch": (
        "The service has no endpoints although the pods are ready and answer to curl.",
        "The service has two endpoints, and the pods are ready and answer to curl.",
    ),
    "network-policy": (
        "The NetworkPolicy of the namespace blocks the router from the servers on port 8000.",
        "The NetworkPolicy of the namespace is the default, and the router reaches the servers.",
    ),
    "shm-too-small": (
        "The server fails with NCCL errors since /dev/shm is too small for two GPUs.",
        "The server fails with NCCL errors, and /dev/shm is of 16Gi for two GPUs.",
    ),
    "progress-deadline": (
        "The rollout exceeded its progress deadline while the model was being downloaded.",
        "The rollout has a progress deadline of an hour, and it is done in ten minutes.",
    ),
    "autoscaler-no-metric": (
        "The HPA shows unknown for the metric of the queue and it is always at one replica.",
        "The HPA shows 3 of 10 for the metric of the queue and it is at one replica.",
    ),
}


def _told(paragraph: str) -> Case:
    status = waiting("ContainerCreating")
    return lambda: world(pod(status=status, phase="Pending"), node(), event(TOLD, paragraph))


FIRES: dict[str, Case] = {f"told-{cause}": _told(fires) for cause, (fires, _) in _PARAGRAPHS.items()}
NEAR_MISSES: dict[str, Case] = {f"told-{cause}": _told(near) for cause, (_, near) in _PARAGRAPHS.items()}
