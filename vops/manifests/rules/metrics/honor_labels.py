"""A scrape of the DCGM exporter renames the labels that say which pod uses a GPU.

What it finds
    A ServiceMonitor or PodMonitor for the DCGM exporter without `honorLabels: true`.

Why it matters
    The exporter's own `pod` and `namespace` take the place of those of the pod that uses the GPU, which become
    `exported_pod`. Queries by the workload's pod then match nothing, silently.

Evidence
    The endpoints of the monitor.

Fix
    `honorLabels: true`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Manifests, everything
from vops.manifests.objects import mappings, strings
from vops.manifests.rule import Flaw, rule

_FIELDS = {"ServiceMonitor": "endpoints", "PodMonitor": "podMetricsEndpoints"}


@rule(Severity.WARNING, everything)
def honor_labels(manifests: Manifests) -> Iterator[Flaw]:
    for monitor in manifests.kind(*_FIELDS):
        selector = strings(monitor.get("spec", "selector", "matchLabels"))
        if not any("dcgm" in word for word in (monitor.name, *selector.values())):
            continue
        field = _FIELDS[monitor.kind]
        for at, endpoint in mappings(monitor.get("spec", field)):
            if endpoint.get("honorLabels") is not True:
                yield Flaw(
                    monitor,
                    (*monitor.path, "spec", field, at),
                    f"{monitor.name} loses which pod uses a GPU: pod and namespace become those of the exporter",
                    "set honorLabels: true",
                )
