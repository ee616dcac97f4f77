"""A runbook for people who think of running it: what it does, what it wants to know, what it needs to be allowed."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence

from ruamel.yaml import YAML

from vops.runbooks.advice import gates
from vops.runbooks.kinds import Group
from vops.runbooks.params import Param
from vops.runbooks.rights import rights, role, untold
from vops.runbooks.schema import Runbook, Step
from vops.runbooks.structure import Section

_WIDTH = 110
_MARK = {Group.LOOK: "look", Group.CHANGE: "change", Group.WAIT: "wait", Group.HUMAN: "ask"}


def described(runbook: Runbook) -> str:
    """One page."""
    head = runbook.head
    lines = [
        f"{head.id}: {head.title}",
        f"risk {head.risk}" + (f", fixes {', '.join(head.fixes)}" if head.fixes else ""),
    ]
    if asked := gates(runbook):
        lines.append(f"asks for: {', '.join(asked)}")
    if head.docs:
        lines.append(head.docs)
    lines += ["", "parameters"]
    lines += [line for name, param in head.params.items() for line in _parameter(name, param)]
    lines += ["", "steps"]
    lines += [line for step in runbook.steps for line in _step(step)]
    lines += ["", f"vops run {head.id} --dry-run {_example(runbook)}".rstrip()]
    lines += ["", "may be allowed to do it by"]
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump(role(head.id, rights(runbook)), stream)
    lines += [f"  {line}" for line in stream.getvalue().splitlines()]
    if dynamic := untold(runbook):
        lines.append(f"  and get, create and patch on what {', '.join(dynamic)} applies: the plan names it")
    return "\n".join(lines) + "\n"


def _parameter(name: str, param: Param) -> Iterator[str]:
    wanted = "needed" if param.required else "optional" if param.default is None else f"default {param.default!r}"
    words = [param.type, wanted, *([f"one of {', '.join(map(str, param.enum))}"] if param.enum else [])]
    yield from _wrapped(f"  {name:<20} ", f"{', '.join(words)}{': ' if param.help else ''}{param.help}")


def _step(step: Step) -> Iterator[str]:
    common = step.common
    where = f" ({step.section} of {step.block})" if step.block and step.section is not Section.STEPS else ""
    each = f" (for each of {step.loop.of})" if step.loop else ""
    beside = f" (at the same time as the others of {step.parallel})" if step.parallel else ""
    yield from _wrapped(f"  {_MARK[step.kind.group]:<7} ", f"{common.title or common.id}{where}{each}{beside}")
    if common.if_ and common.if_ != "true":
        yield from _wrapped("            if ", common.if_)
    if common.why:
        yield from _wrapped("            because ", common.why[:1].lower() + common.why[1:])


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head)) or [head.rstrip()]


def _example(runbook: Runbook) -> str:
    needed = [name for name, param in runbook.head.params.items() if param.required and name != "namespace"]
    return " ".join(f"-p {name}=…" for name in needed)


# --- as a graph -------------------------------------------------------------------------------------------


def graph(runbook: Runbook) -> str:
    """The ways through it, for Mermaid (which GitHub and GitLab draw)."""
    lines = ["flowchart TD"]
    steps = runbook.steps
    for at, step in enumerate(steps):
        lines.append(f"  {step.id}{_shape(step)}")
        for after in _after(steps, at):
            lines += [f"  {step.id} -->{label} {target}" for target, label in _ways(step, after)]
    return "\n".join([*lines, "  the_end([end])", ""])


def _after(steps: Sequence[Step], at: int) -> list[str]:
    """The steps that come after one: the next that is not beside it, with all that go on at the same time as that."""
    group = steps[at].parallel
    rest = [step for step in steps[at + 1 :] if not (group and step.parallel == group)]
    if not rest:
        return ["the_end"]
    beside = rest[0].parallel
    return [step.id for step in rest if beside and step.parallel == beside] or [rest[0].id]


def _shape(step: Step) -> str:
    text = (step.common.title or step.id).replace('"', "'")
    shapes = {Group.LOOK: ("([", "])"), Group.CHANGE: ("[", "]"), Group.WAIT: ("{{", "}}"), Group.HUMAN: ("[/", "/]")}
    left, right = shapes[step.kind.group]
    return f'{left}"{text}"{right}'


def _ways(step: Step, after: str) -> Iterator[tuple[str, str]]:
    """Where one may come to from a step, and when."""
    found: dict[str, str] = {}
    for target in step.kind.gotos(step.args):
        found.setdefault(target or after, "")
    if step.common.then:
        found = {step.common.then: ""} | ({after: "|skipped|"} if step.common.if_ else {})
    yield from (found or {after: ""}).items()


SKELETON = """\
# yaml-language-server: $schema=https://raw.githubusercontent.com/vops/vops/main/docs/reference/runbook.schema.json
vops: 1
id: {name}
title: Say what it does
risk: low
params:
  namespace: {{type: k8s.namespace}}
  target: {{type: k8s.ref, kinds: [apps/v1/Deployment], help: the workload}}
lock: ['${{params.target}}']
steps:
  - id: server
    kind: vllm.inspect
    title: See how it runs vLLM
    ref: '${{params.target}}'
  - id: change
    kind: k8s.patch
    title: Say what is changed
    why: Say what for
    ref: '${{params.target}}'
    set: {{/spec/minReadySeconds: 10}}
    onFail: undo
  - id: rollout
    kind: k8s.rolloutStatus
    title: Wait for the rollout
    ref: '${{params.target}}'
    timeout: 30m
    evidence: true
    onFail: continue
  - id: verify
    kind: verify
    title: See whether it serves
    ref: '${{params.target}}'
    causes: []
    timeout: 30m
"""
"""A runbook to begin with: `vops runbook new`."""
