"""What a rule is, and how rules are found.

A rule is one file under vops/diagnosis/rules: a function that looks at one replica and returns a Verdict or None, under
the decorator `rule`. The file's docstring is the rule's documentation. Rules are discovered, never listed.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import cache

import msgspec
from msgspec import field

from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence, Fix, Severity
from vops.diagnosis.states import ReplicaState
from vops.model.snapshot import Source


class Branch(StrEnum):
    """The part of the decision tree that a rule belongs to, in the order of a pod's life: the earliest wins."""

    SCHEDULE = "schedule"  # no node yet
    START = "start"  # on a node, container not created: image, volumes, configuration
    GONE = "gone"  # the pod ended: evicted, rejected, node lost
    DIED = "died"  # an instance of the container ended
    SERVE = "serve"  # it runs and does not serve

    @property
    def rank(self) -> int:
        return list(Branch).index(self)


class Verdict(msgspec.Struct, frozen=True):
    """What a rule concludes about one replica; the diagnosis adds the rule, its cause and the subject."""

    summary: str
    evidence: tuple[Evidence, ...]
    confidence: Confidence
    severity: Severity = Severity.ERROR
    fixes: tuple[Fix, ...] = ()


Check = Callable[[Replica], Verdict | None]


class Rule(msgspec.Struct, frozen=True):
    """A check with what is needed to ask it. `explains` names causes that are consequences of this one.

    `order` ranks rules of one branch, the lower the nearer to the root. `even_when_ready` lets it speak about the last
    death of a server that serves again.
    """

    name: str
    cause: str
    branch: Branch
    check: Check
    needs: frozenset[Source] = frozenset()
    explains: frozenset[str] = frozenset()
    order: int = 50
    even_when_ready: bool = False
    doc: str = field(default="")


def rule(
    *,
    cause: str,
    branch: Branch,
    needs: Iterable[Source] = (),
    explains: Iterable[str] = (),
    order: int = 50,
    even_when_ready: bool = False,
) -> Callable[[Check], Rule]:
    """Makes a rule of a check; its name is the function's."""

    def decorate(check: Check) -> Rule:
        return Rule(
            name=check.__name__.replace("_", "-"),
            cause=cause,
            branch=branch,
            check=check,
            needs=frozenset(needs),
            explains=frozenset(explains),
            order=order,
            even_when_ready=even_when_ready,
            doc=sys.modules[check.__module__].__doc__ or "",
        )

    return decorate


@cache
def discover() -> tuple[Rule, ...]:
    """Every rule, those of earlier branches first."""
    found = {item.name: item for module in _modules() for item in vars(module).values() if isinstance(item, Rule)}
    return tuple(sorted(found.values(), key=lambda item: (item.branch.rank, item.order, item.name)))


def _modules() -> Iterator[object]:
    package = importlib.import_module("vops.diagnosis.rules")
    for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        yield importlib.import_module(info.name)


def branches(replica: Replica) -> frozenset[Branch]:
    """The parts of the tree that apply to a replica; none for one that is fine, or on its way."""
    died = replica.last_death is not None
    match replica.state:
        case ReplicaState.PENDING:
            return frozenset({Branch.SCHEDULE})
        case ReplicaState.CREATING:
            return frozenset({Branch.START, Branch.DIED} if died else {Branch.START})
        case ReplicaState.FAILED:
            return frozenset({Branch.GONE, Branch.DIED})
        case ReplicaState.CRASH_LOOPING:
            return frozenset({Branch.START, Branch.DIED})
        case ReplicaState.COMPLETED | ReplicaState.LOADING | ReplicaState.READY:
            return frozenset({Branch.DIED} if died else ())
        case ReplicaState.NOT_READY:
            return frozenset({Branch.SERVE, Branch.DIED} if died else {Branch.SERVE})
        case _:
            return frozenset()
