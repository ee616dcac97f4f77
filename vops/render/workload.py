"""One workload in words: its state, its rollout and revisions, its replicas, who scales it, and the way to it.

Lines of spans over facts; what was not read is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vops.diagnosis.facts import ScalerFacts, WorkloadFacts
from vops.diagnosis.services import target
from vops.model.network import Service, ServicePort
from vops.model.resources import Container, Workload
from vops.model.rollouts import bounds
from vops.model.serving import is_vllm_server
from vops.model.snapshot import Source
from vops.model.text import one_line
from vops.render import units
from vops.render.fleet_rows import ReplicaRow
from vops.render.scalers import obstacle
from vops.render.states import state_span
from vops.render.text import Line, Span, Tone, line

_REVISION = "deployment.kubernetes.io/revision"
_CAUSE = "kubernetes.io/change-cause"
MOST_REVISIONS = 8


def workload_sentence(workload: WorkloadFacts) -> Line:
    """Ready of desired, and whether that is what is wanted."""
    short = workload.ready < workload.desired
    tone = Tone.WARN if short else Tone.GOOD
    glyph = "▲" if short else "●"
    return line(
        Span(f"{glyph} {workload.ready} of {workload.desired} ready", tone),
        Span(f"  {workload.model}", Tone.STRONG),
        Span(f"  {workload.ref.kind.lower()} in {workload.namespace}", Tone.DIM),
    )


# --- rollout ----------------------------------------------------------------------------------------------


def rollout_lines(workload: WorkloadFacts) -> list[Line]:
    """Strategy and what it comes to, conditions, then the revisions, the newest first."""
    found = workload.workload
    lines = [*_strategy(workload), *_conditions(found)]
    revisions = sorted(workload.replicasets, key=_revision, reverse=True)
    if revisions:
        lines += [(), line(Span("revisions", Tone.DIM))]
        lines += [
            _revision_line(item, _revision(item) == _revision(revisions[0])) for item in revisions[:MOST_REVISIONS]
        ]
    elif found.status.update_revision:
        moving = found.status.current_revision != found.status.update_revision
        lines.append(line(Span("revision  ", Tone.DIM), found.status.update_revision, " rolling out" if moving else ""))
    return lines


def _strategy(workload: WorkloadFacts) -> Iterator[Line]:
    found, status = workload.workload, workload.workload.status
    strategy = found.spec.update_strategy if found.kind == "StatefulSet" else found.spec.strategy
    yield line(Span("strategy  ", Tone.DIM), strategy.type or "RollingUpdate", Span(_in_pods(workload), Tone.DIM))
    yield line(
        Span("updated   ", Tone.DIM), f"{status.updated_replicas} of {workload.desired}",
        Span(f"  available {status.available_replicas}", Tone.DIM),
    )  # fmt: skip
    if found.spec.paused:
        yield line(Span("▲ paused: nothing rolls out until it is resumed", Tone.WARN))
    if found.status.observed_generation < found.metadata.generation:
        yield line(Span("◐ its controller has not seen the newest change yet", Tone.ACCENT))


def _in_pods(workload: WorkloadFacts) -> str:
    if workload.ref.kind == "StatefulSet":
        return ""
    found = bounds(workload.workload.spec.strategy, workload.desired)
    if found is None:
        return "  all old pods stop before a new one starts"
    return f"  at most {found.surge} too many, {found.unavailable} too few"


def _conditions(found: Workload) -> Iterator[Line]:
    for condition in found.status.conditions:
        fails = condition.status == ("True" if condition.type == "ReplicaFailure" else "False")
        tone = Tone.WARN if fails else Tone.DIM
        said = one_line(f"{condition.reason}: {condition.message}", 200)
        yield line(Span(f"{'▲' if fails else '·'} {condition.type} {condition.status}  ", tone), Span(said, tone))


def _revision(item: Workload) -> int:
    text = item.metadata.annotations.get(_REVISION, "")
    return int(text) if text.isdecimal() else 0


def _revision_line(item: Workload, newest: bool) -> Line:
    container = server_of(item)
    image = container.image.rpartition("/")[2] if container else ""
    pods = f"{item.status.ready_replicas}/{item.status.replicas}" if item.status.replicas else ""
    cause = one_line(item.metadata.annotations.get(_CAUSE, ""), 80)
    return line(
        Span(f"  {_revision(item) or '–':>3}  ", Tone.STRONG if newest else Tone.DIM),
        Span(f"{pods:<6}", Tone.GOOD if pods else Tone.DIM), image, Span(f"  {cause}" if cause else "", Tone.DIM),
    )  # fmt: skip


def server_of(item: Workload) -> Container | None:
    """The container of a workload's template that runs vLLM."""
    return next((found for found in item.spec.template.spec.containers if is_vllm_server(found)), None)


# --- replicas ---------------------------------------------------------------------------------------------


def replica_lines(rows: Sequence[ReplicaRow]) -> list[Line]:
    """Each replica with its state, node and the numbers that tell it from the others."""
    if not rows:
        return [line(Span("no replicas", Tone.DIM))]
    return [_replica_line(row) for row in rows]


def _replica_line(row: ReplicaRow) -> Line:
    numbers = (
        f"run {units.count(row.running)}  wait {units.count(row.waiting)}  KV {units.percent(row.kv_usage)}"
        f"  TTFT95 {units.latency(row.ttft_p95_s)}"
    )
    told = row.complaint if row.running is None and row.note else numbers
    return line(
        Span(f"{row.pod}  ", Tone.STRONG), state_span(row.state), Span(f"  {row.node or '–'}  ", Tone.DIM),
        Span(one_line(told, 160), Tone.DIM if row.dim else Tone.PLAIN),
    )  # fmt: skip


# --- the way to it, and who scales it ---------------------------------------------------------------------


def way_lines(workload: WorkloadFacts) -> list[Line]:
    """Every Service that leads to it to the last hop, then its autoscalers."""
    return [*service_lines(workload), (), *scaler_lines(workload)]


def service_lines(workload: WorkloadFacts) -> list[Line]:
    """Service → port → target port → endpoints."""
    facts = workload.facts
    if not facts.snapshot.source(Source.SERVICES).usable:
        return [line(Span("Services were not read", Tone.DIM))]
    labels = workload.workload.spec.template.metadata.labels
    found = [item for item in facts.all(Service) if _leads(item, workload.namespace, labels)]
    if not found:
        return [line(Span("▲ no Service leads to it", Tone.WARN))]
    return [text for service in found for text in _service_lines(service, workload)]


def _leads(service: Service, namespace: str, labels: dict[str, str]) -> bool:
    selector = service.spec.selector
    return service.metadata.namespace == namespace and bool(selector) and selector.items() <= labels.items()


def _service_lines(service: Service, workload: WorkloadFacts) -> Iterator[Line]:
    yield line(Span(f"service/{service.metadata.name}", Tone.STRONG))
    for port in service.spec.ports:
        yield line(Span(f"  :{port.port} → ", Tone.DIM), _target_span(port, workload))
    slices = workload.facts.services.slices(service)
    if slices is None:
        yield line(Span("  endpoints were not read", Tone.DIM))
        return
    ready = sum(endpoint.is_ready for item in slices for endpoint in item.endpoints)
    total = sum(len(item.endpoints) for item in slices)
    yield line(Span(f"  {ready} of {total} endpoints ready", Tone.GOOD if ready else Tone.BAD))


def _target_span(port: ServicePort, workload: WorkloadFacts) -> Span:
    """Where a port leads, as far as a pod is there to ask."""
    named = str(port.target_port or port.port)
    replica = next(iter(workload.replicas), None)
    number = target(replica.pod, port) if replica is not None else None
    if replica is not None and number is None:
        return Span(f"✗ {named}: no container has a port of that name", Tone.BAD)
    return Span(f"{named} ({number})" if number is not None and named != str(number) else named)


def scaler_lines(workload: WorkloadFacts) -> list[Line]:
    """Who sets the number of replicas, from what to what, and what keeps them from it."""
    if not workload.scalers:
        return [line(Span("no autoscaler: replicas change only by hand", Tone.DIM))]
    return [text for scaler in workload.scalers for text in _scaler_lines(scaler)]


def _scaler_lines(scaler: ScalerFacts) -> Iterator[Line]:
    kind = "ScaledObject" if scaler.scaled_object is not None else "HorizontalPodAutoscaler"
    yield line(Span(f"{kind.lower()}/{scaler.name}", Tone.STRONG), Span(_range(scaler), Tone.DIM))
    hpa = scaler.hpa
    if hpa is not None:
        wants = units.count(hpa.status.desired_replicas)
        yield line(
            Span("  wants ", Tone.DIM),
            Span(wants),
            Span(f" of {units.count(hpa.status.current_replicas)} there are", Tone.DIM),
        )
    if why := obstacle(scaler):
        yield line(Span(f"  ▲ {why}", Tone.WARN))
    scaled = scaler.scaled_object
    for trigger in scaled.spec.triggers if scaled is not None else ():
        yield line(Span(f"  {trigger.type}  ", Tone.DIM), one_line(_asked(trigger.metadata), 200))


def _range(scaler: ScalerFacts) -> str:
    scaled, hpa = scaler.scaled_object, scaler.hpa
    if scaled is not None:
        low, high = scaled.spec.min_replica_count, scaled.spec.max_replica_count
        return f"  {0 if low is None else low} to {100 if high is None else high} replicas"
    return f"  {hpa.spec.min_replicas} to {hpa.spec.max_replicas} replicas" if hpa is not None else ""


def _asked(metadata: dict[str, str]) -> str:
    """The query and threshold of a trigger; never more of it, since the rest may name credentials."""
    threshold = metadata.get("threshold", "")
    return f"{metadata.get('query', '')}{f' · threshold {threshold}' if threshold else ''}".strip()


def rows_of(rows: Iterable[ReplicaRow], workload: WorkloadFacts) -> list[ReplicaRow]:
    """The rows of the workload's own replicas."""
    own = {replica.pod.metadata.uid for replica in workload.replicas}
    return [row for row in rows if row.uid in own]
