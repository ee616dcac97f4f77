"""The composition root: joins adapters to ports, for a real cluster or for the embedded lab.

Only this module knows both. Everything else gets a Session and sees ports.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from msgspec import structs

from vops.adapters.clock import MachineClock as MachineClock
from vops.errors import UsageError
from vops.ports import Clock, Cluster, Engine, Gpus, Hub, Meter, Metrics, Notifier
from vops.settings import Settings


@dataclass(frozen=True)
class Session:
    """One context of one cluster, with every way to look at it.

    `hub_url` is that of the lab's own Hub, `meter` counts what comes from the API server.
    """

    cluster: Cluster
    engine: Engine
    gpus: Gpus
    metrics: Metrics | None
    clock: Clock
    settings: Settings
    hub_url: str = ""
    meter: Meter = field(default_factory=Meter)
    notifier: Notifier | None = None
    """None on the lab, which tells nobody."""

    def hub(self) -> Hub:
        """The Hub, whose library is not loaded before somebody asks for it."""
        from vops.adapters.hub import HuggingFaceHub

        return HuggingFaceHub(self.settings.timeout_s, self.hub_url)


def load() -> None:
    """Imports what a session of a real cluster and an observer of it need: for a thread, as it takes its time."""
    import vops.adapters.kube.login
    import vops.adapters.vllm
    import vops.operations.observation.observe  # noqa: F401  # all of them are


@asynccontextmanager
async def open_session(
    settings: Settings, *, clock: Clock | None = None, lab_apart: bool = False
) -> AsyncIterator[Session]:
    """Connects as `settings` say and closes everything afterwards; with `lab_apart` a lab has a thread of its own.

    Raises InputError (kubeconfig), UsageError (context, scenario); an unreachable server shows at the first request.
    """
    if "," in (settings.lab or settings.context):
        raise UsageError(
            "this looks at one context at a time", hint="only the screen, vops --context a,b, takes several"
        )
    async with AsyncExitStack() as stack:
        meter = Meter()
        if not settings.lab:
            from vops.adapters.webhooks import Webhooks

            found = _joined(await _cluster(settings, stack, meter), settings, clock or MachineClock(), stack)
            yield replace(found, notifier=Webhooks(), meter=meter)
            return
        cluster, hub_url, prometheus_url = await _lab(settings, stack, meter, apart=lab_apart)
        known = settings if settings.prometheus_url else structs.replace(settings, prometheus_url=prometheus_url)
        yield replace(_joined(cluster, known, clock or MachineClock(), stack), hub_url=hub_url, meter=meter)


async def _cluster(settings: Settings, stack: AsyncExitStack, meter: Meter) -> Cluster:
    from vops.adapters.kube import connect

    cluster = await connect(
        settings.kubeconfig, settings.context, readonly=settings.readonly, timeout_s=settings.timeout_s, meter=meter
    )
    stack.push_async_callback(cluster.close)
    return cluster


async def _lab(settings: Settings, stack: AsyncExitStack, meter: Meter, *, apart: bool) -> tuple[Cluster, str, str]:
    """The lab's cluster, and where its Hub and its Prometheus (empty where it has none) are."""
    from vops.adapters.kube import KubeCluster
    from vops.lab.apart import LabApart
    from vops.lab.world import Lab

    if apart:
        beside = LabApart(settings.lab)
        stack.push_async_callback(beside.stop)
        lab = await beside.start()
    else:
        lab = await Lab.start(settings.lab)
        stack.push_async_callback(lab.stop)
    name = f"lab:{settings.lab}"  # a plan says which of several labs it is for
    cluster = KubeCluster.at(
        lab.url, lab.token, context=name, readonly=settings.readonly, timeout_s=settings.timeout_s, meter=meter
    )
    stack.push_async_callback(cluster.close)
    return cluster, lab.hub_url, lab.prometheus_url


def _joined(cluster: Cluster, settings: Settings, clock: Clock, stack: AsyncExitStack) -> Session:
    from vops.adapters.vllm import DirectProxy, VllmEngine

    direct = DirectProxy(cluster.get, timeout_s=settings.timeout_s) if settings.direct else None
    engine = VllmEngine(direct or cluster.proxy, now=clock.now)
    stack.push_async_callback(engine.close)
    return Session(cluster, engine, engine, _metrics(settings, stack), clock, settings)


def _metrics(settings: Settings, stack: AsyncExitStack) -> Metrics | None:
    if not settings.prometheus_url:
        return None
    from vops.adapters.prometheus import PrometheusMetrics

    metrics = PrometheusMetrics(settings.prometheus_url, timeout_s=settings.timeout_s)
    stack.push_async_callback(metrics.close)
    return metrics
