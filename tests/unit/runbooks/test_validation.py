"""What is wrong with a runbook whatever the cluster is like: refused before the first request, with file and line.

One row for each thing that can be told from the file alone; test_schema and test_structure have the format itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.runbooks.runbook_world import script
from vops.cli.app import app
from vops.errors import InputError
from vops.runbooks.script import load_script

HEAD = """\
vops: 1
id: bad
title: Bad
risk: low
params:
  namespace: {type: k8s.namespace}
  target: {type: k8s.ref, kinds: [apps/v1/Deployment]}
  size: {type: int, default: 1}
  note: {type: string, default: '', help: not to be forgotten}
  token: {type: k8s.secretKey, optional: true}
lock: ['${params.target}']
steps:
  - {id: look, kind: instruct, if: params.note == "" && params.size > 0 && params.token == null, say: Look}
"""
"""Its other steps begin in line 14."""
REF = "ref: '${params.target}'"
PATCH = f"  - {{id: a, kind: k8s.patch, title: A, why: So, {REF}, set: {{PLACE: VALUE}}}}\n"
ENSURE = "  - {id: a, kind: k8s.ensure, title: A, object: OBJECT}\n"
WAIT = f"  - {{id: w, kind: k8s.wait, {REF}, until: obj.ok, failWhen: 'false', timeout: 1m}}\n"
CHOOSE = "  - {id: c, kind: choose, of: [{if: params.size > 1, goto: z}]}\n"
FIT = f"  - {{id: fit, kind: gpu.fit, {REF}}}\n"
SOMETIMES = FIT.replace("kind:", "if: params.size > 1, kind:")
ASK = "  - {id: z, kind: instruct, say: 'SAY'}\n"
BUDGET = "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: x}, spec: {minAvailable: 1}}"
SERVER = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: SPEC}"


def patch(place: str, value: object) -> str:
    return PATCH.replace("PLACE", f"'{place}'").replace("VALUE", str(value))


def ensure(document: str) -> str:
    return ENSURE.replace("OBJECT", document)


def server(spec: str) -> str:
    return ensure(SERVER.replace("SPEC", spec))


BAD = {
    "an unknown key inside an argument": (
        "  - {id: a, kind: assert, that: [{cel: 'true', says: x}]}\n",
        "unknown field `says`",
    ),
    "a written value of the wrong type": (
        WAIT.replace("onDeleted", "").replace("timeout", "onDeleted: maybe, timeout"),
        "onDeleted: invalid enum value 'maybe'",
    ),
    "a number where text stands": (
        f"  - {{id: h, kind: http, {REF}, path: /, port: eighty, timeout: 1m}}\n",
        "port: expected `int`",
    ),
    "an expression of the wrong type": (
        f"  - {{id: h, kind: http, {REF}, path: /, port: '${{params.note}}', timeout: 1m}}\n",
        "port: ${params.note} is a string, but a number is needed",
    ),
    "text around what is no text": (
        ASK.replace("SAY", "Look at ${params.target}"),
        "inside text only text, numbers and truths stand",
    ),
    "an unknown parameter": (
        patch("/spec/minReadySeconds", "'${params.siez}'"),
        "undeclared reference to 'params.siez'",
    ),
    "an expression that does not parse": (patch("/spec/minReadySeconds", "'${1 +}'"), "Syntax error"),
    "a condition that is none": (WAIT.replace("obj.ok", "params.size"), "is a int, but a bool is needed"),
    "an expression without end": (WAIT.replace("obj.ok", f"'{'!' * 5000}obj.ok'"), "longer than 4000 characters"),
    "what only a skipped step gives": (
        SOMETIMES + ASK.replace("SAY", "Wait: ${steps.fit.reason}"),
        "steps.fit.reason may be null: it is skipped unless params.size > 1",
    ),
    "what a way leads past": (
        CHOOSE + FIT + ASK.replace("SAY", "${steps.fit.reason}."),
        "steps.fit.reason may be null: a way leads past it",
    ),
    "what may be null as an argument": (
        SOMETIMES + f"  - {{id: h, kind: http, {REF}, path: '${{steps.fit.reason}}', timeout: 1m}}\n",
        "path: ${steps.fit.reason} may be null",
    ),
    "what a failed wait gives": (
        f"  - {{id: h, kind: http, {REF}, path: /, timeout: 1m, onFail: continue}}\n"
        + "  - {id: c, kind: assert, that: [{cel: steps.h.status == 200}]}\n",
        "steps.h.status may be null: the run goes on when it fails",
    ),
    "a wait without `failWhen`": (WAIT.replace("failWhen: 'false', ", ""), "a wait without `failWhen`"),
    "a wait of no time": (WAIT.replace("1m", "0s"), "a `timeout` of nothing is none"),
    "a wait without end": (WAIT.replace("1m", "9999h"), "not a duration from 0 to 7 days"),
    "a negative time": (WAIT.replace("1m", "-5"), "not a duration from 0 to 7 days"),
    "a retry that grows shorter": (
        WAIT.replace("timeout", "retry: {max: 2, factor: 0.5}, timeout"),
        "`factor` of a retry is 1 or more",
    ),
    "a loop without end": (
        f"  - {{id: l, kind: forEach, of: {list(range(101))}, steps: [{{id: i, kind: instruct, say: x}}]}}\n",
        "forEach goes over 101 items; 100 are the most",
    ),
    "a soak of no duration": (
        f"  - {{id: s, kind: soak, {REF}, for: a while, timeout: 1m}}\n",
        "'a while' is not a duration",
    ),
    "a bench of no duration": (
        f"  - {{id: s, kind: vllm.bench, {REF}, duration: long, timeout: 1m}}\n",
        "'long' is not a duration",
    ),
    "a change that is kept without a reason": (
        patch("/spec/minReadySeconds", 1).replace("why: So", "undo: false"),
        "so it needs a `why`",
    ),
    "a pause without its end": (f"  - {{id: p, kind: k8s.rollout, {REF}, do: pause}}\n", "no later step lets it go on"),
    "a pause by hand": (patch("/spec/paused", "true"), "use k8s.rollout with do: pause"),
    "replicas by hand": (patch("/spec/replicas", 2), "use k8s.scale"),
    "replicas by hand, put": (
        f"  - {{id: a, kind: k8s.patch, {REF}, put: [{{at: /spec/replicas, value: 2}}]}}\n",
        "use k8s.scale",
    ),
    "an apply of what is there already": (
        ensure("{apiVersion: apps/v1, kind: Deployment, metadata: {name: '${params.target.name}'}}"),
        "target is there already",
    ),
    "a secret in plain sight": (
        ASK.replace("SAY", "Use hf_abcdefghijklmnopqrstuvwxyz"),
        "a secret stands here in plain sight",
    ),
    "a secret among arguments": (
        patch("@vllm.args/api-key", "hunter2").replace("set:", "append: {/x: [--api-key, hunter2]}, set:"),
        "a secret stands here in plain sight",
    ),
    "a secret in the environment": (
        patch("@vllm.env/HF_TOKEN", "hunter2"),
        "HF_TOKEN is a secret: it goes in by reference",
    ),
    "a secret reference in a text": (ASK.replace("SAY", "With ${params.token}!"), "token names where a secret is"),
    "an amount that is none": (
        patch("@vllm/resources/limits/memory", "5 gigs"),
        "memory: not a Kubernetes quantity: '5 gigs'",
    ),
    "an amount in an object": (
        ensure("{apiVersion: v1, kind: PersistentVolumeClaim, spec: {resources: {requests: {storage: 10GB}}}}"),
        "storage: not a Kubernetes quantity: '10GB'",
    ),
    "a place that is no pointer": (patch("/metadata/annotations/a~b", "x"), "is no JSON pointer"),
    "a pattern that is none": (WAIT.replace("obj.ok", "'obj.name.matches(\"[\")'"), "is no pattern"),
    "an API version that is gone": (
        ensure(BUDGET.replace("policy/v1", "policy/v1beta1")),
        "Kubernetes 1.25 has removed policy/v1beta1",
    ),
    "an API version that is another's": (
        ensure(BUDGET.replace("policy/v1", "apps/v1")),
        "is applied as policy/v1, not as apps/v1",
    ),
    "a kind that vops does not know": (
        ensure(BUDGET.replace("PodDisruptionBudget", "Widget")),
        "vops does not know the kind 'Widget'",
    ),
    "Recreate beside what is left": (
        patch("/spec/strategy/type", "Recreate"),
        "beside the rollingUpdate that stands there",
    ),
    "Recreate beside rollingUpdate": (
        server("{strategy: {type: Recreate, rollingUpdate: {}}}"),
        "beside a rollingUpdate",
    ),
    "a rollout that replaces nothing": (
        server("{strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}}"),
        "nothing could ever be replaced",
    ),
    "a rollout patched to replace nothing": (
        patch("/spec/strategy/rollingUpdate/maxSurge", 0).replace(
            "}}", ", /spec/strategy/rollingUpdate/maxUnavailable: 0}}"
        ),
        "nothing could ever be replaced",
    ),
    "more ways than GPUs": (
        patch("@vllm.args/tensor-parallel-size", 4).replace("}}", ", '@vllm.gpus': 2}}"),
        "split over 4 GPUs, and the container asks for 2",
    ),
    "a deadline before the start": (
        server(
            "{progressDeadlineSeconds: 600, template: {spec: {containers: [{startupProbe: {failureThreshold: 180}}]}}}"
        ),
        "progressDeadlineSeconds 600 is less than the 1800 s",
    ),
    "a link that leads nowhere": (ASK.replace("kind:", "docs: see the wiki, kind:"), "`docs` is a whole address"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_fault_is_found_in_the_file_alone(name: str) -> None:
    steps, why = BAD[name]
    with pytest.raises(InputError) as caught:
        load_script(HEAD + steps, "bad.yaml")
    assert why in caught.value.message
    assert caught.value.message.startswith("bad.yaml:")
    assert (caught.value.line or 0) >= 14


def test_all_files_are_checked_and_each_fault_is_said(tmp_path: Path) -> None:
    names = []
    for at, name in enumerate(("replicas by hand", "a pause by hand", "a wait without end")):
        path = tmp_path / f"bad{at}.yaml"
        path.write_text(HEAD + BAD[name][0])
        names.append(str(path))
    result = CliRunner().invoke(app, ["runbook", "lint", *names])
    said = result.stderr + str(result.exception)
    assert isinstance(result.exception, InputError)
    assert all(f"{name}:14: " in said for name in names)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "size: {type: int, default: 1}",
            "size: {type: int, default: 1}\n  password: {type: string, help: it}",
            "would take a secret as string",
        ),
        ("risk: low", "risk: low\ndocs: the wiki", "`docs` is a whole address"),
        ("risk: low", "risk: high", "needs a step with gate: type-name"),
        (
            "size: {type: int, default: 1}",
            "size: {type: int, default: 1}\n  spare: {type: int, default: 1}",
            "parameter spare is used nowhere",
        ),
    ],
)
def test_what_is_wrong_with_the_head_is_named(old: str, new: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        load_script(HEAD.replace(old, new) + WAIT.replace("until: obj.ok", "until: obj.ok"), "bad.yaml")


@pytest.mark.parametrize(
    "steps",
    [
        SOMETIMES + ASK.replace("kind:", "if: params.size > 1, kind:").replace("SAY", "Wait: ${steps.fit.reason}"),
        SOMETIMES + ASK.replace("SAY", '${steps.fit.reason != null ? steps.fit.reason : "no"}'),
        CHOOSE + FIT + ASK.replace("kind:", "if: steps.fit.reason != null && steps.fit.ends, kind:"),
        "  - {id: i, kind: instruct, say: 'kubectl create secret … --docker-password=… --token=$TOKEN'}\n",
        patch("@vllm.env/HF_TOKEN", "{valueFrom: {secretKeyRef: {name: a, key: b}}}"),
        WAIT.replace("obj.ok", "'obj.name.matches(\"^[a-z]+$\")'"),
        patch("/spec/strategy/type", "Recreate").replace("set:", "remove: [/spec/strategy/rollingUpdate], set:"),
        f"  - {{id: p, kind: k8s.rollout, {REF}, do: pause}}\n  - {{id: r, kind: k8s.rollout, {REF}, do: resume}}\n",
    ],
)
def test_what_is_right_is_let_through(steps: str) -> None:
    script(steps.replace("params.size > 1", "params.namespace == 'x'"))
