"""How the fleet looks: the columns of its tables and its one-line summaries.

A number that is not known is `–`, one that is not current is dim; no column decides anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vops.diagnosis.serving.load import SLOW_TTFT_S
from vops.model.known import mean, total
from vops.model.snapshot import SourceState, SourceStatus
from vops.model.text import one_line
from vops.render import units
from vops.render.cells import Cell, Column
from vops.render.fleet_rows import ReplicaRow, WorkloadRow
from vops.render.scalers import wanted_text
from vops.render.states import source_look, state_span, urgency
from vops.render.text import Line, Span, Tone

_GLYPHS = {Tone.WARN: "▲", Tone.BAD: "✗"}
"""Before a number that is beyond a threshold; the line about the row says it in words."""


def _number(value: float | None, text: str, tone: Tone = Tone.PLAIN, *, stale: bool, level: bool = False) -> Cell:
    if value is None:
        return Cell(units.UNKNOWN, Tone.DIM)
    if stale:
        return Cell(text, Tone.DIM, value if level else None)
    return Cell(_GLYPHS.get(tone, "") + text, tone, value if level else None)


class Threshold(NamedTuple):
    """From where on a number deserves a look, and from where on it is bad; both in words."""

    warn: float
    bad: float
    warned: str
    worse: str

    def tone(self, value: float | None) -> Tone:
        if value is None or value < self.warn:
            return Tone.PLAIN
        return Tone.BAD if value >= self.bad else Tone.WARN

    def word(self, value: float | None) -> str:
        """What a number means; empty while it means nothing."""
        return {Tone.WARN: self.warned, Tone.BAD: self.worse}.get(self.tone(value), "")


KV = Threshold(0.85, 0.95, "KV cache fills up", "KV cache is full")
WAITING = Threshold(1, 32, "requests queue", "a long queue")
TTFT = Threshold(SLOW_TTFT_S, 10, "slow first token", "very slow first token")


def _state_cell(row: ReplicaRow) -> Cell:
    span = Span("▲ ready", Tone.WARN) if row.unreached else state_span(row.state)
    old = f" ~{units.duration(row.metrics_age_s)}" if row.stale and row.metrics_age_s is not None else ""
    return Cell(span.text + old, Tone.DIM if row.dim else span.tone)


def _share(value: float | None, tone: Tone, row: ReplicaRow) -> Cell:
    return _number(value, units.percent(value), tone, stale=row.stale, level=True)


def _gpu_cell(row: ReplicaRow) -> Cell:
    if not row.gpu and not row.gpu_count:
        return Cell(units.UNKNOWN, Tone.DIM)
    many = f"{row.gpu_count}×" if row.gpu_count > 1 or not row.gpu else ""
    return Cell(many + (units.gpu_name(row.gpu) or "GPU"), Tone.DIM if row.dim else Tone.PLAIN)


def _findings_cell(row: ReplicaRow) -> Cell:
    if row.findings is None:
        return Cell(units.UNKNOWN, Tone.DIM)
    tone = Tone.DIM if row.dim or not row.findings else Tone.WARN
    return Cell(("▲" if row.findings else "") + units.count(row.findings), tone)


def _odd_cell(row: ReplicaRow) -> Cell:
    return Cell(f"◆ {row.odd}", Tone.DIM if row.dim else Tone.WARN) if row.odd else Cell("", Tone.DIM)


def _text(value: str, row: ReplicaRow | WorkloadRow, tone: Tone = Tone.PLAIN) -> Cell:
    return Cell(one_line(value, 253), Tone.DIM if row.dim else tone) if value else Cell(units.UNKNOWN, Tone.DIM)


NAMESPACE: Column[ReplicaRow] = Column(
    "namespace", "NAMESPACE", 10, lambda row: _text(row.namespace, row, Tone.DIM), lambda row: row.namespace, limit=24,
    rank=7, about="Kubernetes namespace",
)  # fmt: skip
REPLICA_COLUMNS: tuple[Column[ReplicaRow], ...] = (
    Column(
        "pod", "POD", 22, lambda row: _text(row.name, row, Tone.STRONG), lambda row: (row.namespace, row.pod), limit=52,
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
        rank=3, load=True, bar=8, trend="gpu_util", top=1.0, about="GPU utilisation by DCGM, mean of its GPUs",
    ),
    Column(
        "kv", "KV", 5, lambda row: _share(row.kv_usage, KV.tone(row.kv_usage), row),
        lambda row: row.kv_usage, right=True, rank=1, load=True, bar=8, trend="kv_usage", top=1.0,
        about="share of the KV cache in use: ▲ from 85%, ✗ from 95%",
    ),
    Column(
        "running", "RUN", 4, lambda row: _number(row.running, units.count(row.running), stale=row.stale),
        lambda row: row.running, right=True, rank=1, load=True, about="requests being generated",
    ),
    Column(
        "waiting", "WAIT", 5,
        lambda row: _number(row.waiting, units.count(row.waiting), WAITING.tone(row.waiting), stale=row.stale),
        lambda row: row.waiting, right=True, rank=1, load=True, bar=8, trend="waiting",
        about="requests waiting for room: ▲ from 1, ✗ from 32",
    ),
    Column(
        "tokens", "TOK/S", 5, lambda row: _number(row.tokens_per_s, units.count(row.tokens_per_s), stale=row.stale),
        lambda row: row.tokens_per_s, right=True, rank=2, load=True, bar=8, trend="tokens_per_s",
        about="tokens generated a second, last window",
    ),
    Column(
        "ttft", "TTFT95", 7,
        lambda row: _number(
            row.ttft_p95_s, units.latency(row.ttft_p95_s), TTFT.tone(row.ttft_p95_s), stale=row.stale
        ),
        lambda row: row.ttft_p95_s, right=True, rank=2, load=True, bar=8, trend="ttft_p95_s",
        about="time to the first token, 95th percentile of the last window: ▲ from 2s, ✗ from 10s",
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
        "findings", "FIND", 4, lambda row: _findings_cell(row), lambda row: row.findings, right=True, rank=7,
        about="findings of a diagnosis; – where none was made",
    ),
    Column(
        "odd", "ODD ONE OUT", 12, lambda row: _odd_cell(row), lambda row: row.odd or None, limit=48, rank=6, fades=True,
        about="what sets it apart from the median of its model, and what it alone has",
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


def _wants_cell(row: WorkloadRow) -> Cell:
    if not row.wanted_by:
        return Cell("", Tone.DIM)
    text = wanted_text(row.wants, row.wanted_by)
    more = row.wants is not None and row.wants > row.ready
    return Cell(text, Tone.DIM if row.dim or row.wants is None else Tone.WARN if more else Tone.PLAIN)


def _why_cell(row: WorkloadRow) -> Cell:
    short = row.ready < max(row.desired, row.wants or 0)
    return Cell(row.why_not, Tone.WARN if (short or row.unreached) and not row.dim else Tone.DIM)


def _note_cell(row: WorkloadRow) -> Cell:
    bad = row.note.startswith("stuck")
    return Cell(row.note, Tone.DIM if row.dim else Tone.BAD if bad else Tone.WARN)


WORKLOAD_COLUMNS: tuple[Column[WorkloadRow], ...] = (
    Column(
        "name", "WORKLOAD", 22, lambda row: _text(row.name, row, Tone.STRONG), lambda row: (row.namespace, row.name),
        limit=52, about="Deployment or StatefulSet",
    ),
    Column(
        "wants", "WANTS", 7, _wants_cell, lambda row: row.wants, limit=12, rank=2, fades=True,
        about="replicas that HPA or KEDA asks for",
    ),
    Column("ready", "READY", 6, _ready_cell, lambda row: row.ready - row.desired, about="ready of wanted replicas"),
    Column(
        "updated", "UPDATED", 7, lambda row: Cell(f"{row.updated}/{row.desired}", Tone.DIM if row.dim else Tone.PLAIN),
        lambda row: row.updated - row.desired, rank=3, about="replicas of the newest revision",
    ),
    Column("model", "MODEL", 12, lambda row: _text(row.model, row), lambda row: row.model, limit=40, rank=2),
    Column(
        "strategy", "STRATEGY", 19, lambda row: _text(row.strategy, row), lambda row: row.strategy, limit=32, rank=5,
    ),
    Column("namespace", "NAMESPACE", 10, lambda row: _text(row.namespace, row, Tone.DIM), lambda row: row.namespace,
        limit=24, rank=4),
    Column("note", "ROLLOUT", 16, _note_cell, lambda row: row.note or None, limit=40, rank=1, fades=True),
    Column(
        "why", "WHY NOT", 24, _why_cell, lambda row: row.why_not or None, limit=40, rank=1, fades=True,
        about="what keeps it from as many ready replicas as are wanted, or from its clients",
    ),
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
        ("GPU", units.percent(mean([row.gpu_util for row in rows]))),
        ("KV", units.percent(mean([row.kv_usage for row in rows]))),
        ("run", units.count(total([row.running for row in rows]))),
        ("wait", units.count(total([row.waiting for row in rows]))),
        ("tok/s", units.count(total([row.tokens_per_s for row in rows]))),
    )
    spans = [Span("   ")]
    for title, text in parts:
        spans += [Span(f"  {title} ", Tone.DIM), Span(text, Tone.DIM if text == units.UNKNOWN else Tone.STRONG)]
    return spans


def unread_line(pods: SourceStatus | None) -> Line:
    """Why there are no rows although nobody has said that there are no pods."""
    if pods is None or pods.state is SourceState.LOADING:
        return (Span("LOADING pods…", Tone.ACCENT),)
    what = "these credentials may not list pods" if pods.state is SourceState.DENIED else "pods could not be read yet"
    tone = source_look(pods.state)[1]
    detail = f": {one_line(pods.detail, 200)}" if pods.detail else ""
    return (Span(what, tone), Span(detail), Span("  n: another namespace · c: another context", Tone.DIM))


def cursor_line(row: ReplicaRow, slow: Line = ()) -> Line:
    """The row under the cursor in full: why it is not serving, then what its columns had to cut.

    `slow` says why it is slow, where somebody knows: in place of what its numbers alone say.
    """
    look = Span("▲ ready", Tone.WARN) if row.unreached else state_span(row.state)
    spans = [Span(look.text, look.tone)]
    if row.note:
        spans.append(Span(f"  {one_line(row.complaint, 400)}", look.tone))
    if (row.findings or 0) > 1:
        spans.append(Span(f" +{(row.findings or 0) - 1} more", Tone.DIM))
    spans += [Span("  "), *slow, *_odd(row)] if slow else _marks(row)
    if row.stale and row.metrics_age_s is not None:
        spans.append(Span(f"  numbers {units.duration(row.metrics_age_s)} old", Tone.WARN))
    spans.append(Span(f"  {row.namespace}/{row.pod}", Tone.STRONG))
    if row.node:
        spans.append(Span(f" on {row.node}", Tone.DIM))
    return tuple(spans)


def _marks(row: ReplicaRow) -> list[Span]:
    """What its numbers say, in words."""
    if row.stale:
        return []
    judged = ((KV, row.kv_usage), (WAITING, row.waiting), (TTFT, row.ttft_p95_s))
    spans = [
        Span(f"  {_GLYPHS[tone]} {threshold.word(value)}", tone)
        for threshold, value in judged
        if (tone := threshold.tone(value)) in _GLYPHS
    ]
    return [*spans, *_odd(row)]


def _odd(row: ReplicaRow) -> list[Span]:
    return [Span(f"  ◆ {row.odd}", Tone.WARN)] if row.odd else []


def is_slow(row: ReplicaRow) -> bool:
    """Whether its numbers, where they are current, are beyond what people wait for."""
    judged = ((WAITING, row.waiting), (TTFT, row.ttft_p95_s))
    return not row.stale and any(threshold.tone(value) in _GLYPHS for threshold, value in judged)


def workload_cursor_line(row: WorkloadRow) -> Line:
    """The workload under the cursor in full."""
    ready = _ready_cell(row)
    spans = [
        Span(f"{row.ready} of {row.desired} ready", ready.tone),
        Span(f"  {row.kind.lower()}/{row.name}", Tone.STRONG),
    ]
    spans.append(Span(f" in {row.namespace}  {row.strategy}", Tone.DIM))
    if row.wanted_by:
        spans.append(Span(f"  {row.wanted_by} wants {units.count(row.wants)}", Tone.PLAIN))
    spans += [Span(f"  {text}", Tone.WARN) for text in (row.note, row.why_not) if text]
    return tuple(spans)
