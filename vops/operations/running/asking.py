"""Answers what looks of a runbook want to know: a model's files, all objects of a kind, a log's end, PromQL."""

from __future__ import annotations

from typing import Any

from vops.errors import ClusterError, Forbidden, NotFound, VopsError
from vops.operations.session import Session
from vops.runbooks.asks import Ask, ConfigAsk, HubAsk, ListAsk, LogAsk, QueryAsk


async def answer(session: Session, ask: Ask) -> Any:
    """The answer; None for a list that may not be read. Raises what else keeps it from being known."""
    match ask:
        case HubAsk():
            return await session.hub().listing(ask.model, ask.revision)
        case ConfigAsk():
            return await _config(session, ask)
        case ListAsk():
            return await _listed(session, ask)
        case LogAsk():
            return await _log(session, ask)
        case QueryAsk():
            return None if session.metrics is None else list(await session.metrics.query(ask.promql))


async def _config(session: Session, ask: ConfigAsk) -> Any:
    """None for a model that the Hub does not have, or not for everybody, and where there is no way to the Hub."""
    try:
        return await session.hub().model(ask.model)
    except VopsError:
        return None


async def _listed(session: Session, ask: ListAsk) -> Any:
    try:
        listed = await session.cluster.list(
            ask.kind, ask.namespace, label_selector=ask.labels, field_selector=ask.fields
        )
        return listed.items
    except (Forbidden, NotFound):
        return None


async def _log(session: Session, ask: LogAsk) -> str:
    try:
        return await session.cluster.logs(
            ask.namespace, ask.pod, ask.container, previous=ask.previous, tail_lines=ask.lines
        )
    except ClusterError:
        return ""
