"""Fills in the library: a value in plain YAML, and behind it the parameter that takes its place.

    replicas: 1 # vops: ${replicas}

kubectl reads the 1, vops writes the parameter. A template may hold several parameters and text around them. A line
whose parameter has no value is left out. Nothing else is a template: no conditions, no loops.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from vops.errors import InputError

Value = str | int | float | None
_LINE = re.compile(
    r"""^(?P<head>\s*(?:-\ )*(?:(?:[\w./~$-]+|"[^"]+"):\s+)?)  # indentation, dashes and key
        (?P<value>\S.*?)\s+\#\ vops:\ (?!allow\ )(?P<template>\S.*?)\s*$""",
    re.VERBOSE,
)
_PARAMETER = re.compile(r"\$\{(\w+)\}")


def fill(text: str, values: Mapping[str, Value], path: str) -> str:
    """`text` with every marked value replaced. Raises InputError for a parameter that there is not."""
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        match = _LINE.match(line)
        if match is None:
            lines.append(line)
            continue
        filled = _filled(match["template"], values, path, number)
        if filled is not None:
            lines.append(match["head"] + _scalar(filled, quoted=match["value"].startswith(('"', "'"))))
    return "\n".join(lines)


def parameters(text: str) -> set[str]:
    """The parameters that a text of the library takes."""
    templates = [match["template"] for line in text.split("\n") if (match := _LINE.match(line))]
    return {name for template in templates for name in _PARAMETER.findall(template)}


def _filled(template: str, values: Mapping[str, Value], path: str, line: int) -> Value:
    """The value of a template: that of a single parameter as it is, else text; None when a parameter has none."""
    names = _PARAMETER.findall(template)
    for name in names:
        if name not in values:
            raise InputError(f"there is no parameter {name!r}", path=path, line=line)
    if any(values[name] is None for name in names):
        return None
    single = _PARAMETER.fullmatch(template)
    if single is not None:
        return values[single[1]]
    return _PARAMETER.sub(lambda match: str(values[match[1]]), template)


def _scalar(value: Value, *, quoted: bool) -> str:
    """A YAML scalar: numbers plain unless text stood there; text as JSON, which YAML reads."""
    if isinstance(value, int | float) and not quoted:
        return str(value)
    return json.dumps(str(value), ensure_ascii=False)
