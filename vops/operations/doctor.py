"""The verb doctor: whether vops can reach, see and change what it needs, and what to do where it cannot.

Reads, access reviews and one scrape; changes nothing. Each check says what does not work without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import msgspec

from vops.errors import ClusterError, Forbidden, NotFound, VopsError
from vops.model.configuration import CONTROLLER_REVISIONS
from vops.model.dialects import DIALECTS, version_of
from vops.model.examination import Check, Examination, Health
from vops.model.leases import LEASES
from vops.model.network import SERVICES
from vops.model.objects import Kind
from vops.model.pods import Pod
from vops.model.provisioning import CONFIG_MAPS, NODE_POOLS
from vops.model.resources import DAEMONSETS, DEPLOYMENTS, EVENTS, NODES, PODS, REPLICASETS, STATEFULSETS
from vops.model.scaling import AUTOSCALERS, SCALED_OBJECTS
from vops.model.serving import vllm_container
from vops.model.storage import CLAIMS
from vops.model.text import one_line
from vops.operations.observation.endpoints import Endpoint, EndpointKind, endpoint_of
from vops.operations.running.pauses import standing_pauses
from vops.operations.session import Session
from vops.operations.together import together


class Grant(msgspec.Struct, frozen=True):
    """Verbs on a resource that vops uses; `without` says what does not work when they are not granted."""

    kind: Kind
    verbs: tuple[str, ...]
    without: str
    subresource: str = ""
    vital: bool = False

    @property
    def resource(self) -> str:
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural


_READ = ("list", "watch")
GRANTS = (
    Grant(PODS, ("get", "list", "watch"), "nothing can be seen", vital=True),
    Grant(PODS, ("get",), "causes in logs stay unknown", subresource="log"),
    Grant(PODS, ("get",), "live metrics need Prometheus or direct addresses", subresource="proxy"),
    Grant(NODES, _READ, "Pending pods are explained by the scheduler's words alone"),
    Grant(EVENTS, _READ, "probe kills and provisioning are not proven"),
    Grant(DEPLOYMENTS, ("get", *_READ), "ready and desired are not shown"),
    Grant(REPLICASETS, _READ, "pods are not joined to their Deployments"),
    Grant(STATEFULSETS, ("get", *_READ), "StatefulSets are not shown"),
    Grant(DAEMONSETS, ("list",), "a missing device plugin is not proven"),
    Grant(SERVICES, _READ, "the way to a ready pod is not checked"),
    Grant(CLAIMS, ("list",), "volumes are not explained"),
    Grant(AUTOSCALERS, ("list",), "what autoscalers want is not shown"),
    Grant(CONFIG_MAPS, ("get",), "charts do not show when a ConfigMap was changed"),
    Grant(CONTROLLER_REVISIONS, ("list",), "charts do not show when a StatefulSet's template was changed"),
    Grant(DEPLOYMENTS, ("patch",), "fixes of Deployments are refused"),
    Grant(STATEFULSETS, ("patch",), "fixes of StatefulSets are refused"),
    Grant(LEASES, ("get", "create", "patch", "delete"), "runs go without a lock"),
)


async def examine_session(session: Session) -> Examination:
    """Every check, the vital ones first. Raises nothing but what ends the process: failures are checks."""
    reach = await _reach(session)
    if reach.health is Health.FAILED:
        return Examination(session.cluster.context, (reach,))
    missing = await _missing(session)
    pods, denied = await _pods(session)
    checks = [reach, *_permissions(missing), *([denied] if denied else _fleet(pods))]
    checks += [check async for check in _telemetry(session, pods)]
    checks.append(await _prometheus(session))
    checks += await _pauses(session)
    for name, kind in (("KEDA", SCALED_OBJECTS), ("Karpenter", NODE_POOLS)):
        checks.append(await _installed(session, name, kind))
    return Examination(session.cluster.context, tuple(checks), _role(missing))


async def _reach(session: Session) -> Check:
    clock = session.clock
    began = clock.monotonic()
    try:
        version = await session.cluster.version()
    except VopsError as error:
        return Check("API server", Health.FAILED, one_line(error.message), error.hint)
    return Check("API server", Health.OK, f"{version}, answers in {(clock.monotonic() - began) * 1000:.0f} ms")


# --- permissions ------------------------------------------------------------------------------------------


async def _missing(session: Session) -> tuple[Grant, ...]:
    """What is not granted in the session's namespace (everywhere, when none was chosen)."""
    namespace = session.settings.namespace
    async with together() as tasks:
        asked = [
            (grant, verb, tasks.create_task(_granted(session, grant, verb, namespace)))
            for grant in GRANTS
            for verb in grant.verbs
        ]
    refused: dict[Grant, list[str]] = defaultdict(list)
    for grant, verb, task in asked:
        if not task.result():
            refused[grant].append(verb)
    return tuple(msgspec.structs.replace(grant, verbs=tuple(verbs)) for grant, verbs in refused.items())


async def _granted(session: Session, grant: Grant, verb: str, namespace: str) -> bool:
    try:
        return await session.cluster.can(verb, grant.kind, namespace, subresource=grant.subresource)
    except ClusterError:
        return True  # a server that does not review access is not one that refuses it


def _permissions(missing: Iterable[Grant]) -> list[Check]:
    found = [
        Check(
            "permission",
            Health.FAILED if grant.vital else Health.WARNING,
            f"may not {', '.join(grant.verbs)} {grant.resource}: {grant.without}",
            "apply the role below",
        )
        for grant in missing
    ]
    return found or [Check("permissions", Health.OK, "everything that vops uses is granted")]


def _role(missing: tuple[Grant, ...]) -> dict[str, object] | None:
    """A ClusterRole with exactly what is missing."""
    if not missing:
        return None
    rules = [
        {"apiGroups": [grant.kind.group], "resources": [grant.resource], "verbs": list(grant.verbs)}
        for grant in missing
    ]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "vops-missing"},
        "rules": rules,
    }


# --- what is there ----------------------------------------------------------------------------------------


async def _pods(session: Session) -> tuple[tuple[Pod, ...], Check | None]:
    """The pods that may be read, all of them where that is granted; the check says why there are none."""
    try:
        listed = await session.cluster.list(PODS)
    except Forbidden:
        try:
            listed = await session.cluster.list(PODS, session.settings.namespace or session.cluster.namespace)
        except VopsError as error:
            return (), Check("pods", Health.FAILED, one_line(error.message), error.hint)
    except VopsError as error:
        return (), Check("pods", Health.FAILED, one_line(error.message), error.hint)
    return tuple(item for item in listed.items if isinstance(item, Pod)), None


def _fleet(pods: Iterable[Pod]) -> list[Check]:
    """The vLLM replicas and their versions, newer ones than vops knows named."""
    containers = [found for pod in pods if (found := vllm_container(pod)) is not None]
    if not containers:
        return [Check("vLLM", Health.WARNING, "no pod runs vLLM here", "vops fleet -A looks everywhere")]
    versions = sorted({version for item in containers if (version := version_of(item.image))})
    shown = ", ".join(".".join(map(str, version)) for version in versions) or "unknown"
    newest = max(item.since for item in DIALECTS)
    detail = f"{len(containers)} replicas, versions {shown}"
    if versions and versions[-1][:2] > newest[:2]:
        beyond = f"; {'.'.join(map(str, newest))} is the newest whose changes vops knows"
        return [Check("vLLM", Health.WARNING, detail + beyond, "names of metrics and flags may have changed since")]
    return [Check("vLLM", Health.OK, detail)]


async def _telemetry(session: Session, pods: tuple[Pod, ...]) -> AsyncIterator[Check]:
    """One scrape of one vLLM server and of one DCGM exporter, the way that the fleet is scraped."""
    endpoints = [found for pod in pods if (found := endpoint_of(pod)) is not None]
    ready = [item for item in endpoints if item.ready]
    servers = [item for item in ready if item.kind is EndpointKind.ENGINE]
    exporters = [item for item in ready if item.kind is EndpointKind.GPUS]
    if servers:
        yield await _scraped("scrape of vLLM", servers[0], session.engine.sample)
    if exporters:
        yield await _scraped("scrape of DCGM", exporters[0], session.gpus.samples)
    else:
        yield Check("DCGM", Health.ABSENT, "no exporter runs: GPU utilisation stays unknown")


async def _scraped(name: str, at: Endpoint, scrape: Callable[[str, str, int], Awaitable[object]]) -> Check:
    try:
        await scrape(at.namespace, at.pod, at.port)
    except VopsError as error:
        return Check(name, Health.WARNING, f"{at.namespace}/{at.pod}: {one_line(error.message)}", error.hint)
    return Check(name, Health.OK, f"{at.namespace}/{at.pod} answers")


async def _prometheus(session: Session) -> Check:
    if session.metrics is None:
        return Check("Prometheus", Health.ABSENT, "none is configured: no history", "give --prometheus URL")
    try:
        await session.metrics.query("vector(1)")
    except VopsError as error:
        return Check("Prometheus", Health.WARNING, one_line(error.message), error.hint)
    return Check("Prometheus", Health.OK, "answers")


async def _pauses(session: Session) -> list[Check]:
    """What vops has paused: nobody else lets it go on again."""
    found = await standing_pauses(session)
    return [Check("GitOps", Health.WARNING, str(pause), pause.next_step) for pause in found]


async def _installed(session: Session, name: str, kind: Kind) -> Check:
    """Whether the API server serves a kind, and how many objects of it there are."""
    try:
        found = await session.cluster.list(kind, session.settings.namespace if kind.namespaced else "")
    except NotFound:
        return Check(name, Health.ABSENT, f"the cluster does not know {kind.plural}")
    except VopsError as error:
        return Check(name, Health.WARNING, one_line(error.message), error.hint)
    return Check(name, Health.OK, f"{len(found.items)} {kind.plural}")
