"""Prometheus over HTTP: instant queries, as its API answers them; it lives beside the API server, under a path."""

from __future__ import annotations

from collections.abc import Mapping

from vops.lab.documents import Document
from vops.lab.monitoring.prometheus import Prometheus
from vops.lab.monitoring.promql import BadQuery

PREFIX = "/prometheus/"


def answer(prometheus: Prometheus, path: str, parameters: Mapping[str, str]) -> tuple[int, Document]:
    """Status and body."""
    if not prometheus.installed or path.removeprefix(PREFIX) != "api/v1/query":
        return 404, {"status": "error", "errorType": "not_found", "error": "not found"}
    try:
        at = float(parameters["time"]) if "time" in parameters else None
        found = prometheus.query(parameters.get("query", ""), at)
    except (BadQuery, ValueError) as error:
        return 400, {"status": "error", "errorType": "bad_data", "error": str(error)}
    now = prometheus.now if at is None else at
    result = [{"metric": dict(item.labels), "value": [round(now, 3), f"{item.value:g}"]} for item in found]
    return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}
