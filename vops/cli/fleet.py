"""`vops fleet`: every vLLM replica, once or as it changes."""

from __future__ import annotations

from typing import Annotated

import typer

from vops.cli.listing import FORMATS, show


def register(app: typer.Typer) -> None:
    app.command("fleet", help=f"Every vLLM replica and its workload. -o {'|'.join(FORMATS)}")(fleet)


def fleet(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="print again whenever something changes")] = False,
    selector: Annotated[str, typer.Option("--selector", "-l", help="label selector of the pods")] = "",
) -> None:
    show(context.obj, watch=watch, selector=selector)
