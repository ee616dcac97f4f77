"""One server, or one engine of it, has a long queue while another has room, at the only moment that was kept.

What it finds
    Twenty requests or more that wait at one server, while another one that serves the same has nobody waiting and at
    most half as many running: by one scrape of each, or the newest statistics of each log. Or the same of the
    data-parallel engines of one server, where one may also have most of what runs while half of them have nothing.
    Two scrapes tell more, and replica-imbalance asks for those.

Why it matters
    Clients wait for GPUs that stand idle.

Evidence
    What runs and waits at each.

Fix
    By hand: what spreads the requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vops.diagnosis import remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence, Severity
from vops.diagnosis.placement import blockers
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.serving import moments
from vops.diagnosis.serving.moments import Moment

_QUEUE = 20
_OVER_REPLICAS = (
    "Let clients open more connections, or close them now and then: a Service balances connections.",
    "Or put a router in front that knows the queues (Gateway API inference extension, vLLM's router).",
)
_OVER_ENGINES = (
    "Use a version of vLLM in which the front end knows the engines' queues (mended several times since 0.10), or let "
    "each engine have a port of its own (--data-parallel-external-lb) behind a router that knows the queues.",
    "Long prompts count as one request each: keep those apart, or lower --max-num-seqs so that no engine hoards.",
)


@rule(cause="replica-imbalance", branch=Branch.TRAFFIC, explains={"queue-saturated"}, order=51)
def replica_imbalance_at_once(replica: Replica) -> Verdict | None:
    own = moments.moment(replica)
    if own is None or own.waiting < _QUEUE:
        return None
    idle = _with_room(own, moments.siblings(replica))
    return _says(own, idle, "replicas", _OVER_REPLICAS) if idle else None


@rule(cause="replica-imbalance", branch=Branch.TRAFFIC, explains={"queue-saturated"}, order=52)
def engines_imbalance(replica: Replica) -> Verdict | None:
    known = moments.engines(replica)
    hot = max(known, key=lambda item: (item.waiting, item.running), default=None)
    if hot is None or (hot.waiting < _QUEUE and not _hoards(hot, known)):
        return None
    idle = _with_room(hot, known)
    return _says(hot, idle, "engines", _OVER_ENGINES) if idle else None


def _hoards(hot: Moment, known: Sequence[Moment]) -> bool:
    """Whether an engine has most of all that runs while half of the others have nothing, although none of it waits."""
    others = [item for item in known if item is not hot]
    empty = sum(not item.running for item in others)
    return (
        hot.running >= _QUEUE and 2 * empty >= len(others) and 2 * sum(item.running for item in others) <= hot.running
    )


def _with_room(hot: Moment, others: Iterable[Moment]) -> list[Moment]:
    return [item for item in others if not item.waiting and item.running <= hot.running / 2]


def _says(hot: Moment, idle: Sequence[Moment], over: str, steps: tuple[str, ...]) -> Verdict:
    names = blockers.named(item.name for item in idle)
    what = f"{hot.waiting:g} requests wait" if hot.waiting else f"{hot.running:g} requests run"
    return Verdict(
        summary=f"{what} at {hot.name} while {names} {'has' if len(idle) == 1 else 'have'} room",
        evidence=tuple(
            Evidence("metrics", f"{item.name} requests", item.words) for item in (hot, *idle[: blockers.NODES_SHOWN])
        ),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(remedies.advice(f"Spread the requests over the {over}", *steps),),
    )
