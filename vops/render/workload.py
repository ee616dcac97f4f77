"""One workload in words: its state, its rollout and revisions, its replicas, who scales it, the way to it, its budget.

Lines of spans over facts; what was not read is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from vops.diagnosis.autoscaling import scaling
from vops.diagnosis.ending import budgets
from vops.diagnosis.facts import Facts, ScalerFacts, WorkloadFacts
from vops.diagnosis.network.services import target
from vops.model.configuration import ControllerRevision
from vops.model.disruption import PodDisruptionBudget
from vops.model.network import Endpoint, Service, ServicePort
from vops.model.objects import Meta
from vops.model.pods import Pod
from vops.model.resources import Workload
from vops.model.rollouts import bounds
from vops.model.scaling import HorizontalPodAutoscaler
from vops.model.snapshot import Source
from vops.model.text import one_line
from vops.render import units
from vops.render.fleet_rows import ReplicaRow
from vops.render.revisions import revision_lines, template_lines
from vops.render.scalers import obstacle
from vops.render.states import state_span
from vops.render.text import Line, Span, Tone, cell_width, fit, line

MOST_HOPS = 6


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


def rollout_lines(workload: WorkloadFacts, templates: Sequence[ControllerRevision] = ()) -> list[Line]:
    """Strategy and what it comes to, conditions, then the revisions, the newest first.

    `templates` are those of a StatefulSet, where they were read.
    """
    found = workload.workload
    lines = [*_strategy(workload), *_conditions(found)]
    if revisions := workload.replicasets:
        lines += [(), line(Span("revisions", Tone.DIM)), *revision_lines(revisions)]
    elif templates:
        told = template_lines(templates, found.status.current_revision, found.status.update_revision)
        lines += [(), line(Span("revisions", Tone.DIM)), *told]
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


# --- replicas ---------------------------------------------------------------------------------------------


def replica_lines(rows: Sequence[ReplicaRow], width: int) -> list[Line]:
    """Each replica with its state and node, and beside or below that the numbers that tell it from the others."""
    if not rows:
        return [line(Span("no replicas", Tone.DIM))]
    name, state, node = (max(map(cell_width, texts)) for texts in zip(*map(_head_texts, rows), strict=True))
    found: list[Line] = []
    for row in rows:
        span = state_span(row.state)
        head = line(
            Span(f"{fit(row.pod, name)}  ", Tone.STRONG), Span(fit(span.text, state), span.tone),
            Span(f"  {fit(row.node or units.UNKNOWN, node)}  ", Tone.DIM),
        )  # fmt: skip
        told = Span(_told(row), Tone.DIM if row.dim else Tone.PLAIN)
        room = width - name - state - node - 6
        found += [(*head, told)] if cell_width(told.text) <= room else [head, line("  ", told)]
    return found


def _head_texts(row: ReplicaRow) -> tuple[str, str, str]:
    return row.pod, state_span(row.state).text, row.node or units.UNKNOWN


def _told(row: ReplicaRow) -> str:
    """Why it does not serve; of one that does, its numbers."""
    if row.running is None and row.note:
        return one_line(row.complaint, 400)
    return (
        f"run {units.count(row.running)}  wait {units.count(row.waiting)}  KV {units.percent(row.kv_usage)}"
        f"  TTFT95 {units.latency(row.ttft_p95_s)}"
    )


# --- the way to it, and who scales it ---------------------------------------------------------------------


def way_lines(workload: WorkloadFacts) -> list[Line]:
    """Every Service that leads to it to the last hop, then who sets its number, then what keeps pods from eviction."""
    return [*service_lines(workload), (), *scaler_lines(workload), (), *budget_lines(workload)]


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
    hops = [endpoint for item in slices for endpoint in item.endpoints]
    yield from (_hop_line(endpoint) for endpoint in hops[:MOST_HOPS])
    if len(hops) > MOST_HOPS:
        yield line(Span(f"    … {len(hops) - MOST_HOPS} more", Tone.DIM))


def _hop_line(endpoint: Endpoint) -> Line:
    """The last hop: a pod, its address, and whether requests are sent there."""
    glyph, tone, word = ("●", Tone.GOOD, "ready") if endpoint.is_ready else ("✗", Tone.BAD, "gets no requests")
    if endpoint.conditions.terminating:
        glyph, tone, word = "↓", Tone.DIM, "terminating"
    name = str(endpoint.target_ref.get("name") or "")
    return line(
        Span(f"    {glyph} ", tone), Span(one_line(name or "no pod", 80)),
        Span(f"  {', '.join(endpoint.addresses[:2])}  {word}", Tone.DIM),
    )  # fmt: skip


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
    if scaler.hpa is not None:
        yield from _wish_lines(scaler, scaler.hpa)
    if why := obstacle(scaler):
        yield line(Span(f"  ▲ {why}", Tone.WARN))
    for signal in scaling.signals(scaler):
        yield from _signal_lines(scaler, signal)
    if scaler.hpa is not None:
        yield line(Span(f"  {_pace(scaler.hpa, scaler.facts.snapshot.at)}", Tone.DIM))


def _wish_lines(scaler: ScalerFacts, hpa: HorizontalPodAutoscaler) -> Iterator[Line]:
    """How many it wants, and how many there are."""
    yield line(
        Span("  wants ", Tone.DIM),
        Span(units.count(hpa.status.desired_replicas)),
        Span(f" of {units.count(hpa.status.current_replicas)} there are", Tone.DIM),
        Span(f", {scaler.workload.ready} ready" if scaler.workload is not None else "", Tone.DIM),
    )


def _signal_lines(scaler: ScalerFacts, signal: scaling.Signal) -> Iterator[Line]:
    """One metric: its arithmetic, what that asks for, and the query behind it."""
    replicas = scaler.hpa.status.current_replicas if scaler.hpa is not None else 0
    asks = signal.wanted(replicas)
    most = scaling.most_replicas(scaler)
    said = f" → asks for {asks}" + (f", gets {most}" if asks > most else "") if asks is not None else ""
    known = signal.current is not None
    target = f", its target is {signal.target:g}" if not known and signal.target is not None else ""
    yield line(
        Span("  · " if known else "  ▲ ", Tone.DIM if known else Tone.WARN),
        Span(one_line(scaling.in_words(signal, replicas) + target, 160), Tone.PLAIN if known else Tone.WARN),
        Span(said, Tone.STRONG),
    )
    if signal.query:
        yield line(Span(f"    {one_line(signal.query, 200)}", Tone.DIM))


_STABILISATION_S = 300
"""How long the HPA controller remembers a higher wish before it scales down, unless told otherwise."""


def _pace(hpa: HorizontalPodAutoscaler, now: datetime) -> str:
    """When it scaled last, and how long it waits before it scales down."""
    since = units.age_s(hpa.status.last_scale_time, now)
    down = hpa.spec.behavior.get("scaleDown") or {}
    waits = down.get("stabilizationWindowSeconds")
    waits_s = waits if isinstance(waits, int) else _STABILISATION_S
    last = "it has not scaled yet" if since is None else f"scaled last {units.duration(since)} ago"
    return f"{last}; scales down after {units.duration(waits_s)} of less"


def _range(scaler: ScalerFacts) -> str:
    scaled, hpa = scaler.scaled_object, scaler.hpa
    if scaled is not None:
        low, high = scaled.spec.min_replica_count, scaled.spec.max_replica_count
        return f"  {0 if low is None else low} to {100 if high is None else high} replicas"
    return f"  {hpa.spec.min_replicas} to {hpa.spec.max_replicas} replicas" if hpa is not None else ""


# --- what keeps pods from eviction ------------------------------------------------------------------------


def budget_lines(workload: WorkloadFacts) -> list[Line]:
    """Each PodDisruptionBudget that holds its pods: what it asks for, and how many may be evicted now."""
    facts = workload.facts
    if not facts.snapshot.source(Source.DISRUPTION_BUDGETS).usable:
        return [line(Span("PodDisruptionBudgets were not read", Tone.DIM))]
    template = Pod(Meta(namespace=workload.namespace, labels=workload.workload.spec.template.metadata.labels))
    found = budgets.budgets_of(template, facts.all(PodDisruptionBudget))
    if not found:
        return [line(Span("no PodDisruptionBudget: a drain may evict all of them at once", Tone.DIM))]
    return [text for item in found for text in _budget_lines(item, facts)]


def _budget_lines(item: PodDisruptionBudget, facts: Facts) -> Iterator[Line]:
    yield line(
        Span(f"poddisruptionbudget/{item.metadata.name}", Tone.STRONG), Span(f"  {budgets.asked(item)}", Tone.DIM)
    )
    number = budgets.allowed(item, facts.snapshot.pods)
    if number:
        yield line(Span(f"  allows {number} eviction{'s' if number > 1 else ''} now"))
    else:
        yield line(Span("  ▲ allows no eviction now: a drain waits", Tone.WARN))


def rows_of(rows: Iterable[ReplicaRow], workload: WorkloadFacts) -> list[ReplicaRow]:
    """The rows of the workload's own replicas."""
    own = {replica.pod.metadata.uid for replica in workload.replicas}
    return [row for row in rows if row.uid in own]
