"""Cases of what people tell in sentences of their own: for each cause a paragraph that tells of it, and one that tells
of what may be, was mended or is of another kind."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.diagnosis.cluster_parts import event, node, pod, waiting, world
from vops.diagnosis.facts import Facts
from vops.diagnosis.guesses.prose import TOLD

Case = Callable[[], Facts]

_PARAGRAPHS: dict[str, tuple[str, str]] = {
    "node-selector-mismatch": (
        "The pods are unable to be scheduled because of the node affinity rules in the values of the chart.",
        "The pods are unable to be scheduled because of the node affinity of the volume that they claim.",
    ),
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
    "dns-failure": (
        "With nslookup we found that only the pods on the node of CoreDNS can resolve the names of the cluster.",
        "With nslookup we found that the pods on the node of CoreDNS resolve the names of the cluster as well.",
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
    "disk-full": (
        "The pods stay in ImagePullBackOff because the disk of the node fills up when the image is pulled.",
        "The KV cache is full and the pods are slow, because the image of the disk is old.",
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
    "autoscaler-query-capped": (
        "KEDA stops at two replicas: the query is avg(DCGM_FI_DEV_GPU_UTIL) and its threshold 70, AverageValue.",
        "KEDA goes up to eight replicas: the query is avg(DCGM_FI_DEV_GPU_UTIL), metricType Value, threshold 70.",
    ),
    "autoscaler-paused": (
        "The ScaledObject was paused for the maintenance and is still paused, and it does not scale.",
        "The ScaledObject was paused for the maintenance and it scales again.",
    ),
    "autoscaler-at-max": (
        "The HPA is at max replicas of 4 and the latency of the users is above a minute.",
        "The HPA is at 2 of 4 replicas and the latency of the users is below a second.",
    ),
    "replicas-zero": (
        "The deployment was scaled to 0 by KEDA and it never wakes up when a request comes.",
        "The deployment was scaled to 0 by KEDA for the night, as it was meant to be.",
    ),
    "metric-labels-lost": (
        "The pod label of the GPU metrics is the dcgm-exporter pod, so the query for our pod is empty.",
        "The pod label of the GPU metrics is the pod of the server, and the query for it is right.",
    ),
    "prefix-cache-cold": (
        "The prefix cache hit rate fell from 82% to 11% since the traffic goes round robin over six pods.",
        "The prefix cache hit rate is 82% since the traffic goes to the pod that has the session.",
    ),
    "replica-imbalance": (
        "All requests go to one of the two pods, it has a queue, and the other one is idle.",
        "The requests go to both of the two pods, and it is the same number at each.",
    ),
    "queue-saturated": (
        "The waiting queue of the server keeps growing and the latency is at several minutes.",
        "The waiting queue of the server is empty and the latency is below a second.",
    ),
    "kv-thrash": (
        "Requests are preempted hundreds of times since the KV cache is full, and the throughput drops.",
        "Requests are never dropped when the KV cache is full, and the throughput is as it was.",
    ),
    "sidecar-failed": (
        "The istio-proxy sidecar does not become ready (1/2), so the pod is stuck without traffic.",
        "The istio-proxy sidecar is there since March, and the pod serves as it did.",
    ),
    "init-container-failed": (
        "The init container that copies the model exits with code 1, so the server is never started.",
        "The init container that copies the model is done and the server is started.",
    ),
    "node-oom": (
        "The kernel of the node was OOM killing our server, which has no memory limit, at night.",
        "The kernel of the node was updated, and our server, which has no memory limit, is up.",
    ),
    "tmpfs-charged": (
        "What is written to the tmpfs counts against the memory limit, so the server gets OOMKilled.",
        "What is written to the tmpfs is small, and the server is within its memory limit.",
    ),
    "gpu-request-too-large": (
        "The pod asks for 4 GPUs and the nodes have only 2 of them each, so it is pending.",
        "The pod asks for 4 GPUs and the nodes have 8 of them, so it is scheduled in the end.",
    ),
    "no-scheduler": (
        "The pod names a schedulerName that is not running in the cluster, so it stays pending.",
        "The pod names the scheduler of the cluster, and it stays where it was placed.",
    ),
    "engine-start-timeout": (
        "The engine gives up after 10 minutes since the model is loaded from a slow NFS.",
        "The engine is up after 10 minutes since the model is loaded from an NFS.",
    ),
    "node-launch-failed": (
        "The GPU instances are launched by karpenter and never join the cluster.",
        "The GPU instances are launched by karpenter and join the cluster in a minute.",
    ),
    "preempted": (
        "Our pod was preempted by a batch job that has a higher priority, in the night.",
        "Our pod has a higher priority than the batch job of the night.",
    ),
    "engine-wedged": (
        "The server hangs: /health answers 200 and the throughput is at 0 tok/s, and the requests never complete.",
        "The server is idle: /health answers 200 and the throughput is at 0 tok/s, as nobody has asked it.",
    ),
    "metric-renamed": (
        "The metric vllm:gpu_cache_usage_perc was renamed, and the panel of our dashboard is empty since then.",
        "The metric vllm:kv_cache_usage_perc is in the panel of our dashboard, which is empty as nobody asks.",
    ),
    "gpu-memory-not-free": (
        "The new vLLM pod fails with OutOfMemoryError, as the old process still holds 60 GiB of GPU memory.",
        "The GPU memory is freed in ten seconds, and the new vLLM pod starts on the same node.",
    ),
    "kv-cache-too-small": (
        "The server crashes at start: the KV cache that the max-model-len needs is larger than what is left.",
        "The KV cache holds 3.2 requests of the max-model-len, and the server is up.",
    ),
    "node-lost": (
        "The spot instance was reclaimed in the night, and the pod on it is stuck Terminating.",
        "The pods of a spot instance that is reclaimed are on another one in a minute.",
    ),
    "autoscaler-no-match": (
        "The pods are left pending, as no instance type of Karpenter satisfies the requirements of the pool.",
        "The pod was pending for a minute, and Karpenter's pool has the requirements that its labels need.",
    ),
    "post-start-hook-failed": (
        "The postStart hook of the container fails, since curl is not in the image.",
        "The postStart hook of the container loads the adapters, as it is meant to.",
    ),
}


def told(paragraph: str) -> Case:
    status = waiting("ContainerCreating")
    return lambda: world(pod(status=status, phase="Pending"), node(), event(TOLD, paragraph))


_ROLLOUT = "The new pod is pending for want of a GPU, and the old one keeps {} until the new one is ready."
FIRES: dict[str, Case] = {f"told-{cause}": told(fires) for cause, (fires, _) in _PARAGRAPHS.items()}
FIRES["prose-rollout-deadlock"] = told(_ROLLOUT.format("its GPU"))
NEAR_MISSES: dict[str, Case] = {f"told-{cause}": told(near) for cause, (_, near) in _PARAGRAPHS.items()}
NEAR_MISSES["prose-rollout-deadlock"] = told(_ROLLOUT.format("the volume (ReadWriteOnce)"))
