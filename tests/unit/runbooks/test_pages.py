"""What is told of a runbook without running it: its page, ways, rights and schema, and what it could do better."""

from __future__ import annotations

from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.unit.runbooks.runbook_world import script
from vops.library import read_runbook_file, runbooks
from vops.runbooks.advice import advice
from vops.runbooks.describe import SKELETON, described, graph
from vops.runbooks.json_schema import runbook_schema
from vops.runbooks.rights import rights
from vops.runbooks.schema import Runbook
from vops.runbooks.script import load_script

SHIPPED = sorted(runbooks({"XDG_CONFIG_HOME": "/nonexistent"}))
PATCH = "  - {id: a, kind: k8s.patch, title: A, why: So, ref: '${params.target}', set: {/spec/minReadySeconds: 5}}\n"
WAIT = "  - {id: w, kind: k8s.wait, ref: '${params.target}', until: obj.ok, failWhen: obj.bad, timeout: 1m}\n"


def runbook(steps: str) -> Runbook:
    return script(steps).runbook


def shipped(name: str) -> tuple[str, str]:
    return read_runbook_file(name, {"XDG_CONFIG_HOME": "/nonexistent"})


_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "object": (dict,),
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


def accepts(schema: Any, value: Any, defs: Any) -> bool:
    """The part of JSON Schema that ours uses."""
    if "$ref" in schema:
        return accepts(defs[schema["$ref"].rpartition("/")[2]], value, defs)
    if "oneOf" in schema:
        return sum(accepts(item, value, defs) for item in schema["oneOf"]) == 1
    if "anyOf" in schema:
        return any(accepts(item, value, defs) for item in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return bool(value in schema.get("enum", [schema.get("const")]))
    if not isinstance(value, _PYTHON.get(schema.get("type", ""), (object,))):
        return False
    if isinstance(value, list):
        return all(accepts(schema.get("items", {}), item, defs) for item in value)
    if not isinstance(value, dict):
        return True
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    parts = {key: known.get(key, more) for key in value}
    whole = not set(schema.get("required", ())) - set(value)
    return whole and all(
        part is not False and (part is True or accepts(part, value[key], defs)) for key, part in parts.items()
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_the_schema_accepts_what_vops_ships(name: str) -> None:
    schema = runbook_schema()
    document = YAML(typ="safe", pure=True).load(shipped(name)[0])
    defs = schema["$defs"]
    wrong = [step for step in document["steps"] if not accepts(defs["steps"]["items"], step, defs)]
    assert not wrong
    assert accepts(schema, document, defs)


@pytest.mark.parametrize(
    ("key", "value"), [("kind", "k8s.pach"), ("sett", {}), ("onFail", "panic"), ("retry", {"max": 1, "dleay": "1s"})]
)
def test_the_schema_refuses_what_vops_refuses(key: str, value: Any) -> None:
    defs = runbook_schema()["$defs"]
    step = {"id": "a", "kind": "k8s.patch", "ref": "${params.target}"}
    assert accepts(defs["steps"]["items"], step, defs)
    assert not accepts(defs["steps"]["items"], step | {key: value}, defs)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_runbook_has_a_page_and_a_graph(name: str) -> None:
    found = load_script(*shipped(name)).runbook
    assert f"vops run {name} --dry-run" in described(found)
    assert graph(found).startswith("flowchart TD\n")


def test_a_role_has_what_the_steps_need_and_no_more() -> None:
    told = {str(item) for item in rights(runbook(PATCH + WAIT))}
    assert {"patch deployments", "patch statefulsets", "create leases", "get pods/proxy"} <= told
    assert not [item for item in told if "secrets" in item or "delete pods" in item]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (PATCH, "nothing looks afterwards whether it helped"),
        (PATCH.replace("title: A, ", "") + WAIT, "without a `title`"),
        (PATCH.replace("title", "undo: false, onFail: undo, title") + WAIT, "keeps its own change"),
    ],
)
def test_what_could_be_better_is_said_with_its_line(steps: str, words: str) -> None:
    (found,) = advice(runbook(steps))
    assert words in found.message
    assert (found.path, found.line >= 10) == ("test.yaml", True)


def test_the_runbook_to_begin_with_is_a_good_one() -> None:
    assert advice(load_script(SKELETON.format(name="mine"), "mine.yaml").runbook) == ()


def test_a_fix_says_why() -> None:
    text = (
        SKELETON.format(name="mine")
        .replace("    why: Say what for\n", "")
        .replace("risk: low", "risk: low\nfixes: [x]")
    )
    (found,) = advice(load_script(text, "mine.yaml").runbook)
    assert "a fix without a `why`" in found.message


def test_a_graph_shows_where_choices_lead() -> None:
    choice = "  - {id: x, kind: choose, of: [{if: 'true', goto: w}]}\n"
    drawn = graph(runbook(choice + PATCH + WAIT))
    assert "x --> w" in drawn
    assert "x --> a" in drawn
