"""Faults of a runbook's file: each is found before anything runs, with its line."""

from __future__ import annotations

import pytest

from tests.unit.runbooks.runbook_world import script
from vops.errors import InputError
from vops.runbooks.script import load_script

GOOD = """\
vops: 1
id: good
title: Good
risk: low
params:
  namespace: {type: k8s.namespace}
  target: {type: k8s.ref, kinds: [apps/v1/Deployment]}
lock: ['${params.target}']
steps:
  - id: fit
    kind: gpu.fit
    ref: '${params.target}'
  - id: wait
    kind: k8s.rolloutStatus
    if: steps.fit.ends
    ref: '${params.target}'
    timeout: 5m
"""


def test_a_good_runbook_loads() -> None:
    loaded = load_script(GOOD, "good.yaml")
    assert [item.step.id for item in loaded.steps] == ["fit", "wait"]


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("risk: low", "risk: low\nrisk: high", 5, 'duplicate key "risk"'),
        ("risk: low", "risk: mild", 4, "Invalid enum value 'mild'"),
        ("risk: low", "risk: low\nrsik: low", 5, "unknown field `rsik`"),
        ("vops: 1", "vops: 2", 1, "version 1"),
        ("id: good\n", "", 1, "missing required field `id`"),
        ("type: k8s.namespace", "type: k8s.nmspace", 6, "unknown type 'k8s.nmspace'"),
        ("type: k8s.namespace", "type: string", 7, "needs the parameter `namespace`"),
        ("  target:", "  extra: {type: int}\n  target:", 7, "parameter extra is used nowhere"),
        ("kind: gpu.fit", "kind: gpu.fitt", 11, "unknown kind of step: 'gpu.fitt'"),
        ("    ref: '${params.target}'\n  - id: wait", "    refs: 1\n  - id: wait", 12, "gpu.fit has no key 'refs'"),
        ("    ref: '${params.target}'\n  - id: wait", "  - id: wait", 10, "gpu.fit needs ref"),
        ("id: wait", "id: fit", 13, "two steps have the id 'fit'"),
        ("id: wait", "id: wa-it", 13, "not a name that expressions can use"),
        ("if: steps.fit.ends", "if: steps.fit.end", 15, "undeclared reference to 'steps.fit.end'"),
        ("if: steps.fit.ends", "if: steps.wait.ends", 15, "undeclared reference"),
        ("if: steps.fit.ends", "if: steps.fit.replicas", 15, "is a int, but a bool is needed"),
        ("ref: '${params.target}'\n    timeout", "ref: '${params.traget}'\n    timeout", 16, "undeclared reference"),
        ("timeout: 5m", "timeout: 5 minutes", 17, "not a duration"),
        ("    timeout: 5m\n", "", 13, "k8s.rolloutStatus needs a `timeout`"),
        ("timeout: 5m", "timeout: 5m\n    done: 'true'", 18, "`done` has no effect"),
        ("apps/v1/Deployment]}", "apps/v1/Deploymnt]}", 7, "does not know the kind apps/v1/Deploymnt"),
        ("  target:", "  x: {type: string, match: '['}\n  target:", 7, "parameter x: unterminated character set"),
        ("  target:", "  x: {type: int, default: many}\n  target:", 7, "parameter x: 'many' is not a whole number"),
        ("lock: ['${params.target}']", "lock: ['llama']", 8, "a lock is a k8s.ref, or KIND/NAMESPACE/NAME"),
        ("risk: low", "risk: high", 4, "needs a step with gate: type-name"),
        ("steps:\n", "steps:\n  - 1\n", 10, "a step is a mapping"),
        ("title: Good", "title: [", 5, "expected"),
    ],
)
def test_a_fault_names_its_line(old: str, new: str, line: int, why: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        load_script(GOOD.replace(old, new, 1), "bad.yaml")
    assert why in caught.value.message
    assert caught.value.message.startswith(f"bad.yaml:{line}: ")


@pytest.mark.parametrize("text", ["", "- 1\n", "x: &a [*a]\n", "\x00", "a: !!python/object:os.system x\n"])
def test_what_is_no_runbook_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        load_script(text, "bad.yaml")


def test_yes_and_on_are_words() -> None:
    steps = "  - {id: a, kind: instruct, say: on, title: yes}\n"
    assert script(steps).steps[0].step.common.title == "yes"
