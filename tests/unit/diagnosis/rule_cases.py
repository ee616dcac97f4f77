"""For each rule a replica on which it fires, and a near miss: as alike as can be, and for another reason or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tests.unit.diagnosis import (
    cases_capacity,
    cases_logs,
    cases_other_engines,
    cases_places,
    cases_scheduling,
    cases_serving,
    cases_start,
    cases_told_load,
)
from tests.unit.diagnosis.cluster_parts import (
    HEALTH,
    TAINT,
    crashed,
    deployment,
    event,
    log_text,
    node,
    pending,
    pod,
    ready,
    replicaset,
    running,
    waiting,
    world,
)
from vops.diagnosis.facts import Facts
from vops.model.resources import Node

Case = Callable[[], Facts]


def died(text: str, **death: Any) -> Facts:
    """A crash-looping replica whose last instance wrote `text`."""
    return world(pod(status=crashed(**death)), node(), log=text)


def recorded(name: str, **death: Any) -> Case:
    return lambda: died(log_text(name), **death)


def said(error: str, stage: str = "") -> Case:
    """The last words of a server: an exception after a line that shows the stage."""
    head = "INFO 11-24 02:00:00 [api_server.py:1] vLLM API server version 0.12.0\n"
    trace = f'Traceback (most recent call last):\n  File "x.py", line 1, in f\n{error}\n'
    return lambda: died(head + (f"INFO 11-24 02:00:09 [a.py:1] {stage}\n" if stage else "") + trace)


def on(*nodes: Any, says: str = "", **asks: Any) -> Case:
    """A pending replica in a cluster of these nodes and pods."""
    return lambda: world(pending(says, **asks), *nodes)


def complaining(type_: str, status: str) -> Node:
    """A cordoned node with a condition of a health check."""
    document = msgspec.to_builtins(node(cordoned=True))
    told = {"type": type_, "status": status, "reason": "NvidiaXID79Error"}
    document["status"]["conditions"] = [*document["status"]["conditions"], told]
    return msgspec.convert(document, Node)


def creating(reason: str, message: str = "", *events: Any, **more: Any) -> Case:
    return lambda: world(pod(status=waiting(reason, message), phase="Pending", **more), node(), *events)


def pull(words: str, **more: Any) -> Case:
    told = f'Back-off pulling image "vllm/vllm-openai:v0.25.1": ErrImagePull: {words}'
    return creating("ImagePullBackOff", told, **more)


def killed(kind: str, log: str, *, exit_code: int = 137, ran_s: float = 65, **probe: Any) -> Case:
    """A server that the kubelet killed for a probe, `log` being that of the dead instance."""
    container = {f"{kind}Probe": HEALTH | {"periodSeconds": 10, "failureThreshold": 6} | probe}
    return lambda: world(
        pod(status=crashed(exit_code, back=True, ran_s=ran_s), container=container),
        node(),
        event("Killing", f"Container vllm failed {kind} probe, will be restarted"),
        previous=log,
    )


def holder(name: str = "other", **more: Any) -> Any:
    return ready(name, **more)


LOADING_LOG = "\n".join(log_text("size-l8-045.log").splitlines()[:30])
SERVING_LOG = log_text("size-l8-045.log")
SERVING_LOG = "\n".join(
    SERVING_LOG.splitlines()[: SERVING_LOG[: SERVING_LOG.index("startup complete")].count("\n") + 1]
)

OUT_OF_MEMORY = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of "
ONE_LEFT = OUT_OF_MEMORY + "22.00 GiB of which 1.00 GiB is free. "
OWN = ONE_LEFT + "Including non-PyTorch memory, this process has 20.90 GiB memory in use."
SHARED = ONE_LEFT + "Process 77 has 9.00 GiB memory in use. This process has 12.00 GiB memory in use."
WEIGHTS = "Starting to load model llama..."
GRAPHS = "Capturing CUDA graphs (FULL):  10%|#  | 1/10"


def deadlocked(**strategy: Any) -> Case:
    """A rolling update of one replica in a cluster with one GPU, which the old pod holds."""
    rolling = {"type": "RollingUpdate", "rollingUpdate": strategy} if strategy else None
    return lambda: world(
        pending(owner="llama", name="llama-new"),
        ready("llama-old", owner="llama", revision="old", age_s=9000),
        node(),
        deployment(strategy=rolling),
        replicaset(revision="new"),
        replicaset(revision="old"),
    )


FIRES: dict[str, Case] = {
    # scheduling
    "untolerated-taint": on(node(taints=[TAINT])),
    "gpu-exhausted": on(node(), holder()),
    "gpu-request-too-large": on(node(gpus=2), gpus=4),
    "gpu-not-advertised": on(node(gpus=0)),
    "gpus-held-for-broken": on(complaining("AcceleratedHardwareReady", "False")),
    "gpus-unhealthy": on(node(gpus=3, capacity={"nvidia.com/gpu": "4"}), gpus=4),
    "wrong-gpu-resource": on(node(resource="nvidia.com/mig-1g.10gb", gpus=7)),
    "node-selector-mismatch": on(node(), nodeSelector={"nvidia.com/gpu.product": "NVIDIA-H100"}),
    "cpu-memory-short": on(node(), requests={"memory": "128Gi"}),
    "node-unavailable": on(node(cordoned=True)),
    "scheduling-gated": on(node(), schedulingGates=[{"name": "kueue.x-k8s.io/admission"}]),
    "no-scheduler": on(node(), conditions=[], schedulerName="mine"),
    "pvc-unbound": on(node(), says='0/1 nodes are available: persistentvolumeclaim "models" not found. not found'),
    "rollout-deadlock": deadlocked(),
    # creation
    "missing-config": creating("CreateContainerConfigError", 'secret "hf-token" not found'),
    "image-not-found": pull('failed to resolve reference "x": vllm/vllm-openai:v9: not found'),
    "image-auth": pull(
        "pull access denied, repository does not exist or may require authorization",
        container={"image": "example.com/team/vllm:1"},
    ),
    "image-not-pulled": creating("ImagePullBackOff", 'Back-off pulling image "vllm/vllm-openai:v0.9.2"'),
    "image-rate-limit": pull("429 Too Many Requests - toomanyrequests: You have reached your pull rate limit"),
    "image-wrong-arch": pull("no match for platform in manifest: not found"),
    "registry-unreachable": pull("dial tcp: lookup registry on 10.0.0.10:53: no such host"),
    "disk-full-on-pull": pull("write /var/lib/containerd/x: no space left on device"),
    "bad-entrypoint": creating(
        "CreateContainerError", 'runc create failed: exec: "vllmm": executable file not found in $PATH'
    ),
    "mount-failed": creating(
        "ContainerCreating", "", event("FailedMount", 'MountVolume.SetUp failed for volume "m" : timed out')
    ),
    "multi-attach": creating(
        "ContainerCreating",
        "",
        event("FailedAttachVolume", "Multi-Attach error for volume pvc-1 Volume is already used by pod(s) llama-0"),
    ),
    # ended from outside
    "evicted": lambda: world(
        pod(phase="Failed", pod_status={"reason": "Evicted", "message": "The node was low on resource: memory."})
    ),
    "device-allocation-failed": lambda: world(
        pod(phase="Failed", pod_status={"reason": "UnexpectedAdmissionError", "message": "Allocate failed"})
    ),
    # died
    "startup-probe-kill": killed("startup", LOADING_LOG),
    "probe-misconfigured-kills": killed("liveness", SERVING_LOG, httpGet={"path": "/health", "port": 9999}),
    "liveness-kill-under-load": killed("liveness", SERVING_LOG, httpGet={"path": "/health", "port": 8102}),
    "engine-start-timeout": said("TimeoutError: Timed out waiting for engine core processes to start."),
    "host-oom": lambda: died(LOADING_LOG, exit_code=137, reason="OOMKilled"),
    "gated-model": recorded("fail-gated403.log"),
    "token-missing": recorded("fail-gated401.log"),
    "model-not-found": recorded("fail-notfound.log"),
    "hub-rate-limit": recorded("fail-ratelimit.log"),
    "hub-unreachable": recorded("fail-dns.log"),
    "corrupted-download": recorded("fail-truncated.log"),
    "unsupported-architecture": recorded("fail-arch.log"),
    "quantization-mismatch": recorded("fail-quant-mismatch.log"),
    "unsupported-dtype": said(
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0."
    ),
    "kv-cache-too-small": recorded("fail-kv-too-small.log"),
    "cuda-oom-weights": said(OWN, WEIGHTS),
    "cuda-oom-runtime": said(OWN, GRAPHS),
    "gpu-memory-not-free": recorded("fail-gpu-busy.log"),
    "bad-argument": recorded("fail-badarg.log", exit_code=2),
    "tp-mismatch": recorded("fail-tp2.log"),
    "gpus-idle": lambda: world(ready(gpus=2), node(gpus=2)),
    "no-cuda-visible": recorded("fail-nocuda.log"),
    "vllm-port-collision": recorded("fail-vllm-port.log"),
    "port-in-use": recorded("fail-port-inuse.log"),
    "engine-dead": recorded("dead-engine.log", exit_code=0, reason="Completed"),
    "permission-denied": said("PermissionError: [Errno 13] Permission denied: '/.cache'"),
    "disk-full": said("OSError: [Errno 28] No space left on device"),
    # serves not
    "probe-misconfigured": lambda: world(
        pod(status=running(), container={"readinessProbe": {"httpGet": {"path": "/health", "port": 9999}}}),
        node(),
        event("Unhealthy", 'Readiness probe failed: Get "http://10.0.0.1:9999/health": connection refused'),
        log=SERVING_LOG,
    ),
}

NEAR_MISSES: dict[str, Case] = {
    # the taint is tolerated; another untainted node is merely full
    "untolerated-taint": on(node("a", taints=[TAINT]), node("b"), holder(node="b")),
    "gpu-exhausted": on(node(), holder(), node("b")),
    "gpu-request-too-large": on(node(gpus=4), holder(), gpus=4),
    "gpu-not-advertised": on(node(), holder()),
    "wrong-gpu-resource": on(node(gpus=0)),
    "node-selector-mismatch": on(node(), holder(), nodeSelector={"nvidia.com/gpu.product": "NVIDIA-L4"}),
    "cpu-memory-short": on(node(), holder(), requests={"memory": "16Gi"}),
    "node-unavailable": on(node("a", cordoned=True), node("b"), holder(node="b")),
    "scheduling-gated": on(node(), holder()),
    "no-scheduler": on(node(), conditions=[], age_s=5),
    "pvc-unbound": on(node(), says="0/1 nodes are available: 1 node(s) had volume node affinity conflict."),
    "rollout-deadlock": deadlocked(maxSurge=0, maxUnavailable=1),
    "missing-config": creating("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
    "image-not-found": pull("no match for platform in manifest: not found"),
    # the node's own runtime fails, and says so
    "image-not-pulled": pull("dial unix /run/containerd/containerd.sock: connect: no such file"),
    "image-auth": pull("429 Too Many Requests - toomanyrequests: access denied: limit"),
    "image-rate-limit": pull("unexpected status from HEAD request to http://r/x: 403 Forbidden"),
    "image-wrong-arch": pull('failed to resolve reference "x": x: not found'),
    "registry-unreachable": pull("manifest unknown"),
    "disk-full-on-pull": pull("i/o timeout"),
    "bad-entrypoint": creating("CreateContainerError", "failed to reserve container name"),
    "mount-failed": creating("ContainerCreating", "", event("Pulling", "Pulling image")),
    "multi-attach": creating("ContainerCreating", "", event("FailedAttachVolume", "rpc error: timed out")),
    "evicted": lambda: world(pod(phase="Failed", pod_status={"reason": "NodeShutdown"})),
    "device-allocation-failed": lambda: world(pod(phase="Failed", pod_status={"reason": "OutOfcpu"})),
    # a readiness probe never kills
    "startup-probe-kill": lambda: world(
        pod(status=crashed(137, back=True, ran_s=65), container={"readinessProbe": HEALTH | {"failureThreshold": 6}}),
        node(),
        previous=LOADING_LOG,
    ),
    "probe-misconfigured-kills": killed("liveness", SERVING_LOG, httpGet={"path": "/health", "port": 8102}),
    "liveness-kill-under-load": killed("liveness", LOADING_LOG),
    "engine-start-timeout": said("TimeoutError: Timed out waiting for a lock"),
    # CUDA runs out, not the host
    "host-oom": said(OWN, WEIGHTS),
    "gated-model": recorded("fail-gated401.log"),
    "token-missing": recorded("fail-notfound.log"),
    "model-not-found": recorded("fail-gated403.log"),
    "hub-rate-limit": recorded("fail-hubdown.log"),
    "hub-unreachable": recorded("fail-ratelimit.log"),
    "corrupted-download": recorded("fail-localpath.log"),
    "unsupported-architecture": recorded("fail-badvalue.log"),
    "quantization-mismatch": recorded("fail-arch.log"),
    "unsupported-dtype": said("ValueError: dtype float8 is unknown"),
    "kv-cache-too-small": recorded("fail-gpu-busy.log"),
    "cuda-oom-weights": said(SHARED, WEIGHTS),
    "cuda-oom-runtime": said(SHARED, GRAPHS),
    "gpu-memory-not-free": said(OWN, WEIGHTS),
    "bad-argument": recorded("fail-tp2.log"),
    "tp-mismatch": recorded("fail-nocuda.log"),
    # one of several pods that serve together
    "gpus-idle": lambda: world(
        ready(gpus=2, container={"command": ["vllm", "serve", "m", "--nnodes", "2"]}), node(gpus=2)
    ),
    # offered in full, and taken
    "gpus-held-for-broken": on(complaining("AcceleratedHardwareReady", "True")),
    "gpus-unhealthy": on(node(gpus=4), holder(gpus=1), gpus=4),
    "no-cuda-visible": recorded("fail-tp2.log"),
    "vllm-port-collision": recorded("fail-port-inuse.log"),
    "port-in-use": said("ConnectionRefusedError: [Errno 111] Connection refused"),
    # it was asked to stop, and its engine ended with it
    "engine-dead": recorded("sigterm.log", exit_code=0, reason="Completed"),
    "permission-denied": said("OSError: [Errno 28] No space left on device"),
    "disk-full": said("RuntimeError: NCCL error: unhandled system error"),
    # the same refused connection, while the server is still loading
    "probe-misconfigured": lambda: world(
        pod(status=running(), container={"readinessProbe": {"httpGet": {"path": "/health", "port": 9999}}}),
        node(),
        event("Unhealthy", 'Readiness probe failed: Get "http://10.0.0.1:9999/health": connection refused'),
        log=LOADING_LOG,
    ),
}

TOGETHER: dict[str, set[str]] = {
    "gpus-held-for-broken": {"node-unavailable"},
    "rollout-deadlock": {"gpu-exhausted"},
}
"""Causes that rightly stand beside the one that a case is about."""

FIRES |= cases_capacity.FIRES | cases_logs.FIRES | cases_scheduling.FIRES | cases_start.FIRES
NEAR_MISSES |= (
    cases_capacity.NEAR_MISSES | cases_logs.NEAR_MISSES | cases_scheduling.NEAR_MISSES | cases_start.NEAR_MISSES
)
TOGETHER |= cases_capacity.TOGETHER | cases_scheduling.TOGETHER | cases_start.TOGETHER

FIRES |= cases_serving.FIRES | cases_places.FIRES | cases_told_load.FIRES
NEAR_MISSES |= cases_serving.NEAR_MISSES | cases_places.NEAR_MISSES | cases_told_load.NEAR_MISSES
TOGETHER |= cases_serving.TOGETHER
FIRES |= cases_other_engines.FIRES
NEAR_MISSES |= cases_other_engines.NEAR_MISSES
