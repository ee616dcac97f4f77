"""GPU nodes have no DCGM exporter, although a DaemonSet is there for it.

What it finds
    A DaemonSet of a DCGM exporter whose pods the API server refuses (a critical priority class that only kube-system
    may use, PodSecurity), or that its controller leaves out of GPU nodes: for a taint that is not tolerated, or a node
    selector that does not match. Nodes that another exporter covers are not missed. Of an autoscaler that asks for GPU
    metrics and gets none, that this is why.

Why it matters
    A DaemonSet with 0 desired pods is healthy for Kubernetes, and nobody writes an event. The GPU metrics are simply
    not there, and whatever scales by them sees 0. The exporter's chart tolerates control planes only, and asks for
    system-node-critical.

Evidence
    Desired pods against the nodes with GPUs; for each node its taint or label; the refusal.

Fix
    `fix-dcgm-tolerations` for the taints of the GPU nodes, `fix-exporter-class` for a priority class that the
    namespace may not use; else by hand, at the DaemonSet. What PodSecurity forbids an exporter it needs (host paths,
    SYS_ADMIN), so that no change of the exporter helps: it belongs into a namespace that allows it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from vops.diagnosis import evidence, remedies
from vops.diagnosis.autoscaling import queries, scaling
from vops.diagnosis.facts import DaemonFacts, ScalerFacts
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.taints import tolerable
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import admission
from vops.model.resources import Event
from vops.model.snapshot import Source


@rule(cause="dcgm-exporter-failure", branch=Branch.CREATE, of=DaemonFacts, order=5)
def dcgm_exporter_refused(daemon: DaemonFacts) -> Verdict | None:
    if not daemon.exports_gpus or (daemon.desired and daemon.ready >= daemon.desired):
        return None
    event = next((item for item in reversed(daemon.events) if item.reason == "FailedCreate"), None)
    if event is None or len(daemon.pods) >= max(1, daemon.desired):
        return None
    seen = event.last_seen
    if seen is not None and daemon.facts.snapshot.at - seen > admission.RETRIED_WITHIN:
        return None
    return _refused(daemon, event)


def _refused(daemon: DaemonFacts, event: Event) -> Verdict:
    own_class = daemon.template.spec.priority_class_name
    name = own_class or "system-node-critical"
    critical = admission.PRIORITY_SCOPE.search(event.message) is not None
    steps: tuple[str, ...]
    if critical:
        why = f"the priority class {name} is not allowed in {daemon.namespace}"
        steps = (
            "Remove spec.template.spec.priorityClassName (priorityClassName: '' in the chart's values), or name a "
            "class of your own.",
            f"Or run it where the class is allowed: a ResourceQuota in {daemon.namespace} with scopeSelector "
            f"PriorityClass In [{name}] and hard pods: {max(1, daemon.desired, len(daemon.gpu_nodes))}.",
        )
    elif "PodSecurity" in event.message:
        why = f"PodSecurity of {daemon.namespace} forbids what it needs (host paths, SYS_ADMIN)"
        steps = ("Run it in a namespace of its own with the label pod-security.kubernetes.io/enforce=privileged.",)
    else:
        why, steps = "the API server takes none of its pods", ("Do what the message asks for, at the DaemonSet.",)
    return Verdict(
        summary=f"The DCGM exporter {daemon.name} has no pods: {why}",
        evidence=(_status(daemon), evidence.event(event)),
        confidence=Confidence.STRONG,
        fixes=(_let_be_made(daemon, steps, without_class=critical and bool(own_class)),),
    )


def _let_be_made(daemon: DaemonFacts, steps: tuple[str, ...], *, without_class: bool) -> Fix:
    """The runbook where taking its priority class away is enough: its pods can then be evicted before others."""
    if not without_class:
        return remedies.advice("Let its pods be made", edit(daemon), *steps)
    title = "Let its pods be made without a critical priority class"
    by_owner = "Where a Helm chart or an operator owns it, set priorityClassName: '' in its values."
    return remedies.of_object("fix-exporter-class", title, Applicability.ASK, daemon.ref, {}, (by_owner, steps[-1]))


@rule(cause="dcgm-exporter-failure", branch=Branch.CREATE, of=DaemonFacts, order=10)
def dcgm_exporter_absent(daemon: DaemonFacts) -> Verdict | None:
    if not daemon.exports_gpus:
        return None
    if not daemon.facts.snapshot.source(Source.NODES).usable:
        return _nowhere(daemon) if daemon.daemonset.status.desired_number_scheduled == 0 else None
    covered = _covered_by_others(daemon)
    missed = [fit for fit in daemon.kept_from if fit.name not in covered]
    if not missed:
        return None
    where = blockers.named(fit.name for fit in missed)
    none = len(missed) == len(daemon.gpu_nodes)
    return Verdict(
        summary=f"The DCGM exporter {daemon.name} is kept from {'every GPU node' if none else where}: "
        f"{_why(daemon, missed)}",
        evidence=(_status(daemon), *(_reason(daemon, fit) for fit in missed[: blockers.NODES_SHOWN])),
        confidence=Confidence.CERTAIN if not daemon.desired or not none else Confidence.PROBABLE,
        severity=Severity.ERROR if none else Severity.WARNING,
        fixes=(_fix(daemon, missed),),
    )


@rule(cause="dcgm-exporter-failure", branch=Branch.CREATE, of=DaemonFacts, order=12)
def dcgm_exporter_not_ready(daemon: DaemonFacts) -> Verdict | None:
    """An exporter of whose pods nothing is known but that they are not ready."""
    if not daemon.exports_gpus or daemon.pods or daemon.ready >= daemon.desired or daemon.facts.snapshot.pods:
        return None
    of = f"kubectl -n {daemon.namespace or 'gpu-operator'}"
    return Verdict(
        summary=f"The DCGM exporter {daemon.name} is ready on {daemon.ready} of {daemon.desired} nodes",
        evidence=(
            _status(daemon),
            Evidence("daemonset", f"{daemon.name} status.numberReady", str(daemon.ready), str(daemon.desired)),
        ),
        confidence=Confidence.POSSIBLE,
        severity=Severity.WARNING,
        fixes=(
            remedies.advice(
                "See why its pods are not ready",
                f"{of} get pods -o wide | grep {daemon.name}",
                f"{of} logs daemonset/{daemon.name} --previous  (DCGM or the driver that does not start, memory, a "
                "probe)",
            ),
        ),
    )


@rule(
    cause="dcgm-exporter-failure",
    branch=Branch.SCALE,
    of=ScalerFacts,
    explains={"autoscaler-no-metric", "metric-labels-lost"},
    order=15,
)
def dcgm_exporter_blinds(scaler: ScalerFacts) -> Verdict | None:
    """An autoscaler that follows GPU metrics which nobody takes: it reports to be well, and stays where it is."""
    blind = next((item for item in scaling.signals(scaler) if _of_gpus(item) and not _has_answer(scaler, item)), None)
    if blind is None:
        return None
    ways = (dcgm_exporter_refused, dcgm_exporter_absent)
    found = (way.check(daemon) for daemon in scaler.facts.daemons for way in ways)
    verdict = next((said for said in found if said is not None and said.severity is Severity.ERROR), None)
    if verdict is None:
        return None
    empty = scaling.is_empty(scaling.answer(scaler, blind.query))
    return msgspec.structs.replace(
        verdict,
        summary=f"{scaling.named(scaler)} follows GPU metrics that nobody takes, and stays at "
        f"{scaling.least_replicas(scaler)}. {verdict.summary}",
        evidence=(
            scaling.field_of(scaler, f"spec.triggers[{blind.trigger}].metadata.query", blind.query),
            *((Evidence("prometheus", blind.query, "no series", "one series"),) if empty else ()),
            *verdict.evidence,
        ),
        confidence=verdict.confidence if empty else Confidence.PROBABLE,
    )


def _of_gpus(signal: scaling.Signal) -> bool:
    return any(name.lower().startswith("dcgm") for name in queries.metrics(signal.query))


def _has_answer(scaler: ScalerFacts, signal: scaling.Signal) -> bool:
    found = scaling.answer(scaler, signal.query)
    return found is not None and bool(found.series)


def _nowhere(daemon: DaemonFacts) -> Verdict:
    """Without the nodes it cannot be told whether there is a GPU that it should watch."""
    return Verdict(
        summary=f"The DCGM exporter {daemon.name} belongs on no node; the nodes were not read, so that its node "
        "selector or a taint that it does not tolerate may be why",
        evidence=(_status(daemon), *_own_terms(daemon)),
        confidence=Confidence.POSSIBLE,
        severity=Severity.WARNING,
        fixes=(
            remedies.advice(
                "Compare the exporter with the GPU nodes",
                "kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints,GPUS:.status.capacity",
                f"Give it a toleration for each taint of the GPU nodes. {edit(daemon)}",
            ),
        ),
    )


def _own_terms(daemon: DaemonFacts) -> tuple[Evidence, ...]:
    spec = daemon.template.spec
    selector = ", ".join(f"{key}={value}" for key, value in spec.node_selector.items()) or "none"
    tolerated = ", ".join(item.key or "everything" for item in spec.tolerations) or "nothing"
    path = f"{daemon.name} spec.template.spec"
    return (
        Evidence("daemonset", f"{path}.nodeSelector", selector),
        Evidence("daemonset", f"{path}.tolerations", tolerated),
    )


def _covered_by_others(daemon: DaemonFacts) -> frozenset[str]:
    """The GPU nodes that the pods of another exporter are on, or may go to."""
    others = [item for item in daemon.facts.daemons if item.ref != daemon.ref and item.desired]
    kept = {item.ref: {fit.name for fit in item.kept_from} for item in others}
    names = {node.metadata.name for node in daemon.gpu_nodes}
    return frozenset(name for name in names for item in others if name not in kept[item.ref])


def _status(daemon: DaemonFacts) -> Evidence:
    gpus = len(daemon.gpu_nodes)
    return Evidence(
        "daemonset",
        f"{daemon.name} status.desiredNumberScheduled",
        str(daemon.desired),
        f"{gpus}, the nodes with GPUs" if gpus else "",
    )


def _why(daemon: DaemonFacts, missed: Sequence[NodeFit]) -> str:
    tainted = sorted({taint.key for fit in missed for taint in daemon.taints(fit)})
    selected = sorted({item.key for fit in missed for item in fit.mismatches})
    taints = f"it does not tolerate the taint {', '.join(tainted)}" if tainted else ""
    labels = f"its node selector asks for {', '.join(selected)}" if selected else ""
    return " and ".join(filter(None, (taints, labels)))


def _reason(daemon: DaemonFacts, fit: NodeFit) -> Evidence:
    taints = [f"{taint.key}={taint.value}:{taint.effect}" for taint in daemon.taints(fit)]
    if taints:
        return evidence.node_field(fit.node, "spec.taints", ", ".join(taints), "tolerated")
    lacks = [f"{item.key} is {item.has or 'not there'}" for item in fit.mismatches]
    wanted = ", ".join(f"{item.key}={item.wanted}" for item in fit.mismatches)
    return evidence.node_field(fit.node, "metadata.labels", ", ".join(lacks), wanted)


def _fix(daemon: DaemonFacts, missed: Sequence[NodeFit]) -> Fix:
    taints = {(item.key, item.effect) for fit in missed for item in daemon.taints(fit) if tolerable(item)}
    steps, title = [], "Let the exporter onto the GPU nodes"
    if taints:
        more = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in sorted(taints)]
        by_owner = "Where a Helm chart or an operator owns it, set the same tolerations in its values."
        if not any(fit.mismatches for fit in missed):
            return remedies.of_object(
                "fix-dcgm-tolerations", title, Applicability.ASK, daemon.ref, {"tolerations": more}, (by_owner,)
            )
        own = [_as_document(item) for item in daemon.template.spec.tolerations]
        patch = json.dumps([{"op": "add", "path": "/spec/template/spec/tolerations", "value": own + more}])
        steps.append(f"kubectl -n {daemon.namespace} patch daemonset {daemon.name} --type=json -p '{patch}'")
        steps.append(by_owner)
    if any(fit.mismatches for fit in missed):
        item = next(item for fit in missed for item in fit.mismatches)
        steps.append(
            f"Take {item.key} out of its node selector, or label the nodes: kubectl label node {missed[0].name} "
            f"{item.key}={item.wanted}"
        )
    return remedies.advice(title, *(steps or [edit(daemon)]))


def _as_document(item: object) -> dict[str, object]:
    names = {"key": "key", "operator": "operator", "value": "value", "effect": "effect"}
    return {name: value for name, at in names.items() if (value := getattr(item, at))}


def edit(daemon: DaemonFacts) -> str:
    """Where to change it."""
    return f"Edit it: kubectl -n {daemon.namespace} edit daemonset/{daemon.name}"
