"""Secrets and runbooks: no file holds one, and no parameter takes one, so none can reach a plan, a title or an argv.

A parameter of the type k8s.secretKey names where a secret is, and that is all that vops ever knows of it.
"""

from __future__ import annotations

import re
from typing import Any

from vops.model.secrets import MASK, holds_secret, mask
from vops.runbooks.positions import Path, Source
from vops.runbooks.schema import Runbook

_PLACEHOLDER = re.compile(r"--[\w-]+(?:=|\s+)(?:…|\$|<)\S*")
_FREE = frozenset({"string", "list", "map"})


def check_secrecy(runbook: Runbook) -> None:
    """Raises InputError with the line of a secret in plain sight, or of a parameter that would take one."""
    for source in dict.fromkeys((runbook.source, *(step.source for step in runbook.steps))):
        if _tells(source.value):
            source.fail("a secret stands here in plain sight", _place(source, ()), hint="name a Secret and its key")
    names = [name for name, param in runbook.head.params.items() if param.type == "k8s.secretKey"]
    for step in runbook.steps:
        _check_texts(step.source, step.where, step.args, names)
    for name, param in runbook.head.params.items():
        if param.type in _FREE and mask({"name": name, "value": "x"})["value"] == MASK:
            runbook.source.fail(
                f"parameter {name} would take a secret as {param.type}, which shells and plans keep",
                ("params", name),
                hint="use the type k8s.secretKey: the name of a Secret, and the key in it",
            )


def _check_texts(source: Source, where: Path, value: Any, names: list[str]) -> None:
    """A reference to a secret stands by itself, where a reference is wanted."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        _check_texts(source, (*where, key), item, names)
    if isinstance(value, str):
        for name in names:
            mark = f"${{params.{name}}}"
            if mark in value and value != mark:
                source.fail(f"parameter {name} names where a secret is: no text has a place for it", where)


def _tells(value: Any) -> bool:
    """Whether a secret stands in it; `--password=…` and `--password=$NAME` in an instruction are none."""
    if isinstance(value, dict):
        return any(map(_tells, value.values())) or mask(value) != {key: mask(item) for key, item in value.items()}
    if isinstance(value, list):
        plain = [item if not isinstance(item, str) else _PLACEHOLDER.sub("", item) for item in value]
        return any(map(_tells, value)) or holds_secret([item for item in plain if isinstance(item, str)])
    return isinstance(value, str) and holds_secret(_PLACEHOLDER.sub("", value))


def _place(source: Source, where: Path) -> Path:
    """The innermost node that holds the secret."""
    node: Any = source.value
    for key in where:
        node = node[key]
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    found = next((key for key, item in inside if _tells(item)), None)
    return where if found is None else _place(source, (*where, found))
