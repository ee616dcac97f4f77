"""The blast radius of a plan in lines: what goes, what is in flight on it, who serves meanwhile, and for how long."""

from __future__ import annotations

from collections.abc import Sequence

from vops.planning.plan import Impact
from vops.render import units
from vops.render.text import Line, Span, Tone, line


def impact_lines(found: Sequence[Impact] | None) -> list[Line]:
    """A few lines for each workload that loses servers; nothing where none does, or where nobody has looked."""
    return [text for item in found or () for text in _lines(item)]


def _lines(item: Impact) -> list[Line]:
    tone = Tone.BAD if item.gone and not item.left else Tone.WARN
    lines = [line(Span("▲ ", tone), Span(_who_goes(item)), Span(f"  {item.target}", Tone.DIM))]
    if item.gone:
        lines.append(line("  ", Span(_in_flight(item)), "; ", Span(_left(item), tone)))
    return [*lines, line(Span(f"  {_budget(item)}; {_loading(item)}", Tone.DIM))]


def _who_goes(item: Impact) -> str:
    many = len(item.pods)
    which = f"{many} replica{'s' if many != 1 else ''}"
    serving = _SERVING.get((item.gone > 0, many > 1), "") if item.gone in (0, many) else f"{item.gone} of them serving"
    how = "" if many == 1 else f", {_pace(item)}"
    verb = "restart" if item.comes_back else "go"
    return f"{which}, {serving}, {verb}{'s' if many == 1 else ''}{how}"


_SERVING = {
    (True, True): "which serve",
    (True, False): "which serves",
    (False, True): "none of which serves",
    (False, False): "which does not serve",
}
"""By whether they serve, and whether they are several."""


def _pace(item: Impact) -> str:
    if item.at_once >= len(item.pods):
        return "all at once"
    return "each after its successor serves" if item.at_once == 0 else f"{item.at_once} at a time"


def _in_flight(item: Impact) -> str:
    """Requests that end with the servers that go; never 0 where nobody knows."""
    if item.in_flight is None:
        return "requests in flight: not known, none was scraped"
    least = "at least " if item.unscraped else ""
    plural = "s" if item.in_flight != 1 else ""
    return f"{least}{item.in_flight} request{plural} in flight on {'them' if item.gone > 1 else 'it'}"


def _left(item: Impact) -> str:
    if not item.left:
        return "nobody serves meanwhile" if item.comes_back else "nobody serves afterwards"
    return f"{item.left} of {item.ready} {'keep' if item.left != 1 else 'keeps'} serving"


def _budget(item: Impact) -> str:
    """What the PodDisruptionBudget says; rollouts and scaling do not ask it."""
    if not item.budgets_read:
        return "PodDisruptionBudgets were not read"
    if not item.budget:
        return "no PodDisruptionBudget"
    unasked = "" if item.asked else " (not asked here: only evictions are)"
    return f"PodDisruptionBudget {item.budget} allows {item.allowed}{unasked}"


def _loading(item: Impact) -> str:
    """How long one takes to load, and all of them one after the other."""
    if not item.comes_back:
        return "none comes for them"
    if item.load_s is None:
        return "how long one loads is not known: none has been seen to start"
    rounds = -(-len(item.pods) // max(1, item.at_once)) if item.at_once else len(item.pods)
    whole = f", about {units.duration(rounds * item.load_s)} in all" if rounds > 1 else ""
    return f"each loads for about {units.duration(item.load_s)}{whole}: {item.load_basis}"
