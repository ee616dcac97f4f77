"""One replica in words: its state in a sentence, how its start went, its numbers, its events and its log.

Everything is lines of spans over facts; no layout is decided here but the order of things.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Slowness
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.states import ReplicaState
from vops.model.resources import Event
from vops.model.text import one_line
from vops.render import units
from vops.render.fleet_rows import ReplicaRow
from vops.render.history import History
from vops.render.slowness import slowness_line
from vops.render.states import state_span
from vops.render.text import Line, Span, Tone, cell_width, line

# --- the state in a sentence ------------------------------------------------------------------------------


def state_sentence(replica: Replica, row: ReplicaRow, pace: Slowness | None = None) -> Line:
    """What it is doing and since when, and the first thing that is wrong: of one that serves, whether it is slow."""
    look = state_span(replica.state)
    said = line(look, Span(_since(replica), Tone.DIM), "  ", Span(_why(replica, row), look.tone))
    if pace is None or replica.state is not ReplicaState.READY:
        return said
    return (*said, *([Span("  ")] if replica.restarts else []), *slowness_line(pace, stale=row.stale))


def _since(replica: Replica) -> str:
    age = units.age_s(_state_began(replica), replica.facts.snapshot.at)
    return f" for {units.duration(age)}" if age is not None else ""


def _state_began(replica: Replica) -> datetime | None:
    """When the present state began, as far as the objects tell."""
    pod, state = replica.pod, replica.state
    if state is ReplicaState.TERMINATING:
        return pod.metadata.deletion_timestamp
    if state is ReplicaState.PENDING:
        return pod.metadata.creation_timestamp
    if state in (ReplicaState.READY, ReplicaState.NOT_READY):
        ready = pod.condition("Ready")
        return ready.last_transition_time if ready else None
    if state is not ReplicaState.LOADING:
        return None
    running = replica.status.state.running if replica.status else None
    return running.started_at if running else None


def _why(replica: Replica, row: ReplicaRow) -> str:
    if replica.state is ReplicaState.READY:
        return f"after {replica.restarts} restarts" if replica.restarts else ""
    if replica.state is ReplicaState.LOADING:
        return row.note
    return one_line(row.note, 300)


def identity_line(replica: Replica, row: ReplicaRow, width: int) -> Line:
    """Where it runs and what it was started with: of that what fits, each whole."""
    args = replica.args
    parts = [
        ("model", row.model),
        ("node", row.node),
        ("gpu", f"{row.gpu_count}× {units.gpu_name(row.gpu)}".strip() if row.gpu_count else ""),
        ("tp", str(args.tensor_parallel_size) if (args.tensor_parallel_size or 1) > 1 else ""),
        ("max-model-len", str(args.max_model_len) if args.max_model_len else ""),
        ("image", replica.container.image.rpartition("/")[2]),
        ("owner", row.workload),
        ("age", units.duration(row.age_s)),
    ]
    spans: list[Span] = []
    for title, text in parts:
        part = [Span(f"{title} ", Tone.DIM), Span(one_line(text, 80)), Span("   ")]
        if text and sum(cell_width(span.text) for span in (*spans, *part[:-1])) <= width:
            spans += part
    return tuple(spans[:-1])


# --- the start --------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """A phase of a start: `duration_s` is None while it runs or when nobody knows; `progress` is 0..1."""

    name: str
    duration_s: float | None
    progress: float | None = None
    running: bool = False


def load_steps(replica: Replica) -> list[Step]:
    """The start of the newest instance: what Kubernetes did, then what vLLM logged."""
    return [*_pod_steps(replica), *_log_steps(replica)]


def _pod_steps(replica: Replica) -> list[Step]:
    pod, now = replica.pod, replica.facts.snapshot.at
    created = pod.metadata.creation_timestamp
    scheduled = pod.condition("PodScheduled")
    bound = scheduled.last_transition_time if scheduled and scheduled.status == "True" else None
    if bound is None:
        return [Step("scheduling", units.age_s(created, now), running=True)]
    steps = [Step("scheduling", _between(created, bound))]
    started = replica.status.state.running if replica.status else None
    if started is None or started.started_at is None:
        creating = replica.state is ReplicaState.CREATING
        return [*steps, Step("image, volumes", units.age_s(bound, now) if creating else None, running=creating)]
    first = _between(bound, started.started_at) if not replica.restarts else None
    return [*steps, Step("image, volumes", first)]


def _log_steps(replica: Replica) -> list[Step]:
    reading = replica.log
    if reading is None:
        return []
    steps = []
    for phase in reading.phases:
        if phase.stage is Stage.SERVING:
            continue
        running = phase.duration_s is None and not reading.ready and replica.state is ReplicaState.LOADING
        steps.append(Step(str(phase.stage), phase.duration_s, phase.progress, running))
    return steps


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return max(0.0, (end - start).total_seconds()) if start and end else None


def condition_lines(replica: Replica) -> list[Line]:
    """The pod's conditions: those that hold in one line, each other with its reason and since when."""
    now, conditions = replica.facts.snapshot.at, replica.pod.status.conditions
    held = [item.type for item in conditions if item.status == "True" and item.type != "DisruptionTarget"]
    lines = [line(Span("conditions  ", Tone.DIM), Span(", ".join(held), Tone.GOOD))] if held else []
    for item in conditions:
        if item.type in held:
            continue
        since = units.duration(units.age_s(item.last_transition_time, now))
        said = one_line(f"{item.reason}: {item.message}".strip(": "), 200)
        lines.append(line(Span(f"▲ {item.type} {item.status}", Tone.WARN), Span(f"  {since}  ", Tone.DIM), said))
    return lines


def load_lines(replica: Replica, width: int = 20) -> list[Line]:
    """The start as bars of at most `width` cells, as long as each phase took."""
    steps = load_steps(replica)
    longest = max((step.duration_s or 0.0 for step in steps), default=0.0)
    lines = [_step_line(step, longest, width) for step in steps]
    known = [step.duration_s for step in steps if step.duration_s is not None]
    if known:
        lines.append(line(Span(f"{'total':<20}", Tone.DIM), Span(f"{_seconds(sum(known)):>7}", Tone.STRONG)))
    if replica.log is None:
        lines.append(line(Span("no log read yet: phases of the server are not known", Tone.DIM)))
    return lines


def _step_line(step: Step, longest: float, width: int) -> Line:
    level = (step.duration_s or 0.0) / longest if longest else 0.0
    filled, _ = units.bar(level, max(1, width))
    tone = Tone.ACCENT if step.running else Tone.GOOD
    progress = f" {units.percent(step.progress)}" if step.running and step.progress is not None else ""
    marker = " running" if step.running else ""
    return line(
        Span(f"{step.name:<20}", Tone.PLAIN if step.running else Tone.DIM),
        Span(f"{_seconds(step.duration_s):>7}  ", Tone.STRONG if step.running else Tone.PLAIN),
        Span(filled, tone),
        Span(f"{marker}{progress}", Tone.ACCENT),
    )


def _seconds(value: float | None) -> str:
    return f"{value:.1f}s" if value is not None and value < 60 else units.duration(value)


# --- numbers ----------------------------------------------------------------------------------------------


def number_lines(replica: Replica, row: ReplicaRow, history: History, width: int = 24) -> list[Line]:
    """The vital numbers with their recent past; what is not known says so."""
    rates = replica.rates
    curved = (
        ("running", units.count(row.running), history.running, None),
        ("KV cache", units.percent(row.kv_usage), history.kv_usage, 1.0),
        ("tokens/s", units.count(row.tokens_per_s), history.tokens_per_s, None),
        ("GPU", units.percent(row.gpu_util), history.gpu_util, 1.0),
    )
    pairs = (
        (("waiting", units.count(row.waiting)), ("preemptions", units.count(row.preemptions))),
        (("TTFT p50", units.latency(row.ttft_p50_s)), ("p95", units.latency(row.ttft_p95_s))),
        (("ITL p95", units.latency(rates.itl_p95_s if rates else None)), ("KV tokens", units.count(row.kv_tokens))),
        (("prefix hits", units.percent(row.prefix_hit_rate)), ("restarts", units.count(row.restarts))),
    )
    tone = Tone.DIM if row.stale else Tone.STRONG
    lines = [
        line(
            Span(f"{title:<12}", Tone.DIM),
            Span(f"{text:>7}", tone),
            "  ",
            Span(units.sparkline(list(values), width, top), Tone.DIM if row.stale else Tone.ACCENT),
        )
        for title, text, values, top in curved
    ]
    for (title, text), (other, value) in pairs:
        lines.append(
            line(
                Span(f"{title:<12}", Tone.DIM),
                Span(f"{text:>7}", tone),
                Span(f"   {other:<12}", Tone.DIM),
                Span(f"{value:>7}", tone),
            )
        )
    return [*lines, _source_line(replica, row)]


def _source_line(replica: Replica, row: ReplicaRow) -> Line:
    if row.metrics_age_s is None:
        error = replica.samples.error if replica.samples else ""
        return line(Span(f"no metrics: {one_line(error, 200) or 'not scraped yet'}", Tone.WARN))
    if row.stale:
        return line(Span(f"numbers are {units.duration(row.metrics_age_s)} old", Tone.WARN))
    return line(Span(f"scraped {units.duration(row.metrics_age_s)} ago", Tone.DIM))


# --- events and log ---------------------------------------------------------------------------------------


def event_lines(events: Iterable[Event], now: datetime) -> list[Line]:
    """Events, the same reason and message once with their count, newest last."""
    merged: dict[tuple[str, str, str], tuple[int, datetime | None]] = {}
    for event in events:
        key = (event.type, event.reason, event.message)
        times, seen = merged.pop(key, (0, None))
        merged[key] = (times + event.times, event.last_seen or seen)
    latest = sorted(merged.items(), key=lambda item: item[1][1].timestamp() if item[1][1] else 0.0)
    return [_event_line(key, times, seen, now) for key, (times, seen) in latest]


def _event_line(key: tuple[str, str, str], times: int, seen: datetime | None, now: datetime) -> Line:
    kind, reason, message = key
    ago = units.duration(units.age_s(seen, now))
    many = f" ×{times}" if times > 1 else ""
    warning = kind != "Normal"
    return line(
        Span(f"{ago:>6} ago  ", Tone.DIM),
        Span("▲ " if warning else "  ", Tone.WARN),
        Span(one_line(reason, 60) + many, Tone.WARN if warning else Tone.STRONG),
        "  ",
        Span(one_line(message, 600)),
    )


_LEVEL = re.compile(r"\b(ERROR|CRITICAL|FATAL|WARNING|WARN|INFO|DEBUG)\b")
_FAILURE = re.compile(r"Traceback|^\s*(\(\S+ pid=\d+\) )?(\w+\.)*\w*(Error|Exception)\b")
_TONES = {
    "ERROR": Tone.BAD, "CRITICAL": Tone.BAD, "FATAL": Tone.BAD, "WARNING": Tone.WARN, "WARN": Tone.WARN,
    "INFO": Tone.GOOD, "DEBUG": Tone.DIM,
}  # fmt: skip


_PREFIX = re.compile(
    r"\((?P<who>[\w-]{1,40})(?: pid=\d{1,10})?\) "
    r"(?:(?P<level>[A-Z]{4,8}) [\d-]{5,10} (?P<time>[\d:]{8}) \[[^\]]{1,80}\] ?)?"
)
_PACKAGES = re.compile(r"/[\w./-]{1,80}/(?:dist|site)-packages/")


def brief_line(text: str) -> str:
    """A log line of vLLM where room is short: level, time and who, without process, date and place in the source."""
    found = _PREFIX.match(text)
    rest = _PACKAGES.sub("…/", text[found.end() if found else 0 :], count=1)
    if found is None:
        return rest
    who = f"{found['who']} " if found["level"] is None else f"{found['level']} {found['time']} {found['who']} "
    return who + rest


def log_line(text: str, *, brief: bool = False) -> Line:
    """A log line, shortened or whole, with its level picked out; a line that names an exception is all red."""
    fails = _FAILURE.search(text[:300])
    text = brief_line(text) if brief else text
    if fails:
        return line(Span(text, Tone.BAD))
    found = _LEVEL.search(text[:120])
    if found is None:
        return line(Span(text))
    tone = _TONES[found.group()]
    rest = Tone.PLAIN if tone is Tone.GOOD else tone
    return line(Span(text[: found.start()], Tone.DIM), Span(found.group(), tone), Span(text[found.end() :], rest))
