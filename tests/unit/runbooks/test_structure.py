"""Blocks, loops and ways through a runbook: how they are read, and what is wrong with them before anything runs."""

from __future__ import annotations

import pytest

from tests.unit.runbooks.runbook_world import deployment, planned, script, world
from vops.errors import InputError
from vops.planning.plan import Decision

SET = "{{id: {0}, kind: k8s.patch, title: {0}, ref: '${{params.target}}', set: {{/spec/{1}: {2}}}}}"
A, B, C = (SET.format(name, "progressDeadlineSeconds", value) for name, value in (("a", 2), ("b", 3), ("c", 4)))
STRATEGY = (
    "{id: a, kind: k8s.patch, ref: '${params.target}',"
    " strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}}"
)
LATE = A.replace(" 2", " '${steps.h.status}'")
WAIT = "{id: w, kind: k8s.wait, ref: '${params.target}', until: 'obj.ok', failWhen: 'false', timeout: 1m}"
SERVES = "{id: h, kind: http, ref: '${params.target}', path: /health, timeout: 1m}"


def decisions(steps: str) -> list[tuple[str, str]]:
    plan = planned(script(steps), world(deployment()))
    return [(step.id, str(step.decision)) for step in plan.steps]


def choice(condition: str, otherwise: str = "{}") -> str:
    return f"  - {{id: x, kind: choose, of: [{{if: {condition!r}, goto: c}}], else: {otherwise}}}\n"


def test_a_choice_leads_past_what_is_not_on_its_way() -> None:
    rest = f"  - {A}\n  - {B}\n  - {C}\n"
    assert decisions(choice("true") + rest)[1:] == [("a", "skipped"), ("b", "skipped"), ("c", "do")]
    assert decisions(choice("false") + rest)[1:] == [("a", "do"), ("b", "do"), ("c", "do")]


def test_then_leads_past_the_other_branch() -> None:
    leaving = A.replace("title", "then: c, title")
    goes_to_b = "  - {id: x, kind: choose, of: [{if: 'CASE', goto: b}]}\n"
    rest = f"  - {leaving}\n  - {B}\n  - {C}\n"
    assert decisions(goes_to_b.replace("CASE", "false") + rest)[1:] == [("a", "do"), ("b", "skipped"), ("c", "do")]
    assert decisions(goes_to_b.replace("CASE", "true") + rest)[1:] == [("a", "skipped"), ("b", "do"), ("c", "do")]


def test_a_loop_is_planned_once_for_each_item() -> None:
    steps = f"""  - id: each
    kind: forEach
    of: [5, 6]
    steps: [{SET.format("a", "progressDeadlineSeconds", "'${item}'")}]
"""
    plan = planned(script(steps), world(deployment()))
    assert [step.id for step in plan.steps] == ["a.1", "a.2"]
    assert [change.after["spec"]["progressDeadlineSeconds"] for change in plan.changes] == [5, 6]


def test_a_block_gives_its_condition_to_each_step() -> None:
    steps = f"""  - id: try
    kind: block
    if: params.namespace == 'serving'
    steps: [{A}]
    always: [{B.replace("title", "if: 'false', title")}]
"""
    plan = planned(script(steps), world(deployment()))
    assert [(step.block, step.section, step.decision) for step in plan.steps] == [
        ("try", "steps", Decision.DO),
        ("try", "always", Decision.SKIPPED),
    ]


def test_what_is_measured_later_keeps_its_expressions() -> None:
    steps = f"""  - {SERVES}
  - {A.replace("title", "if: steps.h.status == 200, title")}
  - {{id: ok, kind: assert, that: [{{cel: steps.h.seconds < 2.0, say: Slow}}]}}
"""
    plan = planned(script(steps), world(deployment()))
    _, change, ok = plan.steps
    assert (change.condition, len(change.changes)) == ("steps.h.status == 200", 1)
    assert (ok.decision, ok.late) == (Decision.DO, True)


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        (f"  - {A.replace('title', 'then: a, title')}\n", "leads back to 'a'"),
        (f"  - {A}\n  - {B.replace('title', 'then: a, title')}\n", "leads back to 'a'; ways lead forward only"),
        (f"  - {A.replace('title', 'then: z, title')}\n", "leads to 'z', which is no step"),
        (f"  - {A.replace('title', 'then: c, title')}\n  - {B}\n  - {C}\n", "step b can never be reached"),
        (choice("true", "{fail: No}") + f"  - {A}\n  - {C}\n", "step a can never be reached"),
        (f"  - {{id: x, kind: block, steps: [{A}], finally: []}}\n", "block has no key 'finally'"),
        (f"  - {{id: x, kind: block, steps: [], always: [{A}]}}\n", "`steps` is a list of at least one"),
        (f"  - {{id: x, kind: forEach, steps: [{A}]}}\n", "forEach needs `of`, a list"),
        (f"  - {{id: x, kind: forEach, of: [1], steps: [{A}]}}\n  - {B.replace('title', 'if: item, title')}\n", "item"),
        (f"  - {{id: x, kind: block, steps: [{{id: y, kind: block, steps: [{A}]}}]}}\n", "cannot stand in another"),
        (f"  - {SERVES}\n  - {LATE}\n", "is measured when the plan is carried out"),
        (
            f"  - {SERVES}\n  - {A.replace('title', 'if: steps.h.status == 1, then: c, title')}\n  - {C}\n",
            "measured when",
        ),
        (f"  - {WAIT.replace('obj.ok', 'objj.ok')}\n", "undeclared reference to 'objj.ok'"),
        (f"  - {WAIT.replace('timeout', 'stall: {of: obj.n, for: soon}, timeout')}\n", "not a duration"),
        (
            f"  - {A.replace('/spec/progressDeadlineSeconds', 'spec.replicas')}\n",
            "has the place 'spec.replicas', which is none of",
        ),
        (f"  - {STRATEGY.replace('RollingUpdate', 'Recreate')}\n", "the strategy Recreate with a rollingUpdate"),
        (f"  - {STRATEGY}\n", "nothing could ever be replaced"),
        (f"  - {A.replace('title', 'retry: {max: 99}, title')}\n", "from 1 to 20"),
        (f"  - {A.replace('title', 'retry: {max: 2, cap: soon}, title')}\n", "not a duration"),
        (
            "  - {id: d, kind: k8s.delete, ref: '${params.target}', pods: []}\n",
            "cannot be taken back, so it needs a `why`",
        ),
    ],
)
def test_what_is_wrong_with_the_ways_is_named(steps: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        script(steps)
    assert why in caught.value.message
