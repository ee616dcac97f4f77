"""Rules about other pods keep this one away: inter-pod affinity, anti-affinity or topology spread.

What it finds
    A node has room and passes every filter that vops recomputes, and the scheduler names affinity or spread.

Why it matters
    One replica per node with anti-affinity needs as many nodes as replicas, also for the extra pod of a rolling update.

Evidence
    The scheduler's own words and the pod's constraints. vops does not recompute these, so it is probable at most.

Fix
    By hand: prefer instead of require, or allow one pod fewer during updates.
"""

from __future__ import annotations

from vops.diagnosis import blockers, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.scheduler_text import Obstacle
from vops.model.snapshot import Source


@rule(cause="spread-or-affinity", branch=Branch.SCHEDULE, needs={Source.NODES}, order=45)
def spread_or_affinity(replica: Replica) -> Verdict | None:
    placement = replica.placement
    said = placement.scheduler
    roomy = [fit for fit in placement.fits if not fit.obstacles]
    if said is None or not roomy:
        return None
    kinds = [kind for kind in (Obstacle.POD_AFFINITY, Obstacle.SPREAD, Obstacle.PORTS) if said.says(kind)]
    if not kinds:
        return None
    return Verdict(
        summary=f"{replica.name} is kept away from {blockers.nodes_in_words(roomy)} by {' and '.join(kinds)}",
        evidence=blockers.scheduled_by(replica),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.by_steps(
                replica,
                "Loosen the constraint",
                (
                    "Use preferredDuringSchedulingIgnoredDuringExecution, or whenUnsatisfiable: ScheduleAnyway.",
                    "Or set maxSurge 0 so that an update needs no node more than there are replicas.",
                ),
            ),
        ),
    )
