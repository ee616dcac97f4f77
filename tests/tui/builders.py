"""A cluster made of structs, an observer that shows it and a session that owns the clock: nothing moves by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from vops.diagnosis.findings import Applicability, Confidence, Finding, Fix, Report, Severity
from vops.errors import NotFound, Unreachable
from vops.model.objects import Condition, Kind, Meta, OwnerReference, Ref
from vops.model.pods import (
    Container,
    ContainerPort,
    ContainerState,
    ContainerStatus,
    Pod,
    PodSpec,
    PodStatus,
    Probe,
    Requirements,
    Running,
    Terminated,
    Waiting,
)
from vops.model.resources import (
    Event,
    LabelSelector,
    Node,
    NodeSpec,
    NodeStatus,
    ObjectReference,
    PodTemplate,
    RollingUpdate,
    Strategy,
    Taint,
    Workload,
    WorkloadSpec,
    WorkloadStatus,
)
from vops.model.serving import EngineSample, GpuSample, Histogram
from vops.model.snapshot import ClusterSnapshot, ContainerLog, EngineSamples, Source, SourceState, SourceStatus
from vops.operations.fix import FixPlan
from vops.operations.session import Session
from vops.planning.changes import patch_change
from vops.planning.guards import Guard
from vops.planning.patches import Edit
from vops.planning.plan import Decision, Identity, Plan, PlannedStep, Risk
from vops.ports import Cost
from vops.settings import Settings

NOW = datetime(2026, 3, 14, 3, 12, 45, tzinfo=UTC)
WATCHED = (Source.PODS, Source.NODES, Source.DEPLOYMENTS, Source.REPLICASETS, Source.STATEFULSETS, Source.EVENTS)
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, float("inf"))


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def node(name: str, product: str = "NVIDIA-H100-80GB-HBM3", gpus: int = 8, taint: str = "") -> Node:
    labels = {"nvidia.com/gpu.product": product, "kubernetes.io/hostname": name}
    amounts = {"nvidia.com/gpu": str(gpus), "cpu": "96", "memory": "1024Gi", "pods": "110"}
    taints = (Taint(taint, "present", "NoSchedule"),) if taint else ()
    return Node(
        Meta(name=name, uid=f"uid-{name}", labels=labels), NodeSpec(taints=taints), NodeStatus(amounts, amounts)
    )


def _split(gpus: int) -> tuple[str, ...]:
    """What makes a server use all of its GPUs."""
    return ("--tensor-parallel-size", str(gpus)) if gpus > 1 else ()


def container(model: str, gpus: int, *args: str) -> Container:
    return Container(
        name="vllm",
        image="vllm/vllm-openai:v0.25.1",
        args=("--model", model, "--served-model-name", model.rpartition("/")[2], *_split(gpus), *args),
        ports=(ContainerPort(8000, "http"),),
        resources=Requirements({"nvidia.com/gpu": str(gpus)}, {"nvidia.com/gpu": str(gpus)}),
        startup_probe=Probe(period_seconds=10, failure_threshold=60),
    )


def pod(
    name: str,
    model: str = "Qwen/Qwen3-8B",
    *,
    namespace: str = "prod",
    on: str = "gpu-a-1",
    gpus: int = 1,
    ready: bool = True,
    state: ContainerState | None = None,
    last: ContainerState | None = None,
    restarts: int = 0,
    age: timedelta = timedelta(hours=7),
    unschedulable: str = "",
    labels: dict[str, str] | None = None,
) -> Pod:
    """A pod of the ReplicaSet that its name begins with; `state` is that of its container."""
    created = NOW - age
    replicaset = name.rpartition("-")[0]
    template_hash = replicaset.rpartition("-")[2]
    meta = Meta(
        name=name,
        namespace=namespace,
        uid=f"uid-{name}",
        resource_version="7",
        creation_timestamp=created,
        labels={"app": "vllm", "pod-template-hash": template_hash, **(labels or {})},
        owner_references=(OwnerReference("ReplicaSet", replicaset, f"uid-{replicaset}", "apps/v1", controller=True),),
    )
    bound = Condition("PodScheduled", "False" if unschedulable else "True", "Unschedulable" if unschedulable else "",
                      unschedulable, created + timedelta(seconds=2))  # fmt: skip
    served = Condition(
        "Ready", "True" if ready else "False", last_transition_time=created + timedelta(seconds=148 if ready else 2)
    )
    status = ContainerStatus(
        "vllm",
        state or ContainerState(running=Running(created + timedelta(seconds=31))),
        last or ContainerState(),
        ready=ready,
        restart_count=restarts,
    )
    return Pod(
        meta,
        PodSpec(containers=(container(model, gpus),), node_name="" if unschedulable else on),
        PodStatus(
            "Pending" if unschedulable else "Running",
            conditions=(bound, served),
            container_statuses=() if unschedulable else (status,),
        ),
    )


def workload(name: str, model: str, *, namespace: str = "prod", ready: int = 1, desired: int = 1, gpus: int = 1,
             updated: int | None = None) -> tuple[Workload, Workload]:  # fmt: skip
    """A Deployment and its ReplicaSet `NAME-6f9c4`."""
    template = PodTemplate(spec=PodSpec(containers=(container(model, gpus),)))
    meta = Meta(name=name, namespace=namespace, uid=f"uid-{name}", generation=3)
    rolling = Strategy("RollingUpdate", RollingUpdate(1, 0))
    counts = WorkloadStatus(3, desired, ready, desired if updated is None else updated, ready)
    deployment = Workload(
        meta, "Deployment", WorkloadSpec(desired, selector=LabelSelector(), template=template, strategy=rolling), counts
    )
    owner = OwnerReference("Deployment", name, meta.uid, "apps/v1", controller=True)
    replicaset = Workload(
        Meta(name=f"{name}-6f9c4", namespace=namespace, uid=f"uid-{name}-6f9c4", owner_references=(owner,)),
        "ReplicaSet",
        WorkloadSpec(desired, template=template),
    )
    return deployment, replicaset


def samples(of: Pod, *, kv: float, running: int, waiting: int = 0, tokens_per_s: float = 900, ttft: int = 3,
            age_s: float = 1.0) -> EngineSamples:  # fmt: skip
    """Two scrapes 10 s apart; the first tokens of the window fall into bucket `ttft` of BOUNDS."""
    counts = tuple(float(40 if index >= ttft else 0) for index in range(len(BOUNDS)))
    before = tuple(0.0 for _ in BOUNDS)
    model = of.spec.containers[0].args[3]
    at = NOW - timedelta(seconds=age_s)
    latest = EngineSample(
        at, model, 1, running, waiting, kv, 412_160, 1e6 + tokens_per_s * 10, 4e6 + 30_000, 9e5, 4e5, 3.0,
        5_000, ttft=Histogram(BOUNDS, counts, 20.0), itl=Histogram(BOUNDS, counts, 4.0), process_start=1.0,
    )  # fmt: skip
    earlier = EngineSample(
        at - timedelta(seconds=10), model, 1, running, waiting, kv, 412_160, 1e6, 4e6, 8.7e5, 3.79e5, 3.0, 4_000,
        ttft=Histogram(BOUNDS, before), itl=Histogram(BOUNDS, before), process_start=1.0,
    )  # fmt: skip
    return EngineSamples(of.metadata.namespace, of.metadata.name, latest, earlier)


def gpu(of: Pod, percent: float) -> GpuSample:
    return GpuSample(
        NOW, of.spec.node_name, "GPU-1", "0", "NVIDIA H100 80GB HBM3", of.metadata.namespace, of.metadata.name, "vllm",
        percent / 100,
    )  # fmt: skip


def event(about: Pod, reason: str, message: str, *, times: int = 1, normal: bool = False, seen: float = 40) -> Event:
    meta = about.metadata
    return Event(
        Meta(name=f"{meta.name}.{reason}", namespace=meta.namespace),
        ObjectReference("Pod", meta.namespace, meta.name, meta.uid),
        "Normal" if normal else "Warning",
        reason,
        message,
        times,
        ago(seconds=seen + 300),
        ago(seconds=seen),
    )


def sources(state: SourceState = SourceState.LIVE, detail: str = "", age_s: float = 1.0) -> tuple[SourceStatus, ...]:
    at = ago(seconds=age_s)
    return (*(SourceStatus(item, state, at, detail) for item in (*WATCHED, Source.METRICS, Source.DCGM)),)


UNTOLERATED = "0/5 nodes are available: 5 node(s) had untolerated taint(s). preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling."  # noqa: E501


GPU_NODES = ("gpu-a-1", "gpu-a-2", "gpu-a-3", "gpu-b-1", "gpu-b-2")


def fleet_snapshot() -> ClusterSnapshot:
    """Nine replicas of four models in two namespaces; three of them do not serve."""
    crashed = ContainerState(
        terminated=Terminated(1, reason="Error", started_at=ago(seconds=52), finished_at=ago(seconds=12))
    )
    backing_off = ContainerState(waiting=Waiting("CrashLoopBackOff", "back-off 2m40s restarting failed container"))
    qwen = [
        pod(f"qwen3-8b-6f9c4-{end}", on=f"gpu-a-{number}") for number, end in enumerate(("k2x8p", "9wq4d", "tz7mm"), 1)
    ]
    llama = [pod(f"llama-3-3-70b-6f9c4-{end}", "meta-llama/Llama-3.3-70B-Instruct", on="gpu-b-1", gpus=4)
             for end in ("b8v5r", "m4c2x")]  # fmt: skip
    loading = pod("llama-3-3-70b-6f9c4-zz9p1", "meta-llama/Llama-3.3-70B-Instruct", on="gpu-b-2", gpus=4, ready=False,
                  age=timedelta(seconds=92))  # fmt: skip
    gated = pod("gemma-3-27b-6f9c4-x7dlw", "google/gemma-3-27b-it", namespace="research", on="gpu-a-2", ready=False,
                state=backing_off, last=crashed, restarts=6, age=timedelta(minutes=14))  # fmt: skip
    pending = pod("mixtral-6f9c4-4hnvq", "mistralai/Mixtral-8x7B-Instruct-v0.1", namespace="research", gpus=2,
                  ready=False, unschedulable=UNTOLERATED, age=timedelta(minutes=4))  # fmt: skip
    embedding = pod("bge-m3-6f9c4-ss2kf", "BAAI/bge-m3", on="gpu-a-3", age=timedelta(days=12), restarts=1)
    deployments, replicasets = zip(
        workload("qwen3-8b", "Qwen/Qwen3-8B", ready=3, desired=3),
        workload("llama-3-3-70b", "meta-llama/Llama-3.3-70B-Instruct", ready=2, desired=3, gpus=4),
        workload("bge-m3", "BAAI/bge-m3"),
        workload("gemma-3-27b", "google/gemma-3-27b-it", namespace="research", ready=0),
        workload("mixtral", "mistralai/Mixtral-8x7B-Instruct-v0.1", namespace="research", ready=0, gpus=2),
        strict=True,
    )
    serving = (
        samples(qwen[0], kv=0.62, running=41, tokens_per_s=2310),
        samples(qwen[1], kv=0.58, running=38, tokens_per_s=2190),
        samples(qwen[2], kv=0.97, running=64, waiting=17, tokens_per_s=2840, ttft=6),
        samples(llama[0], kv=0.34, running=12, tokens_per_s=611, ttft=4),
        samples(llama[1], kv=0.31, running=11, tokens_per_s=587, ttft=4, age_s=42),
        samples(embedding, kv=0.0, running=0, tokens_per_s=0, ttft=9),
    )
    gpus = tuple(gpu(*pair) for pair in zip((*qwen, *llama), (71, 68, 99, 83, 80), strict=True))
    return ClusterSnapshot(
        at=NOW,
        context="prod-eu-1",
        server_version="v1.36.3",
        sources=sources(),
        pods=(*qwen, *llama, loading, gated, pending, embedding),
        nodes=tuple(node(name, taint="nvidia.com/gpu") for name in GPU_NODES),
        deployments=deployments,
        replicasets=replicasets,
        events=(
            event(pending, "FailedScheduling", UNTOLERATED, times=12),
            event(gated, "BackOff", "Back-off restarting failed container vllm in pod gemma-3-27b", times=23, seen=9),
            event(gated, "Pulled", "Container image already present on machine", normal=True, seen=52),
        ),
        samples=serving,
        gpus=gpus,
    )


def big_snapshot(replicas: int = 1000) -> ClusterSnapshot:
    """Many replicas that all serve."""
    pods = tuple(pod(f"model-{n // 50}-6f9c4-{n:05d}", on=f"gpu-{n // 8}") for n in range(replicas))
    return ClusterSnapshot(
        at=NOW, context="big", sources=sources(), pods=pods,
        samples=tuple(samples(item, kv=(n % 97) / 100, running=n % 64) for n, item in enumerate(pods)),
    )  # fmt: skip


LOG = """\
INFO 03-14 03:12:01 [api_server.py:1289] vLLM API server version 0.25.1
INFO 03-14 03:12:04 [model.py:412] Resolved architecture: Gemma3ForConditionalGeneration
WARNING 03-14 03:12:05 [cuda.py:88] Falling back to a slower attention backend
ERROR 03-14 03:12:31 [core.py:708] EngineCore failed to start.
huggingface_hub.errors.GatedRepoError: 403 Client Error. Cannot access gated repo for url https://huggingface.co/google/gemma-3-27b-it/resolve/main/config.json.
"""


class FrozenClock:
    """Time that stands still; `sleep` waits for ever, unless the test advances."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        until = self.at + timedelta(seconds=seconds)
        while self.at < until:
            await self._moved.wait()
            self._moved.clear()

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self._moved.set()


class StubCluster:
    """As much of a cluster as screens touch; everything else is an AttributeError that a test would show."""

    def __init__(self, *, context: str = "prod-eu-1", readonly: bool = False, log: str = LOG) -> None:
        self.context, self.namespace, self.readonly, self.log = context, "default", readonly, log
        self.documents: dict[str, dict[str, Any]] = {}

    async def get(self, kind: Kind, name: str, namespace: str = "") -> dict[str, Any]:
        """One of the `documents`, by name; any other cannot be read at this moment."""
        if name not in self.documents:
            raise Unreachable(f"{kind.plural}/{name} cannot be read")
        return self.documents[name]

    async def logs(self, namespace: str, pod: str, container: str, *, previous: bool = False, **_: Any) -> str:
        if not previous:
            return self.log
        raise NotFound("previous terminated container not found", status=400)

    async def follow_logs(self, namespace: str, pod: str, container: str, **_: Any) -> AsyncIterator[str]:
        for text in self.log.splitlines():
            yield text
        await asyncio.Event().wait()


class StubObserver:
    """Shows what it is given; `show` is the next revision."""

    def __init__(self, snapshot: ClusterSnapshot | None = None) -> None:
        self.revision = 0
        self.visible: set[tuple[str, str]] = set()
        self._snapshot = snapshot or ClusterSnapshot(at=NOW)
        self._news = asyncio.Event()

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def wait(self, revision: int) -> int:
        while self.revision <= revision:
            self._news.clear()
            await self._news.wait()
        return self.revision

    @property
    def pressing(self) -> int:
        return self.revision

    async def press(self, pressing: int) -> int:
        return await self.wait(pressing)

    def snapshot(self) -> ClusterSnapshot:
        return self._snapshot

    def focus(self, visible: set[tuple[str, str]]) -> None:
        self.visible = visible

    def cost(self) -> Cost:
        return Cost(6, 4.0)

    def show(self, snapshot: ClusterSnapshot) -> None:
        self._snapshot = snapshot
        self.revision += 1
        self._news.set()


def session(*, cluster: StubCluster | None = None, settings: Settings | None = None) -> Session:
    stub: Any = cluster or StubCluster()
    return Session(stub, stub, stub, None, FrozenClock(), settings or Settings())


def with_log(snapshot: ClusterSnapshot, of: str, text: str, *, previous: bool = False) -> ClusterSnapshot:
    found = next(item for item in snapshot.pods if item.metadata.name == of)
    log = ContainerLog(found.metadata.namespace, of, "vllm", text, previous)
    read = SourceStatus(Source.LOGS, SourceState.LIVE, snapshot.at)
    statuses = (*(item for item in snapshot.sources if item.source is not Source.LOGS), read)
    return msgspec.structs.replace(snapshot, logs=(*snapshot.logs, log), sources=statuses)


def with_pods(snapshot: ClusterSnapshot, pods: Sequence[Pod]) -> ClusterSnapshot:
    return msgspec.structs.replace(snapshot, pods=tuple(pods))


def deployment_document() -> dict[str, Any]:
    """The Deployment that the builders' plan changes, as the API serves it."""
    template = {
        "spec": {"containers": [{"name": "vllm", "image": "vllm/vllm-openai:v0.25.1", "args": ["--model", "m"]}]}
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "mixtral", "namespace": "research", "uid": "5ac4b6c7-a310-44dd-8c4b-91fe6c148fc6"},
        "spec": {"replicas": 1, "template": template},
    }


def toleration_plan() -> Plan:
    """A plan that adds one toleration, with something to expect and two guards."""
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    edit = Edit("/spec/template/spec/tolerations", [toleration])
    change = patch_change(deployment_document(), [edit], "add the toleration that the GPU nodes ask for")
    assert change is not None
    return Plan(
        id="0123456789ab",
        runbook="fix-untolerated-taint",
        digest="d",
        title="Tolerate the taint of the GPU nodes",
        risk=Risk.LOW,
        cluster=Identity("prod-eu-1", "v1.36.3"),
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        locks=(change.target,),
        steps=(
            PlannedStep("tolerate", "k8s.patch", "Add the toleration", Decision.DO, changes=(change,),
                        says=("Replaces the only replica; none serves now, so nothing is lost.",)),
            PlannedStep("rollout", "k8s.rolloutStatus", "Wait for the rollout", Decision.DO, timeout_s=600),
            PlannedStep("verify", "verify", "See whether it serves now", Decision.DO, timeout_s=600),
        ),
        guards=(Guard("alive", True, "it is not being deleted"), Guard("rbac", True, "these credentials may patch")),
    )  # fmt: skip


def fix_plan(subject: Ref, plan: Plan | None = None) -> FixPlan:
    """What planning a fix of `subject` gives."""
    fix = Fix("Tolerate the taint", Applicability.SAFE, "fix-untolerated-taint")
    finding = Finding(
        "untolerated-taint", "untolerated-taint", Severity.ERROR, Confidence.CERTAIN, subject,
        f"{subject.name} does not tolerate nvidia.com/gpu:NoSchedule", fixes=(fix,),
    )  # fmt: skip
    report = Report(NOW.isoformat(), "prod-eu-1", subject, "pending", finding.summary, (finding,))
    return FixPlan(report, finding, fix, plan or toleration_plan())


def status(source: Source, state: SourceState, detail: str = "", age_s: float = 1.0) -> SourceStatus:
    return SourceStatus(source, state, ago(seconds=age_s), detail)


def with_sources(snapshot: ClusterSnapshot, statuses: Sequence[SourceStatus]) -> ClusterSnapshot:
    return msgspec.structs.replace(snapshot, sources=tuple(statuses))


class Silent:
    """A session that is not opened for as long as one waits, as with a login plugin that asks somebody."""

    async def __aenter__(self) -> Session:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async def __aexit__(self, *_: object) -> None:
        """Nothing was opened."""


def broken(asked: list[Settings], settings: Settings) -> Broken:
    """Opens no session, and keeps the settings it was asked with."""
    asked.append(settings)
    return Broken()


class Broken:
    """A session that cannot be opened."""

    async def __aenter__(self) -> Session:
        raise Unreachable("no route to the API server of context gone", hint="try: vops doctor")

    async def __aexit__(self, *_: object) -> None:
        """Nothing was opened."""
