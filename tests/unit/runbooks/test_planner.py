"""Planning: pure, complete, and an error rather than a guess."""

from __future__ import annotations

import msgspec
import pytest

from tests.unit.runbooks.runbook_world import deployment, planned, script, world
from vops.errors import InputError, Refused
from vops.planning.plan import Decision, Gate, OnFail, plan_from_json
from vops.runbooks.kinds import Unread
from vops.runbooks.planner import World

PATCH = """\
  - {id: a, kind: k8s.patch, title: Scale, ref: '${params.target}', set: {/spec/minReadySeconds: 2}, onFail: undo}
"""


def test_a_plan_holds_changes_guards_locks_and_its_end() -> None:
    plan = planned(script(PATCH), world(deployment()))
    (change,) = plan.changes
    assert change.summary == "Scale"
    assert change.operations[-1] == {"op": "add", "path": "/spec/minReadySeconds", "value": 2}
    assert [str(ref) for ref in plan.locks] == ["deployment/llama in serving"]
    assert plan.steps[0].on_fail is OnFail.UNDO
    assert {guard.name for guard in plan.guards} == {"alive", "namespace"}
    assert (plan.expires_at - plan.created_at).total_seconds() == 3600


def test_a_plan_goes_to_json_and_back() -> None:
    plan = planned(script(PATCH), world(deployment()))
    assert plan_from_json(plan.to_json()) == plan
    with pytest.raises(InputError, match="not a plan"):
        plan_from_json(b"{}")
    with pytest.raises(InputError, match=r"'../../x' is no id"):
        plan_from_json(msgspec.structs.replace(plan, id="../../x").to_json())
    with pytest.raises(InputError, match="not a plan"):
        plan_from_json(b'{"runbook": "\xff"}')


def test_what_is_as_wished_needs_nothing() -> None:
    as_wished = deployment()
    as_wished["spec"]["minReadySeconds"] = 2
    plan = planned(script(PATCH), world(as_wished))
    assert (plan.steps[0].decision, plan.nothing_to_do) == (Decision.DONE, True)


def test_later_changes_see_what_earlier_ones_leave() -> None:
    again = PATCH.replace("id: a", "id: b").replace("Seconds: 2", "Seconds: 3")
    plan = planned(script(PATCH + again), world(deployment()))
    tests = [operation for operation in plan.changes[1].operations if operation["path"] == "/spec/minReadySeconds"]
    assert tests[0] == {"op": "test", "path": "/spec/minReadySeconds", "value": 2}


@pytest.mark.parametrize(
    ("key", "decision", "because"),
    [
        ("if: params.namespace == 'x'", Decision.SKIPPED, "params.namespace == 'x' does not hold"),
        ("done: obj.spec.replicas == 1", Decision.DONE, "obj.spec.replicas == 1 holds already"),
    ],
)
def test_conditions_decide_and_say_why(key: str, decision: Decision, because: str) -> None:
    plan = planned(
        script(PATCH.replace("title: Scale", f'"{key.split(": ")[0]}": "{key.split(": ")[1]}"')), world(deployment())
    )
    assert (plan.steps[0].decision, plan.steps[0].because) == (decision, because)


def test_an_expression_without_a_value_is_an_error_with_its_line() -> None:
    steps = PATCH.replace("title: Scale", "done: obj.spec.no.such > 1")
    with pytest.raises(InputError, match=r"test\.yaml:10: step a: .*Key not found"):
        planned(script(steps), world(deployment()))


def test_an_object_that_was_not_read_is_asked_for_and_one_that_is_not_there_is_an_error() -> None:
    here = world(deployment())
    with pytest.raises(Unread) as wanted:
        planned(script(PATCH), World(here.snapshot, here.cluster))
    with pytest.raises(InputError, match="is not there"):
        planned(script(PATCH), World(here.snapshot, here.cluster, absent=frozenset({wanted.value.ref})))


def test_a_place_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match=r"@vllm\.arg/x is not a place"):
        planned(script(PATCH.replace("/spec/minReadySeconds", "'@vllm.arg/x'")), world(deployment()))


CHECK = "  - {id: c, kind: assert, that: [{cel: 'false', say: 'Too late in ${params.namespace}', level: LEVEL}]}\n"


def test_an_assertion_stops_the_plan() -> None:
    with pytest.raises(Refused, match="Too late in serving"):
        planned(script(CHECK.replace("LEVEL", "error") + PATCH), world(deployment()))


@pytest.mark.parametrize(
    ("level", "decisions"),
    [("warn", [Decision.SEEN, Decision.DO]), ("done", [Decision.DONE, Decision.SKIPPED])],
)
def test_a_softer_assertion_warns_or_ends_the_plan(level: str, decisions: list[Decision]) -> None:
    plan = planned(script(CHECK.replace("LEVEL", level) + PATCH), world(deployment()))
    assert [step.decision for step in plan.steps] == decisions
    assert ("Too late in serving" in plan.notes) == (level == "warn")


CHOOSE = """\
  - id: c
    kind: choose
    of:
      - {if: 'params.namespace == "x"', set: 5, say: '${string(1 / 0)}'}
      - {if: 'true', set: 4, say: Four it is}
    else: {fail: never}
  - {id: a, kind: k8s.patch, ref: '${params.target}', set: {/spec/minReadySeconds: '${steps.c.chosen}'}}
"""


def test_a_choice_takes_the_first_branch_that_holds() -> None:
    """The texts of the other branches are not even looked at: they may speak of what is not there."""
    plan = planned(script(CHOOSE), world(deployment()))
    assert (plan.changes[0].operations[-1]["value"], plan.notes) == (4, ("Four it is",))


def test_a_choice_without_a_branch_fails_as_it_says() -> None:
    with pytest.raises(Refused, match="never"):
        planned(script(CHOOSE.replace("if: 'true'", "if: 'false'")), world(deployment()))


def test_an_instruction_waits_for_a_person() -> None:
    plan = planned(script("  - {id: i, kind: instruct, say: 'Ask for ${params.target.name}'}\n"), world(deployment()))
    assert [(step.gate, step.says) for step in plan.instructions] == [(Gate.INSTRUCT, ("Ask for llama",))]
    assert not plan.nothing_to_do


def test_a_gitops_owner_blocks_the_plan_but_shows_it() -> None:
    owned = deployment()
    owned["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "prod:apps/Deployment:serving/llama"
    plan = planned(script(PATCH), world(owned))
    assert plan.changes
    assert [guard.name for guard in plan.blocked] == ["owner"]
