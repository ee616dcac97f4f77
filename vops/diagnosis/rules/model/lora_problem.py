"""A LoRA adapter cannot be loaded, or does not go with the base model or the server's limits.

What it finds
    A rank above --max-lora-rank, modules that the model or vLLM does not adapt, an adapter that is not where the flag
    says, or adapters asked for without --enable-lora.

Why it matters
    With --lora-modules the server does not start for one bad adapter.

Evidence
    vLLM's words, with the rank that the adapter has where it tells.

Fix
    `fix-argument`, else by hand: the rank that fits, the right path, or the adapter of this base model.
"""

from __future__ import annotations

from typing import Any

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_LORA = lazy_pattern(
    r"LoRA rank (?P<rank>\d{1,5}) is greater than max_lora_rank (?P<most>\d{1,5})|Loading lora .{0,200}failed"
    r"|LoRAAdapterNotFound"
    r"|No adapter found for|adapter_config\.json|LoRA is not enabled|is not supported for LoRA|does not support LoRA"
    r"|unsupported LoRA weight|expected target modules in|Got lora_request|max_cpu_loras|max_loras?\b|lora_modules"
    r"|modality-specific LoRA"
    r"|(?<!Q)[Ll]o[Rr][Aa] (?:adapter|module|rank|path)|\S{0,40}Error: .{1,1000} @ (?:vllm/)?lora/"
    r"|Cut: .{1,1000} @ (?:vllm/)?lora/(?:worker_manager|peft_helper|request|resolver|\w{0,20}models?|model_manager)\b"
)
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


@rule(cause="lora-problem", branch=Branch.DIED, needs={Source.LOGS}, order=27, signature=_LORA)
def lora_problem(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _LORA)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"A LoRA adapter of {replica.name} cannot be used: {deaths.quoted(hit, 140)}",
        _fix(replica, hit),
        evidence.container_field(replica, "args", "the LoRA flags: --enable-lora, --lora-modules, --max-lora-rank"),
    )


def _fix(replica: Replica, hit: deaths.Hit) -> Fix:
    """The flag that the adapter needs, where the message tells; what is wrong with its files is put right by hand."""
    title, steps = "Make adapter and server agree", _advice(hit)
    flags: dict[str, Any] = {}
    if hit[1]["rank"]:
        flags = {"max-lora-rank": _fitting(int(hit[1]["rank"]))}
    elif _is_off(hit):
        flags = {"enable-lora": True}
    if not flags:
        return deaths.steps(replica, title, *steps)
    params = {"container": replica.container.name, "flags": flags}
    return remedies.runbook(replica, "fix-argument", title, Applicability.SAFE, params, by_hand=steps, notes=steps)


def _fitting(rank: int) -> int:
    """The smallest size that vLLM takes for a rank."""
    return next((size for size in _RANKS if size >= rank), rank)


def _is_off(hit: deaths.Hit) -> bool:
    return "not enabled" in hit[0].message or "Got lora_request" in hit[0].message


def _advice(hit: deaths.Hit) -> tuple[str, ...]:
    if hit[1]["rank"]:
        rank = int(hit[1]["rank"])
        return (f"Raise --max-lora-rank from {hit[1]['most']} to {_fitting(rank)}: the adapter has rank {rank}.",)
    if _is_off(hit):
        return ("Add --enable-lora.",)
    return (
        "See that --lora-modules NAME=PATH names a folder (or repository) with adapter_config.json and weights in it,",
        "and that the adapter was trained on this base model; vLLM names the modules that it does not know.",
    )
