"""PromQL in manifests: autoscaler triggers, recording and alerting rules, and dashboards in ConfigMaps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from vops.manifests.documents import Path
from vops.manifests.objects import Object, dig, mapping, mappings, text

_METRIC = re.compile(r"(?<![\w:.])vllm[:_](?P<name>[a-z_]+)\b(?P<labels>\{[^{}]*\})?")
_LABEL = re.compile(r"([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)\s*[\"']")
_DEEPEST = 12


class Query(NamedTuple):
    """One expression, where it stands, and for autoscalers what its value is compared with."""

    object: Object
    path: Path
    text: str
    trigger: dict[str, Any] | None = None

    @property
    def scales(self) -> bool:
        return self.trigger is not None

    @property
    def metric_type(self) -> str:
        """KEDA's: AverageValue unless it says otherwise."""
        return text(mapping(self.trigger).get("metricType")) or "AverageValue"

    @property
    def threshold(self) -> float | None:
        try:
            return float(text(dig(self.trigger, "metadata", "threshold")))
        except ValueError:
            return None


class Selected(NamedTuple):
    """A vLLM metric in a query: its name without the prefix, and the labels that it is asked by."""

    name: str
    labels: frozenset[str]


def metrics_in(query: str) -> list[Selected]:
    """Every vLLM metric that a query selects, with either prefix."""
    return [
        Selected(match["name"], frozenset(_LABEL.findall(match["labels"] or ""))) for match in _METRIC.finditer(query)
    ]


def queries_of(item: Object) -> Iterator[Query]:
    """Every PromQL expression of an object."""
    if item.kind in ("ScaledObject", "ScaledJob"):
        yield from _triggers(item)
    elif item.kind == "PrometheusRule":
        yield from _rules(item)
    elif item.kind == "ConfigMap":
        yield from _dashboards(item)
    elif item.kind == "HorizontalPodAutoscaler":
        yield from _metric_names(item)
    elif item.kind == "PodAutoscaler":
        yield from _target_metrics(item)
    elif item.kind == "GrafanaDashboard":
        yield from _panels(item, item.get("spec", "json"), (*item.path, "spec", "json"))


def _triggers(item: Object) -> Iterator[Query]:
    for at, trigger in mappings(item.get("spec", "triggers")):
        query = dig(trigger, "metadata", "query")
        if trigger.get("type") == "prometheus" and isinstance(query, str):
            yield Query(item, (*item.path, "spec", "triggers", at, "metadata", "query"), query, trigger)


def _metric_names(item: Object) -> Iterator[Query]:
    """The names by which an HPA asks an adapter; those of vLLM's metrics are mostly passed on as they are."""
    for at, metric in mappings(item.get("spec", "metrics")):
        for kind in ("pods", "object", "external"):
            name = dig(metric, kind, "metric", "name")
            if isinstance(name, str):
                yield Query(item, (*item.path, "spec", "metrics", at, kind, "metric", "name"), name)


def _target_metrics(item: Object) -> Iterator[Query]:
    """AIBrix asks each pod for a metric by its name without the prefix."""
    for at, source in mappings(item.get("spec", "metricsSources")):
        name = source.get("targetMetric")
        if isinstance(name, str):
            text_ = name if ":" in name else f"vllm:{name}"
            yield Query(item, (*item.path, "spec", "metricsSources", at, "targetMetric"), text_)


def _rules(item: Object) -> Iterator[Query]:
    for group_at, group in mappings(item.get("spec", "groups")):
        for at, rule in mappings(group.get("rules")):
            if isinstance(rule.get("expr"), str):
                yield Query(item, (*item.path, "spec", "groups", group_at, "rules", at, "expr"), rule["expr"])


def _dashboards(item: Object) -> Iterator[Query]:
    for key, value in mapping(item.get("data")).items():
        if key.endswith(".json"):
            yield from _panels(item, value, (*item.path, "data", key))


def _panels(item: Object, value: Any, path: Path) -> Iterator[Query]:
    try:
        document = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return
    seen: set[str] = set()
    for expression in _expressions(document, 0):
        if expression not in seen:
            seen.add(expression)
            yield Query(item, path, expression)


def _expressions(value: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for below in value:
            yield from _expressions(below, depth + 1)
    elif isinstance(value, dict):
        if isinstance(value.get("expr"), str):
            yield value["expr"]
        for below in value.values():
            yield from _expressions(below, depth + 1)
