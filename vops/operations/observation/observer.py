"""Observer: watches a cluster for as long as somebody looks, and can say at any time what it knows.

One task per watched kind, the scraper's within the budget, one that keeps time (ages, states) and one for Prometheus
where there is one. No failure ends any of them: a source that fails shows it and is tried again, and
nothing but cancellation ends the observer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TypeAlias

from msgspec.structs import replace

from vops.errors import Forbidden, VopsError
from vops.model.network import SERVICES, Service
from vops.model.objects import Decoded
from vops.model.pods import Pod
from vops.model.resources import DEPLOYMENTS, EVENTS, NODES, PODS, REPLICASETS, STATEFULSETS, Event, Node, Workload
from vops.model.scaling import AUTOSCALERS, SCALED_OBJECTS, HorizontalPodAutoscaler, ScaledObject
from vops.model.serving import vllm_container
from vops.model.snapshot import ClusterSnapshot, Source, SourceState, SourceStatus
from vops.model.text import one_line
from vops.operations.observation.budget import Budget
from vops.operations.observation.collection import Collection
from vops.operations.observation.endpoints import EndpointKind, PodKey, endpoint_of
from vops.operations.observation.samples import SHORTEST_STALE_S
from vops.operations.observation.scope import scope_of
from vops.operations.observation.scraper import Scraper
from vops.operations.observation.scraping import GPU_INTERVAL_S, Schedule
from vops.operations.observation.telemetry import Telemetry
from vops.operations.session import Session
from vops.ports import Changed, Cost

TRY_AGAIN_S = 5.0
METERED_S = 10
FIRST_SHOWN_S = 0.3
"""So long the rest waits for the first rows to be drawn."""
Followed: TypeAlias = (
    Collection[Pod]
    | Collection[Node]
    | Collection[Workload]
    | Collection[Event]
    | Collection[HorizontalPodAutoscaler]
    | Collection[ScaledObject]
    | Collection[Service]
)


class Observer:
    """What a session sees, kept current. `revision` rises with every change; `snapshot()` costs next to nothing.

    `pressing` rises with the changes that should be seen at once: of a vLLM server's pod, and of a source's state.
    With `early` the pods of a first LIST are there page by page, while their source is still loading: after the first
    page the machine is left to whoever shows it, until this event says that it is shown.
    """

    def __init__(
        self, session: Session, *, namespace: str = "", selector: str = "", early: asyncio.Event | None = None
    ) -> None:
        self._session = session
        self._early = early
        self._clock = session.clock
        self._scope = scope_of(namespace, selector)
        self._pods = Collection(PODS, Pod, self._scope.seen)
        self._nodes = Collection(NODES, Node)
        self._workloads = tuple(Collection(kind, Workload) for kind in (DEPLOYMENTS, REPLICASETS, STATEFULSETS))
        self._events = Collection(EVENTS, Event)
        self._hpas = Collection(AUTOSCALERS, HorizontalPodAutoscaler)
        self._scaled_objects = Collection(SCALED_OBJECTS, ScaledObject)
        self._services = () if session.settings.gentle else (Collection(SERVICES, Service),)
        """The way to servers that are ready: few and seldom changed, but one more watch."""
        budget_per_s = session.settings.scrapes_per_s
        self._budget = Budget(budget_per_s, self._clock)
        self._schedule = Schedule(session.settings.scrape_every_s, budget_per_s)
        self._telemetry = Telemetry()
        self._listed = asyncio.Event()
        self._scraper = Scraper(
            session,
            self._schedule,
            self._telemetry,
            self._budget,
            namespace=namespace,
            changed=self._changed,
            begin=self._listed,
        )
        self._read = deque([(self._clock.monotonic(), session.meter.bytes)], maxlen=METERED_S + 1)
        self._version = ""
        self._revision, self._pressing = 1, 1
        self._news, self._pressed = asyncio.Event(), asyncio.Event()
        self._heard = asyncio.Event()
        """Something was heard of the pods: whatever it was, what else there is need not wait for them any more."""
        self._cached: tuple[int, ClusterSnapshot] | None = None
        self._states: tuple[tuple[SourceState, str], ...] = ()

    # --- reading it ---

    @property
    def revision(self) -> int:
        return self._revision

    async def wait(self, revision: int) -> int:
        """Returns the present revision as soon as it is beyond `revision`."""
        while self._revision <= revision:
            await self._news.wait()
        return self._revision

    @property
    def pressing(self) -> int:
        return self._pressing

    async def press(self, pressing: int) -> int:
        """Returns the present `pressing` as soon as it is beyond the given one."""
        while self._pressing <= pressing:
            await self._pressed.wait()
        return self._pressing

    def snapshot(self) -> ClusterSnapshot:
        """What is known now; unchanged parts are the same objects as last time."""
        now = self._clock.now()
        if self._cached is None or self._cached[0] != self._revision:
            deployments, replicasets, statefulsets = (collection.items for collection in self._workloads)
            self._cached = (
                self._revision,
                ClusterSnapshot(
                    at=now,
                    context=self._session.cluster.context,
                    server_version=self._version,
                    pods=self._pods.items,
                    nodes=self._nodes.items,
                    deployments=deployments,
                    replicasets=replicasets,
                    statefulsets=statefulsets,
                    related=(*self._hpas.items, *self._scaled_objects.items, *self._service_items),
                    events=self._events.items,
                    samples=self._telemetry.samples(),
                    gpus=self._telemetry.gpus(now, max(SHORTEST_STALE_S, 3 * GPU_INTERVAL_S)),
                ),
            )
        return replace(self._cached[1], at=now, sources=self._sources())

    def focus(self, visible: set[PodKey]) -> None:
        """The replicas that somebody looks at now: they are scraped first."""
        self._schedule.focus(frozenset(visible))

    def cost(self) -> Cost:
        """What looking costs: watches that stand; scrapes and bytes a second over the last 10 s."""
        watches = sum(item.status.state is SourceState.LIVE for item in self._collections)
        return Cost(watches, self._budget.spent_per_s, self._bytes_per_s())

    def _bytes_per_s(self) -> float | None:
        """None until there is a while to divide by."""
        (began, before), (now, bytes_now) = self._read[0], self._read[-1]
        return (bytes_now - before) / (now - began) if now > began else None

    # --- running it ---

    async def run(self) -> None:
        """Observes until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for collection in self._collections:
                tasks.create_task(self._follow(collection) if collection is self._pods else self._join(collection))
            tasks.create_task(self._scraper.run())
            tasks.create_task(self._for_ever(self._keep_time, 1.0))
            tasks.create_task(self._for_ever(self._ask_version, 30.0))
            if self._session.metrics is not None:
                tasks.create_task(self._scraper.ask_prometheus(self._session.metrics))

    @property
    def _collections(self) -> tuple[Followed, ...]:
        beside = (self._hpas, self._scaled_objects, *self._services)
        return (self._pods, self._nodes, *self._workloads, self._events, *beside)

    @property
    def _service_items(self) -> tuple[Service, ...]:
        return tuple(item for collection in self._services for item in collection.items)

    def _changed(self, *, pressing: bool = False) -> None:
        self._revision += 1
        self._news.set()
        self._news = asyncio.Event()
        if pressing:
            self._pressing += 1
            self._pressed.set()
            self._pressed = asyncio.Event()

    async def _for_ever(self, step: Callable[[], Awaitable[None]], pause_s: float) -> None:
        while True:
            await step()
            await self._clock.sleep(pause_s)

    # --- watching ---

    async def _join(self, collection: Followed) -> None:
        """Follows another kind than pods, which somebody waits for: their first answer comes first."""
        await self._heard.wait()
        await self._follow(collection)

    async def _follow(self, collection: Followed) -> None:
        """Watches everywhere or, where that is not granted, in one namespace."""
        home = self._scope.namespace or self._session.cluster.namespace
        namespace = "" if collection.kind in (PODS, NODES) else self._scope.namespace
        while True:
            try:
                denied = await self._watch(collection, namespace)
            except VopsError as error:
                denied = isinstance(error, Forbidden)
                self._broke(collection, SourceState.DENIED if denied else SourceState.RETRYING, error.message)
            except Exception as error:  # the task's edge: a source that breaks is shown and must not end the others
                denied = False
                self._broke(collection, SourceState.RETRYING, f"{type(error).__name__}: {error}")
            if denied and not namespace and collection.kind.namespaced:
                namespace = home
                collection.note = f"only namespace {home}: the credentials do not allow more"
                continue
            await self._clock.sleep(TRY_AGAIN_S)

    async def _watch(self, collection: Followed, namespace: str) -> bool:
        """Follows one watch; returns whether it ended for want of permission, when another namespace could be tried."""
        stream = self._session.cluster.watch(collection.kind, namespace)
        try:
            async for changed in stream:
                self._take(collection, changed)
                if changed.part:
                    await self._be_seen()
                if collection.status.state is SourceState.DENIED and not namespace and collection.kind.namespaced:
                    return True
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        return False

    def _take(
        self,
        collection: Followed,
        changed: Changed,
    ) -> None:
        before = collection.status.state, collection.status.detail
        loading = changed.status is not None and changed.status.state is SourceState.LOADING
        if collection is self._pods and not (loading or changed.part):
            self._heard.set()
        if changed.part and self._early is None:
            return
        collection.apply(changed)
        if collection is self._pods:
            self._take_pods(changed)
        many = bool(changed.part) or changed.replaced is not None
        pressing = many or (collection.status.state, collection.status.detail) != before
        if pressing or changed.item is not None:
            self._changed(pressing=pressing or _is_server(changed.item))

    async def _be_seen(self) -> None:
        """Waits until the first part of the pods is shown, but not for long; then everything else may be read."""
        with suppress(TimeoutError):
            if self._early is not None:
                await asyncio.wait_for(self._early.wait(), FIRST_SHOWN_S)
        self._heard.set()

    def _broke(
        self,
        collection: Followed,
        state: SourceState,
        words: str,
    ) -> None:
        collection.failed(state, one_line(words))
        self._heard.set()
        self._changed(pressing=True)

    def _take_pods(self, changed: Changed) -> None:
        self._take_each(changed.part)
        if changed.replaced is not None:
            self._listed.set()
            there = {(pod.metadata.namespace, pod.metadata.name) for pod in changed.replaced}
            for key in self._schedule.slots.keys() - there:
                self._drop(key)
            self._take_each(changed.replaced)
        if isinstance(changed.item, Pod):
            if changed.deleted:
                self._drop((changed.item.metadata.namespace, changed.item.metadata.name))
            else:
                self._take_each((changed.item,))

    def _take_each(self, pods: Iterable[Decoded]) -> None:
        for pod in pods:
            if not isinstance(pod, Pod):
                continue
            endpoint = endpoint_of(pod)
            if endpoint is None or (endpoint.kind is EndpointKind.ENGINE and not self._scope.holds(pod)):
                self._drop((pod.metadata.namespace, pod.metadata.name))
            elif self._schedule.put(endpoint):
                self._telemetry.forget(endpoint.key)

    def _drop(self, key: PodKey) -> None:
        if self._schedule.drop(key):
            self._telemetry.forget(key)

    # --- time and version ---

    async def _keep_time(self) -> None:
        """Marks what has grown too old; says so once."""
        now = self._clock.now()
        self._read.append((self._clock.monotonic(), self._session.meter.bytes))
        pace = self._schedule.pace()
        aged = False
        for key, history in self._telemetry.histories.items():
            slot = self._schedule.slots.get(key)
            aged |= slot is not None and history.age(now, self._schedule.interval_of(slot, pace))
        states = tuple((status.state, status.detail) for status in self._sources())
        if aged or states != self._states:
            self._states = states
            self._changed(pressing=True)

    async def _ask_version(self) -> None:
        if self._version:
            return
        try:
            self._version = await self._session.cluster.version()
        except VopsError:
            return  # the sources say that the server does not answer
        self._changed()

    def _sources(self) -> tuple[SourceStatus, ...]:
        now = self._clock.now()
        statuses = [collection.status_at(now) for collection in self._collections]
        endpoints = (slot.endpoint for slot in self._schedule.slots.values())
        statuses += self._telemetry.status(endpoints, now, loading=not self._pods.loaded)
        if self._session.metrics is not None:
            statuses.append(self._telemetry.prometheus.status(Source.PROMETHEUS, now, 1, 1))
        return tuple(statuses)


def _is_server(item: Decoded | None) -> bool:
    return isinstance(item, Pod) and vllm_container(item) is not None
