"""One replica has a queue while another of the same workload has room.

What it finds
    A replica at which 5 or more requests wait at both of two scrapes, with at least three times the load of the median
    of its siblings, while a sibling that has been ready for two minutes has nobody waiting and at most half as many
    running. A skew without a queue costs nothing, and is what routing by prefix is meant to make.

Why it matters
    Clients wait for GPUs that stand idle. More replicas do not help: the new ones get no requests either.

Evidence
    Running and waiting requests of each replica at both scrapes, and the Service's session affinity.

Fix
    By hand: what spreads the requests. A Service balances connections, not requests: clients that keep theirs open stay
    with their pod.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import median

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica, WorkloadFacts
from vops.diagnosis.findings import Confidence, Evidence, Severity
from vops.diagnosis.placement import blockers
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.serving.queue_saturated import QUEUE
from vops.diagnosis.serving import load
from vops.diagnosis.serving.load import Window
from vops.diagnosis.states import ReplicaState, started_at
from vops.model.snapshot import Source

_TIMES = 3
_SETTLED = timedelta(minutes=2)
Loaded = tuple[Replica, Window]


@rule(
    cause="replica-imbalance",
    branch=Branch.TRAFFIC,
    of=WorkloadFacts,
    needs={Source.METRICS},
    explains={"queue-saturated"},
    order=50,
)
def replica_imbalance(workload: WorkloadFacts) -> Verdict | None:
    known = [(replica, found) for replica in workload.replicas if (found := _window(replica)) is not None]
    if len(known) < 2:
        return None
    hot = max(known, key=lambda entry: (entry[1].waiting, entry[1].load))
    others = [entry for entry in known if entry[0] is not hot[0]]
    idle = [entry for entry in others if _has_room(entry, hot[1])]
    usual = median(found.load for _, found in others)
    if hot[1].waiting < QUEUE or not idle or hot[1].load < _TIMES * max(usual, 1.0):
        return None
    return _says(workload, hot, idle)


def _window(replica: Replica) -> Window | None:
    return load.window(replica) if replica.state is ReplicaState.READY else None


def _has_room(entry: Loaded, hot: Window) -> bool:
    replica, found = entry
    started = started_at(replica)
    settled = started is None or replica.facts.snapshot.at - started >= _SETTLED
    most = max(found.earlier.running or 0.0, found.latest.running or 0.0)
    quiet = not found.earlier.waiting and not found.latest.waiting
    return settled and quiet and most <= hot.running / 2


def _says(workload: WorkloadFacts, hot: Loaded, idle: Sequence[Loaded]) -> Verdict:
    names = blockers.named(replica.name for replica, _ in idle)
    sticky = [item for item in workload.facts.services.of(hot[0].pod) if item.spec.session_affinity == "ClientIP"]
    shown = tuple(_numbers(*entry) for entry in (hot, *idle[: blockers.NODES_SHOWN]))
    affinity = tuple(Evidence("service", f"{item.metadata.name} spec.sessionAffinity", "ClientIP") for item in sticky)
    why = f": Service {sticky[0].metadata.name} keeps each client at one pod" if sticky else ""
    first = (
        f"Set spec.sessionAffinity: None on Service {sticky[0].metadata.name}."
        if sticky
        else "Let clients open more connections, or close them now and then: a Service balances connections."
    )
    return Verdict(
        summary=f"{hot[1].waiting:.0f} or more requests wait at {hot[0].name} while {names} "
        f"{'has' if len(idle) == 1 else 'have'} room{why}",
        evidence=(*shown, *affinity),
        confidence=Confidence.STRONG,
        severity=Severity.WARNING,
        fixes=(
            remedies.advice(
                "Spread the requests over the replicas",
                first,
                "Or put a router in front that knows the queues (Gateway API inference extension, vLLM's router).",
            ),
        ),
    )


def _numbers(replica: Replica, found: Window) -> Evidence:
    words = f"running {load.both(found, 'running')}; waiting {load.both(found, 'waiting')}"
    return load.scraped(found, f"{replica.name} requests", words)
