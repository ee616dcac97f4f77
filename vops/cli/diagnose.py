"""`vops diagnose`: why something does not serve, from a cluster or from files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vops.cli.diagnosing import FAIL_ON, FORMATS
from vops.cli.diagnosing import diagnose as diagnose_and_print


def register(app: typer.Typer) -> None:
    app.command("diagnose", help=f"Why a pod or workload does not serve, with evidence. -o {'|'.join(FORMATS)}")(
        diagnose
    )


def diagnose(
    context: typer.Context,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="TARGET", help="POD, deploy/NAME, sts/NAME, ns/NAME or all; or - for stdin"),
    ] = None,
    bundle: Annotated[
        list[Path] | None, typer.Option("--from", metavar="PATH", help="read files or folders instead of a cluster")
    ] = None,
    fail_on: Annotated[str, typer.Option(metavar="info|warning|error", help="exit 1 from this severity on")] = FAIL_ON,
) -> None:
    raise typer.Exit(diagnose_and_print(context.obj, targets or (), bundle or (), fail_on))
