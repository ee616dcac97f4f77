"""What keeps nodes from offering GPUs, where somebody shows it beside a pod that waits for them."""

from __future__ import annotations

from collections.abc import Sequence

from vops.diagnosis.logs.components import Component, component_of
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told

_SHORT = lazy_pattern(r"[Ii]nsufficient (?:nvidia|amd|gpu\.intel|habana)\.(?:com|ai)/\w{3,20}")
_NONE = lazy_pattern(
    r"No devices found\. Waiting indefinitely|[Ff]ailed to initialize (?:NVML|HLML)|amdgpu driver unavail"
)
_IDLE = "No devices found. Waiting indefinitely"
_FOUND = "Registered device plugin for"


def without_gpus(told: Sequence[Told], text: str) -> list[Told]:
    """The events; those of a scheduler that misses GPUs give way to the device plugin's word that it finds none."""
    short = any(item.reason == "FailedScheduling" and _SHORT.search(item.message) for item in told)
    of_plugin = _IDLE in text or component_of(text) is Component.DEVICE_PLUGIN
    if not short or _FOUND in text or not of_plugin:
        return list(told)
    line = next((line for line in text.splitlines() if _NONE.search(line)), None)
    if line is None:
        return list(told)
    about = {"kind": "ClusterPolicy", "name": ""}
    return [Told("Warning", "GpuStackNotReady", line.strip()[:600], "device-plugin", about=about)]
