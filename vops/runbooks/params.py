"""A runbook's parameters: their types, how a command line's text becomes a value, and what is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from vops.errors import UsageError
from vops.model.kinds import KINDS

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
LONGEST_S = 7 * 86400.0
"""No step of a runbook takes longer: a longer wait is one without an end."""
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Param(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One declared parameter. Without a default, and not `optional`, it has to be given; optional ones are null."""

    type: str
    help: str = ""
    default: Any = None
    optional: bool = False
    enum: tuple[Any, ...] = ()
    match: str = ""
    min: float | None = None
    max: float | None = None
    kinds: tuple[str, ...] = ()
    """For `k8s.ref`: the kinds allowed, as `apps/v1/Deployment`."""

    @property
    def required(self) -> bool:
        return not self.optional and self.default is None

    @property
    def cel_type(self) -> str:
        """What an expression sees; an optional parameter may be null, so it has no fixed type."""
        return "any" if self.optional else TYPES[self.type].cel


class ParamType(msgspec.Struct, frozen=True):
    """A type of parameters: its CEL type, and how a given value is read (raises ValueError)."""

    cel: str
    read: Callable[[Any, Param], Any]


def bind(declared: Mapping[str, Param], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter's value, read and checked. Raises UsageError naming the parameter and what it should be."""
    if unknown := sorted(set(given) - set(declared)):
        raise UsageError(f"unknown parameter: {', '.join(unknown)}", hint=f"known are: {', '.join(declared)}")
    return {name: _value(name, param, given.get(name)) for name, param in declared.items()}


def _value(name: str, param: Param, given: Any) -> Any:
    value = param.default if given is None else given
    if value is None:
        if param.required:
            raise UsageError(f"parameter {name} is missing", hint=f"add -p {name}=… ({param.help or param.type})")
        return None
    try:
        read = TYPES[param.type].read(value, param)
        _check(read, param)
    except ValueError as error:
        raise UsageError(f"parameter {name}: {error}", hint=param.help) from error
    return read


def flaw(param: Param) -> str:
    """What is wrong with a declaration, whatever is given; empty when nothing is."""
    known = {f"{kind.api_version}/{kind.kind}" for kind in KINDS}
    if unknown := [item for item in param.kinds if item not in known]:
        return f"vops does not know the kind {unknown[0]}"
    try:
        re.compile(param.match)
        if param.default is not None:
            _check(TYPES[param.type].read(param.default, param), param)
    except (re.error, ValueError) as error:
        return str(error)
    return ""


def _check(value: Any, param: Param) -> None:
    if param.enum and value not in param.enum:
        raise ValueError(f"{value!r} is not one of {', '.join(map(str, param.enum))}")
    if param.match and not re.fullmatch(param.match, str(value)):
        raise ValueError(f"{value!r} does not match {param.match}")
    if param.min is not None and value < param.min:
        raise ValueError(f"{value} is less than {param.min:g}")
    if param.max is not None and value > param.max:
        raise ValueError(f"{value} is more than {param.max:g}")


def seconds(value: Any) -> float:
    """`90`, `"90"`, `"15m"`, `"1h30m"` in seconds. Raises ValueError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not 0 <= value <= LONGEST_S:
            raise ValueError(f"{value!r} s is not a duration from 0 to 7 days")
        return float(value)
    text = str(value)
    if text.isascii() and text.isdigit():
        return seconds(int(text))
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError(f"{value!r} is not a duration such as 90s, 15m or 1h30m")
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return seconds(hours * 3600 + minutes * 60 + rest)


def unreadable(args: Mapping[str, Any], key: str) -> str:
    """What is wrong with a duration that is written plainly among arguments; empty when nothing is."""
    value = args.get(key, 0)
    try:
        seconds(0 if "${" in str(value) else value)
    except ValueError as error:
        return f"has `{key}`: {error}"
    return ""


def _string(value: Any, _: Param) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


def _int(value: Any, _: Param) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,15}", str(value)):
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def _float(value: Any, _: Param) -> float:
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _bool(value: Any, _: Param) -> bool:
    truths = {"true": True, "false": False}
    if isinstance(value, bool) or str(value).lower() in truths:
        return value if isinstance(value, bool) else truths[str(value).lower()]
    raise ValueError(f"{value!r} is neither true nor false")


def _json(kind: type, what: str) -> Callable[[Any, Param], Any]:
    """Reads a list or a map, from JSON when it comes as text."""

    def read(value: Any, _: Param) -> Any:
        decoded = value
        if isinstance(value, str):
            try:
                decoded = json.loads(value)
            except json.JSONDecodeError as error:
                raise ValueError(f"{value!r} is not JSON: {error.msg}") from error
        decoded = msgspec.json.decode(msgspec.json.encode(decoded))
        if not isinstance(decoded, kind):
            raise ValueError(f"{value!r} is not {what}")
        return decoded

    return read


def _name(value: Any, _: Param) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a Kubernetes name")
    return value


def _port(value: Any, param: Param) -> int | str:
    """A port's number, or its name in the container."""
    return _int(value, param) if re.fullmatch(r"\d+", str(value)) else _name(value, param)


def _ref(value: Any, param: Param) -> dict[str, str]:
    """`deployment/NAME` as `{kind, name}`; the namespace is added by whoever binds the runbook's parameters."""
    kind, slash, name = str(value).partition("/")
    allowed = [allowed.rpartition("/")[2] for allowed in param.kinds] or [known.kind for known in KINDS]
    aliases = {alias: found for found in allowed for alias in (found.lower(), f"{found.lower()}s", _SHORT.get(found))}
    if not slash or kind.lower() not in aliases:
        raise ValueError(f"{value!r} is not KIND/NAME with KIND one of {', '.join(item.lower() for item in allowed)}")
    return {"kind": aliases[kind.lower()], "name": _name(name, param)}


_SHORT = {"Deployment": "deploy", "StatefulSet": "sts", "Pod": "po"}


def _secret_key(value: Any, param: Param) -> dict[str, str]:
    """`NAME` or `NAME/KEY` as a secretKeyRef; the key is `token` unless given. Never a value."""
    name, _, key = str(value).partition("/")
    if not re.fullmatch(r"[-._a-zA-Z0-9]*", key):
        raise ValueError(f"{key!r} is not a key of a Secret")
    return {"name": _name(name, param), "key": key or "token"}


TYPES: dict[str, ParamType] = {
    "string": ParamType("string", _string),
    "int": ParamType("int", _int),
    "float": ParamType("double", _float),
    "bool": ParamType("bool", _bool),
    "duration": ParamType("double", lambda value, _: seconds(value)),
    "list": ParamType("list", _json(list, "a list")),
    "map": ParamType("map", _json(dict, "a map")),
    "k8s.namespace": ParamType("string", _name),
    "k8s.name": ParamType("string", _name),
    "k8s.port": ParamType("any", _port),
    "k8s.ref": ParamType("map", _ref),
    "k8s.secretKey": ParamType("map", _secret_key),
}
