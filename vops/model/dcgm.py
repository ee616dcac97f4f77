"""GPU telemetry as DCGM exporters write it, and how it is joined to pods.

On an exporter's own page the labels `pod`, `namespace`, `container` name the pod that holds the GPU, and are empty or
missing where it cannot tell (time-slicing, no pod-resources socket). Read through a Prometheus that does not honour
labels they are called `exported_pod` …, and `pod` is the exporter itself. A MIG instance is a GPU of its own here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from re import Pattern

from vops.model.exposition import Labels, Series, line_pattern, read_series
from vops.model.pods import Pod
from vops.model.serving import GpuSample

DCGM_PORT = 9400
_UTIL = "DEV_GPU_UTIL"
_ACTIVE = "PROF_GR_ENGINE_ACTIVE"
_USED, _FREE, _RESERVED, _TOTAL = "DEV_FB_USED", "DEV_FB_FREE", "DEV_FB_RESERVED", "DEV_FB_TOTAL"
_POWER, _TEMPERATURE, _XID = "DEV_POWER_USAGE", "DEV_GPU_TEMP", "DEV_XID_ERRORS"
DCGM_FIELDS = (_UTIL, _ACTIVE, _USED, _FREE, _RESERVED, _TOTAL, _POWER, _TEMPERATURE, _XID)
"""Without their prefix `DCGM_FI_`."""

_EXPORTER = "dcgm-exporter"
_APP_LABELS = ("app.kubernetes.io/name", "app", "k8s-app")


def parse_gpus(page: bytes, at: datetime) -> tuple[GpuSample, ...]:
    """One scrape of a DCGM exporter: a sample per GPU (or MIG instance) and pod that holds it."""
    return gpu_samples(read_series(page, _wanted_lines()), at)


def gpu_samples(series: Iterable[Series], at: datetime) -> tuple[GpuSample, ...]:
    """Series of any number of exporters, from their pages or from a Prometheus, joined to GPUs."""
    found = list(series)
    exported = any("exported_pod" in item.labels for item in found)
    fields: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    labels: dict[tuple[str, ...], Labels] = {}
    for item in found:
        holder = _holder(item.labels, exported)
        key = (*(item.labels.get(name, "") for name in ("Hostname", "UUID", "gpu", "GPU_I_ID")), *holder)
        fields[key][item.name] = item.value
        labels.setdefault(key, item.labels)
    return tuple(_sample(labels[key], key, values, at) for key, values in fields.items())


def dcgm_port(pod: Pod) -> int | None:
    """The metrics port of a DCGM exporter pod; None for every other pod."""
    labels = pod.metadata.labels
    container = None
    for item in pod.spec.containers:  # asked about every pod of a cluster, so without generators
        if container is None and _EXPORTER in item.image:
            container = item
    if container is None and not any(_EXPORTER in labels.get(label, "") for label in _APP_LABELS):
        return None
    containers = pod.spec.containers if container is None else (container,)
    ports = [port for item in containers for port in item.ports]
    named = next((port for port in ports if port.name == "metrics"), ports[0] if ports else None)
    return DCGM_PORT if named is None else named.container_port


@lru_cache(maxsize=1)
def _wanted_lines() -> Pattern[bytes]:
    return line_pattern("DCGM_FI_", DCGM_FIELDS)


def _holder(labels: Labels, exported: bool) -> tuple[str, str, str]:
    prefix = "exported_" if exported else ""
    namespace, pod, container = (labels.get(prefix + name, "") for name in ("namespace", "pod", "container"))
    return namespace, pod, container


def _sample(labels: Labels, key: tuple[str, ...], values: dict[str, float], at: datetime) -> GpuSample:
    node, uuid, index, instance, namespace, pod, container = key
    return GpuSample(
        at=at,
        node=node,
        uuid=uuid,
        index=f"{index}:{instance}" if instance else index,
        model=labels.get("modelName", ""),
        namespace=namespace,
        pod=pod,
        container=container,
        utilisation=_utilisation(values),
        memory_used_mib=values.get(_USED),
        memory_total_mib=_memory_total(values),
        power_w=values.get(_POWER),
        temperature_c=values.get(_TEMPERATURE),
        xid=values.get(_XID),
    )


def _utilisation(values: dict[str, float]) -> float | None:
    """0..1: the duty cycle, or the engine's activity where the card (MIG, some virtual GPUs) reports no duty cycle."""
    percent = values.get(_UTIL)
    return values.get(_ACTIVE) if percent is None else percent / 100


def _memory_total(values: dict[str, float]) -> float | None:
    if _TOTAL in values:
        return values[_TOTAL]
    if _USED not in values or _FREE not in values:
        return None
    return values[_USED] + values[_FREE] + values.get(_RESERVED, 0.0)
