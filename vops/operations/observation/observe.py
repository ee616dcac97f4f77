"""The verb observe: one look at a target or a fleet, with as few requests as that takes, all at once.

A request that is refused or fails becomes the state of its source, and the look goes on without it. Only pods are
indispensable: where they cannot be read, or the target pod is not there, the look itself fails.
`Observer` is the look that lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from vops.errors import Forbidden, NotFound, VopsError
from vops.model.objects import Kind, Ref, Resource
from vops.model.pods import Pod
from vops.model.resources import (
    DAEMONSETS,
    DEPLOYMENTS,
    EVENTS,
    NODES,
    PODS,
    REPLICASETS,
    STATEFULSETS,
    Event,
    Node,
    Workload,
)
from vops.model.scaling import HorizontalPodAutoscaler, ScaledObject
from vops.model.serving import vllm_container
from vops.model.snapshot import ClusterSnapshot, Source, SourceState, SourceStatus
from vops.operations.observation.log_tails import LogTails, unwell
from vops.operations.observation.observer import Observer
from vops.operations.observation.related import (
    Ask,
    Related,
    around,
    around_pods,
    around_scalers,
    around_workloads,
    scalers,
)
from vops.operations.observation.scope import Scope, scope_of
from vops.operations.observation.scrape_round import ScrapeRound
from vops.operations.observation.trigger_queries import answers
from vops.operations.session import Session
from vops.operations.together import together
from vops.operations.wording import failure_words

__all__ = ["Observer", "observe"]

T = TypeVar("T", bound=Resource)
SCALERS = frozenset({"ScaledObject", "HorizontalPodAutoscaler"})


async def observe(
    session: Session,
    *,
    target: Ref | None = None,
    namespace: str = "",
    selector: str = "",
    logs: bool = True,
    metrics: bool = True,
    window_s: float = 1.0,
    related: bool = True,
) -> ClusterSnapshot:
    """One instant of a pod, of a workload or autoscaler and its pods, or (no target) of a fleet.

    Rates come from two scrapes `window_s` apart; only one is made when it is 0. Logs are those of the target's pods;
    of a fleet, those of its replicas that are not well. `related` reads what could explain the states of pods and
    workloads as well (claims, Services, quotas…), as far as they call for it; autoscalers of workloads are read anyway.
    Raises NotFound when the target pod is not there, and any ClusterError that keeps pods from being read.
    """
    scope = scope_of(namespace, selector) if target is None else Scope()
    look = _Look(session, target, scope, namespace if target is None else target.namespace, deep=related)
    async with together() as tasks:
        scrapes = ScrapeRound(session, window_s=window_s) if metrics else None
        return await look.at(tasks, LogTails(session.cluster, session.clock) if logs else None, scrapes)


class _Look:
    """The requests of one look, and what became of their sources."""

    def __init__(self, session: Session, target: Ref | None, scope: Scope, namespace: str, *, deep: bool) -> None:
        self._session = session
        self._cluster = session.cluster
        self._target = target
        self._scope = scope
        self._namespace = namespace
        self._deep = deep
        self._sources: dict[Source, SourceStatus] = {}

    async def at(
        self, tasks: asyncio.TaskGroup, tails: LogTails | None, scrapes: ScrapeRound | None
    ) -> ClusterSnapshot:
        """Starts what needs nothing, then what needs the subjects, then what needs all pods."""
        pods = tasks.create_task(self._pods())
        nodes = tasks.create_task(self._list(NODES, Node))
        events = tasks.create_task(self._list(EVENTS, Event, self._namespace, self._about))
        kinds = (DEPLOYMENTS, REPLICASETS, STATEFULSETS)
        workloads = [tasks.create_task(self._list(kind, Workload, self._namespace)) for kind in kinds]
        version = tasks.create_task(self._version())
        related = Related(self._read_related, tasks)
        if not self._is_pod:
            related.ask(scalers(self._namespace))

        subjects = await self._subjects(pods, workloads[1], related)
        asked = [] if tails is None else [tasks.create_task(tails.fetch(self._worth_reading(subjects)))]
        asked += [] if scrapes is None else [tasks.create_task(scrapes.ask_engines(subjects))]
        related.ask(self._around(subjects))
        everything = _merged(await pods, subjects)
        if scrapes is not None:
            hosts = frozenset(pod.spec.node_name for pod in subjects if vllm_container(pod) is not None)
            asked.append(tasks.create_task(scrapes.ask_gpus(everything, hosts)))
        await asyncio.gather(*asked)
        scaled = await related.found(ScaledObject)
        related.ask(around_scalers(scaled) if self._deep else ())

        deployments, replicasets, statefulsets = await asyncio.gather(*workloads)
        queries = await answers(self._session.metrics, scaled)
        now = self._session.clock.now()
        return ClusterSnapshot(
            at=now,
            context=self._cluster.context,
            server_version=await version,
            pods=tuple(map(self._scope.seen, everything)),
            nodes=await nodes,
            deployments=deployments,
            replicasets=replicasets,
            statefulsets=statefulsets,
            daemonsets=await related.found(Workload),
            related=await related.objects(),
            events=_each_once(*await events, *await related.found(Event)),
            sources=self._statuses(now, tails, scrapes),
            logs=() if tails is None else tails.logs,
            samples=() if scrapes is None else scrapes.samples,
            gpus=() if scrapes is None else scrapes.gpus,
            queries=queries,
        )

    # --- what is looked at ---

    @property
    def _about(self) -> str:
        """A field selector for the events of one pod; workloads and fleets need those of their whole namespace."""
        return f"involvedObject.name={self._target.name}" if self._is_pod and self._target else ""

    @property
    def _is_pod(self) -> bool:
        return self._target is not None and self._target.kind == "Pod"

    async def _subjects(
        self, pods: asyncio.Task[tuple[Pod, ...]], replicasets: asyncio.Task[tuple[Workload, ...]], related: Related
    ) -> tuple[Pod, ...]:
        """The pods that logs and scrapes are about: the target, those of the target, or those in scope."""
        target = self._target
        if target is None:
            return tuple(filter(self._scope.holds, await pods))
        if self._is_pod:
            return (msgspec.convert(await self._cluster.get(PODS, target.name, target.namespace), Pod),)
        above = await _scaled_by(target, related) if target.kind in SCALERS else (target.kind, target.name)
        between = {item.metadata.uid for item in await replicasets if _owner(item) == above}
        return tuple(
            pod
            for pod in await pods
            if pod.metadata.namespace == target.namespace and (_owner(pod) == above or _owner_uid(pod) in between)
        )

    def _around(self, subjects: Sequence[Pod]) -> tuple[Ask, ...]:
        if not self._deep:
            return ()
        of_pods = around_pods(subjects, self._namespace, of_one=self._is_pod)
        of_target = around(self._target) if self._target is not None else (Ask(DAEMONSETS),)
        return of_pods if self._is_pod else (*of_pods, *of_target, *around_workloads(self._namespace))

    def _worth_reading(self, subjects: Sequence[Pod]) -> list[Pod]:
        return list(subjects) if self._target is not None else list(filter(unwell, subjects))

    # --- requests ---

    async def _pods(self) -> tuple[Pod, ...]:
        """All pods, since any may hold a GPU. Raises what keeps every one of them from being read."""
        try:
            return await self._read(PODS, Pod, "")
        except Forbidden as error:
            if not self._is_pod:
                raise
            self._sources[Source.PODS] = SourceStatus(Source.PODS, SourceState.DENIED, detail=failure_words(error))
            return ()

    async def _list(self, kind: Kind, type_: type[T], namespace: str = "", fields: str = "") -> tuple[T, ...]:
        """A LIST whose failure is the state of its source."""
        try:
            return await self._read(kind, type_, namespace, fields)
        except VopsError as error:
            source = Source(kind.plural)
            self._sources[source] = SourceStatus(source, _state(error), detail=failure_words(error))
            return ()

    async def _read_related(self, ask: Ask) -> tuple[Resource, ...]:
        """The objects around pods and workloads; more events change nothing about the state of their source."""
        if ask.kind is not EVENTS:
            return await self._list(ask.kind, Resource, ask.namespace, ask.fields)
        try:
            return (await self._cluster.list(EVENTS, ask.namespace, field_selector=ask.fields)).items
        except VopsError:
            return ()

    async def _read(self, kind: Kind, type_: type[T], namespace: str, fields: str = "") -> tuple[T, ...]:
        """A LIST of everything or, where that is not granted, of one namespace; says so with its source."""
        detail = ""
        try:
            found = await self._cluster.list(kind, namespace, field_selector=fields)
        except Forbidden as error:
            if namespace or not kind.namespaced:
                raise
            home = self._namespace or self._cluster.namespace
            found = await self._cluster.list(kind, home, field_selector=fields)
            detail = f"only namespace {home}: {failure_words(error)}"
        source = Source(kind.plural)
        now = self._session.clock.now()
        self._sources[source] = SourceStatus(source, SourceState.LIVE, at=now, detail=detail)
        return tuple(item for item in found.items if isinstance(item, type_))

    async def _version(self) -> str:
        try:
            return await self._cluster.version()
        except VopsError:
            return ""  # whether the server answers at all, the lists say

    def _statuses(self, now: datetime, tails: LogTails | None, scrapes: ScrapeRound | None) -> tuple[SourceStatus, ...]:
        more = [] if tails is None else [tails.status(now)]
        more += [] if scrapes is None else scrapes.statuses(now)
        return (*self._sources.values(), *more)


def _merged(pods: Sequence[Pod], subjects: Sequence[Pod]) -> tuple[Pod, ...]:
    """All pods, with the subjects' own reading where a list has none of them."""
    there = {pod.metadata.uid for pod in pods}
    return (*pods, *(pod for pod in subjects if pod.metadata.uid not in there))


async def _scaled_by(scaler: Ref, related: Related) -> tuple[str, str]:
    """The kind and name of what an autoscaler scales."""
    type_ = ScaledObject if scaler.kind == "ScaledObject" else HorizontalPodAutoscaler
    found: tuple[ScaledObject | HorizontalPodAutoscaler, ...] = await related.found(type_)
    for item in found:
        if (item.metadata.namespace, item.metadata.name) == (scaler.namespace, scaler.name):
            return item.spec.scale_target_ref.kind, item.spec.scale_target_ref.name
    return "", ""


def _each_once(*events: Event) -> tuple[Event, ...]:
    """Events of several lists, without those that came twice."""
    return tuple({event.metadata.uid or id(event): event for event in events}.values())


def _owner(item: Pod | Workload) -> tuple[str, str]:
    owner = item.metadata.controller
    return ("", "") if owner is None else (owner.kind, owner.name)


def _owner_uid(pod: Pod) -> str:
    owner = pod.metadata.controller
    return "" if owner is None else owner.uid


def _state(error: VopsError) -> SourceState:
    if isinstance(error, Forbidden):
        return SourceState.DENIED
    return SourceState.ABSENT if isinstance(error, NotFound) else SourceState.RETRYING
