"""One PromQL query for a whole fleet, and its answer as samples.

Prometheus says when it evaluated, not when it scraped; the query therefore also asks for the scrape times, so that a
sample from here has as honest an age as one from a pod. Pods are found by the `namespace` and `pod` labels that a
PodMonitor or ServiceMonitor attaches (`exported_*` where the target's own labels were renamed).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vops.model.dcgm import DCGM_FIELDS, gpu_samples
from vops.model.dialects import ENGINE_METRICS
from vops.model.exposition import Series, engine_sample
from vops.model.serving import EngineSample, GpuSample
from vops.model.text import one_line

PodKey = tuple[str, str]
_SCRAPED = "vops_scraped_at"
_DCGM = "DCGM_FI_"


def fleet_query(namespace: str = "") -> str:
    """Every series that a fleet's rows need, of all namespaces or one, and when each vLLM server was scraped."""
    metrics = ENGINE_METRICS
    wide = {*metrics.queue_time, *metrics.prefill_s, *metrics.prefills, *metrics.e2e, *metrics.process_start}
    names = [name for name in metrics.series_names() if not any(name.startswith(other) for other in wide)]
    pattern = f"vllm[:_]({'|'.join(names)})|{_DCGM}({'|'.join(DCGM_FIELDS)})"
    scope = f',namespace="{_quoted(namespace)}"' if namespace else ""
    running = metrics.running[0]
    times = f'timestamp({{__name__=~"vllm[:_]{running}"{scope}}})'
    return f'{{__name__=~"{pattern}"{scope}}} or label_replace({times}, "{_SCRAPED}", "yes", "", "")'


def fleet_samples(vector: Iterable[Mapping[str, Any]]) -> tuple[dict[PodKey, EngineSample], tuple[GpuSample, ...]]:
    """The answer to `fleet_query`: a sample per pod, and the GPUs."""
    engines: dict[PodKey, list[Series]] = defaultdict(list)
    gpus: list[Series] = []
    scraped: dict[PodKey, float] = {}
    evaluated = 0.0
    for item in vector:
        labels = {str(name): one_line(str(value)) for name, value in item.get("metric", {}).items()}
        at, value = _point(item.get("value"))
        if value is None:
            continue
        evaluated = max(evaluated, at)
        name = labels.pop("__name__", "")
        if name.startswith(_DCGM):
            gpus.append(Series(name.removeprefix(_DCGM), labels, value))
            continue
        key = (_label(labels, "namespace"), _label(labels, "pod"))
        if _SCRAPED in labels:
            scraped[key] = min(value, scraped.get(key, value))
        elif key[1]:
            engines[key].append(Series(name[5:], labels, value))
    at_all = datetime.fromtimestamp(evaluated, UTC)
    samples = {key: engine_sample(series, _time(scraped.get(key), at_all)) for key, series in engines.items()}
    return samples, gpu_samples(gpus, at_all)


def _point(value: Any) -> tuple[float, float | None]:
    """`[unix time, "number"]`; no number for NaN, ±Inf and nonsense."""
    if not isinstance(value, Sequence) or len(value) != 2:
        return 0.0, None
    try:
        at, number = float(value[0]), float(value[1])
    except (TypeError, ValueError):
        return 0.0, None
    return at, number if math.isfinite(number) else None


def _time(seconds: float | None, otherwise: datetime) -> datetime:
    return otherwise if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _label(labels: Mapping[str, str], name: str) -> str:
    return labels.get(f"exported_{name}") or labels.get(name, "")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
