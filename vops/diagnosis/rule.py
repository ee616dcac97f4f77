"""What a rule is, and how rules are found.

A rule is one file under vops/diagnosis/rules: a function that looks at one subject (a replica, a workload or what
scales it) and returns a Verdict or None, under the decorator `rule`. The file's docstring is the rule's documentation.
Rules that differ in words alone are a table of their file, RULES.
Rules are discovered, never listed.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import cache
from typing import Any, TypeAlias, TypeVar, overload

import msgspec
from msgspec import field

from vops.diagnosis.findings import Confidence, Evidence, Fix, Severity
from vops.diagnosis.nodes.daemons import DaemonFacts
from vops.diagnosis.states import ReplicaState
from vops.diagnosis.subjects import Replica, ScalerFacts, WorkloadFacts
from vops.model.snapshot import Source


class Branch(StrEnum):
    """The part of the decision tree that a rule belongs to, in the order of a pod's life: the earliest wins."""

    CREATE = "create"  # workloads: pods that are wanted are not there
    SCHEDULE = "schedule"  # no node yet
    START = "start"  # on a node, container not created: image, volumes, configuration
    GONE = "gone"  # the pod ended: evicted, rejected, node lost
    DIED = "died"  # an instance of the container ended
    SERVE = "serve"  # it runs and does not serve
    TRAFFIC = "traffic"  # it is ready: whether requests reach it, and how well it serves them
    ROLLOUT = "rollout"  # workloads: whether a change of the template gets through
    SCALE = "scale"  # workloads and autoscalers: whether the number of replicas follows the load

    @property
    def rank(self) -> int:
        return _ORDER[self]


_ORDER = {branch: rank for rank, branch in enumerate(Branch)}


class Verdict(msgspec.Struct, frozen=True):
    """What a rule concludes about one subject; the diagnosis adds the rule, its cause and the subject."""

    summary: str
    evidence: tuple[Evidence, ...]
    confidence: Confidence
    severity: Severity = Severity.ERROR
    fixes: tuple[Fix, ...] = ()


Subject: TypeAlias = Replica | WorkloadFacts | ScalerFacts | DaemonFacts
S = TypeVar("S", Replica, WorkloadFacts, ScalerFacts, DaemonFacts)
Check = Callable[[S], Verdict | None]


class Rule(msgspec.Struct, frozen=True):
    """A check of subjects of type `of`, with what is needed to ask it.

    `explains` names causes that are consequences of this one. `order` ranks rules of one branch, the lower the nearer
    to the root. `even_when_ready` lets it speak about the last death of a server that serves again. `signature` is what
    the failure in a log must contain: only the rules of the likeliest failure that anyone knows are asked. One
    of `last_resort` is asked when no other has found anything.
    """

    name: str
    cause: str
    branch: Branch
    check: Callable[[Any], Verdict | None]
    of: type[Replica] | type[WorkloadFacts] | type[ScalerFacts] | type[DaemonFacts] = Replica
    needs: frozenset[Source] = frozenset()
    explains: frozenset[str] = frozenset()
    order: int = 50
    even_when_ready: bool = False
    signature: re.Pattern[str] | None = None
    last_resort: bool = False
    doc: str = field(default="")


@overload
def rule(
    *,
    cause: str,
    branch: Branch,
    needs: Iterable[Source] = (),
    explains: Iterable[str] = (),
    order: int = 50,
    even_when_ready: bool = False,
    signature: re.Pattern[str] | None = None,
    last_resort: bool = False,
) -> Callable[[Check[Replica]], Rule]: ...


@overload
def rule(
    *,
    cause: str,
    branch: Branch,
    of: type[S],
    needs: Iterable[Source] = (),
    explains: Iterable[str] = (),
    order: int = 50,
) -> Callable[[Check[S]], Rule]: ...


def rule(
    *,
    cause: str,
    branch: Branch,
    of: Any = Replica,
    needs: Iterable[Source] = (),
    explains: Iterable[str] = (),
    order: int = 50,
    even_when_ready: bool = False,
    signature: re.Pattern[str] | None = None,
    last_resort: bool = False,
) -> Callable[[Callable[[Any], Verdict | None]], Rule]:
    """Makes a rule of a check of one kind of subject, a replica unless told; its name is the function's."""

    def decorate(check: Callable[[Any], Verdict | None]) -> Rule:
        return Rule(
            name=check.__name__.replace("_", "-"),
            cause=cause,
            branch=branch,
            check=check,
            of=of,
            needs=frozenset(needs),
            explains=frozenset(explains),
            order=order,
            even_when_ready=even_when_ready,
            last_resort=last_resort,
            signature=signature,
            doc=sys.modules[check.__module__].__doc__ or "",
        )

    return decorate


@cache
def discover() -> tuple[Rule, ...]:
    """Every rule, those of earlier branches first."""
    found = {item.name: item for module in _modules() for item in _rules_of(module)}
    return tuple(sorted(found.values(), key=lambda item: (item.branch.rank, item.order, item.name)))


def _rules_of(module: object) -> Iterator[Rule]:
    """The rules that a module names, and those of its RULES: a table of such that differ in words alone."""
    yield from (item for item in vars(module).values() if isinstance(item, Rule))
    yield from getattr(module, "RULES", ())


def _modules() -> Iterator[object]:
    package = importlib.import_module("vops.diagnosis.rules")
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        yield importlib.import_module(info.name)


def branches(subject: Subject) -> frozenset[Branch]:
    """The parts of the tree that apply to a subject; none for a replica that is on its way."""
    if isinstance(subject, Replica):
        return _replica_branches(subject)
    if isinstance(subject, ScalerFacts):
        return frozenset({Branch.SCALE})
    if isinstance(subject, DaemonFacts):
        return frozenset({Branch.CREATE, Branch.SERVE})
    missing = len(subject.replicas) < subject.desired or not subject.desired or _refused(subject)
    always = {Branch.ROLLOUT, Branch.TRAFFIC, Branch.SCALE}
    return frozenset(always | {Branch.CREATE} if missing else always)


def _refused(workload: WorkloadFacts) -> bool:
    """Whether pods that it wants are not taken by the API server, be it only the extra one of an update."""
    failure = workload.workload.condition("ReplicaFailure")
    return failure is not None and failure.status == "True"


def _replica_branches(replica: Replica) -> frozenset[Branch]:
    found = _OF_STATE.get(replica.state, frozenset())
    if replica.state in (ReplicaState.NOT_READY, ReplicaState.LOADING) and _is_sent_away(replica):
        found |= {Branch.GONE}
    died = replica.last_death is not None and replica.state in _MAY_HAVE_DIED
    return found | {Branch.DIED} if died else found


def _is_sent_away(replica: Replica) -> bool:
    """Whether Kubernetes has said that it ends the pod, before its deletion shows."""
    condition = replica.pod.condition("DisruptionTarget")
    return condition is not None and condition.status == "True"


_OF_STATE = {
    ReplicaState.PENDING: frozenset({Branch.SCHEDULE}),
    ReplicaState.CREATING: frozenset({Branch.START}),
    ReplicaState.FAILED: frozenset({Branch.START, Branch.GONE, Branch.DIED}),
    ReplicaState.TERMINATING: frozenset({Branch.GONE}),
    ReplicaState.CRASH_LOOPING: frozenset({Branch.START, Branch.DIED}),
    ReplicaState.NOT_READY: frozenset({Branch.SERVE}),
    ReplicaState.READY: frozenset({Branch.TRAFFIC}),
}
_MAY_HAVE_DIED = frozenset(
    {
        ReplicaState.CREATING,
        ReplicaState.COMPLETED,
        ReplicaState.LOADING,
        ReplicaState.READY,
        ReplicaState.NOT_READY,
    }
)
