"""Cases of the rules about containers that are not created or not started, and about those around the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.unit.diagnosis.cluster_parts import (
    Document,
    crashed,
    ended,
    event,
    node,
    pod,
    running,
    waiting,
    world,
)
from vops.diagnosis.facts import Facts
from vops.model.resources import Event

Case = Callable[[], Facts]

SERVER: Document = {"name": "vllm", "image": "vllm/vllm-openai:v0.25.1", "command": ["vllm", "serve", "m"]}
OTHER = "fetch"
UNREADY = {"type": "Ready", "status": "False"}


def beside(
    kind: str, status: Document, *events: Event, log: str = "", server: Document | None = None, **more: Any
) -> Facts:
    """A server with another container, `init` or `sidecar`, in that status; `log` is that container's."""
    other = {"name": OTHER, "image": "example.com/fetch:1"} | more
    said = {"name": OTHER, **status}
    init = kind == "init"
    own = server or (waiting("PodInitializing") if init else running(600, ready=True))
    of = pod(
        phase="Pending" if init else "Running",
        containers=[SERVER] if init else [SERVER, other],
        initContainers=[other] if init else [],
        pod_status={
            "conditions": [UNREADY],
            "containerStatuses": [{"name": "vllm", **own}, *([] if init else [said])],
            "initContainerStatuses": [said] if init else [],
        },
    )
    return world(of, node(), *events, log=log, container=OTHER)


def not_created(reason: str, message: str = "", *events: Event, **more: Any) -> Case:
    return lambda: world(pod(status=waiting(reason, message), phase="Pending", **more), node(), *events)


def not_started(message: str, exit_code: int = 128, **more: Any) -> Case:
    """A container that the runtime could not start, waiting to be tried again."""
    status = crashed(exit_code, reason="StartError")
    status["lastState"]["terminated"]["message"] = message
    return lambda: world(pod(status=status, **more), node())


def hangs(reason: str, message: str, *events: Event, count: int = 5, **more: Any) -> Case:
    """A pod in ContainerCreating, with one complaint that came back."""
    return not_created("ContainerCreating", "", event(reason, message, count=count), *events, **more)


NO_PULL_SECRET = "Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed."
CREATE_FAILED = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
)
START_FAILED = CREATE_FAILED + "unable to start container process: error during container init: "
HOOK = (
    START_FAILED + "error running prestart hook #0: exit status 1, stdout: , stderr: Auto-detected mode as 'legacy'\n"
)


def ended_at_once(**more: Any) -> Facts:
    status = crashed(0, reason="Completed", restarts=4, ran_s=1)
    return world(pod(status=status, **more), node(), log="Python 3.12.3\n")


def hook_killed(age_s: float) -> Facts:
    """A server that loads again after an instance was killed, and a hook that failed `age_s` ago."""
    return world(
        pod(
            status=crashed(137, back=True, ran_s=30),
            container={"lifecycle": {"postStart": {"exec": {"command": ["x"]}}}},
        ),
        node(),
        event("FailedPostStartHook", "PostStartHook failed", age_s=age_s),
        previous="INFO 11-24 02:00:00 [api_server.py:1] vLLM API server version 0.12.0\n",
    )


FIRES: dict[str, Case] = {
    "claim-not-prepared": hangs(
        "FailedPrepareDynamicResources",
        "Failed to prepare dynamic resources: prepare dynamic resources: failed to get gRPC client for driver "
        "gpu.nvidia.com: plugin name gpu.nvidia.com not found in the list of registered DRA plugins",
    ),
    "node-disk-full": hangs(
        "FailedMount",
        'MountVolume.SetUp failed for volume "c" : write /var/lib/kubelet/pods/1/volumes/c: no space left on device',
    ),
    "sandbox-failed": hangs(
        "FailedCreatePodSandBox",
        "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "
        '"nvidia" is configured',
        count=1,
        runtimeClassName="nvidia",
    ),
    "runtime-failed": not_created(
        "CreateContainerError", 'failed to reserve container name "v_0": name "v_0" is reserved for "66e2"'
    ),
    "gpu-runtime-failed": not_started(
        HOOK
        + "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.9, please update your driver to a "
        "newer version, or use an earlier cuda container: unknown"
    ),
    "claim-gone": hangs(
        "FailedMount",
        "Unable to attach or mount volumes: unmounted volumes=[models], unattached volumes=[], failed to process "
        "volumes=[models]: error processing PVC serving/models: failed to fetch PVC from API server: "
        "persistentvolumeclaims "
        '"models" not found',
        volumes=[{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}],
    ),
    "missing-pull-secret": not_created(
        "ImagePullBackOff",
        'Back-off pulling image "vllm/vllm-openai:v0.25.1": ErrImagePull: unauthorized: authentication required',
        event(
            "FailedToRetrieveImagePullSecret",
            "Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed.",
        ),
        imagePullSecrets=[{"name": "regcred"}],
    ),
    "pull-secret-missing": hangs("FailedToRetrieveImagePullSecret", NO_PULL_SECRET),
    "root-refused": not_created(
        "CreateContainerConfigError",
        'container has runAsNonRoot and image will run as root (pod: "llama-1_serving(1)", container: vllm)',
        securityContext={"runAsNonRoot": True},
    ),
    "limit-below-start": not_started(
        CREATE_FAILED + "unable to start container process: container init was OOM-killed (memory limit too low?)",
        container={"resources": {"limits": {"memory": "64"}}},
    ),
    "bad-entrypoint-ends": ended_at_once,
    "post-start-hook-failed": not_created("PostStartHookError", "command '/x' exited with 1: "),
    "post-start-hook-kills": lambda: hook_killed(age_s=25),
    "gpu-stack-failed": lambda: world(pod("nvidia-driver-daemonset-x2x9k", gpus=0, status=crashed(1)), node(gpus=0)),
    "init-container-failed": lambda: beside("init", crashed(3), log="copying\nfatal: bucket is empty\n"),
    "sidecar-not-ready": lambda: beside("sidecar", running(900)),
    "sidecar-failed": lambda: beside("sidecar", crashed(1), log="listen: bad configuration\n"),
}

NEAR_MISSES: dict[str, Case] = {
    # once, while the driver of a new node registers
    "claim-not-prepared": hangs("FailedPrepareDynamicResources", "plugin not found", count=1, age_s=20),
    "sidecar-not-ready": lambda: beside("sidecar", running(60)),
    # it went on
    "node-disk-full": hangs("FailedMount", "no space left on device", event("Pulling", "Pulling image", age_s=5)),
    # it went on: the image is being pulled
    "sandbox-failed": hangs(
        "FailedCreatePodSandBox",
        "failed to assign an IP address to container",
        event("Pulling", "Pulling image", age_s=5),
    ),
    # the command is at fault, and the runtime only says so
    "runtime-failed": not_started(CREATE_FAILED + 'exec: "vllm": executable file not found in $PATH: unknown'),
    "gpu-runtime-failed": not_started(CREATE_FAILED + 'exec: "vllm": executable file not found in $PATH: unknown'),
    "claim-gone": hangs("FailedMount", 'MountVolume.SetUp failed for volume "models" : timed out waiting for it'),
    # it is missing, and the registry is down
    "missing-pull-secret": not_created(
        "ImagePullBackOff",
        'Back-off pulling image "vllm/vllm-openai:v0.25.1": ErrImagePull: dial tcp: i/o timeout',
        event("FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (regcred); attempting"),
    ),
    # a public image comes without it
    "pull-secret-missing": hangs("FailedToRetrieveImagePullSecret", NO_PULL_SECRET, event("Pulling", "Pulling image")),
    "root-refused": not_created("CreateContainerConfigError", 'secret "hf-token" not found'),
    "limit-below-start": not_started(CREATE_FAILED + "unable to apply cgroup configuration: unknown"),
    "bad-entrypoint-ends": lambda: world(
        pod(status=crashed(0, reason="Completed", restarts=1, ran_s=1)), node(), log="x\n"
    ),
    "post-start-hook-failed": not_created("CreateContainerError", "context deadline exceeded"),
    # the hook failed an hour ago, for another instance
    "post-start-hook-kills": lambda: hook_killed(age_s=3600),
    # it is tried for the first time, and still at it
    "gpu-stack-failed": lambda: world(pod("nvidia-dcgm-exporter-x2x9k", gpus=0, status=crashed(1)), node(gpus=0)),
    "init-container-failed": lambda: beside("init", running(300), log="copying\n"),
    "sidecar-failed": lambda: beside("sidecar", running(5) | {"restartCount": 1, "lastState": ended(1, ended_s=5)}),
}

TOGETHER: dict[str, set[str]] = {
    "missing-pull-secret": {"image-auth"},
}

PROGRESS: dict[str, Case] = {
    "an-init-container-downloads": lambda: beside("init", running(900), log="Fetching 8 files:  25%|##5       | 2/8\n"),
    "an-init-container-was-tried-again-and-goes-on": lambda: beside(
        "init", {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}, "restartCount": 1}
    ),
    "a-sidecar-ends-until-the-server-answers": lambda: beside(
        "sidecar", crashed(1), log="dial tcp 127.0.0.1:8000: connect: connection refused\n", server=running(60)
    ),
    "a-sidecar-starts": lambda: beside("sidecar", running(5)),
    "a-large-image-is-pulled": hangs("Pulling", 'Pulling image "vllm/vllm-openai:v0.25.1"', count=1, age_s=900),
    "a-volume-took-a-second-try": hangs(
        "FailedMount",
        'MountVolume.SetUp failed for volume "m" : failed to sync configmap cache: timed out waiting for the condition',
        event("Pulled", "Successfully pulled image", age_s=5),
        count=2,
    ),
    "a-secret-comes-a-moment-after-its-pod": hangs(
        "FailedMount", 'MountVolume.SetUp failed for volume "c" : secret "tls" not found', count=1, age_s=5
    ),
    "a-sandbox-took-a-second-try": hangs(
        "FailedCreatePodSandBox",
        "Failed to create pod sandbox: rpc error: code = DeadlineExceeded desc = context deadline exceeded",
        count=1,
        age_s=40,
    ),
    "an-image-was-pulled-at-the-second-try": lambda: world(
        pod(status=running(60)),
        node(),
        event("Failed", 'Failed to pull image "vllm/vllm-openai:v0.25.1": 503 Service Unavailable', age_s=300),
        event("Pulled", "Successfully pulled image", age_s=120),
        event("Started", "Container started", age_s=60),
    ),
}
"""Pods on their way, of which nothing is to be said."""
