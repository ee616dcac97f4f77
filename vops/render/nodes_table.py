"""How GPU nodes look: the columns of their table, the lines about one of them, and the totals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vops.model.text import one_line
from vops.render import units
from vops.render.cells import Cell, Column
from vops.render.nodes import GpuRow, NodeRow, PendingRow
from vops.render.text import Line, Span, Tone, fit, line

HOT_C, TOO_HOT_C = 80.0, 90.0
_STATES = {
    "ready": ("●", Tone.GOOD),
    "cordoned": ("⊘", Tone.WARN),
    "not ready": ("✗", Tone.BAD),
    "lost": ("✗", Tone.BAD),
}


def _text(text: str, row: NodeRow, tone: Tone = Tone.PLAIN) -> Cell:
    return Cell(one_line(text, 200), Tone.DIM if row.dim else tone) if text else Cell(units.UNKNOWN, Tone.DIM)


def _state_cell(row: NodeRow) -> Cell:
    glyph, tone = _STATES[row.state]
    return Cell(f"{glyph} {row.state}", Tone.DIM if row.dim else tone)


def _held_cell(row: NodeRow) -> Cell:
    level = row.held / row.gpus if row.gpus else None
    return Cell(f"{row.held}/{row.gpus}", Tone.DIM if row.dim else Tone.PLAIN, level)


def _free_cell(row: NodeRow) -> Cell:
    usable = row.free and row.state == "ready"
    return Cell(str(row.free), Tone.DIM if row.dim or not row.free else Tone.GOOD if usable else Tone.WARN)


def _share_cell(value: float | None, row: NodeRow) -> Cell:
    if value is None:
        return Cell(units.UNKNOWN, Tone.DIM)
    return Cell(units.percent(value), Tone.DIM if row.dim else Tone.PLAIN, value)


def _temperature_cell(row: NodeRow) -> Cell:
    if row.temperature_c is None:
        return Cell(units.UNKNOWN, Tone.DIM)
    glyph, tone = _hot(row.temperature_c)
    return Cell(f"{glyph}{row.temperature_c:.0f}°C", Tone.DIM if row.dim else tone)


def _hot(celsius: float) -> tuple[str, Tone]:
    if celsius < HOT_C:
        return "", Tone.PLAIN
    return ("✗", Tone.BAD) if celsius >= TOO_HOT_C else ("▲", Tone.WARN)


def _power_cell(row: NodeRow) -> Cell:
    return _text("" if row.power_w is None else watts(row.power_w), row)


def watts(value: float | None) -> str:
    """`312W`, `5.6kW`."""
    if value is None:
        return units.UNKNOWN
    return f"{value / 1000:.1f}kW" if value >= 1000 else f"{value:.0f}W"


def _xid_cell(row: NodeRow) -> Cell:
    if row.xid is None:
        return Cell(units.UNKNOWN, Tone.DIM)
    return Cell(f"✗{row.xid:.0f}", Tone.DIM if row.dim else Tone.BAD) if row.xid else Cell("0", Tone.DIM)


def _unused_cell(row: NodeRow) -> Cell:
    if row.unused is None:
        return Cell(units.UNKNOWN, Tone.DIM)
    tone = Tone.WARN if row.unused and not row.dim else Tone.DIM
    return Cell(f"{'▲' if row.unused else ''}{row.unused}", tone)


def _hours_cell(hours: float | None, row: NodeRow) -> Cell:
    return _text("" if hours is None else f"{hours:.1f}h", row, Tone.PLAIN if hours and hours >= 0.05 else Tone.DIM)


def holders_text(row: NodeRow) -> str:
    """Who holds how many, the biggest first."""
    return ", ".join(f"{name.rpartition('/')[2]} ×{count}" for name, count in row.holders)


NODE_COLUMNS: tuple[Column[NodeRow], ...] = (
    Column("node", "NODE", 16, lambda row: _text(row.node, row, Tone.STRONG), lambda row: row.node, limit=40,
           about="node that has GPUs", keep_end=True),
    Column("state", "STATE", 11, _state_cell, lambda row: list(_STATES).index(row.state), rank=1,
           about="ready, cordoned, not ready, or lost (the kubelet is silent)"),
    Column("gpu", "GPU", 10, lambda row: _text(units.gpu_name(row.product), row), lambda row: row.product or None,
           limit=22, rank=4, about="kind of GPU"),
    Column("held", "HELD", 5, _held_cell, lambda row: row.held, right=True, bar=8,
           about="GPUs that pods hold, of those that they may ask for"),
    Column("free", "FREE", 4, _free_cell, lambda row: row.free, right=True, about="GPUs that nobody holds"),
    Column("util", "UTIL", 4, lambda row: _share_cell(row.utilisation, row), lambda row: row.utilisation, right=True,
           rank=1, bar=8, about="utilisation by DCGM, mean of the node's GPUs"),
    Column("memory", "MEM", 4, lambda row: _share_cell(row.memory, row), lambda row: row.memory, right=True, rank=2,
           bar=8, about="GPU memory in use"),
    Column("temperature", "TEMP", 6, _temperature_cell, lambda row: row.temperature_c, right=True, rank=3,
           about="hottest GPU: ▲ from 80°C, ✗ from 90°C"),
    Column("power", "POWER", 6, _power_cell, lambda row: row.power_w, right=True, rank=5, about="of all its GPUs"),
    Column("xid", "XID", 4, _xid_cell, lambda row: row.xid, right=True, rank=1, about="last error that a GPU reported"),
    Column("unused", "IDLE", 4, _unused_cell, lambda row: row.unused, right=True, rank=2,
           about="GPUs that are held and less than 5% busy"),
    Column("free_h", "FREE·H", 6, lambda row: _hours_cell(row.idle_h, row), lambda row: row.idle_h, right=True, rank=6,
           about="GPU-hours that nobody held, since vops looks"),
    Column("unused_h", "IDLE·H", 6, lambda row: _hours_cell(row.unused_h, row), lambda row: row.unused_h, right=True,
           rank=6, about="GPU-hours that were held for nothing, since vops looks"),
    Column("sharing", "SHARED AS", 9, lambda row: Cell(row.sharing), lambda row: row.sharing or None, limit=20, rank=5,
           fades=True, about="MIG instances or time slices: what is counted is no whole card"),
    Column("holders", "HELD BY", 8, lambda row: Cell(holders_text(row), Tone.DIM), holders_text, limit=60,
           rank=7, fades=True, about="pods that hold the GPUs"),
)  # fmt: skip


def totals_line(rows: Sequence[NodeRow], currency: str) -> Line:
    """All GPUs in one line: held, free, idle, and what that costs."""
    gpus, held = sum(row.gpus for row in rows), sum(row.held for row in rows)
    unused = [row.unused for row in rows if row.unused is not None]
    spans = [
        Span(f"{len(rows)} GPU node{'' if len(rows) == 1 else 's'}", Tone.STRONG),
        Span(f"  {held} of {gpus} GPUs held", Tone.PLAIN),
        Span(f"  {gpus - held} free", Tone.GOOD if gpus > held else Tone.DIM),
        Span(f"  {sum(unused)} held and idle", Tone.WARN if sum(unused) else Tone.DIM),
    ]
    if any(row.idle_h is not None for row in rows):
        spans.append(Span(f"  while vops looked: {waste_text(rows, currency)}", Tone.DIM))
    return tuple(spans)


def waste_text(rows: Iterable[NodeRow], currency: str) -> str:
    """`12.5 GPU-hours free, 3.0 idle ($66)`; money only where prices are known."""
    rows = list(rows)
    free, idle = sum(row.idle_h or 0.0 for row in rows), sum(row.unused_h or 0.0 for row in rows)
    priced = [row for row in rows if row.price_per_h is not None]
    cost = sum(((row.idle_h or 0.0) + (row.unused_h or 0.0)) * (row.price_per_h or 0.0) for row in priced)
    money = f" ({currency}{cost:,.2f})" if priced else ""
    return f"{free:.1f} GPU-hours free, {idle:.1f} idle{money}"


def gpu_lines(row: NodeRow) -> list[Line]:
    """Every GPU of a node, and who holds it."""
    if not row.details:
        holders = [line(Span(f"  {count}× ", Tone.STRONG), Span(name)) for name, count in row.holders]
        silent = "no DCGM exporter tells of this node's GPUs: how busy they are is not known"
        return [line(Span(silent, Tone.DIM)), *holders]
    header = f"  {'GPU':<5} {'UTIL':>5} {'MEMORY':>12} {'TEMP':>6} {'POWER':>7} {'XID':>5}  HELD BY"
    return [line(Span(header, Tone.DIM)), *(_gpu_line(item) for item in row.details)]


def _gpu_line(item: GpuRow) -> Line:
    memory = units.UNKNOWN
    if item.memory_used_mib is not None and item.memory_total_mib:
        memory = f"{item.memory_used_mib / 1024:.1f}/{item.memory_total_mib / 1024:.0f} GiB"
    glyph, hot = _hot(item.temperature_c or 0.0)
    celsius = units.UNKNOWN if item.temperature_c is None else f"{glyph}{item.temperature_c:.0f}°C"
    xid = units.UNKNOWN if item.xid is None else f"✗{item.xid:.0f}" if item.xid else "0"
    return line(
        Span(f"  {fit(item.index or '?', 5)} ", Tone.STRONG),
        Span(f"{units.percent(item.utilisation):>5} {memory:>12} "),
        Span(f"{celsius:>6} ", hot),
        Span(f"{watts(item.power_w):>7} "),
        Span(f"{xid:>5}  ", Tone.BAD if item.xid else Tone.DIM),
        Span(item.holder or "no pod", Tone.PLAIN if item.holder else Tone.DIM),
    )


def pending_lines(rows: Sequence[PendingRow]) -> list[Line]:
    """The pods that wait for a GPU: since when, why, and who brings a node."""
    if not rows:
        return [line(Span("no pod waits for a GPU", Tone.DIM))]
    return [
        line(
            Span(f"○ {units.duration(row.waits_s):>6}  ", Tone.WARN),
            Span(f"{row.namespace}/{row.pod}", Tone.STRONG),
            Span(f"  {row.gpus} GPU{'s' if row.gpus != 1 else ''}", Tone.DIM),
            Span(f"  {row.node_comes}", Tone.ACCENT),
            Span(f"  {one_line(row.why, 300)}", Tone.DIM),
        )
        for row in rows
    ]


def node_line(row: NodeRow) -> Line:
    """The node under the cursor in full."""
    look = _state_cell(row)
    spans = [Span(look.text, look.tone), Span(f"  {row.node}", Tone.STRONG), Span(f"  {row.held}/{row.gpus} held")]
    if row.holders:
        spans.append(Span(f" by {holders_text(row)}", Tone.DIM))
    if row.xid:
        spans.append(Span(f"  ✗ Xid {row.xid:.0f}: the GPU reported an error", Tone.BAD))
    if row.unused:
        spans.append(Span(f"  ▲ {row.unused} held and idle", Tone.WARN))
    return tuple(spans)
