"""Makes a Plan from a runbook, its parameters and what was observed; pure, so a dry run is only this.

Looks are evaluated, changes become guarded patches on the objects as the steps before leave them, and waits keep
their evaluated arguments. What speaks of a later measurement keeps its expressions (see vops.runbooks.late). An
expression without a value, or an object that was not read, is an error, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import msgspec

from vops.errors import Refused
from vops.model.objects import Ref
from vops.model.secrets import mask
from vops.model.snapshot import ClusterSnapshot
from vops.planning.changes import Change, Verb, kind_of
from vops.planning.guards import Guard, guards_for
from vops.planning.marks import marked
from vops.planning.ownership import Owner, owners
from vops.planning.patches import Document
from vops.planning.plan import LIFETIME, UNDO_FOR, Decision, Identity, Plan, PlannedStep, run_id
from vops.runbooks.arguments import evaluated
from vops.runbooks.asks import Ask
from vops.runbooks.expressions import ExpressionError, fill, holds
from vops.runbooks.kinds import Changes, Done, Group, StepFault, View
from vops.runbooks.params import bind, seconds
from vops.runbooks.schema import Step
from vops.runbooks.script import Script, ScriptStep
from vops.runbooks.structure import MOST_ROUNDS, Section

DEFAULT_TIMEOUT_S = 900.0
PATIENCE = 2
"""How often a change is tried again, unless its runbook says otherwise, when the API server does not answer."""


@dataclass(frozen=True)
class World:
    """What a plan is made from: one snapshot, and the objects that were looked up, as raw documents.

    `absent` are those that are not there; `answers` those to what a step has asked.
    """

    snapshot: ClusterSnapshot
    cluster: Identity
    documents: Mapping[Ref, Document] = field(default_factory=dict)
    absent: frozenset[Ref] = frozenset()
    answers: Mapping[Ask, Any] = field(default_factory=dict)


def bound_params(script: Script, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters' values, each reference with its namespace. Raises UsageError."""
    declared = script.runbook.head.params
    values = bind(declared, given)
    for name, param in declared.items():
        if param.type == "k8s.ref" and values[name] is not None:
            namespaced = kind_of(Ref(values[name]["kind"], "")).namespaced
            values[name] |= {"namespace": values["namespace"] if namespaced else ""}
    return values


def references(script: Script, params: Mapping[str, Any]) -> tuple[Ref, ...]:
    """The objects that the bound parameters name: what has to be read before planning."""
    declared = script.runbook.head.params
    named = (params[name] for name, param in declared.items() if param.type == "k8s.ref")
    return tuple(Ref(item["kind"], item["name"], item["namespace"]) for item in named if item is not None)


def make_plan(script: Script, params: Mapping[str, Any], world: World, *, plan_id: str) -> Plan:
    """The plan for bound `params` (see `bound_params`).

    Raises Refused when an `assert` does not hold or vops cannot make a change, InputError with the line when an
    expression has no value, Unread for an object that has to be looked up first, Unanswered for what has to be asked.
    """
    planning = _Planning(script, params, world, run_id(world.snapshot.at, plan_id))
    steps = planning.steps()
    head, at = script.runbook.head, world.snapshot.at
    return Plan(
        id=plan_id,
        runbook=head.id,
        digest=script.runbook.digest,
        title=head.title,
        risk=head.risk,
        cluster=world.cluster,
        created_at=at,
        expires_at=at + LIFETIME,
        params=mask(dict(params)),
        locks=planning.locks(),
        steps=steps,
        guards=planning.guards(steps),
        owners=planning.owners(steps),
    )


class _Planning:
    """One planning: the values that expressions see, and the documents as the steps so far leave them."""

    def __init__(self, script: Script, params: Mapping[str, Any], world: World, run: str) -> None:
        self._script = script
        self._run = run
        self._world = world
        self._values: dict[str, Any] = {f"params.{name}": value for name, value in params.items()}
        self._documents = dict(world.documents)
        self._unknown: set[str] = set()
        self._found: list[PlannedStep] = []
        self._settled = ""
        self._skip_to = ""

    def steps(self) -> tuple[PlannedStep, ...]:
        for loop, items in groupby(self._script.steps, key=lambda item: item.step.loop):
            if loop is None:
                for item in items:
                    self._take(item)
            else:
                self._round(tuple(items))
        self._check_abreast()
        return tuple(self._found)

    def _check_abreast(self) -> None:
        """Raises Refused when two steps that go on at the same time would change the same object."""
        seen: dict[tuple[str, Ref], str] = {}
        for step in self._found:
            for ref in {change.target for change in step.changes} if step.parallel else ():
                other = seen.setdefault((step.parallel, ref), step.id)
                if other != step.id:
                    hint = "put them one after the other"
                    raise Refused(f"steps {other} and {step.id} would change {ref} at the same time", hint=hint)

    def _round(self, items: Sequence[ScriptStep]) -> None:
        """The steps of a loop, once for each item of its list."""
        loop = items[0].step.loop
        over = evaluated(items[0].items, self._values)
        if loop and not (isinstance(over, list) and len(over) <= MOST_ROUNDS):
            loop.source.fail(f"forEach {loop.id}: {over!r} is not a list of {MOST_ROUNDS} at most", loop.where)
        for number, value in enumerate(over, 1):
            self._values["item"] = value
            for item in items:
                self._take(item, number)
        self._values.pop("item", None)

    def _take(self, item: ScriptStep, number: int = 0) -> None:
        """One step, in the round `number` of its loop, decided."""
        found = self._decided(item)
        if number:
            title = f"{found.title} ({number})" if found.title == item.step.common.title else found.title
            found = msgspec.structs.replace(found, id=f"{found.id}.{number}", title=title, item=self._values["item"])
        self._found.append(found)

    def _decided(self, item: ScriptStep) -> PlannedStep:
        step = item.step
        self._skip_to = "" if self._skip_to == step.id else self._skip_to
        because = (self._skip_to and "not on the way that is taken") or self._settled
        if because and not self._has_to_clean(step):
            return self._skipped(item, because)
        try:
            planned = self._step(item)
        except Done as done:
            self._settled = str(done) or "there is nothing to do"
            return _planned(item, Decision.DONE, because=self._settled)
        if planned.decision is not Decision.SKIPPED and step.common.then:
            self._skip_to = step.common.then
        return planned

    def _has_to_clean(self, step: Step) -> bool:
        """Whether what is always done has something to clean up after: its block changes something."""
        ours = (item for item in self._found if item.block == step.block and item.changes)
        return step.section is Section.ALWAYS and not self._skip_to and any(ours)

    def _skipped(self, item: ScriptStep, because: str) -> PlannedStep:
        self._keep(item, {})
        return _planned(item, Decision.SKIPPED, because=because)

    def _step(self, item: ScriptStep) -> PlannedStep:
        source, step = item.step.source, item.step
        try:
            late_if = item.condition is not None and bool(item.asked & self._unknown)
            if item.condition is not None and not late_if and not holds(item.condition, self._values):
                return self._skipped(item, f"{step.common.if_} does not hold")
            planned = self._late(item) if item.mentioned & self._unknown else self._now(item)
            return msgspec.structs.replace(planned, condition=step.common.if_) if late_if else planned
        except (ExpressionError, msgspec.ValidationError, StepFault) as error:
            source.fail(f"step {step.id}: {error}", step.where)
        except ValueError as error:
            raise Refused(f"step {step.id}: {error}", hint="make this change by hand") from error

    def _late(self, item: ScriptStep) -> PlannedStep:
        """A step whose arguments are evaluated when its turn comes."""
        step = item.step
        self._measured_later(item)
        timeout_s = seconds(step.common.timeout) if step.common.timeout else None
        gate = step.kind.gate if step.kind.group is Group.HUMAN else step.common.gate
        says = step.kind.says(msgspec.convert(dict(step.args), step.kind.args)) if step.kind.tells else ()
        return _planned(item, Decision.DO, args=dict(step.args), late=True, timeout_s=timeout_s, gate=gate, says=says)

    def _now(self, item: ScriptStep) -> PlannedStep:
        raw = evaluated(item.args, self._values)
        return self._decide(item, raw, msgspec.convert(raw, item.step.kind.args))

    def _decide(self, item: ScriptStep, raw: Document, args: Any) -> PlannedStep:
        kind = item.step.kind
        world = self._world
        view = View(world.snapshot, self._documents, world.absent, self._script.runbook.id, world.answers)
        if kind.group is Group.LOOK:
            outcome = kind.look(args, view)
            self._keep(item, outcome.outputs)
            self._skip_to = outcome.goto
            return _planned(item, Decision.SEEN, says=outcome.says, outputs=outcome.outputs)
        if kind.group is Group.HUMAN:
            self._measured_later(item)
            given = {"args": mask(raw)} if kind.asks else {}
            return _planned(item, Decision.DO, says=(kind.instruct(args),), gate=kind.gate, **given)
        if kind.group is Group.WAIT:
            self._measured_later(item)
            timeout_s = self._timeout_s(item)
            more = {"follows": kind.follows, "says": kind.says(args)}
            return _planned(item, Decision.DO, args=mask(raw), timeout_s=timeout_s, **more)
        return self._change(item, args, view)

    def _measured_later(self, item: ScriptStep) -> None:
        """What this step will find is not known while the plan is made."""
        self._unknown |= {f"steps.{item.step.id}.{name}" for name in item.step.kind.outputs}

    def _change(self, item: ScriptStep, args: Any, view: View) -> PlannedStep:
        if item.done is not None:
            values = {**self._values, "obj": view.document(args.ref.ref)}
            if holds(item.done, values):
                return _planned(item, Decision.DONE, because=f"{item.step.common.done} holds already")
        changes: Changes = tuple(
            self._marked(msgspec.structs.replace(change, summary=change.summary or item.step.common.title))
            for change in item.step.kind.plan(args, view)
        )
        if not changes:
            return _planned(item, Decision.DONE, because="nothing to do")
        for change in changes:
            if change.verb is Verb.PATCH:
                here = Ref(change.target.kind, change.target.name, change.target.namespace)
                self._documents[here] = change.applied_to(self._documents[here])
        return _planned(item, Decision.DO, changes=changes, says=_losses(changes))

    def _marked(self, change: Change) -> Change:
        """The change with what tells a colleague of this run, where it is one of a workload."""
        target, head = change.target, self._script.runbook.head
        document = self._documents.get(Ref(target.kind, target.name, target.namespace))
        cause, until = f"vops {head.id}: {head.title}", self._world.snapshot.at + UNDO_FOR
        return change if document is None else marked(change, document, self._run, cause, until)

    def _keep(self, item: ScriptStep, outputs: Document) -> None:
        """Makes a step's outputs readable for the steps after it; what it did not find is null."""
        for name in item.step.kind.outputs:
            self._values[f"steps.{item.step.id}.{name}"] = outputs.get(name)
            self._unknown.discard(f"steps.{item.step.id}.{name}")

    def _timeout_s(self, item: ScriptStep) -> float:
        return seconds(fill(item.timeout, self._values)) if item.timeout else DEFAULT_TIMEOUT_S

    def locks(self) -> tuple[Ref, ...]:
        named = (fill(template, self._values) for template in self._script.locks)
        return tuple(dict.fromkeys(map(_locked, named)))

    def _claims(self, steps: tuple[PlannedStep, ...]) -> dict[Ref, set[str]]:
        """The touched paths of every changed object that was read."""
        touched: dict[Ref, set[str]] = {}
        for step in steps:
            for change in step.changes:
                ref = Ref(change.target.kind, change.target.name, change.target.namespace)
                if ref in self._world.documents:
                    touched.setdefault(ref, set()).update(change.touched)
        return touched

    def owners(self, steps: tuple[PlannedStep, ...]) -> tuple[Owner, ...]:
        claims = self._claims(steps)
        found = (owner for ref, paths in claims.items() for owner in owners(self._world.documents[ref], sorted(paths)))
        return tuple(dict.fromkeys(found))

    def guards(self, steps: tuple[PlannedStep, ...]) -> tuple[Guard, ...]:
        found: list[Guard] = []
        for ref, paths in self._claims(steps).items():
            document = self._world.documents[ref]
            found += guards_for(document, owners(document, sorted(paths)))
        return tuple(dict.fromkeys(found))


def _locked(named: Any) -> Ref:
    """What a lock is on: the value of a `k8s.ref`, or KIND/NAMESPACE/NAME for what may not be there yet."""
    if isinstance(named, str):
        kind, namespace, name = named.split("/")
        return Ref(kind, name, namespace)
    return Ref(named["kind"], named["name"], named["namespace"])


def _planned(item: ScriptStep, decision: Decision, **more: Any) -> PlannedStep:
    common = item.step.common
    settings: dict[str, Any] = {
        "gate": common.gate,
        "on_fail": common.on_fail,
        "undo": common.undo,
        "retries": common.retry.max if common.retry else PATIENCE if item.step.kind.group is Group.CHANGE else 0,
        "evidence": common.evidence,
        "block": item.step.block,
        "section": item.step.section.value,
        "parallel": item.step.parallel,
    }
    if retry := common.retry:
        settings |= {"retry_delay_s": seconds(retry.delay), "retry_cap_s": seconds(retry.cap)}
        settings |= {"retry_factor": retry.factor, "retry_causes": retry.causes}
    return PlannedStep(
        id=common.id,
        kind=item.step.kind.name,
        title=common.title or common.id,
        decision=decision,
        why=common.why,
        docs=common.docs,
        **{**settings, **more},
    )


def _losses(changes: Changes) -> tuple[str, ...]:
    return tuple(f"undo does not bring back {loss}" for change in changes for loss in change.unrestorable)
