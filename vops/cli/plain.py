"""Plain command lines, read without Typer.

`vops`, `vops diagnose POD` and `vops fleet` must answer at once, and Typer, its application and the pydantic adapters
it checks values with take longer to load than the requests take to be answered. A line of nothing but the words, flags
and text options below means the same to both readers, which a test asserts; every other line, from --help to a
mistake, is Typer's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vops.cli.diagnostics import ExitCode
from vops.cli.options import Globals

_TEXTS = {
    "--context": "context",
    "--namespace": "namespace",
    "-n": "namespace",
    "--kubeconfig": "kubeconfig",
    "--output": "output",
    "-o": "output",
    "--prometheus": "prometheus",
}
_FLAGS = {
    "--all-namespaces": "all_namespaces",
    "-A": "all_namespaces",
    "--readonly": "readonly",
    "--no-color": "no_color",
    "--quiet": "quiet",
    "--verbose": "verbose",
}
_OWN = {"": {}, "diagnose": {"--fail-on": "fail_on"}, "fleet": {"--selector": "selector", "-l": "selector"}}
"""The commands that are read here, none among them, and their own text options."""
_COMPLETION = "_VOPS_COMPLETE"


@dataclass(frozen=True)
class Call:
    """A command with what it was given."""

    command: str
    options: Globals
    targets: tuple[str, ...] = ()
    own: Mapping[str, Any] = field(default_factory=dict)

    def run(self) -> ExitCode:
        if not self.command:
            from vops.cli.starting import start

            start(self.options)
            return ExitCode.OK
        if self.command == "fleet":
            from vops.cli.listing import show

            show(self.options, **self.own)
            return ExitCode.OK
        from vops.cli.diagnosing import diagnose

        return diagnose(self.options, self.targets, **self.own)


def read(argv: Sequence[str], environ: Mapping[str, str]) -> Call | None:
    """The call that `argv` (without the program's name) asks for; None where Typer has to read it."""
    if _COMPLETION in environ:
        return None
    words, bare = deque(argv), list[str]()
    given, texts = dict[str, Any](), list[str]()
    flags: set[str] = set()
    while words:
        word = words.popleft()
        known = _TEXTS | _OWN.get(bare[0], {}) if bare else _TEXTS
        name, equals, text = word.partition("=") if word.startswith("--") else (word, "", "")
        if word in _FLAGS:
            flags.add(_FLAGS[word])
        elif name in known:
            texts.append(text if equals or not words else words.popleft())
            given[known[name]] = texts[-1]
        else:
            bare.append(word)
    return None if any(map(_is_special, (*bare, *texts))) else _call(bare, given, flags)


def _is_special(word: str) -> bool:
    """What is no plain word or text: nothing at all, an option that is not known here, or "-" for stdin."""
    return not word or word.startswith("-")


def _call(bare: list[str], given: dict[str, Any], flags: set[str]) -> Call | None:
    command, targets = (bare[0], tuple(bare[1:])) if bare else ("", ())
    if command not in _OWN or bool(targets) != (command == "diagnose"):
        return None
    own = {name: given.pop(name) for name in _OWN[command].values() if name in given}
    switches: dict[str, Any] = {name: name in flags for name in _FLAGS.values()}
    return Call(command, Globals(**given, **switches), targets, own)
