"""Step kinds: what a step of a runbook can be, found in vops.runbooks.steps, a file each.

A module there has KIND (its name in YAML), GROUP, a frozen Args whose docstrings are its reference page, OUTPUTS (what
later steps may read, by name and CEL type) and one function, which tells what it is:

    look(args, view) -> Outcome            reads the snapshot while the plan is made
    plan(args, view) -> Changes            says what it would change; the runner alone applies it
    run(args, ports) -> Outcome            waits, looks or measures while the plan is carried out; writes nothing
    instruct(args) -> str                  what a person has to do, or to agree to (GATE says which)

Further it may have LATE (a look that may also be taken while the plan is carried out, since it needs nothing of the
view), FOLLOWS (a wait that makes sense without a change), IRREVERSIBLE (a change without a way back), ON_FAIL and
TIMEOUT (what holds for a step that does not say), `gotos(args)`, the steps that its arguments lead to, `says(args)`,
what a plan tells of a wait, `wanted(args)`, what an answer to a question has to be, and `complaint(args)`, what is
wrong with its arguments as they are written.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from types import ModuleType
from typing import Any, TypeVar

import msgspec

from vops.diagnosis.facts import Facts
from vops.errors import TimedOut, Unavailable, Unreachable, VopsError
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.planning.changes import Change
from vops.planning.patches import Document
from vops.planning.plan import Gate, OnFail
from vops.ports import Clock, Cluster
from vops.runbooks.asks import Ask, Unanswered
from vops.runbooks.params import Param

T = TypeVar("T")

OWN_CONDITIONS = {"until": "bool", "failWhen": "bool", "expect": "bool", "failSay": "string", "stall": "any"}
"""Arguments of a waiting step that it evaluates itself, on `obj`, each time that it looks."""


class Group(StrEnum):
    LOOK = "look"
    CHANGE = "change"
    WAIT = "wait"
    HUMAN = "human"


class RefArg(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object as a runbook names it: the value of a `k8s.ref` parameter."""

    kind: str
    name: str
    namespace: str = ""
    uid: str = ""

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.name, self.namespace, self.uid)


class Result(StrEnum):
    """What observing again shows."""

    FIXED = "fixed"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """A verification: the cause is gone and all serve, it is gone and another is there, or it is still there."""

    result: Result
    summary: str
    cause: str = ""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a look or a wait found: `outputs` for later steps, `says` for the reader.

    `verdict` is set by a verification only, `goto` (the id of a later step) by a choice only.
    """

    outputs: Document = msgspec.field(default_factory=dict)
    says: tuple[str, ...] = ()
    verdict: Verdict | None = None
    goto: str = ""


Changes = tuple[Change, ...]


class StepFault(VopsError):
    """A step cannot be planned or did not succeed; `reason` is a CamelCase word where Kubernetes has one."""

    def __init__(self, message: str, *, reason: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class Stalled(TimedOut):
    """What a wait watches has not moved for as long as the runbook allows."""


class Done(Exception):
    """A look found that things are as wished: the steps after it are not needed."""


class Unread(Exception):
    """A step wants to know of an object that was not looked up yet: it is read, and the plan made again."""

    def __init__(self, ref: Ref) -> None:
        super().__init__(str(ref))
        self.ref = ref


@dataclass(frozen=True)
class View:
    """What a step sees while a plan is made: facts, and the objects as the steps before it will leave them.

    `absent` are the objects that were looked up and are not there; `runbook` is the name of the one that is planned;
    `answers` is what was found out beyond the snapshot.
    """

    snapshot: ClusterSnapshot
    documents: Mapping[Ref, Document] = field(default_factory=dict)
    absent: frozenset[Ref] = frozenset()
    runbook: str = ""
    answers: Mapping[Ask, Any] = field(default_factory=dict)

    @cached_property
    def facts(self) -> Facts:
        return Facts(self.snapshot)

    def document(self, ref: Ref) -> Document:
        """An object that has to be there. Raises Unread for one that was not looked up yet, StepFault without it."""
        found = self.find(ref)
        if found is None:
            raise StepFault(f"{ref} is not there")
        return found

    def find(self, ref: Ref) -> Document | None:
        """An object that may be there or not. Raises Unread for one that was not looked up yet."""
        here = Ref(ref.kind, ref.name, ref.namespace)
        if here not in self.documents and here not in self.absent:
            raise Unread(here)
        return self.documents.get(here)

    def answer(self, ask: Ask) -> Any:
        """What was found out beyond the snapshot. Raises Unanswered for what was not asked yet."""
        if ask not in self.answers:
            raise Unanswered(ask)
        return self.answers[ask]


@dataclass(frozen=True)
class Ports:
    """What a waiting step may use: it reads the cluster, observes one target anew, and shows lines of progress.

    `deadline` is on the clock's monotonic time. `values` are what expressions see: parameters and outputs so far.
    `changes` are those that the run has applied.
    """

    cluster: Cluster
    clock: Clock
    observe: Callable[[Ref], Awaitable[ClusterSnapshot]]
    say: Callable[[str], None]
    deadline: float
    values: Mapping[str, Any] = field(default_factory=dict)
    changes: Changes = ()
    notify: Callable[[str, str, str], Awaitable[None]] | None = None
    """Tells a channel a text, under a key that is the same when it is told again; None where nobody is told."""
    key: str = ""
    """This step of this run: `RUN/STEP`."""
    still_going: Callable[[], None] = lambda: None
    """Raises StepFault when the step is to stop, since one beside it has failed."""

    async def patiently(self, look: Callable[[], Awaitable[T]], *, pause_s: float) -> T | None:
        """`look`'s answer after a pause; None when the API server did not answer, which is said and waited out.

        Raises TimedOut once the deadline has passed.
        """
        if self.clock.monotonic() >= self.deadline:
            raise TimedOut(
                "the time for this step ran out", hint="what was changed stays; look again with vops diagnose"
            )
        await self.clock.sleep(pause_s)
        self.still_going()
        try:
            return await look()
        except (Unavailable, Unreachable) as error:
            self.say(f"no answer from the API server, still waiting: {error}")
            return None


@dataclass(frozen=True)
class StepKind:
    """One kind of step, as its module declares it."""

    name: str
    group: Group
    args: type[msgspec.Struct]
    outputs: Mapping[str, str]
    module: ModuleType

    @property
    def look(self) -> Callable[[Any, View], Outcome]:
        return self._function("look")

    @property
    def plan(self) -> Callable[[Any, View], Changes]:
        return self._function("plan")

    @property
    def run(self) -> Callable[[Any, Ports], Awaitable[Outcome]]:
        return self._function("run")

    @property
    def instruct(self) -> Callable[[Any], str]:
        return self._function("instruct")

    @property
    def gate(self) -> Gate:
        """What a step for people asks of them."""
        return Gate(getattr(self.module, "GATE", Gate.INSTRUCT))

    @property
    def asks(self) -> bool:
        """Whether it asks a person for a value."""
        return hasattr(self.module, "wanted")

    def wanted(self, args: Any) -> Param:
        """What an answer has to be."""
        found: Param = self._function("wanted")(args)
        return found

    @property
    def late(self) -> bool:
        """Whether its arguments may speak of what is measured only when the plan is carried out."""
        return self.group in (Group.WAIT, Group.HUMAN) or bool(getattr(self.module, "LATE", False))

    @property
    def irreversible(self) -> bool:
        return bool(getattr(self.module, "IRREVERSIBLE", False))

    @property
    def follows(self) -> bool:
        """Whether it is worth waiting for even when the plan changes nothing: what it watches works already."""
        return bool(getattr(self.module, "FOLLOWS", False))

    @property
    def on_fail(self) -> OnFail:
        """What a failure leads to unless the step says otherwise."""
        return OnFail(getattr(self.module, "ON_FAIL", OnFail.STOP))

    @property
    def timeout(self) -> str:
        """How long it may take unless the step says otherwise; empty for a wait that has to say."""
        return str(getattr(self.module, "TIMEOUT", ""))

    @property
    def tells(self) -> bool:
        """Whether a plan tells something of it besides its title."""
        return hasattr(self.module, "says")

    def says(self, args: Any) -> tuple[str, ...]:
        """What a plan says of a step that is done when it is carried out."""
        found = getattr(self.module, "says", None)
        return tuple(found(args)) if found else ()

    @property
    def rights(self) -> tuple[str, ...]:
        """What it needs to be allowed to do, as `VERB RESOURCE`; see vops.runbooks.rights."""
        default = ("get ref", "patch ref") if self.group is Group.CHANGE else ()
        return tuple(getattr(self.module, "RIGHTS", default))

    @property
    def perhaps(self) -> tuple[str, ...]:
        """What only some of its uses need to be allowed."""
        return tuple(getattr(self.module, "PERHAPS", ()))

    def gotos(self, args: Mapping[str, Any]) -> tuple[str, ...]:
        """The steps that its arguments, as written, lead to; empty text for going on with the next."""
        found = getattr(self.module, "gotos", None)
        return tuple(found(args)) if found else ()

    def complaint(self, args: Mapping[str, Any]) -> str:
        """What is wrong with its arguments as written; empty when nothing is."""
        found = getattr(self.module, "complaint", None)
        return str(found(args)) if found else ""

    def always_leaves(self, args: Mapping[str, Any]) -> bool:
        """Whether no way from it leads to the step after it."""
        ways = self.gotos(args)
        return bool(ways) and all(ways)

    def _function(self, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self.module, name)
        return found


@cache
def discover() -> Mapping[str, StepKind]:
    """Every step kind by its name in YAML."""
    from vops.runbooks import steps

    modules = (
        importlib.import_module(f"{steps.__name__}.{found.name}") for found in pkgutil.iter_modules(steps.__path__)
    )
    kinds = [
        StepKind(module.KIND, module.GROUP, module.Args, getattr(module, "OUTPUTS", {}), module) for module in modules
    ]
    return {kind.name: kind for kind in kinds}
