"""Servers that span pods, and pods that serve one model in roles, as one row each with the worst of them named.

A group is a LeaderWorkerSet's group, a Ray cluster, or a workload whose members are ranks of one engine (`--headless`,
`--node-rank`); prefill and decode servers of one model are a group as well. A rank that hangs looks healthy by itself.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from vops.diagnosis.facts import Facts, Replica
from vops.model.known import known, mean, total
from vops.model.pods import Pod
from vops.model.serving import EngineArgs
from vops.render.fleet_rows import ReplicaRow
from vops.render.states import urgency

LWS = "leaderworkerset.sigs.k8s.io/"
RAY_CLUSTER, RAY_TYPE = "ray.io/cluster", "ray.io/node-type"
ROLE, MODEL = "llm-d.ai/role", "llm-d.ai/model"
_OF_RANKS = frozenset({"node-rank", "data-parallel-address"})
_ORDINAL = re.compile(r"-(\d+)$", re.ASCII)


class Place(NamedTuple):
    """Where a pod stands in a group: the group's name, its role and its rank there."""

    group: str
    role: str = ""
    rank: int | None = None


def place_of(pod: Pod, args: EngineArgs | None, owner: str) -> Place | None:
    """The group of a pod, by what its labels and its command line say; None for a server that stands alone."""
    labels = pod.metadata.labels
    if name := labels.get(LWS + "name"):
        rank = _count(labels.get(LWS + "worker-index", ""))
        group = f"{name}/{labels.get(LWS + 'group-index', '0')}"
        return Place(group, "leader" if rank == 0 else "worker", rank)
    if name := labels.get(RAY_CLUSTER):
        return Place(name, labels.get(RAY_TYPE, ""))
    if labels.get(ROLE) in ("prefill", "decode"):
        return Place(labels.get(MODEL) or (args.name if args else "") or owner, labels[ROLE])
    if args is not None and _is_rank(args):
        return Place(owner, "worker" if args.headless else "leader", _rank(pod, args))
    return None


def _is_rank(args: EngineArgs) -> bool:
    """Whether a server is a part of one that spans pods."""
    return args.headless or any(flag.name in _OF_RANKS for flag in args.raw)


def _rank(pod: Pod, args: EngineArgs) -> int | None:
    given = next((found for flag in ("node-rank", "data-parallel-rank") if (found := args.location(flag))), None)
    if given is not None and (rank := _count(given.value or "")) is not None:
        return rank
    ordinal = _ORDINAL.search(pod.metadata.name)
    return int(ordinal[1]) if ordinal else None


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def other_ranks(facts: Facts) -> tuple[Replica, ...]:
    """The pods that run no server of their own and belong to a group that does."""
    served = {key for replica in facts.replicas if (key := _labelled(replica.pod))}
    if not served:
        return ()
    servers = {replica.pod.metadata.uid for replica in facts.replicas}
    found = (pod for pod in facts.snapshot.pods if pod.metadata.uid not in servers and _labelled(pod) in served)
    return tuple(replica for pod in found if (replica := facts.replica_of_pod(pod)) is not None)


def _labelled(pod: Pod) -> tuple[str, str, str] | None:
    """The group that labels alone tell of."""
    labels = pod.metadata.labels
    if name := labels.get(LWS + "name"):
        return pod.metadata.namespace, name, labels.get(LWS + "group-index", "0")
    return (pod.metadata.namespace, labels[RAY_CLUSTER], "") if labels.get(RAY_CLUSTER) else None


# --- folding ----------------------------------------------------------------------------------------------


def folded(rows: Iterable[ReplicaRow]) -> list[ReplicaRow]:
    """`rows` with every group of several as one row, in the order of their first members."""
    groups: dict[str, list[ReplicaRow]] = defaultdict(list)
    for row in rows:
        groups[f"{row.namespace}/{row.group}" if row.group else row.key].append(row)
    return [members[0] if len(members) == 1 else fold(key, members) for key, members in groups.items()]


def fold(key: str, members: Sequence[ReplicaRow]) -> ReplicaRow:
    """One row for a group: sums of what adds up, the worst of what does not, and the worst member named."""
    worst = min(members, key=lambda row: (urgency(row.state), not row.odd, -(row.ttft_p95_s or 0.0)))
    alike = all(row.state is worst.state and not row.odd for row in members)
    named = "" if alike else f"{member_name(worst)}: {worst.complaint or worst.odd or worst.state}"
    return replace(
        worst,
        folded=f"group:{key}",
        ranks=len(members),
        roles=_roles(members),
        worst=named,
        model=next((row.model for row in members if row.model), ""),
        note=named or worst.note,
        cause="" if named else worst.cause,
        node=worst.node if not alike else _one([row.node for row in members]),
        gpu=_one([row.gpu for row in members if row.gpu]),
        gpu_count=sum(row.gpu_count for row in members),
        gpu_util=mean([row.gpu_util for row in members]),
        kv_usage=max(known([row.kv_usage for row in members]), default=None),
        running=total([row.running for row in members]),
        waiting=total([row.waiting for row in members]),
        tokens_per_s=total([row.tokens_per_s for row in members]),
        ttft_p50_s=max(known([row.ttft_p50_s for row in members]), default=None),
        ttft_p95_s=max(known([row.ttft_p95_s for row in members]), default=None),
        preemptions=total([row.preemptions for row in members]),
        restarts=sum(row.restarts for row in members),
        age_s=min(known([row.age_s for row in members]), default=None),
        stale=any(row.stale for row in members),
    )


def member_name(row: ReplicaRow) -> str:
    """A member as people speak of it: `rank 3`, `decode b8v5r`, or the pod's name."""
    if row.rank is not None:
        return f"rank {row.rank}"
    return f"{row.role} {row.pod.rpartition('-')[2]}" if row.role else row.pod


def _roles(members: Sequence[ReplicaRow]) -> str:
    """`3 prefill + 2 decode`, or `4 ranks`."""
    counted = Counter(row.role for row in members)
    if {"prefill", "decode"} & counted.keys():
        return " + ".join(f"{counted[role]} {role}" for role in ("prefill", "decode") if counted[role])
    return f"{len(members)} ranks"


def _one(values: Sequence[str]) -> str:
    """The value that all share, or how many there are."""
    different = sorted(set(filter(None, values)))
    return different[0] if len(different) == 1 else f"{len(different)} different" if different else ""
