"""Which component wrote a log, and what it calls its failure where it writes no Python exception.

vLLM is what a log is taken for unless it says otherwise: its own lines may quote any of the others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from vops.diagnosis.tracebacks import Chain, LoggedError


class Component(StrEnum):
    VLLM = "vllm"
    DEVICE_PLUGIN = "nvidia-device-plugin"
    DCGM_EXPORTER = "dcgm-exporter"
    KEDA = "keda-operator"
    STORAGE_INITIALIZER = "storage-initializer"
    RAY = "ray"
    DOWNLOAD = "download"


_VLLM = re.compile(
    r"vLLM API server|non-default args|Initializing an? .{0,12}LLM engine"
    r"|\((?:APIServer|EngineCore|VllmWorker|Worker_)|Avg prompt throughput|/vllm/(?:entrypoints|v1|engine|worker)/"
)
_SIGNS = (
    (
        Component.DEVICE_PLUGIN,
        re.compile(
            r"k8s-device-plugin|Starting GRPC server for '|NVIDIA/k8s-device|Retrieving plugins\."
            r"|Loading NVML|plugin manager"
        ),
    ),
    (
        Component.DCGM_EXPORTER,
        re.compile(
            r"[Dd]cgm-?[Ee]xporter|Not collecting (?:DCP|GPU)|DCGM (?:successfully )?init|libdcgm|nv-hostengine"
        ),
    ),
    (Component.KEDA, re.compile(r"scale_handler|scaledobject|ScaledObject|kedacore|keda-operator|prometheus_scaler")),
    (
        Component.STORAGE_INITIALIZER,
        re.compile(r"Initializing, args: src_uri|storage-?initializer|kserve[_./]storage|Copying contents of "),
    ),
    (
        Component.RAY,
        re.compile(
            r"Local node IP: |ray start |Ray runtime started|scripts\.py:\d+ -- |\bGCS at address|gcs_server|raylet"
        ),
    ),
    (
        Component.DOWNLOAD,
        re.compile(r"^(?:curl: \(|wget: |fatal error: An error|download failed: |Fetching \d+ files:)", re.MULTILINE),
    ),
)
_SNIFFED = 65_536
_HARMLESS = re.compile(r"metrics server|deprecat|retry|leader election lost|context canceled", re.IGNORECASE)


def component_of(text: str) -> Component:
    """What wrote a log, by its first and last lines; vLLM where nothing speaks for another."""
    sample = text if len(text) <= 2 * _SNIFFED else text[:_SNIFFED] + text[-_SNIFFED:]
    if _VLLM.search(sample):
        return Component.VLLM
    return next((component for component, sign in _SIGNS if sign.search(sample)), Component.VLLM)


def failure_of(component: Component, errors: Sequence[LoggedError]) -> list[Chain]:
    """What a component's logger called errors, as failures; a component that goes on logs them as well."""
    told = [error for error in errors if not _HARMLESS.search(error.message)]
    return [Chain((LoggedError(str(component), error.message, error.line),), (False,), "ERROR") for error in told[:40]]
