"""The GPU itself failed: it fell off the bus, has memory errors that cannot be corrected, or its driver reset it.

What it finds
    Words of CUDA, the driver or the kernel that mean hardware: an uncorrectable ECC error, a GPU that is lost, an Xid
    of the hardware or driver class. An illegal memory access or a failed assertion in a kernel is not one of them:
    those are bugs, and so are the Xids 13, 31, 43, 45 and 68 that they leave.

Why it matters
    Every pod that lands on the node fails there, while its siblings elsewhere run.

Evidence
    The error and the Xid, and the node.

Fix
    `drain-node`, then by hand: reset or replace the GPU; the pod comes back elsewhere.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.logs.cuda_errors import Meaning, words
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_HARDWARE = lazy_pattern(
    r"(?<![Nn]o )[Uu]ncorrectable (?:ECC|NVLink) [Ee]rror(?!s? ?[=:] ?0\b)|uncorrectable NVLink"
    r"|cudaErrorECCUncorrectable|CUDA_ERROR_ECC_UNCORRECTABLE"
    r"|GPU is lost|GPU_IS_LOST|fallen off the bus|NVMLError_GpuIsLost|unspecified launch failure|hardware stack error"
    r"|cudaErrorLaunchFailure|Unable to determine the device handle for GPU|Nvlink is not supported"
    r"|cudaErrorNvlinkUncorrectable"
    r"|(?:ERR!.{1,20}){3}|RmInitAdapter failed|amdgpu: (?:ring \S{1,40} timeout|GPU reset begin)"
    r"|(?:UR|ZE)_RESULT_ERROR_DEVICE_LOST|reason ?: ?GPU Hang"
    r"|cudaErrorContained|cudaErrorHardwareStackError|CUDA_ERROR_(?:NVLINK_UNCORRECTABLE|HARDWARE_STACK_ERROR"
    r"|CONTAINED)"
    rf"|{words(Meaning.HARDWARE)}"
)
_XID = lazy_pattern(r"Xid ?(?:\(PCI:[^)]{1,40}\): (?:\d{1,3}, .{0,160}?caused by previous Xid )?|=)(\d{1,3})")
_APPLICATION = frozenset((13, 31, 43, 45, 68, 109))
_SIGNATURE = lazy_pattern(
    f"{_HARDWARE.pattern}|(?:CUDA|HIP) error: |CUDNN_STATUS|ncclUnhandledCudaError|XidCriticalError|^Xid: "
)


@rule(
    cause="xid-gpu-lost", branch=Branch.DIED, needs={Source.LOGS}, order=18, even_when_ready=True, signature=_SIGNATURE
)
def xid_gpu_lost(replica: Replica) -> Verdict | None:
    xid = deaths.notice(replica, _XID)
    fatal = xid is not None and int(xid[1][1]) not in _APPLICATION
    hit = deaths.error(replica, _HARDWARE) or (deaths.error(replica, _SIGNATURE) if fatal else None)
    if hit is None:
        return None
    node = replica.pod.spec.node_name if replica.observed else "its node"
    number = f" (Xid {xid[1][1]})" if xid is not None and fatal else ""
    return deaths.verdict(
        replica,
        hit,
        f"The GPU of {replica.name} on {node} failed{number}: {deaths.quoted(hit, 80)}",
        remedies.drained(
            replica,
            "Take the GPU out of service",
            "On the node: dmesg | grep -i xid and nvidia-smi -q -d ECC,PAGE_RETIREMENT; reset the GPU (nvidia-smi -r) "
            "or restart the node. If it comes back, have the GPU replaced.",
        ),
        *((evidence.death_line(replica, xid[0].line, xid[0].message),) if xid is not None else ()),
    )
