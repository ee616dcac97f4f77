"""The Typer application of `vops`: every command, and the TUI when none is given.

Imports nothing but typer at the top: `vops --help` must not pay for Kubernetes, HTTP or Textual.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vops import __version__
from vops.cli import (
    diagnose,
    doctor,
    explain,
    fix,
    fleet,
    handback,
    lab,
    lint,
    load,
    locks,
    logs,
    record,
    render,
    runbooks,
    runs,
    size,
    snapshot,
)
from vops.cli.diagnostics import ending
from vops.cli.options import Globals, hoisted
from vops.cli.starting import start

app = typer.Typer(
    name="vops",
    help="On-call operations for vLLM on Kubernetes: see every replica, name the cause, fix it, prove it.",
    epilog="Global options work before and after a command. Without a command: the TUI.",
    no_args_is_help=False,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
_COMMANDS = (
    *(fleet, diagnose, fix, runbooks, runs, handback, snapshot),
    *(record, logs, load, locks, explain, doctor, size, render, lint, lab),
)
for module in _COMMANDS:
    module.register(app)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"vops {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    kube_context: Annotated[str | None, typer.Option("--context", help="kubeconfig context (screen: a,b)")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="namespace to look at")] = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="look at all namespaces")] = False,
    kubeconfig: Annotated[str | None, typer.Option(help="path of a kubeconfig file")] = None,
    lab: Annotated[str | None, typer.Option(metavar="[SCENARIO]", help="use the embedded lab (healthy)")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="output format; see the command")] = "",
    readonly: Annotated[bool, typer.Option("--readonly", help="refuse every write")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="no colours")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="no narration on stderr")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="whole diffs, rules not asked, more narration, tracebacks of bugs")
    ] = False,
    timeout: Annotated[float | None, typer.Option(help="seconds one request may take", min=0.1)] = None,
    prometheus: Annotated[str | None, typer.Option(metavar="URL", help="a Prometheus server to ask as well")] = None,
    gentle: Annotated[bool, typer.Option("--gentle", help="look less often: a fifth of the scrapes")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    context.obj = Globals(
        context=kube_context,
        namespace=namespace,
        all_namespaces=all_namespaces,
        kubeconfig=kubeconfig,
        lab=lab,
        output=output,
        readonly=readonly,
        no_color=no_color,
        quiet=quiet,
        verbose=verbose,
        timeout=timeout,
        prometheus=prometheus,
        gentle=gentle,
    )
    if context.invoked_subcommand is None:
        start(context.obj)


def command_names() -> frozenset[str]:
    """The names of all commands and groups."""
    names = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    return frozenset(name for name in names if name)


def main() -> None:
    """The console script for every command line that is not plain. Ends the process."""
    ending(lambda: app(args=hoisted(sys.argv[1:], command_names()), prog_name="vops"))
