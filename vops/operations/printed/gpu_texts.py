"""What keeps nodes from offering GPUs, where somebody shows it beside a pod that waits for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from vops.diagnosis.logs.components import Component, component_of
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told

_SHORT = lazy_pattern(r"[Ii]nsufficient (?:nvidia|amd|gpu\.intel|habana)\.(?:com|ai)/\w{3,20}")
_NONE = lazy_pattern(
    r"No devices found\. Waiting indefinitely|[Ff]ailed to initialize (?:NVML|HLML)|amdgpu driver unavail"
)
_IDLE = "No devices found. Waiting indefinitely"
_FOUND = "Registered device plugin for"


_GREPPED = lazy_pattern(
    r"\b(?:describe|get) (?:nodes?|no)\b[^\n]{0,200}\|[^\n]{0,80}\bgrep\b[^\n]{0,120}\n"
    r"(?P<rows>(?:[^\n]{0,300}gpu[^\n]{0,300}(?:\n|\Z)){1,400})",
    re.IGNORECASE,
)
"""What nodes hold and offer, picked out of their descriptions."""

_COUNT = lazy_pattern(r"[\w.]{1,60}/[\w.-]{0,40}(?:gpu|mig|gaudi|neuron)[\w.-]{0,40}: +\"?(\d{1,6})\b")
_PAUSED = lazy_pattern(r"nvidia\.com/gpu\.deploy\.(?:device-plugin|container-toolkit)=paused-for-driver-upgrade")


def nodes_without_gpus(text: str) -> Iterator[Told]:
    """That no node offers a GPU, where only those lines of nodes were copied that tell of GPUs."""
    counts = [count for rows in _GREPPED.finditer(text) for count in _COUNT.findall(rows["rows"])]
    if counts and not any(map(int, counts)):
        yield _not_ready("GPUs that the nodes hold and offer: 0", "kubelet")
    elif (paused := _PAUSED.search(text)) is not None:
        yield _not_ready(f"{paused[0]}: the GPU Operator waits for a driver that it has not upgraded", "gpu-operator")


def _not_ready(message: str, source: str) -> Told:
    return Told("Warning", "GpuStackNotReady", message, source, about={"kind": "ClusterPolicy", "name": ""})


def without_gpus(told: Sequence[Told], text: str) -> list[Told]:
    """The events; those of a scheduler that misses GPUs give way to the device plugin's word that it finds none."""
    short = any(item.reason == "FailedScheduling" and _SHORT.search(item.message) for item in told)
    of_plugin = _IDLE in text or component_of(text) is Component.DEVICE_PLUGIN
    if not short or _FOUND in text or not of_plugin:
        return list(told)
    line = next((line for line in text.splitlines() if _NONE.search(line)), None)
    if line is None:
        return list(told)
    return [_not_ready(line.strip()[:600], "device-plugin")]
