"""`vops explain`: what a rule, cause, metric, flag, step or runbook means, from the one place that defines it."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    context = {"ignore_unknown_options": True}  # so that a flag of vLLM may be asked about
    app.command(
        "explain", help="What a rule, cause, metric, flag of vLLM, step or runbook means.", context_settings=context
    )(explain)


def explain(name: Annotated[str, typer.Argument(metavar="RULE|CAUSE|METRIC|FLAG|STEP|RUNBOOK")]) -> None:
    from vops.cli.output import emit
    from vops.operations.explain import explain as explained

    emit(explained(name))
