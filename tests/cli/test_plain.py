"""A plain command line means the same to the quick reader and to Typer, and everything else is Typer's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from vops.cli import app as cli
from vops.cli import diagnose as diagnose_command
from vops.cli import fleet as fleet_command
from vops.cli import plain
from vops.cli.diagnostics import ExitCode
from vops.cli.options import Globals, hoisted

PLAIN = [
    [],
    ["-A", "--context", "prod", "--readonly"],
    ["diagnose", "pod-1"],
    ["diagnose", "pod-1", "deploy/llm", "ns/prod"],
    ["-n", "prod", "diagnose", "pod-1", "-o", "json", "--fail-on", "warning"],
    ["diagnose", "--fail-on=info", "pod-1", "--kubeconfig=/tmp/a b", "--context", "prod", "-A"],
    ["fleet"],
    ["--quiet", "fleet", "-o", "csv", "-l", "app=llm", "--no-color", "--readonly", "--verbose"],
    ["fleet", "-n", "a", "--namespace", "b", "--prometheus", "http://p:9090", "--selector=x=y"],
]
TYPERS = [
    ["--help"],
    ["diagnose"],
    ["diagnose", "-"],
    ["diagnose", "--help"],
    ["diagnose", "pod-1", "--from", "file"],
    ["diagnose", "pod-1", "-n"],
    ["diagnose", "pod-1", "-nprod"],
    ["diagnose", "pod-1", "-n", "-A"],
    ["diagnose", "pod-1", "--timeout", "5"],
    ["diagnose", "pod-1", "--namespace="],
    ["diagnose", "pod-1", "--", "-x"],
    ["diagnose", "pod-1", "--selector", "a=b"],
    ["--fail-on", "info", "diagnose", "pod-1"],
    ["fleet", "-l", "--readonly", "-l", "a=b"],
    ["fleet", "pod-1"],
    ["fleet", "--watch"],
    ["--lab", "fleet"],
    ["--lab"],
    ["fleet", "--lab", "healthy"],
    ["snapshot"],
    ["--version"],
]
WORDS = sorted({word for line in (*PLAIN, *TYPERS) for word in line} | {"-l", "all"})


@pytest.mark.parametrize("argv", PLAIN, ids=" ".join)
def test_a_plain_line_means_what_typer_reads_in_it(argv: list[str]) -> None:
    assert plain.read(argv, {}) is not None
    assert _quickly(argv) == _through_typer(argv)


@pytest.mark.parametrize("argv", TYPERS, ids=" ".join)
def test_everything_else_is_left_to_typer(argv: list[str]) -> None:
    assert plain.read(argv, {}) is None


def test_completion_is_typers() -> None:
    assert plain.read(["fleet"], {"_VOPS_COMPLETE": "complete_bash"}) is None


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([["diagnose"], ["fleet"], []]), st.lists(st.sampled_from(WORDS), max_size=6), st.data())
def test_no_line_means_two_things(command: list[str], words: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(words)))
    argv = [*words[:at], *command, *words[at:]]
    if plain.read(argv, {}) is not None:
        assert _quickly(argv) == _through_typer(argv)


Meaning = tuple[str, Globals, Sequence[str], dict[str, Any]]


def _quickly(argv: list[str]) -> Meaning:
    call = plain.read(argv, {})
    assert call is not None
    usual: dict[str, dict[str, Any]] = {"diagnose": {"fail_on": "error"}, "fleet": {"selector": "", "watch": False}}
    return call.command, call.options, call.targets, usual.get(call.command, {}) | dict(call.own)


def _through_typer(argv: list[str]) -> Meaning:
    """What the commands were called with, without doing it."""
    seen: list[Meaning] = []

    def diagnose(options: Globals, targets: Sequence[str], bundle: Sequence[object], fail_on: str) -> ExitCode:
        assert not bundle
        seen.append(("diagnose", options, tuple(targets), {"fail_on": fail_on}))
        return ExitCode.OK

    def show(options: Globals, **given: object) -> None:
        seen.append(("fleet", options, (), given))

    def start(options: Globals) -> None:
        seen.append(("", options, (), {}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "start", start)
        patch.setattr(diagnose_command, "diagnose_and_print", diagnose)
        patch.setattr(fleet_command, "show", show)
        result = CliRunner().invoke(cli.app, hoisted(argv, cli.command_names()))
    assert result.exit_code == 0, result.output
    return seen[0]
