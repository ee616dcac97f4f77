"""Every node with enough GPUs has a taint that the pod does not tolerate.

What it finds
    The nodes that could take the pod keep it out by taints. All taints of a node count, not only the first, which is
    all that the scheduler's message ever named; since Kubernetes 1.35 it names none.

Why it matters
    GPU nodes are tainted so that nothing else lands on them. Without the toleration the pod waits for ever, and no
    autoscaler helps: a new node would have the same taint.

Evidence
    Node.spec.taints against Pod.spec.tolerations, every other filter recomputed, and the scheduler's own words.

Fix
    `fix-untolerated-taint` adds exactly the tolerations that the nearest node needs. Taints that mark a node as broken,
    leaving or reclaimable (not-ready, scale-down, spot) are never tolerated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Evidence, Fix
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.taints import tolerable
from vops.diagnosis.placement.recompute import NodeFit, Placement
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.resources import Taint
from vops.model.snapshot import Source

_ROLE = "node-role.kubernetes.io/"
"""Taints of nodes that run the cluster itself: in a cluster of one node a server may well go there."""


@rule(
    cause="untolerated-taint", branch=Branch.SCHEDULE, needs={Source.NODES}, explains={"autoscaler-no-match"}, order=20
)
def untolerated_taint(replica: Replica) -> Verdict | None:
    placement = replica.placement
    tainted = tuple(fit for fit in placement.nearest if fit.taints and not fit.unavailable)
    if placement.allowed or not tainted:
        return None
    chosen = _cheapest(tainted)
    taints = ", ".join(in_words(taint) for taint in chosen)
    return Verdict(
        summary=f"{replica.name} does not tolerate {taints} of {blockers.nodes_in_words(tainted)}",
        evidence=(*_node_evidence(tainted), _tolerations(replica, chosen), *blockers.scheduled_by(replica)),
        confidence=blockers.confidence(placement, Obstacle.TAINT, tainted),
        fixes=(_fix(replica, chosen),),
    )


def in_words(taint: Taint) -> str:
    """A taint as kubectl writes it."""
    value = f"={taint.value}" if taint.value else ""
    return f"{taint.key}{value}:{taint.effect}"


def toleration(taint: Taint, placement: Placement) -> dict[str, str]:
    """What tolerates exactly this taint.

    Where the taint's key is the resource that the pod asks for, any value will do, as Kubernetes' own
    ExtendedResourceToleration has it; a taint such as `dedicated=training` is tolerated with its value only.
    """
    if not taint.value or taint.key in placement.wanted or taint.key.split("/")[0] == _vendor(placement):
        return {"key": taint.key, "operator": "Exists", "effect": taint.effect}
    return {"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect}


def _vendor(placement: Placement) -> str:
    return placement.gpu_resource.split("/")[0] or "?"


def _cheapest(tainted: Sequence[NodeFit]) -> tuple[Taint, ...]:
    """The smallest set of taints that opens a node; among equal ones the set that most nodes have."""
    sets = Counter(fit.taints for fit in tainted)
    return min(sets, key=lambda taints: (len(taints), -sets[taints], taints[0].key))


def _node_evidence(tainted: Sequence[NodeFit]) -> tuple[Evidence, ...]:
    shown = tainted[: blockers.NODES_SHOWN]
    return tuple(
        evidence.node_field(fit.node, "spec.taints", ", ".join(in_words(taint) for taint in fit.taints))
        for fit in shown
    )


def _tolerations(replica: Replica, taints: Sequence[Taint]) -> Evidence:
    has = ", ".join(item.key or "everything" for item in replica.pod.spec.tolerations) or "none"
    return evidence.pod_field("spec.tolerations", has, expected=", ".join(in_words(taint) for taint in taints))


def _fix(replica: Replica, taints: Sequence[Taint]) -> Fix:
    forbidden = [in_words(taint) for taint in taints if not tolerable(taint)]
    if forbidden:
        return remedies.advice(
            "Decide whether this pod may run there",
            f"{', '.join(forbidden)} marks nodes that are broken, leaving or may be reclaimed at any time; vops never "
            "tolerates it for you. Use other nodes, or add the toleration knowingly.",
        )
    wanted = [toleration(taint, replica.placement) for taint in taints]
    title = f"Tolerate {', '.join(in_words(taint) for taint in taints)}"
    of_cluster = any(taint.key.startswith(_ROLE) for taint in taints)
    return remedies.runbook(
        replica,
        "fix-untolerated-taint",
        title,
        Applicability.ASK if of_cluster else Applicability.SAFE,
        {"tolerations": wanted},
        by_hand=(f"Add to spec.tolerations: {msgspec.json.encode(wanted).decode()}",),
    )
