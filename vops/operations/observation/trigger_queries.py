"""What Prometheus answers to the queries of autoscalers: the difference between no load and no series."""

from __future__ import annotations

from asyncio import gather
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from vops.errors import VopsError
from vops.model.scaling import ScaledObject
from vops.model.snapshot import QueryAnswer, Series
from vops.model.text import one_line
from vops.ports import Metrics

MOST_QUERIES = 32
MOST_SERIES = 200


async def answers(metrics: Metrics | None, scaled_objects: Iterable[ScaledObject]) -> tuple[QueryAnswer, ...]:
    """The answer to each distinct query of their Prometheus triggers; nothing where there is no Prometheus."""
    if metrics is None:
        return ()
    queries = dict.fromkeys(
        trigger.metadata["query"]
        for item in scaled_objects
        for trigger in item.spec.triggers
        if trigger.type == "prometheus" and trigger.metadata.get("query")
    )
    return tuple(await gather(*(_answer(metrics, query) for query in list(queries)[:MOST_QUERIES])))


async def _answer(metrics: Metrics, query: str) -> QueryAnswer:
    try:
        found = await metrics.query(query)
    except VopsError as error:
        return QueryAnswer(query, error=one_line(error.message))
    return QueryAnswer(query, tuple(_series(item) for item in found[:MOST_SERIES]))


def _series(item: Mapping[str, Any]) -> Series:
    labels = {str(name): str(value) for name, value in dict(item.get("metric") or {}).items()}
    _, value = item.get("value") or (0, None)
    return Series(labels, _number(value))


def _number(text: Any) -> float | None:
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) else None
