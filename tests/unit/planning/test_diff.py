"""Diffs: the touched part of an object before and after, masked; and the patch for a repository."""

from __future__ import annotations

from typing import Any

from vops.model.objects import Ref
from vops.planning.changes import Change, Verb, delete_change, patch_change
from vops.planning.diff import diff_lines, repository_patch, unified
from vops.planning.patches import Edit

ENV = "/spec/template/spec/containers/0/env"


def deployment() -> dict[str, Any]:
    container = {
        "name": "vllm",
        "image": "vllm/vllm-openai:v0.25.1",
        "args": ["--model", "m", "--api-key", "s3cret", "--max-model-len", "8192"],
        "env": [{"name": "HF_TOKEN", "value": "s3cret"}],
        "livenessProbe": {"initialDelaySeconds": 60, "timeoutSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "llama", "namespace": "serving", "uid": "u1", "resourceVersion": "7"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}},
    }


def change(*edits: Edit) -> Change:
    found = patch_change(deployment(), edits, "Change it")
    assert found is not None
    return found


def test_a_change_tests_the_uid_first_and_names_its_target() -> None:
    planned = change(Edit("/spec/replicas", 2))
    assert planned.operations[0] == {"op": "test", "path": "/metadata/uid", "value": "u1"}
    assert planned.undo[0] == planned.operations[0]
    assert (planned.target, planned.touched) == (Ref("Deployment", "llama", "serving", "u1"), ("/spec/replicas",))


def test_no_change_is_made_of_what_is_as_wished() -> None:
    assert patch_change(deployment(), [Edit("/spec/replicas", 1)], "") is None


def test_the_diff_shows_the_touched_part_and_where_it_is() -> None:
    text = unified(change(Edit("/spec/template/spec/containers/0/livenessProbe/initialDelaySeconds")))
    assert text.splitlines() == [
        "--- deployment/llama in serving (live)",
        "+++ deployment/llama in serving (planned)",
        " apiVersion: apps/v1",
        " kind: Deployment",
        " metadata:",
        "   name: llama",
        "   namespace: serving",
        " spec:",
        "   template:",
        "     spec:",
        "       containers:",
        "       - name: vllm",
        "         livenessProbe:",
        "-          initialDelaySeconds: 60",
        "           timeoutSeconds: 1",
    ]


def test_secrets_are_masked_on_both_sides_and_in_the_plan() -> None:
    args = ["--model", "m", "--api-key", "s3cret", "--max-model-len", "4096"]
    reference = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}
    planned = change(Edit("/spec/template/spec/containers/0/args", args), Edit(f"{ENV}/0", reference))
    signs = {line.text.strip(): line.sign for line in diff_lines(planned)}
    assert (signs["- '8192'"], signs["- '4096'"], signs["- <masked>"]) == ("-", "+", " ")
    assert "s3cret" not in unified(planned) + repr(planned)


def test_a_deletion_is_one_removed_line() -> None:
    gone = delete_change(Ref("Pod", "llama-0", "serving", "u2"), "Delete it", unrestorable="its logs")
    assert gone.verb is Verb.DELETE
    assert [line.sign + line.text for line in diff_lines(gone)] == ["-pod/llama-0 in serving"]


def test_the_repository_gets_a_strategic_merge_patch() -> None:
    planned = change(
        Edit("/spec/template/spec/containers/0/livenessProbe/initialDelaySeconds"),
        Edit("/spec/template/spec/containers/0/livenessProbe/timeoutSeconds", 5),
    )
    container = {"name": "vllm", "livenessProbe": {"timeoutSeconds": 5, "initialDelaySeconds": None}}
    assert repository_patch(planned) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "llama", "namespace": "serving"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def test_what_was_empty_is_not_shown_as_removed() -> None:
    document = {**deployment(), "spec": {"template": {"spec": {}}}}
    planned = patch_change(document, [Edit("/spec/template/spec/priorityClassName", "high")], "")
    assert planned is not None
    changed = [line.sign + line.text for line in diff_lines(planned) if line.sign != " "]
    assert changed == ["+      priorityClassName: high"]


def test_neighbours_stand_on_both_sides_or_on_none() -> None:
    spec = {"target": {"name": "x"}, **{f"key{number}": number for number in range(7)}}
    planned = patch_change(
        {**deployment(), "spec": spec}, [Edit("/spec/target", {"name": "y", "kind": "Deployment"})], ""
    )
    assert planned is not None
    changed = {line.sign + line.text.strip() for line in diff_lines(planned) if line.sign != " "}
    assert changed == {"-name: x", "+name: y", "+kind: Deployment"}
