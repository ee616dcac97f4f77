"""The commands of the `:` prompt: their names, what completes them, what they ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from vops.errors import UsageError


class Command(NamedTuple):
    """A command as typed: its full name and its argument ("" when none was given)."""

    name: str
    argument: str


NAMES: dict[str, tuple[str, ...]] = {
    "ns": ("namespace",),
    "ctx": ("context",),
    "sort": (),
    "help": ("h",),
    "refresh": ("r",),
    "quit": ("q", "q!", "exit"),
}
"""Every command and its other spellings."""


def parse(text: str) -> Command:
    """Raises UsageError naming the commands there are."""
    name, _, argument = text.strip().partition(" ")
    for full, others in NAMES.items():
        if name == full or name in others:
            return Command(full, argument.strip())
    raise UsageError(f"no such command: {name}", hint=f"commands are {', '.join(NAMES)}")


def completions(typed: str, arguments: Mapping[str, Sequence[str]]) -> Iterable[str]:
    """What `typed` may become; `arguments` are the known arguments of each command."""
    name, space, _ = typed.partition(" ")
    if not space:
        return [f"{full} " if full in arguments else full for full in NAMES if full.startswith(name)]
    full = next((full for full, others in NAMES.items() if name == full or name in others), "")
    return [f"{name} {argument}" for argument in arguments.get(full, ())]
