"""Cases of the rules about what logs say: for each a log on which it fires, and a near miss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.unit.diagnosis.cluster_parts import crashed, log_text, node, pod, ready, running, world
from vops.diagnosis.facts import Facts
from vops.operations.intake.bundle import read_bundle

Case = Callable[[], Facts]

SERVED = log_text("size-l8-045.log").partition("startup complete.")[0] + "startup complete.\n"
TRACE = 'Traceback (most recent call last):\n  File "x.py", line 1, in f\n'
NCCL = (
    "torch.distributed.DistBackendError: NCCL error in: NCCLUtils.hpp:268, unhandled system error (run with "
    "NCCL_DEBUG=INFO)"
)
FULL = (
    "gpu-1:7:7 [0] NCCL WARN Error: failed to extend /dev/shm/nccl-x to 33030528 bytes, error: No space left on device"
)


def raised(error: str, *before: str, **death: Any) -> Case:
    """A replica whose last instance ended with an exception, after these lines."""
    text = "".join(f"{line}\n" for line in before) + TRACE + error + "\n"
    return lambda: world(pod(status=crashed(**death)), node(), log=text)


def printed(*lines: str, **death: Any) -> Case:
    return lambda: world(pod(status=crashed(**death)), node(), log="\n".join(lines))


def alone(log: str) -> Case:
    """A log that came without its pod."""
    return lambda: Facts(read_bundle([], log.encode())[0])


def serves(log: str) -> Case:
    return lambda: world(ready(), node(), log=log)


NIXL_FAILS = "(Worker_TP0 pid=9) ERROR 11-24 02:00:20 [worker.py:767] NIXL transfer failure: handshake_failed\n"
STARTING = """\
INFO 05-06 01:55:05 [api_server.py:1043] vLLM API server version 0.8.5
INFO 05-06 01:55:30 [gpu_model_runner.py:1329] Starting to load model org/llama...
"""
REFUSED = """\
INFO:     10.1.0.4:4328 - "POST /v1/completions HTTP/1.1" 500 Internal Server Error
ERROR:    Exception in ASGI application
Traceback (most recent call last):
  File "/usr/local/lib/python3.12/dist-packages/outlines/caching.py", line 14, in get_cache
PermissionError: [Errno 13] Permission denied: '/.cache'
"""
SERVING = "INFO:     Application startup complete.\n"
FATAL = """\
(EngineCore_DP0 pid=9) ERROR 11-20 08:00:01 [core.py:702] EngineCore encountered a fatal error.
(EngineCore_DP0 pid=9) ERROR 11-20 08:00:01 [core.py:702] Traceback (most recent call last):
(EngineCore_DP0 pid=9) ERROR 11-20 08:00:01 [core.py:702]   File "/x/vllm/v1/core/sched/scheduler.py", line 8, in f
(EngineCore_DP0 pid=9) ERROR 11-20 08:00:01 [core.py:702] AssertionError: request_id not found
"""
RAY_DIED = (
    "ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task. "
    "Worker exit type: SYSTEM_ERROR Worker exit detail: Worker unexpectedly exits with a connection error code 2."
)
PLACING = (
    "INFO 04-01 02:46:00 ray_utils.py:214] Waiting for creating a placement group of specs for {} seconds. "
    "specs=[{{'GPU': 1.0}}, {{'GPU': 1.0}}]. Check `ray status` to see if you have enough resources.\n"
)
FORBIDDEN = (
    "E1124 02:00:00.000000       1 reflector.go:147] go/cache/reflector.go:229: Failed to watch *v1.Pod: failed to "
    "list "
    '*v1.Pod: pods is forbidden: User "system:serviceaccount:llm:epp" cannot list resource "pods" in API group "" in '
    "the "
    'namespace "llm"'
)
NO_KIND = (
    "E1124 02:00:00.000000       1 controller.go:42] controller-runtime: unable to start: no matches for kind "
    '"LeaderWorkerSet" in version "leaderworkerset.x-k8s.io/v1"'
)
ADAPTER = "E1124 02:00:00.000000       1 provider.go:209] unable to update list of all metrics: unable to fetch metrics"
ENGINE_DEAD = "(APIServer pid=1) ERROR 11-24 02:00:20 [a.py:1] vllm.v1.engine.exceptions.EngineDeadError: EngineCore\n"


def unready(log: str) -> Case:
    """A server that runs, has served, and is no longer ready."""
    status = running(600)
    return lambda: world(pod(status=status), node(), log=log)


CACHE = "There was a problem when trying to write in your cache folder (/.cache/huggingface/hub). You should set {}"
FIRES: dict[str, Case] = {
    "image-rate-limit-told": raised(
        "RuntimeError: GET https://registry-1.docker.io/v2/vllm/vllm-openai/manifests/v0.9.1: 429 Too Many Requests"
    ),
    "cache-not-writable": printed(CACHE, TRACE.rstrip("\n")),
    "bad-entrypoint-log": printed("/bin/sh: 1: python: not found", exit_code=127),
    "wrong-arch-log": printed("exec /usr/bin/python3: exec format error", exit_code=1),
    "serve-health-check-late": printed(
        "WARNING 2025-06-25 04:39:52,120 controller 1758 -- Didn't receive health check response for replica "
        "Replica(id='k2xw', deployment='vLLM:qwen', app='llm') after 10.0s, marking it unhealthy."
    ),
    "broken-install": raised("ImportError: /x/vllm/_C.abi3.so: undefined symbol: _ZN3c10"),
    "chat-template-missing": raised(
        "ValueError: The supplied chat template (x.jinja) looks like a file path, but it failed"
    ),
    "chat-template-missing-serving": serves(log_text("fail-nochat.log")),
    "cuda-driver-mismatch": raised("RuntimeError: The NVIDIA driver on your system is too old (found version 11040)."),
    "engine-crashed": raised("RuntimeError: CUDA error: an illegal memory access was encountered"),
    "engine-crashed-silently": printed("INFO 11-24 02:00:00 [a.py:1] hello", exit_code=139),
    "shm-bus-error": printed("INFO 11-24 02:00:00 [a.py:1] hello", exit_code=135),
    "host-memory-refused": raised(
        "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory."
    ),
    "lora-problem": raised("ValueError: LoRA rank 64 is greater than max_lora_rank 16."),
    "nccl-failure": raised(NCCL),
    "nixl-handshake": raised("RuntimeError: Remote NIXL agent engine ID mismatch. Expected a,received b."),
    "nixl-handshake-serving": serves(log_text("size-l8-045.log") + NIXL_FAILS),
    "engine-dead-running": unready(SERVED + ENGINE_DEAD),
    "gpus-awaited": unready(PLACING.format(310)),
    "engine-failed": printed(FATAL),
    "ended-while-loading": alone(STARTING + "KeyboardInterrupt: terminated\n"),
    "volume-io-failed": raised("OSError: [Errno 116] Stale file handle: '/models/model-00001-of-00004.safetensors'"),
    "ray-worker-died": raised(RAY_DIED),
    "swap-space-full": raised(
        "RuntimeError: Aborted due to the lack of CPU swap space. Please increase the swap space"
    ),
    "ray-unreachable": printed("ray: Failed to connect to GCS at address llama-0.llama:6379"),
    "shm-too-small": raised(NCCL, FULL),
    "xid-gpu-lost": raised("RuntimeError: CUDA error: uncorrectable ECC error encountered"),
    "device-plugin-log": printed(
        'I1124 02:00:00.000000       1 main.go:235] "Starting NVIDIA Device Plugin"',
        "E1124 02:00:00.000000       1 factory.go:112] Incompatible strategy detected auto",
    ),
    "gpu-operator-log": printed("Resolving Linux kernel version...", "Could not resolve Linux kernel version"),
    "dcgm-exporter-log": printed('time="x" level=fatal msg="Error starting DCGM-Exporter: Failed to initialize NVML"'),
    "keda-target-log": printed(
        '2026-11-24T02:00:00Z\tERROR\tScaledObject doesn\'t have correct scaleTargetRef specification\t{"name": "a"}'
    ),
    "keda-operator-log": printed(
        '2026-11-24T02:00:00Z\tERROR\tscale_handler\terror getting metric\t{"error": "target may be lost"}'
    ),
    "metrics-adapter-log": printed(ADAPTER),
    "controller-forbidden": printed(FORBIDDEN),
    "controller-kind-missing": printed(NO_KIND),
    "permission-denied-to-requests": serves(SERVING + REFUSED),
}
NEAR_MISSES: dict[str, Case] = {
    # the hub limits, and no registry is named
    "image-rate-limit-told": raised(
        "HTTPError: 429 Client Error: Too Many Requests for url: https://huggingface.co/api/models/x"
    ),
    # statistics of use, which nobody needs
    "permission-denied-to-requests": serves(
        SERVING
        + REFUSED.replace("ERROR:    Exception in ASGI application", "Exception in thread Thread-1 (_report_usage)")
    ),
    # it went on, and failed of something else
    "cache-not-writable": raised("ValueError: no such thing", CACHE),
    # once is not what it is stopped for
    "serve-health-check-late": printed(
        "WARNING 2025-06-25 04:39:52,120 controller 1758 -- Health check for Replica(id='k2xw') failed: timed out"
    ),
    # the shell found it; the program itself was not pleased
    "wrong-arch-log": printed("exec /usr/bin/vllm: no such file or directory", exit_code=127),
    "bad-entrypoint-log": printed("vllm: error: unrecognized arguments: --x", exit_code=2),
    # the driver's library is not part of the image
    "broken-install": raised("ImportError: libcuda.so.1: cannot open shared object file: No such file or directory"),
    "chat-template-missing": raised(
        "ValueError: User-specified max_model_len (9) is greater than the derived max_model_len (8"
    ),
    "chat-template-missing-serving": serves(log_text("size-l8-045.log")),
    "cuda-driver-mismatch": raised("RuntimeError: No CUDA GPUs are available"),
    "engine-crashed": raised("RuntimeError: CUDA error: out of memory"),
    "engine-crashed-silently": printed("INFO 11-24 02:00:00 [a.py:1] hello", exit_code=137),
    "shm-bus-error": printed("INFO 11-24 02:00:00 [a.py:1] hello", exit_code=139),
    "host-memory-refused": raised("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."),
    "lora-problem": raised("ValueError: Unknown quantization method: lorax"),
    "nccl-failure": raised(NCCL, FULL),
    "nixl-handshake": raised("ValueError: not enough values to unpack (expected 3, got 2)"),
    "nixl-handshake-serving": serves(log_text("size-l8-045.log")),
    "engine-dead-running": unready(SERVED),
    "gpus-awaited": unready(PLACING.format(30)),
    "volume-io-failed": raised("OSError: [Errno 2] No such file or directory: '/models/config.json'"),
    "ended-while-loading": alone(STARTING + SERVING + "KeyboardInterrupt: terminated\n"),
    "engine-failed": printed(FATAL.replace("encountered a fatal error", "failed to start")),
    "ray-worker-died": raised("ray.exceptions.ActorDiedError: The actor is dead because all its references are gone."),
    "swap-space-full": raised("RuntimeError: Too large swap space. 40.00 GiB out of the 32.00 GiB total CPU memory"),
    "ray-unreachable": raised("ValueError: Ray does not allocate any GPUs on the driver node"),
    "shm-too-small": raised(NCCL, "gpu-1:7:7 [0] NCCL WARN NET/IB : Got completion from peer with status=12"),
    # an Xid that an application leaves
    "xid-gpu-lost": raised(
        "RuntimeError: CUDA error: an illegal memory access was encountered", "NVRM: Xid (PCI:0000:3b:00): 31, x"
    ),
    "device-plugin-log": printed(
        'I1124 02:00:00.000000       1 main.go:235] "Starting NVIDIA Device Plugin"',
        "I1124 02:00:00.000000       1 server.go:112] Registered device plugin for 'nvidia.com/gpu' with Kubelet",
    ),
    # the node's driver was replaced, and nothing was in its way
    "gpu-operator-log": printed(
        "Unloading NVIDIA driver kernel modules...",
        "modprobe: FATAL: Module i2c_core not found in directory /lib/modules/5.15.0",
        "Done, now waiting for signal",
        exit_code=1,
    ),
    "dcgm-exporter-log": printed(
        'time="x" level=warning msg="Not collecting DCP metrics: feature not supported" app=dcgm-exporter'
    ),
    # operators try again
    "keda-target-log": printed(
        '2026-11-24T02:00:00Z\tERROR\tReconciler error\t{"scaledObject": "x", "error": "scaleTargetRef was changed"}'
    ),
    "keda-operator-log": printed(
        '2026-11-24T02:00:00Z\tERROR\tReconciler error\t{"scaledObject": "x", "error": "the object has been modified"}'
    ),
    # a metric that was not there yet
    "metrics-adapter-log": printed(
        "I1124 02:00:00.000000 1 wrap.go:42] GET /apis/custom.metrics.k8s.io/v1beta1/namespaces/a/pods/x: (3ms) 404 "
        "[[]]",
        "I1124 02:00:30.000000 1 wrap.go:42] GET /apis/custom.metrics.k8s.io/v1beta1/namespaces/a/pods/x: (3ms) 200 "
        "[[]]",
        exit_code=1,
    ),
    # a person without the right, as another component's log quotes it
    "controller-forbidden": printed(FORBIDDEN.replace("system:serviceaccount:llm:epp", "jane")),
    "controller-kind-missing": printed(NO_KIND.replace("no matches for kind", "watching kind")),
}
