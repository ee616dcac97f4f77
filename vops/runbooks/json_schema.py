"""The format of runbooks as a JSON Schema, for editors: made from the same structs that read the files."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import msgspec

from vops.runbooks.kinds import StepKind, discover
from vops.runbooks.params import TYPES
from vops.runbooks.schema import Common, Head

TITLE = "A runbook of vops"
_EXPRESSION = {"type": "string", "pattern": r"\$\{"}
_FLOW: dict[str, dict[str, Any]] = {
    "include": {"part": {"type": "string"}, "with": {"type": "object"}},
    "block": {name: {"$ref": "#/$defs/steps"} for name in ("steps", "rescue", "always")},
    "parallel": {"steps": {"$ref": "#/$defs/steps"}},
    "forEach": {"of": {"anyOf": [{"type": "array"}, _EXPRESSION]}, "steps": {"$ref": "#/$defs/steps"}},
}
_NEEDED = {
    "include": ["part"],
    "block": ["id", "steps"],
    "parallel": ["id", "steps"],
    "forEach": ["id", "of", "steps"],
}
_LITERAL = ("Param", "Risk", "Retry", "Gate", "OnFail")
"""What never holds an expression."""
Schema = dict[str, Any]


def runbook_schema() -> Schema:
    """The whole document."""
    kinds = discover()
    types = [Head, Common, *(kind.args for kind in kinds.values())]
    (head, common, *arguments), described = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    components = {name: _outdented(item) for name, item in described.items()}
    top, shared = components.pop(_name(head)), components.pop(_name(common))
    own = [_lenient(components.pop(_name(ref))) for ref in arguments]
    steps = [_step(kind, args, shared) for kind, args in zip(kinds.values(), own, strict=True)]
    steps += [_holder(name) for name in _FLOW]
    defs: Schema = {name: item if name in _LITERAL else _lenient(item) for name, item in components.items()}
    defs["Param"]["properties"]["type"] = {"enum": list(TYPES)}
    defs["steps"] = {"type": "array", "minItems": 1, "items": {"oneOf": steps}}
    top["properties"]["steps"] = {"$ref": "#/$defs/steps"}
    top["required"] = [*top["required"], "steps"]
    top["properties"]["vops"] = {"const": 1}
    return {**top, "$schema": "https://json-schema.org/draft/2020-12/schema", "title": TITLE, "$defs": defs}


def _outdented(schema: Schema) -> Schema:
    """Docstrings keep the indentation of the source up to Python 3.12, and do not from 3.13 on."""
    return {**schema, "description": cleandoc(schema["description"])} if "description" in schema else schema


def _name(reference: Schema) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _step(kind: StepKind, args: Schema, shared: Schema) -> Schema:
    """One kind of step: the shared keys and its own."""
    properties = {**shared["properties"], **args.get("properties", {}), "kind": {"const": kind.name}}
    required = ["id", "kind", *args.get("required", [])]
    about = (kind.module.__doc__ or "").strip().splitlines()[0]
    return _closed(properties, required, about)


def _holder(kind: str) -> Schema:
    shared = {name: {"type": "string"} for name in ("id", "title", "if")}
    return _closed({**shared, "kind": {"const": kind}, **_FLOW[kind]}, ["kind", *_NEEDED[kind]], kind)


def _closed(properties: Schema, required: list[str], about: str) -> Schema:
    return {
        "type": "object",
        "description": about,
        "properties": properties,
        "required": list(dict.fromkeys(required)),
        "additionalProperties": False,
    }


def _lenient(schema: Any) -> Any:
    """The schema with an expression allowed wherever a value stands: `${…}` is filled in before it is read."""
    if isinstance(schema, list):
        return [_lenient(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "properties" in schema:
        inner = {name: _value(item) for name, item in schema["properties"].items()}
        return {**schema, "properties": inner}
    lenient = {name: _lenient(item) for name, item in schema.items()}
    for inside in ("additionalProperties", "items"):
        if isinstance(schema.get(inside), dict):
            lenient[inside] = _value(schema[inside])
    return lenient


def _value(schema: Any) -> Any:
    if not isinstance(schema, dict) or schema.get("type") == "string":
        return schema
    kept = {name: schema[name] for name in ("default", "description") if name in schema}
    rest = _lenient({name: item for name, item in schema.items() if name not in kept})
    return {"anyOf": [rest, {"type": "string"}], **kept}
