"""Whether the arguments of a step have the types that its kind wants, as far as the file tells.

What is written plainly is read as it will be read; an expression stands for a value of the type that it compiles to.
What only its value shows (the members of a map, whether something is null) is for planning.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

import msgspec
from msgspec import inspect

from vops.runbooks.arguments import Condition
from vops.runbooks.expressions import Expression, Template
from vops.runbooks.kinds import StepKind
from vops.runbooks.positions import Path, Source

_OUTPUT = re.compile(r"\$\{steps\.(\w+)\.\w+\}")
_CEL: Mapping[type[inspect.Type], frozenset[str]] = {
    inspect.BoolType: frozenset({"bool"}),
    inspect.IntType: frozenset({"int", "double"}),
    inspect.FloatType: frozenset({"int", "double"}),
    inspect.StrType: frozenset({"string"}),
    inspect.EnumType: frozenset({"string"}),
    inspect.LiteralType: frozenset({"string", "int"}),
    inspect.ListType: frozenset({"list"}),
    inspect.VarTupleType: frozenset({"list"}),
    inspect.DictType: frozenset({"map"}),
    inspect.StructType: frozenset({"map"}),
    inspect.NoneType: frozenset({"null"}),
}
"""The CEL types that may become a value of each type."""

_PLAIN: Mapping[type[inspect.Type], Callable[[Any], Any]] = {
    inspect.BoolType: lambda _: True,
    inspect.IntType: lambda _: 1,
    inspect.FloatType: lambda _: 1.0,
    inspect.StrType: lambda _: "x",
    inspect.EnumType: lambda wanted: cast("type[enum.Enum]", wanted.cls)._member_map_.copy().popitem()[1].value,
    inspect.LiteralType: lambda wanted: wanted.values[0],
    inspect.ListType: lambda _: [],
    inspect.VarTupleType: lambda _: [],
    inspect.DictType: lambda _: {},
    inspect.StructType: lambda wanted: {
        item.encode_name: _stand_in(item.type) for item in wanted.fields if item.required
    },
}
"""A value of each type, to stand for what an expression will give."""


def check_types(
    source: Source, where: Path, kind: StepKind, compiled: Mapping[str, Any], skipped: Mapping[str, str]
) -> None:
    """Raises InputError with the line of the first argument that is of another type than its kind wants.

    `compiled` are the arguments with Templates and Conditions where the file has expressions; `skipped` the steps that
    may not have run, each with the reason (see vops.runbooks.maybe).
    """
    standing = _Standing(source, skipped)
    for item in msgspec.structs.fields(kind.args):
        if item.encode_name in compiled:
            here = (*where, item.encode_name)
            plain = standing.value(here, compiled[item.encode_name], _type_info(kind.args, item.encode_name))
            _convert(source, here, plain, item.type)


def _convert(source: Source, where: Path, plain: Any, wanted: Any) -> None:
    try:
        msgspec.convert(plain, wanted)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$")
        place = at.rstrip("`")
        source.fail(f"{where[-1]}{place}: {message[:1].lower()}{message[1:]}", where)


@cache
def _type_info(args: type[msgspec.Struct], name: str) -> inspect.Type:
    found = cast("inspect.StructType", inspect.type_info(args))
    return next(item.type for item in found.fields if item.encode_name == name)


class _Standing:
    """Arguments with every expression replaced by a value of the type that it has to have."""

    def __init__(self, source: Source, skipped: Mapping[str, str]) -> None:
        self._source = source
        self._skipped = skipped

    def value(self, where: Path, value: Any, wanted: inspect.Type) -> Any:
        if isinstance(value, Condition):
            return True
        if isinstance(value, Template):
            return self._template(where, value, wanted)
        if isinstance(value, dict):
            return {key: self.value((*where, key), item, _member(wanted, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value((*where, at), item, _element(wanted)) for at, item in enumerate(value)]
        return value

    def _template(self, where: Path, value: Template, wanted: inspect.Type) -> Any:
        if not any(isinstance(part, Expression) for part in value.parts):
            return "".join(cast("tuple[str, ...]", value.parts))
        kind = value.parts[0].type if isinstance(value.parts[0], Expression) and len(value.parts) == 1 else "string"
        if (why := self._null(value)) and not any(_may_be(item, "null") for item in _alternatives(wanted)):
            self._source.fail(f"{where[-1]}: {_written(value)} may be null: {why}", where)
        fitting = [item for item in _alternatives(wanted) if _may_be(item, kind)]
        if not fitting:
            self._source.fail(f"{where[-1]}: {_written(value)} is a {kind}, but {_named(wanted)} is needed", where)
        return _stand_in(fitting[0])

    def _null(self, value: Template) -> str:
        """Why the output that it passes on may be null; empty when it is not, or something else."""
        found = _OUTPUT.fullmatch(_written(value))
        return self._skipped.get(found[1], "") if found else ""


def _alternatives(wanted: inspect.Type) -> tuple[inspect.Type, ...]:
    return wanted.types if isinstance(wanted, inspect.UnionType) else (wanted,)


def _may_be(wanted: inspect.Type, kind: str) -> bool:
    return kind == "any" or type(wanted) not in _CEL or kind in _CEL[type(wanted)]


def _stand_in(wanted: inspect.Type) -> Any:
    first = _alternatives(wanted)[0]
    return _PLAIN[type(first)](first) if type(first) in _PLAIN else None


def _member(wanted: inspect.Type, key: str) -> inspect.Type:
    for item in _alternatives(wanted):
        if isinstance(item, inspect.DictType):
            return item.value_type
        if isinstance(item, inspect.StructType):
            return next((field.type for field in item.fields if field.encode_name == key), inspect.AnyType())
    return inspect.AnyType()


def _element(wanted: inspect.Type) -> inspect.Type:
    for item in _alternatives(wanted):
        if isinstance(item, (inspect.ListType, inspect.VarTupleType)):
            return item.item_type
    return inspect.AnyType()


def _written(value: Template) -> str:
    return "".join(part if isinstance(part, str) else f"${{{part.text}}}" for part in value.parts)


_NAMES: Mapping[type[inspect.Type], str] = {
    inspect.BoolType: "a truth",
    inspect.IntType: "a number",
    inspect.FloatType: "a number",
    inspect.StrType: "text",
    inspect.ListType: "a list",
    inspect.VarTupleType: "a list",
    inspect.DictType: "a mapping",
    inspect.StructType: "a mapping",
    inspect.NoneType: "null",
}


def _named(wanted: inspect.Type) -> str:
    return " or ".join(dict.fromkeys(_NAMES.get(type(item), "one of its words") for item in _alternatives(wanted)))
