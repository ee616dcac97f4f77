"""What a run works on, as it is now: its workloads, their replicas and what happened to them last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from vops.diagnosis.facts import WorkloadFacts
from vops.render.fleet_rows import ReplicaRow
from vops.render.replica import event_lines
from vops.render.text import Line, Span, Tone, line
from vops.render.workload import replica_lines, rows_of, workload_sentence

MOST_REPLICAS = 12
MOST_EVENTS = 5


def live_lines(workloads: Iterable[WorkloadFacts], rows: Sequence[ReplicaRow], now: datetime, width: int) -> list[Line]:
    """The state of each workload, its replicas, its newest events; what there is to see where there is none."""
    lines: list[Line] = []
    for found in workloads:
        own = rows_of(rows, found)
        lines += [(), workload_sentence(found), *replica_lines(own[:MOST_REPLICAS], width)]
        if len(own) > MOST_REPLICAS:
            lines.append(line(Span(f"… {len(own) - MOST_REPLICAS} more", Tone.DIM)))
        events = [*found.events, *(event for item in found.replicas for event in item.events)]
        lines += event_lines(events, now)[-MOST_EVENTS:]
    return lines[1:] or [line(Span("it is about no workload that serves a model", Tone.DIM))]
