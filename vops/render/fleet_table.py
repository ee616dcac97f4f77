"""How the fleet looks: the columns of its tables and its one-line summaries.

A number that is not known is `–`, one that is not current is dim; no column decides anything else.
"""

from __future__ import annotations

from collections.abc import Sequence

from vops.model.snapshot import SourceState, SourceStatus
from vops.model.text import one_line
from vops.render import units
from vops.render.cells import Cell, Column
from vops.render.fleet_rows import ReplicaRow, WorkloadRow
from vops.render.states import source_look, state_span, urgency
from vops.render.text import Line, Span, Tone


def _number(value: float | None, text: str, tone: Tone = Tone.PLAIN, *, stale: bool, level: bool = False) -> Cell:
    if value is None:
        return Cell(units.UNKNOWN, Tone.DIM)
    return Cell(text, Tone.DIM if stale else tone, value if level else None)


def _hot(value: float | None, warn: float, bad: float) -> Tone:
    if value is None or value < warn:
        return Tone.PLAIN
    return Tone.BAD if value >= bad else Tone.WARN


def _state_cell(row: ReplicaRow) -> Cell:
    span = state_span(row.state)
    old = f" ~{units.duration(row.metrics_age_s)}" if row.stale and row.metrics_age_s is not None else ""
    return Cell(span.text + old, Tone.DIM if row.dim else span.tone)


def _share(value: float | None, tone: Tone, row: ReplicaRow) -> Cell:
    return _number(value, units.percent(value), tone, stale=row.stale, level=True)


def _gpu_cell(row: ReplicaRow) -> Cell:
    if not row.gpu and not row.gpu_count:
        return Cell(units.UNKNOWN, Tone.DIM)
    many = f"{row.gpu_count}×" if row.gpu_count > 1 or not row.gpu else ""
    return Cell(many + (units.gpu_name(row.gpu) or "GPU"), Tone.DIM if row.dim else Tone.PLAIN)


def _text(value: str, row: ReplicaRow | WorkloadRow, tone: Tone = Tone.PLAIN) -> Cell:
    return Cell(one_line(value, 253), Tone.DIM if row.dim else tone) if value else Cell(units.UNKNOWN, Tone.DIM)


NAMESPACE: Column[ReplicaRow] = Column(
    "namespace", "NAMESPACE", 10, lambda row: _text(row.namespace, row, Tone.DIM), lambda row: row.namespace, limit=24,
    rank=7, about="Kubernetes namespace",
)  # fmt: skip
REPLICA_COLUMNS: tuple[Column[ReplicaRow], ...] = (
    Column(
        "pod", "POD", 22, lambda row: _text(row.pod, row, Tone.STRONG), lambda row: (row.namespace, row.pod), limit=52,
        about="pod that runs the server", keep_end=True,
    ),
    Column(
        "model", "MODEL", 12, lambda row: _text(row.model, row), lambda row: row.model or None, limit=40, rank=4,
        about="name that clients call the model by",
    ),
    Column(
        "state", "STATE", 15, _state_cell, lambda row: (urgency(row.state), row.pod), limit=20,
        about="life of the replica; ~ gives the age of numbers that are not current",
    ),
    Column(
        "node", "NODE", 12, lambda row: _text(row.node, row), lambda row: row.node or None, limit=32, rank=8,
        about="node it is bound to",
    ),
    Column(
        "gpu", "GPU", 9, _gpu_cell, lambda row: row.gpu or None, limit=18, rank=6, about="GPUs: count × type",
    ),
    Column(
        "util", "UTIL", 4, lambda row: _share(row.gpu_util, Tone.PLAIN, row), lambda row: row.gpu_util, right=True,
        rank=3, load=True, bar=5, about="GPU utilisation by DCGM, mean of its GPUs",
    ),
    Column(
        "kv", "KV", 4, lambda row: _share(row.kv_usage, _hot(row.kv_usage, 0.85, 0.95), row),
        lambda row: row.kv_usage, right=True, rank=1, load=True, bar=5, about="share of the KV cache in use",
    ),
    Column(
        "running", "RUN", 4, lambda row: _number(row.running, units.count(row.running), stale=row.stale),
        lambda row: row.running, right=True, rank=1, load=True, about="requests being generated",
    ),
    Column(
        "waiting", "WAIT", 4,
        lambda row: _number(row.waiting, units.count(row.waiting), _hot(row.waiting, 1, 32), stale=row.stale),
        lambda row: row.waiting, right=True, rank=1, load=True, about="requests waiting for room",
    ),
    Column(
        "tokens", "TOK/S", 5, lambda row: _number(row.tokens_per_s, units.count(row.tokens_per_s), stale=row.stale),
        lambda row: row.tokens_per_s, right=True, rank=2, load=True, about="tokens generated a second, last window",
    ),
    Column(
        "ttft", "TTFT95", 6,
        lambda row: _number(
            row.ttft_p95_s, units.latency(row.ttft_p95_s), _hot(row.ttft_p95_s, 2, 10), stale=row.stale
        ),
        lambda row: row.ttft_p95_s, right=True, rank=2, load=True,
        about="time to the first token, 95th percentile of the last window",
    ),
    Column(
        "hits", "HIT", 4, lambda row: _number(row.prefix_hit_rate, units.percent(row.prefix_hit_rate), stale=row.stale),
        lambda row: row.prefix_hit_rate, right=True, rank=9, load=True,
        about="prefix cache hits, share of the last window",
    ),
    Column(
        "preemptions", "PREEM", 5,
        lambda row: _number(row.preemptions, units.count(row.preemptions), stale=row.stale),
        lambda row: row.preemptions, right=True, rank=10, load=True,
        about="preemptions since the server started",
    ),
    Column(
        "restarts", "RST", 3,
        lambda row: Cell(units.count(row.restarts), Tone.DIM if row.dim or not row.restarts else Tone.WARN),
        lambda row: row.restarts, right=True, rank=2, about="restarts of the vLLM container",
    ),
    Column(
        "age", "AGE", 5, lambda row: Cell(units.duration(row.age_s), Tone.DIM), lambda row: row.age_s, right=True,
        rank=5, about="since the pod was created",
    ),
)  # fmt: skip
ALL_REPLICA_COLUMNS: tuple[Column[ReplicaRow], ...] = (NAMESPACE, *REPLICA_COLUMNS)


def _ready_cell(row: WorkloadRow) -> Cell:
    short = row.ready < row.desired
    tone = (Tone.BAD if row.ready == 0 else Tone.WARN) if short else Tone.GOOD
    return Cell(f"{row.ready}/{row.desired}", Tone.DIM if row.dim else tone)


def _note_cell(row: WorkloadRow) -> Cell:
    bad = row.note.startswith("stuck")
    return Cell(row.note, Tone.DIM if row.dim else Tone.BAD if bad else Tone.WARN)


WORKLOAD_COLUMNS: tuple[Column[WorkloadRow], ...] = (
    Column(
        "name", "WORKLOAD", 22, lambda row: _text(row.name, row, Tone.STRONG), lambda row: (row.namespace, row.name),
        limit=52, about="Deployment or StatefulSet",
    ),
    Column("ready", "READY", 6, _ready_cell, lambda row: row.ready - row.desired, about="ready of wanted replicas"),
    Column(
        "updated", "UPDATED", 7, lambda row: Cell(f"{row.updated}/{row.desired}", Tone.DIM if row.dim else Tone.PLAIN),
        lambda row: row.updated - row.desired, rank=3, about="replicas of the newest revision",
    ),
    Column("model", "MODEL", 12, lambda row: _text(row.model, row), lambda row: row.model, limit=40, rank=2),
    Column(
        "strategy", "STRATEGY", 19, lambda row: _text(row.strategy, row), lambda row: row.strategy, limit=32, rank=4,
    ),
    Column("namespace", "NAMESPACE", 10, lambda row: _text(row.namespace, row, Tone.DIM), lambda row: row.namespace,
        limit=24, rank=5),
    Column("note", "ROLLOUT", 10, _note_cell, lambda row: row.note or None, limit=40, rank=1),
)  # fmt: skip


def totals_line(rows: Sequence[ReplicaRow]) -> Line:
    """The fleet in one line: how many in which state, and the load of those whose numbers are current."""
    states = sorted({row.state for row in rows}, key=urgency)
    spans = [Span(f"{len(rows)} replicas", Tone.STRONG)]
    for state in states:
        look = state_span(state)
        glyph, _, word = look.text.partition(" ")
        spans += [Span("  "), Span(f"{glyph} {sum(row.state is state for row in rows)} {word}", look.tone)]
    current = [row for row in rows if not row.stale]
    return (*spans, *_load_spans(current))


def _load_spans(rows: Sequence[ReplicaRow]) -> list[Span]:
    parts = (
        ("GPU", units.percent(_mean([row.gpu_util for row in rows]))),
        ("KV", units.percent(_mean([row.kv_usage for row in rows]))),
        ("run", units.count(_sum([row.running for row in rows]))),
        ("wait", units.count(_sum([row.waiting for row in rows]))),
        ("tok/s", units.count(_sum([row.tokens_per_s for row in rows]))),
    )
    spans = [Span("   ")]
    for title, text in parts:
        spans += [Span(f"  {title} ", Tone.DIM), Span(text, Tone.DIM if text == units.UNKNOWN else Tone.STRONG)]
    return spans


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def unread_line(pods: SourceStatus | None) -> Line:
    """Why there are no rows although nobody has said that there are no pods."""
    if pods is None or pods.state is SourceState.LOADING:
        return (Span("LOADING pods…", Tone.ACCENT),)
    what = "these credentials may not list pods" if pods.state is SourceState.DENIED else "pods could not be read yet"
    tone = source_look(pods.state)[1]
    detail = f": {one_line(pods.detail, 200)}" if pods.detail else ""
    return (Span(what, tone), Span(detail), Span("  n: another namespace · c: another context", Tone.DIM))


def cursor_line(row: ReplicaRow) -> Line:
    """The row under the cursor in full: why it is not serving, then what its columns had to cut."""
    look = state_span(row.state)
    spans = [Span(look.text, look.tone)]
    if row.note:
        spans.append(Span(f"  {one_line(row.complaint, 400)}", look.tone))
    if row.findings > 1:
        spans.append(Span(f" +{row.findings - 1} more", Tone.DIM))
    if row.stale and row.metrics_age_s is not None:
        spans.append(Span(f"  numbers {units.duration(row.metrics_age_s)} old", Tone.WARN))
    spans.append(Span(f"  {row.namespace}/{row.pod}", Tone.STRONG))
    if row.node:
        spans.append(Span(f" on {row.node}", Tone.DIM))
    return tuple(spans)


def workload_cursor_line(row: WorkloadRow) -> Line:
    """The workload under the cursor in full."""
    ready = _ready_cell(row)
    spans = [
        Span(f"{row.ready} of {row.desired} ready", ready.tone),
        Span(f"  {row.kind.lower()}/{row.name}", Tone.STRONG),
    ]
    spans.append(Span(f" in {row.namespace}  {row.strategy}", Tone.DIM))
    if row.note:
        spans.append(Span(f"  {row.note}", Tone.WARN))
    return tuple(spans)
