"""What only a whole runbook can be wrong about: where its ways lead, what its keys do, when its values are known."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from vops.planning.plan import Gate, OnFail, Risk
from vops.runbooks.bodies import check_bodies
from vops.runbooks.kinds import Group
from vops.runbooks.maybe import goes_on, targets_of
from vops.runbooks.positions import Path, Source
from vops.runbooks.schema import Runbook, Step
from vops.runbooks.secrecy import check_secrecy

_PARAM = re.compile(r"\bparams\.(\w+)")
_MOST_RETRIES = 20


def check_runbook(runbook: Runbook) -> None:
    """Raises InputError with the line of the first fault."""
    head, source = runbook.head, runbook.source
    check_secrecy(runbook)
    refs = [name for name, param in head.params.items() if param.type == "k8s.ref"]
    namespace = head.params.get("namespace")
    if refs and (namespace is None or namespace.type != "k8s.namespace"):
        source.fail("a k8s.ref needs the parameter `namespace` of type k8s.namespace", ("params", refs[0]))
    used = set(_PARAM.findall(runbook.text)) | {"namespace"}
    for name in head.params:
        if name not in used:
            source.fail(f"parameter {name} is used nowhere", ("params", name))
    gates = {step.common.gate for step in runbook.steps}
    if head.risk is Risk.HIGH and Gate.TYPE_NAME not in gates:
        source.fail("a runbook of high risk needs a step with gate: type-name", ("risk",))
    _check_docs(source, head.docs, ("docs",))
    for step in runbook.steps:
        _check_keys(step.source, step)
        _check_docs(step.source, step.common.docs, (*step.where, "docs"))
    _check_abreast(runbook.steps)
    _check_ways(runbook.steps)
    _check_pauses(runbook.steps)
    check_bodies(runbook)


def _check_abreast(steps: Sequence[Step]) -> None:
    """What goes on at the same time changes or waits; it asks nobody, leads nowhere, and proves nothing yet."""
    for step in steps:
        wrong = {
            "looks, which the plan has done before": step.kind.group is Group.LOOK,
            "asks a person": step.kind.group is Group.HUMAN or step.common.gate is not Gate.NONE,
            "leads elsewhere": bool(targets_of(step)),
            "proves what the others still do": step.kind.name == "verify",
        }
        if step.parallel and (why := next((text for text, so in wrong.items() if so), "")):
            step.source.fail(f"step {step.id} cannot go on beside others: it {why}", step.where)


def _check_docs(source: Source, link: str, where: Path) -> None:
    """A link leads somewhere from wherever the plan is read."""
    parts = urlsplit(link)
    if link and (parts.scheme not in ("https", "http") or "." not in parts.netloc or any(map(str.isspace, link))):
        source.fail(f"`docs` is a whole address, as https://docs.vllm.ai/…, and not {link!r}", where)


def _check_pauses(steps: Sequence[Step]) -> None:
    """What is paused is let go again, further down."""
    for at, step in enumerate(steps):
        if step.kind.name != "k8s.rollout" or step.args.get("do") != "pause":
            continue
        after = (item for item in steps[at + 1 :] if item.kind.name == "k8s.rollout")
        if not any(item.args.get("do") == "resume" and item.args["ref"] == step.args["ref"] for item in after):
            step.source.fail("it pauses the rollout, and no later step lets it go on (do: resume)", step.where)


def _check_keys(source: Source, step: Step) -> None:
    """Shared keys on steps where they would do nothing, and those that a kind cannot do without."""
    common, group = step.common, step.kind.group
    is_change, is_wait = group is Group.CHANGE, group is Group.WAIT
    useless = {
        "done": bool(common.done) and not is_change,
        "undo": not common.undo and not is_change,
        "timeout": bool(common.timeout) and not is_wait,
        "evidence": common.evidence and not (is_wait or is_change),
        "onFail": "onFail" in step.written and group is Group.LOOK and not step.kind.late,
    }
    for key, there in useless.items():
        if there:
            source.fail(f"`{key}` has no effect on a step of kind {step.kind.name}", (*step.where, key))
    if is_wait and not common.timeout:
        source.fail(f"{step.kind.name} needs a `timeout`", step.where)
    if common.retry and not 0 < common.retry.max <= _MOST_RETRIES:
        source.fail(f"`max` of a retry is a number from 1 to {_MOST_RETRIES}", (*step.where, "retry"))
    if common.retry and (common.retry.factor < 1 or not math.isfinite(common.retry.factor)):
        source.fail("`factor` of a retry is 1 or more", (*step.where, "retry"))
    if step.kind.irreversible and not common.why:
        source.fail(f"{step.kind.name} cannot be taken back, so it needs a `why`", step.where)
    if not common.undo and not common.why:
        source.fail("`undo: false` keeps the change when the run is taken back, so it needs a `why`", step.where)
    ends = {"failWhen", "stall"} & set(step.args) or common.on_fail is OnFail.CONTINUE
    if step.kind.name == "k8s.wait" and not ends:
        source.fail(
            "a wait without `failWhen` waits out its whole timeout when what it waits for has failed",
            step.where,
            hint="failWhen: 'false' says that nothing tells",
        )


# --- ways --------------------------------------------------------------------------------------------------


def _check_ways(steps: Sequence[Step]) -> None:
    """Every `goto` and `then` leads forward, within what it stands in, and every step can be reached."""
    places = {step.id: at for at, step in enumerate(steps)}
    reached = {0}
    for at, step in enumerate(steps):
        targets = targets_of(step)
        for target in targets:
            _check_goto(step, target, places, steps)
        if at not in reached and not step.is_apart:
            step.source.fail(f"step {step.id} can never be reached: every way leads past it", step.where)
        reached |= {places[target] for target in targets}
        if goes_on(step):
            reached.add(at + 1)


def _check_goto(step: Step, target: str, places: dict[str, int], steps: Sequence[Step]) -> None:
    fail, where = step.source.fail, step.where
    if target not in places:
        fail(f"step {step.id} leads to {target!r}, which is no step", where)
    if places[target] <= places[step.id]:
        fail(f"step {step.id} leads back to {target!r}; ways lead forward only", where)
    other = steps[places[target]]
    if _stands_in(other) != _stands_in(step):
        fail(f"step {step.id} leads to {target!r} in another block, loop or parallel", where)


def _stands_in(step: Step) -> tuple[object, ...]:
    return step.block, step.section, step.loop, step.parallel


# --- times -------------------------------------------------------------------------------------------------

Mentions = tuple[Step, frozenset[str], frozenset[str], frozenset[str]]
"""A step, and the outputs that its arguments, its `if` and its loop's list speak of."""


def check_times(steps: Iterable[Mentions]) -> None:
    """What has to be known when the plan is made does not speak of what is measured only when it is carried out."""
    measured: set[str] = set()
    for step, mentioned, asked, looped in steps:
        late = sorted(looped & measured)
        if not step.kind.late:
            late += sorted(mentioned & measured)
        if step.common.then or not (step.kind.late or step.kind.group is Group.CHANGE):
            late += sorted(asked & measured)
        if late:
            step.source.fail(
                f"step {step.id}: {late[0]} is measured when the plan is carried out, and this has to be known before",
                step.where,
                hint="a change's arguments and a look are part of the plan; `if` and `assert` may wait",
            )
        if step.kind.group in (Group.WAIT, Group.HUMAN):
            measured |= {f"steps.{step.id}.{name}" for name in step.kind.outputs}
