"""What the tests of observing share: a cluster, engines and a clock that a test holds in its hands."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec

from vops.errors import Forbidden, NotFound, Unavailable, VopsError
from vops.lab.clock import LabClock
from vops.model.objects import Decoded, Kind, Meta, OwnerReference
from vops.model.pods import (
    Container,
    ContainerPort,
    ContainerState,
    ContainerStatus,
    Pod,
    PodSpec,
    PodStatus,
    Running,
    Waiting,
)
from vops.model.resources import PODS, Workload
from vops.model.serving import EngineSample, GpuSample
from vops.model.snapshot import Source, SourceState, SourceStatus
from vops.operations.observation.observer import Observer
from vops.operations.session import Session
from vops.ports import Changed, Cluster, Engine, Gpus, Listing, ProxyAnswer
from vops.settings import Settings

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SERVE = ("vllm", "serve", "llama")


def replica(
    name: str,
    *,
    namespace: str = "serving",
    node: str = "gpu-1",
    ready: bool = True,
    running: bool = True,
    restarts: int = 0,
    owner: str = "",
    command: Sequence[str] = SERVE,
    labels: Mapping[str, str] | None = None,
) -> Pod:
    """A pod of one vLLM container beside a proxy."""
    state = ContainerState(running=Running(START)) if running else ContainerState(waiting=Waiting("CrashLoopBackOff"))
    status = ContainerStatus("vllm", state=state, ready=ready, restart_count=restarts)
    owners = _owned_by(owner)
    return Pod(
        metadata=Meta(name, namespace, uid=f"uid-{name}", labels=dict(labels or {}), owner_references=owners),
        spec=PodSpec(
            containers=(Container("proxy", "envoy:1"), Container("vllm", "vllm/vllm-openai:v0.25.1", tuple(command))),
            node_name=node,
        ),
        status=PodStatus(phase="Running", container_statuses=(status,)),
    )


def _owned_by(owner: str) -> tuple[OwnerReference, ...]:
    """`Kind/name` as the controller of something."""
    kind, _, name = owner.partition("/")
    return (OwnerReference(kind, name, f"uid-{owner}", controller=True),) if owner else ()


def exporter(name: str, node: str) -> Pod:
    """A DCGM exporter on `node`."""
    status = ContainerStatus("dcgm", state=ContainerState(running=Running(START)), ready=True)
    container = Container("dcgm", "nvcr.io/nvidia/k8s/dcgm-exporter:4.8", ports=(ContainerPort(9400, "metrics"),))
    return Pod(
        metadata=Meta(name, "gpu", uid=f"uid-{name}"),
        spec=PodSpec(containers=(container,), node_name=node),
        status=PodStatus(phase="Running", container_statuses=(status,)),
    )


def workload(kind: str, name: str, *, owner: str = "", namespace: str = "serving") -> Workload:
    owners = _owned_by(owner)
    return Workload(Meta(name, namespace, uid=f"uid-{kind}/{name}", owner_references=owners), kind)


class SmallCluster:
    """Objects by plural; `denied` holds (plural, namespace) and "" is all namespaces. Watches end never."""

    context = "test"
    namespace = "home"
    readonly = False

    def __init__(self, clock: LabClock) -> None:
        self._clock = clock
        self.objects: dict[str, list[Decoded]] = defaultdict(list)
        self.denied: set[tuple[str, str]] = set()
        self.broken: dict[str, Exception] = {}
        self.texts: dict[tuple[str, bool], str | VopsError] = {}
        self.asked: list[str] = []
        self.first_page: tuple[Decoded, ...] = ()
        self.listed = asyncio.Event()
        """Where there is a first page, the rest comes when this is set."""
        self._streams: dict[str, list[asyncio.Queue[Changed]]] = defaultdict(list)

    def tell(self, kind: Kind, item: Decoded, *, deleted: bool = False) -> None:
        """Changes an object and tells everyone who watches."""
        self.objects[kind.plural] = [old for old in self.objects[kind.plural] if old.metadata.uid != item.metadata.uid]
        if not deleted:
            self.objects[kind.plural].append(item)
        self._send(kind, Changed(item=item, deleted=deleted))

    def say(self, kind: Kind, state: SourceState, at: datetime | None = None) -> None:
        """Changes the state of a source."""
        self._send(kind, Changed(status=SourceStatus(Source(kind.plural), state, at=at)))

    def _send(self, kind: Kind, changed: Changed) -> None:
        for stream in self._streams[kind.plural]:
            stream.put_nowait(changed)

    async def version(self) -> str:
        return "v1.36.3"

    async def list(
        self, kind: Kind, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> Listing:
        self.asked.append(f"list {kind.plural} {namespace}".strip())
        if kind.plural in self.broken:
            raise self.broken[kind.plural]
        if (kind.plural, namespace) in self.denied:
            raise Forbidden(f"cannot list {kind.plural}", status=403)
        found = [item for item in self.objects[kind.plural] if namespace in ("", item.metadata.namespace)]
        return Listing(tuple(found), "1")

    async def watch(self, kind: Kind, namespace: str = "", *, field_selector: str = "") -> AsyncIterator[Changed]:
        self.asked.append(f"watch {kind.plural} {namespace}".strip())
        source = Source(kind.plural)
        if kind.plural in self.broken:
            raise self.broken.pop(kind.plural)
        if (kind.plural, namespace) in self.denied:
            yield Changed(status=SourceStatus(source, SourceState.DENIED, detail="no"))
            await asyncio.Event().wait()
        stream: asyncio.Queue[Changed] = asyncio.Queue()
        self._streams[kind.plural].append(stream)
        if kind is PODS and self.first_page:
            yield Changed(part=self.first_page)
            await self.listed.wait()
        found = (await self.list(kind, namespace)).items
        yield Changed(status=SourceStatus(source, SourceState.LIVE, at=self._clock.now()), replaced=found)
        while True:
            yield await stream.get()

    async def get(self, kind: Kind, name: str, namespace: str = "") -> dict[str, Any]:
        self.asked.append(f"get {kind.plural} {name}")
        for item in self.objects[kind.plural]:
            if (item.metadata.namespace, item.metadata.name) == (namespace, name):
                found: dict[str, Any] = msgspec.to_builtins(item)
                return found
        raise NotFound(f"there is no {name}", status=404)

    async def logs(self, namespace: str, pod: str, container: str, *, previous: bool = False, **_: Any) -> str:
        self.asked.append(f"logs {pod} {container}{' previous' if previous else ''}")
        text = self.texts.get((pod, previous), "line\n")
        if isinstance(text, VopsError):
            raise text
        return text


class Engines:
    """vLLM servers and exporters; a pod in `failing` raises its error, one in `hung` never answers.

    `loads` are requests running, 1 unless told.
    """

    def __init__(self, clock: LabClock) -> None:
        self._clock = clock
        self._begun = clock.time()
        self.failing: dict[str, Exception] = {}
        self.hung: set[str] = set()
        self.loads: dict[str, float] = {}
        self.asked: list[tuple[float, str]] = []
        self.process_start = 1.0

    def asked_pods(self, since_s: float = 0.0) -> list[str]:
        return [pod for at, pod in self.asked if at >= since_s]

    async def sample(self, namespace: str, pod: str, port: int) -> EngineSample:
        await self._ask(pod)
        tokens = 100 * (self._clock.time() - self._begun)
        return EngineSample(
            self._clock.now(),
            "llama",
            1,
            running=self.loads.get(pod, 1.0),
            generation_tokens=tokens,
            process_start=self.process_start,
        )

    async def samples(self, namespace: str, pod: str, port: int) -> tuple[GpuSample, ...]:
        await self._ask(pod)
        return (GpuSample(self._clock.now(), node="host", uuid=f"GPU-{pod}", pod="r0", namespace="serving"),)

    async def get(self, namespace: str, pod: str, port: int, path: str) -> ProxyAnswer:
        raise NotImplementedError

    async def _ask(self, pod: str) -> None:
        self.asked.append((self._clock.time() - self._begun, pod))
        if pod in self.hung:
            await asyncio.Event().wait()
        if pod in self.failing:
            raise self.failing[pod]


REFUSED = Unavailable("serving/r0:8000 refuses connections", reason="refused")
TIMED_OUT = Unavailable("serving/r0:8000 does not answer in time", reason="timeout")


class Prom:
    """A Prometheus: `answer` makes the vector for a query."""

    def __init__(self, answer: Callable[[str], Sequence[Mapping[str, Any]]]) -> None:
        self._answer = answer
        self.queries: list[str] = []

    async def query(self, promql: str, at: datetime | None = None) -> Sequence[Mapping[str, Any]]:
        self.queries.append(promql)
        return self._answer(promql)


class World:
    """A session on a small cluster, and time that `advance` moves."""

    def __init__(self, settings: Settings | None = None, metrics: Prom | None = None) -> None:
        self.clock = LabClock(START)
        self.cluster = SmallCluster(self.clock)
        self.engines = Engines(self.clock)
        self.session = Session(
            cast(Cluster, self.cluster),
            cast(Engine, self.engines),
            cast(Gpus, self.engines),
            metrics,
            self.clock,
            settings or Settings(),
        )

    def holding(self, *pods: Pod) -> World:
        self.cluster.objects[PODS.plural].extend(pods)
        return self

    async def advance(self, seconds: float, step_s: float = 0.1) -> None:
        """Moves time on in small steps and lets everyone act in each."""
        until = self.clock.time() + seconds
        await settle()
        while self.clock.time() < until - 1e-9:
            self.clock.move_to(min(until, self.clock.time() + step_s))
            await settle()

    @asynccontextmanager
    async def observed(self, *, early: asyncio.Event | None = None, **scope: str) -> AsyncIterator[Observer]:
        """An observer that runs inside the block."""
        observer = Observer(self.session, early=early, **scope)
        running = asyncio.create_task(observer.run())
        await settle()
        yield observer
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def settle() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)
