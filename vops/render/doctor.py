"""What doctor found, worst first, with the role that would grant what is missing."""

from __future__ import annotations

import io

import msgspec
from ruamel.yaml import YAML

from vops.model.examination import Examination, Health
from vops.render.text import Line, Span, Tone, line

_LOOK = {
    Health.OK: ("✓", Tone.GOOD),
    Health.ABSENT: ("-", Tone.DIM),
    Health.WARNING: ("!", Tone.WARN),
    Health.FAILED: ("✗", Tone.BAD),
}
_WORST_FIRST = (Health.FAILED, Health.WARNING, Health.OK, Health.ABSENT)


def doctor_lines(examination: Examination) -> list[Line]:
    """A line per check, what to do under those that are not well, and the missing role as YAML."""
    lines = [line(Span("context ", Tone.DIM), examination.context)]
    for check in sorted(examination.checks, key=lambda item: _WORST_FIRST.index(item.health)):
        mark, tone = _LOOK[check.health]
        lines.append(line(Span(f"{mark} {check.name}", tone), f"  {check.detail}"))
        if check.next and check.health is not Health.OK:
            lines.append(line(Span(f"    next: {check.next}", Tone.DIM)))
    if examination.role:
        stream = io.StringIO()
        YAML(typ="safe", pure=True).dump(examination.role, stream)
        lines += [line(""), *(line(text) for text in stream.getvalue().splitlines())]
    return lines


def doctor_json(examination: Examination) -> bytes:
    return msgspec.json.format(msgspec.json.encode(examination), indent=2)
