"""`vops explain`: what a rule (of diagnosis or lint) or cause means, from the one place that defines it."""

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
    from vops.manifests.rule import discover as discover_lint

    rules, lint_rules = discover(), discover_lint()
    found = [(rule.name, rule.doc) for rule in rules if name in (rule.name, rule.cause)]
    found += [(f"{rule.name} (vops lint)", rule.doc) for rule in lint_rules if name == rule.name]
    if not found:
        known = ", ".join(sorted({rule.name for rule in rules} | {rule.name for rule in lint_rules}))
        raise UsageError(f"there is no rule or cause {name!r}", hint=f"known are {known}")
    emit("\n\n".join(f"{title}\n\n{inspect.cleandoc(doc)}" for title, doc in found))
