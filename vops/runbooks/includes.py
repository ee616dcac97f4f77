"""What `kind: include` gives to the steps that several runbooks share, kept in one file.

A part is a file `parts/NAME.yaml` beside the runbooks: `with` declares what the including step gives (a null default
makes it required), `steps` are ordinary steps in which `${with.NAME}` stands for what was given. Included steps keep
their ids, so the steps after them read their outputs as if they were written there; an `if` on the including step
holds for each of them besides its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vops.runbooks.positions import Path, Source

ReadPart = Callable[[str], tuple[str, str]]
"""The text and the path of a part, by its name. Raises UsageError for one that is not there."""


def given_to(part: Source, source: Source, where: Path, step: Mapping[str, Any]) -> dict[str, Any]:
    """What an include in `source` gives to `part`, its defaults included. Raises InputError for what does not fit."""
    declared = part.value.get("with") or {}
    given = step.get("with") or {}
    if not isinstance(declared, dict) or not isinstance(given, dict):
        source.fail("`with` is a mapping", (*where, "with"))
    if unknown := sorted(set(given) - set(declared)):
        hint = f"it has: {', '.join(declared)}"
        source.fail(f"part {step['part']} has no {unknown[0]!r}", (*where, "with", unknown[0]), hint=hint)
    if missing := [name for name, default in declared.items() if default is None and name not in given]:
        source.fail(f"part {step['part']} needs with: {', '.join(missing)}", where)
    return {**declared, **given}


def filled(value: Any, given: Mapping[str, Any]) -> Any:
    """`value` with what was given; a text that is one `${with.NAME}` becomes it, whatever its type."""
    if isinstance(value, dict):
        return {key: filled(item, given) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, given) for item in value]
    if not isinstance(value, str) or "${with." not in value:
        return value
    for name, item in given.items():
        mark = f"${{with.{name}}}"
        if value == mark:
            return item
        value = value.replace(mark, str(item))
    return value
