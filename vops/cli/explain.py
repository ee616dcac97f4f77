"""`vops explain`: what a rule or cause means, from the one place that defines it."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("explain", help="What a rule or cause means: what it finds, why, the evidence, the fix.")(explain)


def explain(name: Annotated[str, typer.Argument(metavar="RULE|CAUSE")]) -> None:
    import inspect

    from vops.cli.output import emit
    from vops.diagnosis.rule import discover
    from vops.errors import UsageError

    rules = discover()
    found = [rule for rule in rules if name in (rule.name, rule.cause)]
    if not found:
        known = ", ".join(sorted(rule.name for rule in rules))
        raise UsageError(f"there is no rule or cause {name!r}", hint=f"known are {known}")
    emit("\n\n".join(f"{rule.name}\n\n{inspect.cleandoc(rule.doc)}" for rule in found))
