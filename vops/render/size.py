"""A sizing for people, in 80 columns, and as the `vops.size/v1` document: the verdict first, then why, then what to do.

Bytes in the document are of one GPU, the fullest; what is short is told beside a KV cache that is never negative.
"""

from __future__ import annotations

import textwrap
from typing import Any

import msgspec

from vops.model.quantities import format_bytes
from vops.render.text import Line, Span, Tone, fit, line
from vops.render.units import count, duration
from vops.sizing.answer import Answer
from vops.sizing.capacity import GIB, Sizing, Verdict
from vops.sizing.suggestions import Placement, Suggestion

WIDTH = 79
SHOWN_PLACEMENTS = 3
_LOOK = {
    Verdict.FITS: ("✓ fits", Tone.GOOD),
    Verdict.THIN: ("✓ fits, thinly", Tone.WARN),
    Verdict.TIGHT: ("✗ too tight to promise", Tone.BAD),
    Verdict.NO: ("✗ does not fit", Tone.BAD),
}


# --- text -------------------------------------------------------------------------------------------------


def size_lines(answer: Answer) -> list[Line]:
    """The verdict, the budget of one GPU, what to change, the start, the bounds and the notes."""
    sizing = answer.sizing
    lines = [*_verdict_lines(answer), line(""), *_budget_lines(sizing)]
    if answer.suggestions:
        title = "to hold more" if sizing.fits else "to make it fit"
        lines += [line(""), line(Span(title, Tone.DIM)), *_suggestion_lines(answer)]
    if answer.placements or answer.concurrency:
        lines += [line(""), *_placement_lines(answer)]
    lines += [line(""), *_start_lines(answer)]
    for note in answer.notes:
        lines += _wrapped("note     ", note, Tone.DIM)
    return lines


def _verdict_lines(answer: Answer) -> list[Line]:
    sizing = answer.sizing
    word, tone = _LOOK[sizing.verdict]
    gpus = sizing.settings.parallelism.gpus
    lines = [line(Span(word, tone), Span(f"  {answer.name} on {gpus} × {sizing.card.name}", Tone.STRONG))]
    return [*lines, *_wrapped("  ", _what_it_holds(sizing), Tone.PLAIN)]


def _what_it_holds(sizing: Sizing) -> str:
    length = sizing.settings.max_model_len
    if sizing.obstacle:
        return sizing.obstacle
    if sizing.kv_cache_bytes <= 0:
        short = -sizing.kv_cache_bytes / GIB
        return f"no room for a KV cache: {short:.1f} GiB short on each GPU before the first token ({_limit(sizing)})"
    if sizing.kv_cache_bytes < sizing.request_bytes:
        need, have = sizing.request_bytes / GIB, sizing.kv_cache_bytes / GIB
        longest = f"; the longest that fits is about {sizing.longest_context:,}" if sizing.longest_context else ""
        return f"one request of {length:,} tokens needs {need:.2f} GiB of KV cache, and {have:.2f} GiB is left{longest}"
    requests = f"{sizing.sequences} request{'s' if sizing.sequences != 1 else ''}"
    return f"{sizing.kv_tokens:,} KV tokens: {requests} of {length:,} tokens at once; {_limit(sizing)}"


def _limit(sizing: Sizing) -> str:
    return f"limited by {sizing.limited_by}"


def _budget_lines(sizing: Sizing) -> list[Line]:
    settings, overhead = sizing.settings, sizing.overhead
    scheme = sizing.asked.quantization or sizing.model.quantization.name or f"{8 * sizing.model.dtype_bytes}-bit"
    batch = f"{settings.max_num_batched_tokens} batched tokens, {settings.max_num_seqs} sequences"
    rows = [
        (f"{sizing.card.name} as CUDA reports it", sizing.card.memory_bytes, ""),
        (f"× utilization {settings.gpu_memory_utilization:g}", sizing.budget_bytes, "the budget"),
        ("− weights", sizing.weights.gpu_bytes, f"{scheme}, {_billions(sizing.weights.elements)} parameters"),
        ("− activation peak", overhead.activation_bytes, batch),
        ("− CUDA, NCCL", overhead.other_bytes, ""),
    ]
    if overhead.graph_bytes and overhead.graphs_in_budget:
        rows.append(("− CUDA graphs", overhead.graph_bytes, ""))
    lines = [line(Span(fit("each GPU", 30) + fit("GiB", 8, right=True), Tone.DIM))]
    lines += [_budget_line(name, size, remark) for name, size, remark in rows]
    tone = Tone.BAD if sizing.kv_cache_bytes < sizing.request_bytes else Tone.STRONG
    remark = f"{format_bytes(sizing.kv_bytes_per_token)} a token, {format_bytes(sizing.request_bytes)} a request"
    return [*lines, _budget_line("= KV cache", sizing.kv_cache_bytes, remark, tone)]


def _billions(elements: int) -> str:
    return f"{elements / 1e9:.1f}B" if elements >= 1e9 else f"{elements / 1e6:.0f}M"


def _budget_line(name: str, size: int, remark: str, tone: Tone = Tone.PLAIN) -> Line:
    figure = fit(f"{size / GIB:.2f}", 8, right=True)
    return line(Span("  " + fit(name, 28) + figure, tone), Span(f"  {remark}" if remark else "", Tone.DIM))


def _suggestion_lines(answer: Answer) -> list[Line]:
    lines: list[Line] = []
    for item in answer.suggestions:
        again = item.sizing
        lines += [line("  ", Span(flags, Tone.ACCENT)) for flags in _flag_rows(item.flags)]
        text = f"{count(again.kv_tokens)} tokens, {again.sequences} × {again.settings.max_model_len:,}; {item.cost}"
        lines += _wrapped("      ", text, Tone.PLAIN)
    return lines


def _flag_rows(flags: tuple[str, ...]) -> list[str]:
    """The flags in rows that fit, none of them cut."""
    rows = [""]
    for flag in flags:
        if rows[-1] and len(rows[-1]) + len(flag) + 1 > WIDTH - 2:
            rows.append("")
        rows[-1] = f"{rows[-1]} {flag}".strip()
    return rows


def _placement_lines(answer: Answer) -> list[Line]:
    length = answer.sizing.settings.max_model_len
    wanted = max(1, answer.concurrency)
    title = f"cheapest cards for {wanted} × {length:,} tokens at once, with the same flags"
    if not answer.placements:
        return [line(Span(f"no card holds {wanted} × {length:,} tokens at once with up to 8 GPUs", Tone.BAD))]
    lines = [line(Span(title, Tone.DIM))]
    for item in answer.placements[:SHOWN_PLACEMENTS]:
        name = fit(f"{item.gpus} × {item.card.name}", 24)
        lines.append(
            line(
                "  ", Span(name, Tone.ACCENT), f"{count(item.sizing.kv_tokens)} tokens, {item.sizing.sequences} at once"
            )
        )
    return lines


def _start_lines(answer: Answer) -> list[Line]:
    start, roof = answer.start, answer.roofline
    compiled = f", compile {duration(start.compile_s)}, capture {duration(start.capture_s)}" if start.compile_s else ""
    text = f"about {duration(start.total_s)} cold: weights {duration(start.weights_s)} at {start.read_gbs:g} GB/s"
    lines = _wrapped("start    ", text + compiled, Tone.PLAIN)
    pod = f"startup probe 10 s × {start.probe_failure_threshold}, memory limit {start.memory_limit_gib}Gi, "
    lines += _wrapped("pod      ", pod + f"shared memory {start.shm_gib}Gi", Tone.PLAIN)
    if roof is not None:
        single, full = count(round(roof.single_decode)), count(round(roof.full_decode))
        bound = f"{single} tok/s for one request, {full} for {roof.sequences} ({roof.bound_by}), "
        lines += _wrapped("at most  ", bound + f"prefill {count(round(roof.prefill))} tok/s", Tone.PLAIN)
    return lines


def _wrapped(head: str, text: str, tone: Tone) -> list[Line]:
    parts = textwrap.wrap(text, WIDTH - len(head)) or [""]
    lines = [line(Span(head, Tone.DIM), Span(parts[0], tone))]
    return lines + [line(Span(" " * len(head) + part, tone)) for part in parts[1:]]


# --- the document -----------------------------------------------------------------------------------------


def size_json(answer: Answer) -> bytes:
    """`vops.size/v1`, every term; every key present, null where nothing is known."""
    return msgspec.json.format(msgspec.json.encode(size_document(answer)), indent=2)


def size_document(answer: Answer) -> dict[str, Any]:
    sizing, start, roof = answer.sizing, answer.start, answer.roofline
    return {
        "schema": "vops.size/v1",
        "model": answer.name,
        "architecture": sizing.model.name,
        "gpu": sizing.card.name,
        "gpus": sizing.settings.parallelism.gpus,
        "vllm": None if sizing.asked.version is None else ".".join(map(str, sizing.asked.version)),
        **_terms(sizing),
        "settings": _settings(sizing),
        "parameters": sizing.weights.elements,
        "weights_bytes_total": sizing.weights.total_bytes,
        "suggestions": [_suggestion(item) for item in answer.suggestions],
        "placements": [_placement(item) for item in answer.placements],
        "start": {
            "total_s": round(start.total_s),
            "weights_s": round(start.weights_s),
            "compile_s": round(start.compile_s),
            "capture_s": round(start.capture_s),
            "read_gbs": start.read_gbs,
            "probe_failure_threshold": start.probe_failure_threshold,
            "memory_limit_gib": start.memory_limit_gib,
            "shm_gib": start.shm_gib,
        },
        "roofline": None
        if roof is None
        else {
            "single_decode_tokens_per_s": round(roof.single_decode, 1),
            "full_decode_tokens_per_s": round(roof.full_decode, 1),
            "sequences": roof.sequences,
            "prefill_tokens_per_s": round(roof.prefill, 1),
            "bound_by": roof.bound_by,
        },
        "notes": list(answer.notes),
    }


def _terms(sizing: Sizing) -> dict[str, Any]:
    overhead = sizing.overhead
    return {
        "fits": sizing.fits,
        "verdict": str(sizing.verdict),
        "limited_by": str(sizing.limited_by),
        "obstacle": sizing.obstacle or None,
        "gpu_memory_bytes": sizing.card.memory_bytes,
        "budget_bytes_per_gpu": sizing.budget_bytes,
        "weights_bytes_per_gpu": sizing.weights.gpu_bytes,
        "activation_bytes_per_gpu": overhead.activation_bytes,
        "other_bytes_per_gpu": overhead.other_bytes,
        "graph_bytes_per_gpu": overhead.graph_bytes,
        "graphs_in_budget": overhead.graphs_in_budget,
        "kv_cache_bytes_per_gpu": max(0, sizing.kv_cache_bytes),
        "short_bytes_per_gpu": max(0, sizing.request_bytes - sizing.kv_cache_bytes),
        "kv_bytes_per_token": round(sizing.kv_bytes_per_token),
        "kv_bytes_per_request": sizing.request_bytes,
        "kv_cache_tokens": sizing.kv_tokens,
        "max_concurrency": round(sizing.concurrency, 2) if sizing.cache.groups else None,
        "max_concurrent_sequences": sizing.sequences,
        "longest_context": sizing.longest_context,
        "measured": None if not sizing.measured else msgspec.to_builtins(sizing.measured),
    }


def _settings(sizing: Sizing) -> dict[str, Any]:
    settings = sizing.settings
    return {
        "tensor_parallel_size": settings.parallelism.tensor,
        "pipeline_parallel_size": settings.parallelism.pipeline,
        "data_parallel_size": settings.parallelism.data,
        "max_model_len": settings.max_model_len,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
        "kv_cache_dtype": settings.kv_cache_dtype,
        "quantization": sizing.asked.quantization or sizing.model.quantization.name or None,
        "max_num_seqs": settings.max_num_seqs,
        "max_num_batched_tokens": settings.max_num_batched_tokens,
        "block_size": settings.block_size,
        "enforce_eager": settings.eager,
    }


def _suggestion(item: Suggestion) -> dict[str, Any]:
    return {
        "flags": list(item.flags),
        "cost": item.cost,
        "kv_cache_tokens": item.sizing.kv_tokens,
        "max_concurrent_sequences": item.sizing.sequences,
    }


def _placement(item: Placement) -> dict[str, Any]:
    return {
        "gpu": item.card.name,
        "gpus": item.gpus,
        "kv_cache_tokens": item.sizing.kv_tokens,
        "max_concurrent_sequences": item.sizing.sequences,
    }
