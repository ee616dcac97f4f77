"""vLLM finds no GPU in its container.

What it finds
    No CUDA device for the process: no platform detected, no driver library, NVML missing, or a rank beyond 0 devices.

Why it matters
    The container got no GPU: no limit in the pod, the wrong runtime class, or CUDA_VISIBLE_DEVICES set by hand.

Evidence
    The error, the container's GPU limit, its runtime class, and CUDA_VISIBLE_DEVICES where it is set.

Fix
    `fix-gpu-count` where none is asked for, else by hand: ask for a GPU in resources.limits, or see to the node's
    runtime.
"""

from __future__ import annotations

from typing import Any

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Evidence, Fix
from vops.diagnosis.logs.cuda_errors import Meaning, words
from vops.diagnosis.nodes.gpu_nodes import gpu_resources
from vops.diagnosis.placement.filters.taints import blocks, tolerable
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_SAID = (
    r"Failed to infer device type|Device string must not be empty|out of bounds for 0 devices"
    r"|No (?:CUDA|HIP) GPUs are available|NVMLError_Unknown|Failed to initialize NVML: Unknown Error"
    r"|no CUDA-capable device is detected|Found no NVIDIA driver on your system"
    r"|CUDA_VISIBLE_DEVICES is set to empty string|NVML Shared Library Not Found|NVMLError_LibraryNotFound"
    r"|NVMLError_(?:DriverNotLoaded|InvalidArgument|NotFound|NoPermission|Uninitialized|IrqIssue)"
    r"|Driver Not Loaded|lib(?:cuda|nvidia-ml|ascend_hal)\.so(?:\.1)?: cannot open shared object"
    r"|Torch not compiled with CUDA enabled|Current node has no GPU available|cudaErrorNoDevice"
    r"|libcuda\.so cannot found|cudaGetDeviceCount.{0,300}Error (?:3|46|101|304|999):"
    r"|No supported device detected|CUDA unknown error - this may be due to an incorrectly set up environment"
    r"|GPU is required to |No GPU (?:or XPU )?found\.|Can't initialize NVML|UnspecifiedPlatform"
    r"|(?:Unsupported|Not support) device type:? ?(?:cpu)?(?: @|$)"
    r"|0 active drivers \(\[\]\)|The NVIDIA Driver was not detected"
    r"|invalid literal for int\(\) with base 10: '(?:MIG|GPU)-"
    r"|could not select device driver .{0,40} with capabilities: \[\[gpu"
    r"|CUDA driver initialization failed|NVMLError_NotSupported|Get GPU arch from rocminfo failed"
    r"|initialize Tensile host: No devices found"
    r"|^(?:Said|\w{1,40}): (?:nvidia-smi: )?No devices were found"
    r"|MPS client failed to connect|CUDA_ERROR_MPS_(?:CONNECTION_FAILED|SERVER_NOT_READY)"
    r"|Unable to determine Neuron Driver version|[Nn]o [Nn]euron device|TPU initialization failed: (?!.{0,200}busy)"
    r"|synStatus=(?!20\b)\d+ \[[^\]]{1,60}\] Device acquire failed"
    r"|deserialize object on a CUDA device but torch\.cuda\.is_available"
    r"|Unable to open /dev/kfd|ROCk module is NOT loaded|nvmlDeviceGetHandleByPciBusId\w{0,4}\(.{0,60}INTERNAL ASSERT"
    r"|Cannot access accelerator device when none is available"
    r"|Unexpected error from cudaGetDeviceCount\(\)(?!\. Did you)"
    r"|_extractNVMLErrorsAsClasses"
    r"|c10_npu::GetDeviceCount|No NPU devices? (?:are|is) available"
    r"|Failed to start model server: integer division or modulo by zero"
    # as people say it of a container
    r"|^(?!.{0,300}(?:plugin|[Oo]perator|[Aa]llocatable|[Cc]apacity|[Pp]ending|\bnodes?\b)).{0,200}"
    r"(?:\bGPUs? (?:is |are )?[Nn]ot (?:being )?[Dd]etected\b|\b[Nn]ot detecting (?:\w+ ){0,2}GPUs?\b)"
)
NO_GPU = lazy_pattern("|".join((_SAID, words(Meaning.NO_GPU))))
_BY_UUID = "invalid literal for int"
_NPU = lazy_pattern(r"libascend_hal|c10_npu|\bNPU devices?\b|torch_npu")
_TPU = lazy_pattern(r"TPU initialization failed")
_RAY = lazy_pattern(r"Current node has no GPU available")
_VARIABLES = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")


@rule(cause="no-cuda-visible", branch=Branch.DIED, needs={Source.LOGS}, order=16, signature=NO_GPU)
def no_cuda_visible(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, NO_GPU)
    if hit is None:
        return None
    asks, by_uuid = replica.gpu_count, _BY_UUID in hit[0].text
    none = replica.observed and not asks
    return deaths.verdict(
        replica,
        hit,
        f"{replica.name} cannot use a GPU that CUDA_VISIBLE_DEVICES names by its UUID"
        if by_uuid
        else f"{replica.name} sees no GPU" + (": it does not ask for one" if none else ""),
        _of_another(replica, hit[0].text) or _fix(replica, by_uuid=by_uuid, none=none),
        evidence.container_field(replica, "resources.limits", f"{asks} GPUs"),
        *_settings(replica),
    )


def _fix(replica: Replica, *, by_uuid: bool, none: bool) -> Fix:
    title, steps = "Give the container a GPU", _NUMBERS if by_uuid else _steps(replica, none=none)
    if by_uuid or not none:
        return remedies.by_steps(replica, title, steps)
    params: dict[str, Any] = {"container": replica.container.name, "gpus": max(1, replica.args.gpus)}
    if wanted := _tolerations(replica):
        params["tolerations"] = wanted
    return remedies.runbook(
        replica, "fix-gpu-count", title, Applicability.ASK, params, by_hand=steps, notes=("GPUs cost.",)
    )


def _of_another(replica: Replica, text: str) -> Fix | None:
    """What to do for another accelerator than a GPU, or for a Ray node that has none."""
    if _TPU.search(text):
        return _of_a_tpu(replica)
    if _RAY.search(text):
        return remedies.by_steps(replica, "Start vLLM on a Ray node that has a GPU", _ON_A_RAY_NODE)
    return (
        remedies.by_steps(replica, "Give the container an NPU and its driver", _OF_AN_NPU)
        if _NPU.search(text)
        else None
    )


def _of_a_tpu(replica: Replica) -> Fix:
    return remedies.by_steps(
        replica,
        "Give the container all chips of its TPU",
        (
            "Set google.com/tpu in resources.limits to the number of chips of the machine, and the nodeSelectors "
            "cloud.google.com/gke-tpu-accelerator and cloud.google.com/gke-tpu-topology to those of the node pool.",
            "A slice of several hosts needs one pod on each at once, with TPU_WORKER_ID and TPU_WORKER_HOSTNAMES.",
        ),
    )


def _tolerations(replica: Replica) -> list[dict[str, str]]:
    """What the GPU nodes want tolerated, as far as a pod should."""
    nodes = [node for node in replica.facts.snapshot.nodes if gpu_resources(node)]
    taints = {(taint.key, taint.effect): taint for node in nodes for taint in node.spec.taints}
    blocking = [taint for taint in taints.values() if tolerable(taint) and blocks(taint, replica.pod.spec.tolerations)]
    return [{"key": taint.key, "operator": "Exists", "effect": taint.effect} for taint in blocking]


_OF_AN_NPU = (
    "Set huawei.com/Ascend910 (or what the node lists) in resources.limits; without a device plugin, pass /dev/davinci0"
    " and its managers to the container.",
    "See that the driver's libraries of the node are there: mount /usr/local/Ascend/driver and /usr/local/dcmi, with "
    "/usr/local/Ascend/driver/lib64 in LD_LIBRARY_PATH; test it with npu-smi info.",
)
_ON_A_RAY_NODE = (
    "Ask Ray which of its nodes have GPUs (ray status, ray list nodes): vLLM's own process runs on one that has none, "
    "mostly the head.",
    "Start it on a worker with GPUs (ray_actor_options: {num_gpus: 1}, or placement_group_bundles that begin with a "
    "GPU), or set nvidia.com/gpu in the limits of the head's pod.",
    "Where that pod has a GPU: see that rayStartParams does not set num-gpus to 0.",
)
_NUMBERS = (
    "This version of vLLM takes numbers there: set env CUDA_VISIBLE_DEVICES to 0 (0,1,… for several GPUs of the pod).",
    "Or set the image to a newer vLLM.",
)


def _steps(replica: Replica, *, none: bool) -> tuple[str, ...]:
    if none:
        return ("Add a GPU to resources.limits (nvidia.com/gpu: 1), and the toleration that GPU nodes need.",)
    hidden = [item.name for item in replica.container.env if item.name in _VARIABLES]
    unset = (f"Remove env {', '.join(hidden)}: the device plugin sets what the container may see.",) if hidden else ()
    runtime = replica.pod.spec.runtime_class_name
    named = "" if runtime else ", or set runtimeClassName: nvidia where the cluster has that class"
    return (
        *unset,
        f"See that the node's container runtime hands GPUs on (nvidia runtime as default, or CDI){named}.",
        "Test it: kubectl debug node/… or a pod with the same limits that runs nvidia-smi.",
    )


def _settings(replica: Replica) -> tuple[Evidence, ...]:
    runtime = replica.pod.spec.runtime_class_name
    found = [
        evidence.container_field(replica, f"env[{item.name}]", item.value or "set by reference")
        for item in replica.container.env
        if item.name in _VARIABLES
    ]
    return (*((evidence.pod_field("spec.runtimeClassName", runtime),) if runtime else ()), *found)
