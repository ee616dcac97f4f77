"""Makes a Plan from a runbook, its parameters and what was observed; pure, so a dry run is only this.

Looks are evaluated, changes become guarded patches on the objects as the steps before leave them, and waits keep
their evaluated arguments. An expression without a value, or an object that was not read, is an error, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from vops.errors import Refused
from vops.model.resources import Ref
from vops.model.secrets import mask
from vops.model.snapshot import ClusterSnapshot
from vops.planning.changes import Verb
from vops.planning.guards import Guard, guards_for
from vops.planning.ownership import Owner, owners
from vops.planning.patches import Document
from vops.planning.plan import LIFETIME, Decision, Gate, Identity, Plan, PlannedStep
from vops.runbooks.expressions import ExpressionError, fill, holds
from vops.runbooks.kinds import Changes, Done, Group, StepFault, View
from vops.runbooks.params import bind, seconds
from vops.runbooks.script import Script, ScriptStep, evaluated

DEFAULT_TIMEOUT_S = 900.0


@dataclass(frozen=True)
class World:
    """What a plan is made from: one snapshot, and the objects that were looked up, as raw documents.

    `absent` are those that are not there.
    """

    snapshot: ClusterSnapshot
    cluster: Identity
    documents: Mapping[Ref, Document] = field(default_factory=dict)
    absent: frozenset[Ref] = frozenset()


def bound_params(script: Script, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters' values, each reference with its namespace. Raises UsageError."""
    declared = script.runbook.head.params
    values = bind(declared, given)
    for name, param in declared.items():
        if param.type == "k8s.ref" and values[name] is not None:
            values[name] |= {"namespace": values["namespace"]}
    return values


def references(script: Script, params: Mapping[str, Any]) -> tuple[Ref, ...]:
    """The objects that the bound parameters name: what has to be read before planning."""
    declared = script.runbook.head.params
    named = (params[name] for name, param in declared.items() if param.type == "k8s.ref")
    return tuple(Ref(item["kind"], item["name"], item["namespace"]) for item in named if item is not None)


def make_plan(script: Script, params: Mapping[str, Any], world: World, *, plan_id: str) -> Plan:
    """The plan for bound `params` (see `bound_params`).

    Raises Refused when an `assert` does not hold or vops cannot make a change, InputError with the line when an
    expression has no value, Unread for an object that has to be looked up first.
    """
    planning = _Planning(script, params, world)
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

    def __init__(self, script: Script, params: Mapping[str, Any], world: World) -> None:
        self._script = script
        self._world = world
        self._values: dict[str, Any] = {f"params.{name}": value for name, value in params.items()}
        self._documents = dict(world.documents)

    def steps(self) -> tuple[PlannedStep, ...]:
        found: list[PlannedStep] = []
        settled = ""
        for item in self._script.steps:
            if settled:
                found.append(_planned(item, Decision.SKIPPED, because=settled))
                continue
            try:
                found.append(self._step(item))
            except Done as done:
                settled = str(done)
                found.append(_planned(item, Decision.DONE, because=settled))
        return tuple(found)

    def _step(self, item: ScriptStep) -> PlannedStep:
        source, step = item.step.source, item.step
        try:
            if item.condition is not None and not holds(item.condition, self._values):
                self._keep(item, {})
                return _planned(item, Decision.SKIPPED, because=f"{step.common.if_} does not hold")
            raw = evaluated(item.args, self._values)
            args = msgspec.convert(raw, step.kind.args)
            return self._decide(item, raw, args)
        except (ExpressionError, msgspec.ValidationError, StepFault) as error:
            source.fail(f"step {step.id}: {error}", step.where)
        except ValueError as error:
            raise Refused(f"step {step.id}: {error}", hint="make this change by hand") from error

    def _decide(self, item: ScriptStep, raw: Document, args: Any) -> PlannedStep:
        kind = item.step.kind
        view = View(self._world.snapshot, self._documents, self._world.absent, self._script.runbook.id)
        if kind.group is Group.LOOK:
            outcome = kind.look(args, view)
            self._keep(item, outcome.outputs)
            return _planned(item, Decision.SEEN, says=outcome.says, outputs=outcome.outputs)
        if kind.group is Group.HUMAN:
            text = kind.instruct(args)
            return _planned(item, Decision.DO, says=(text,), gate=Gate.INSTRUCT)
        if kind.group is Group.WAIT:
            return _planned(item, Decision.DO, args=mask(raw), timeout_s=self._timeout_s(item))
        return self._change(item, args, view)

    def _change(self, item: ScriptStep, args: Any, view: View) -> PlannedStep:
        if item.done is not None:
            values = {**self._values, "obj": view.document(args.ref.ref)}
            if holds(item.done, values):
                return _planned(item, Decision.DONE, because=f"{item.step.common.done} holds already")
        changes: Changes = tuple(
            msgspec.structs.replace(change, summary=change.summary or item.step.common.title)
            for change in item.step.kind.plan(args, view)
        )
        if not changes:
            return _planned(item, Decision.DONE, because="nothing to do")
        for change in changes:
            if change.verb is Verb.PATCH:
                here = Ref(change.target.kind, change.target.name, change.target.namespace)
                self._documents[here] = change.applied_to(self._documents[here])
        return _planned(item, Decision.DO, changes=changes, says=_losses(changes))

    def _keep(self, item: ScriptStep, outputs: Document) -> None:
        """Makes a step's outputs readable for the steps after it; what it did not find is null."""
        for name in item.step.kind.outputs:
            self._values[f"steps.{item.step.id}.{name}"] = outputs.get(name)

    def _timeout_s(self, item: ScriptStep) -> float:
        return seconds(fill(item.timeout, self._values)) if item.timeout else DEFAULT_TIMEOUT_S

    def locks(self) -> tuple[Ref, ...]:
        named = (fill(template, self._values) for template in self._script.locks)
        refs = (Ref(item["kind"], item["name"], item["namespace"]) for item in named)
        return tuple(dict.fromkeys(refs))

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


def _planned(item: ScriptStep, decision: Decision, **more: Any) -> PlannedStep:
    common = item.step.common
    settings = {
        "gate": common.gate,
        "on_fail": common.on_fail,
        "undo": common.undo,
        "retries": common.retry.max if common.retry else 0,
        "retry_delay_s": seconds(common.retry.delay) if common.retry else 5.0,
        "evidence": common.evidence,
    }
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
