"""The global options, which work on either side of the command's name.

Every command takes them, so they are declared once, on the root; `hoisted` moves them there from wherever the user
wrote them (`vops fleet -n prod` and `vops -n prod fleet` are the same), as kubectl does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vops.errors import UsageError

TAKES_VALUE = frozenset(
    ["--context", "--namespace", "-n", "--kubeconfig", "--output", "-o", "--timeout", "--prometheus"]
)
FLAGS = frozenset(["--all-namespaces", "-A", "--readonly", "--no-color", "--quiet", "--verbose", "--gentle"])
DEFAULT_SCENARIO = "healthy"


@dataclass(frozen=True)
class Globals:
    """The global options as they were given; None where they were not."""

    context: str | None = None
    namespace: str | None = None
    all_namespaces: bool = False
    kubeconfig: str | None = None
    lab: str | None = None
    output: str = ""
    readonly: bool | None = None
    no_color: bool = False
    quiet: bool = False
    verbose: bool = False
    timeout: float | None = None
    prometheus: str | None = None
    gentle: bool = False

    def flags(self) -> dict[str, Any]:
        """Those that are settings, by the setting's name."""
        return {
            "context": self.context,
            "namespace": "" if self.all_namespaces else self.namespace,
            "kubeconfig": self.kubeconfig,
            "lab": self.lab,
            "readonly": self.readonly or None,
            "timeout_s": self.timeout,
            "gentle": self.gentle or None,
            "prometheus_url": self.prometheus,
        }


def hoisted(argv: Sequence[str], commands: frozenset[str]) -> list[str]:
    """`argv` with the global options first, in their order, and the command with the rest after them."""
    first: list[str] = []
    rest: list[str] = []
    words = deque(argv)
    while words:
        word = words.popleft()
        if word == "--":
            rest += [word, *words]
            break
        if word == "--lab":
            first += [word, _scenario(words, commands, after_command=bool(rest))]
        elif word in TAKES_VALUE:
            first += [word, *([words.popleft()] if words else [])]
        elif word in FLAGS or word.partition("=")[0] in TAKES_VALUE | {"--lab"} or _is_short(word):
            first.append(word)
        else:
            rest.append(word)
    return first + rest


def _is_short(word: str) -> bool:
    """An attached short option such as -nprod or -ojson."""
    return len(word) > 2 and word[:2] in ("-n", "-o")


def _scenario(words: deque[str], commands: frozenset[str], *, after_command: bool) -> str:
    """The word after `--lab` when it names a scenario, or can be nothing else; the default scenario otherwise."""
    word = words[0] if words else "-"
    is_other = word.startswith("-") or word in commands or after_command
    if set(word.split(",")) <= scenario_names() or not is_other:
        return words.popleft()
    return DEFAULT_SCENARIO


def scenario_names() -> frozenset[str]:
    """The lab's scenarios by their file names, so that parsing a command line imports no lab."""
    folder = Path(__file__).parent.parent / "lab" / "scenarios"
    return frozenset(path.stem.replace("_", "-") for path in folder.glob("[a-z]*.py"))


def known_scenario(name: str) -> str:
    """`name` or names, `a,b`, if the lab has such scenarios. Raises UsageError naming those that it has."""
    unknown = [each for each in name.split(",") if each not in scenario_names()]
    if unknown:
        raise UsageError(
            f"the lab has no scenario {unknown[0]!r}",
            hint=f"one of {', '.join(sorted(scenario_names()))} (vops lab list)",
        )
    return name
