"""The image's CUDA does not go with the node's driver, or its kernels not with the GPU.

What it finds
    A driver that is too old for the image (in CUDA's, PyTorch's or the container toolkit's words), forward
    compatibility that the GPU does not have (error 804), a driver of two versions at once (803), a fabric manager that
    is not running (802), PTX that the driver cannot compile, or code that was not built for this GPU's architecture.

Why it matters
    The same image runs on other nodes: it is the pair of image and node that is wrong.

Evidence
    CUDA's own words, the GPU, and the image.

Fix
    By hand: an image whose CUDA the driver supports, or a newer driver; a GPU that the image has code for.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.logs.cuda_errors import Meaning, words
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.engine.no_cuda_visible import NO_GPU
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_TOO_OLD = lazy_pattern(
    r"driver on your system is too old|CUDA driver version is insufficient|please update your driver"
    r"|unsatisfied condition: (?:cuda|driver|brand)|unsupported toolchain|cudaErrorUnsupportedPtxVersion"
    r"|cudaErrorInsufficientDriver|CUDA_ERROR_UNSUPPORTED_PTX_VERSION|cudaGetDriverEntryPoint"
    r"|not supported in the installed CUDA driver|cudaErrorCallRequiresNewerDriver"
    r"|symbol not found.{0,40}cuda|driver does not support"
)
_COMPATIBILITY = lazy_pattern(
    r"forward compatibility was attempted|Error 804|Error 803|unsupported display driver"
    r"|[Dd]river/library version mismatch"
    r"|(?:SetPrecisionMode|SetCompileopt|SetDevice).{0,200}NPU function error"
    r"|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH|CUDA_ERROR_COMPAT_NOT_SUPPORTED|cudaErrorCompatNotSupportedOnDevice"
    r"|cudaErrorSystemDriverMismatch|API version mismatch|NVMLError_LibRmVersionMismatch"
)
_FABRIC = lazy_pattern(r"Error 802|system not yet initialized|CUDA_ERROR_SYSTEM_NOT_READY|cudaErrorSystemNotReady")
_NO_CODE = lazy_pattern(
    r"HIP error: invalid device function|TensileLibrary.{0,80}GPU arch"
    r"|not implemented (?:for|on) (?:Hopper|Blackwell|Ampere|Ada|Turing)\b"
    r"|no kernel image is available|not compatible with the current PyTorch installation"
    r"|cudaErrorNoKernelImageForDevice"
    r"|ptxas.{0,200}(?:is not defined|not supported|[Uu]nsupported)|is not a recognized processor for this target"
    r"|Internal Triton PTX codegen error"
    r"|doesn't support querying the available free memory"
    r"|hipErrorNoBinaryForGpu|Unable to find code object"
    r"|(?<!float16 is )only (?:supported|available|works?|runs?) (?:on|with|for) .{0,60}"
    r"(?:Hopper|Blackwell|Ampere|Ada|compute capability|SM ?\d|sm_?\d)"
    r"|(?:requires?|needs?) (?:an? )?(?:NVIDIA )?(?:Hopper|Blackwell|Ampere|SM ?\d\d|sm_?\d\d)"
    r"|only supports? .{0,30}\b(?:sm|SM)_?\d|HSA_STATUS_ERROR_INVALID_(?:CODE_OBJECT|ISA)"
    r"|deep_?gemm/.{0,120}: \(?(?:device_runtime->get_|arch_|arch|major)\S{0,40} ?(?:==|>|<|>=)"
    r"|requires GPUs with sm|No supported CUDA architectures|No suitable auto backends|Unsupported gpu architecture"
    r"|CUDALaunch Error: invalid device function|No operator found for .memory_efficient|No compiled \w{1,20}_scaled_mm"
    r"|only supports? (?:Ampere|Hopper|Blackwell) GPUs or newer|Minimum required [Cc]uda capability"
    r"|Invalid architecture value"
    r"|Unsupported FA version|Unsupported CUDA arch|`ptxas` failed with error code"
    r"|too old to be supported by the triton|device kernel image is invalid|CUDA_ERROR_INVALID_IMAGE"
    r"|CUDA_ERROR_NO_BINARY_FOR_GPU|not supported on (?:this|your) GPU architecture|requires (?:device with )?compute "
    r"capability (?:>=? ?)?\d|does not support (?:compute capability|SM) ?\d|PassManager::run failed"
)
_OF_A_FORMAT = lazy_pattern(
    r"(?:quantiz\w{1,10}|(?:NV|MX)?FP[48])\b.{0,60} (?:is only supported on GPUs|requires (?:Blackwell|Hopper|Ada))",
    re.IGNORECASE,
)
"""What the weights are quantized to asks for another GPU: an image with more code in it would not help."""

_TOO_LARGE = lazy_pattern(r"out of resources?: (?:shared memory|threads|registers|triton_)")
_NAMED = lazy_pattern(words(Meaning.DRIVER))
_NAMED_CODE = lazy_pattern(f"{words(Meaning.CODE)}|nvrtc: error: invalid value for --gpu-architecture")
_ANY = lazy_pattern(
    "|".join(part.pattern for part in (_TOO_LARGE, _TOO_OLD, _COMPATIBILITY, _FABRIC, _NO_CODE, _NAMED_CODE, _NAMED))
)
_SIGNATURE = lazy_pattern(f"{_ANY.pattern}|{NO_GPU.pattern}|unspecified launch failure")
"""What a kernel that refuses the GPU ends with says nothing of it: the kernel printed that before."""

_WHAT = (
    (
        _TOO_LARGE,
        "a kernel takes more than the GPU of {node} has for one",
        "Set VLLM_ATTENTION_BACKEND to another backend (or leave it out), try the next vLLM version, or a GPU that the "
        "kernel was made for (data-centre GPUs have more shared memory).",
    ),
    (
        _COMPATIBILITY,
        "the CUDA libraries in the image and the driver of {node} do not go together",
        "Remove /usr/local/cuda/compat from LD_LIBRARY_PATH, or use an image whose CUDA the driver supports natively; "
        "after a driver upgrade the node must be restarted.",
    ),
    (
        _FABRIC,
        "the GPUs of {node} are not initialised: the NVSwitch fabric manager does not run",
        "On the node: systemctl status nvidia-fabricmanager; its version must be the driver's. Cordon the node until "
        "then.",
    ),
    (
        _NO_CODE,
        "the image has no code for the GPU of {node}",
        "Use an image that was built for this GPU (a newer CUDA for newer GPUs), or another GPU.",
    ),
    (
        _NAMED_CODE,
        "the image has no code for the GPU of {node}",
        "Use an image that was built for this GPU (a newer CUDA for newer GPUs), or another GPU.",
    ),
    (
        _TOO_OLD,
        "the driver of {node} is too old for the CUDA of the image",
        "Use an image whose CUDA is not newer than the driver's (nvidia-smi shows it), or upgrade the node's driver.",
    ),
    (
        _NAMED,
        "the CUDA libraries in the image and the driver of {node} do not go together",
        "Remove /usr/local/cuda/compat and stubs from LD_LIBRARY_PATH; compare what nvidia-smi says on the node "
        "(driver, licence of a vGPU) with the CUDA of the image, and run vllm/vllm-openai of one tag unchanged.",
    ),
)


@rule(cause="cuda-driver-mismatch", branch=Branch.DIED, needs={Source.LOGS}, order=15, signature=_SIGNATURE)
def cuda_driver_mismatch(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _ANY) or deaths.notice(replica, _ANY)
    if hit is None or _OF_A_FORMAT.search(hit[0].text):
        return None
    summary, step = next((what, how) for pattern, what, how in _WHAT if pattern.search(hit[0].text))
    node = replica.pod.spec.node_name if replica.observed else "its node"
    return deaths.verdict(
        replica,
        hit,
        f"{replica.name} cannot use its GPU: {summary.format(node=node)}",
        deaths.steps(replica, "Bring image, driver and GPU together", step),
        evidence.container_field(replica, "image", replica.container.image),
        *((evidence.node_field(replica.node, "GPU", replica.gpu_product),) if replica.node else ()),
    )
