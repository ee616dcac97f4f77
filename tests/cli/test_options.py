"""Global options mean the same on either side of a command."""

import pytest

from vops.cli.options import hoisted

COMMANDS = frozenset({"fleet", "diagnose", "lab"})


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["fleet", "-n", "prod"], ["-n", "prod", "fleet"]),
        (["-n", "prod", "fleet"], ["-n", "prod", "fleet"]),
        (["fleet", "-ojson", "--watch"], ["-ojson", "fleet", "--watch"]),
        (["diagnose", "pod-1", "--output=json", "-A"], ["--output=json", "-A", "diagnose", "pod-1"]),
        (["--lab", "fleet"], ["--lab", "healthy", "fleet"]),
        (["--lab"], ["--lab", "healthy"]),
        (["--lab", "-o", "json"], ["--lab", "healthy", "-o", "json"]),
        (["--lab", "gated-model", "fleet"], ["--lab", "gated-model", "fleet"]),
        (["fleet", "--lab", "gated-model"], ["--lab", "gated-model", "fleet"]),
        (["diagnose", "--lab", "some-pod"], ["--lab", "healthy", "diagnose", "some-pod"]),
        (["--lab", "nonsense", "fleet"], ["--lab", "nonsense", "fleet"]),
        (["diagnose", "--", "-n"], ["diagnose", "--", "-n"]),
        (["fleet", "--context"], ["--context", "fleet"]),
    ],
)
def test_global_options_are_hoisted(typed: list[str], expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vops.cli.options.scenario_names", lambda: frozenset({"healthy", "gated-model"}))
    assert hoisted(typed, COMMANDS) == expected
