"""How a cause that is only supposed can be confirmed, and what is done about it then."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from vops.diagnosis import remedies
from vops.diagnosis.findings import Fix

POD = "kubectl -n {ns} get pod {pod} -o yaml"
EVENTS = "kubectl -n {ns} events --for pod/{pod}"
"""Commands that many tests are made of."""

PLACEHOLDERS = {"ns": "NAMESPACE", "pod": "POD", "node": "NODE", "c": "CONTAINER", "previous": " --previous"}
"""What stands in a command for what nobody named."""


class Test(msgspec.Struct, frozen=True):
    """How to tell whether it is that cause: a command, and what it shows then; and what is done about it.

    `{ns}`, `{pod}`, `{node}`, `{c}` and `{previous}` are filled in.
    """

    command: str
    shows: str
    title: str
    step: str


def to_confirm(test: Test, names: Mapping[str, str]) -> Fix:
    """By hand: the command that confirms or refutes it, and what is done where it is confirmed."""
    return remedies.advice(
        f"If it is confirmed: {test.title[0].lower()}{test.title[1:]}",
        test.command.format(**names),
        f"It is this where that shows {test.shows}.",
        test.step,
    )
