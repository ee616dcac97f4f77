"""`prom`: the value of a PromQL query when the plan is made, from the Prometheus server that vops was given."""

from __future__ import annotations

import msgspec

from vops.runbooks.asks import QueryAsk
from vops.runbooks.kinds import Group, Outcome, StepFault, View

KIND = "prom"
GROUP = Group.LOOK
OUTPUTS = {"value": "any", "found": "bool", "series": "list"}


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    query: str
    """The query; one that gives several series is read from `series`."""


def look(args: Args, view: View) -> Outcome:
    """The first series' value as a number; null without a series."""
    series = view.answer(QueryAsk(args.query))
    if series is None:
        raise StepFault(f"{args.query} needs a Prometheus server", hint="add --prometheus URL")
    try:
        value = float(series[0]["value"][1]) if series else None
    except (KeyError, IndexError, ValueError) as error:
        raise StepFault(f"Prometheus answers {args.query} with no number") from error
    return Outcome({"value": value, "found": value is not None, "series": series})
