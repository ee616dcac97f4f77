"""Advice about a text of another engine in that engine's words: none of vLLM's flags means anything to it.

Rules advise vLLM's flags. Where a text is of SGLang, TGI, llama.cpp, Ollama, Triton or NIM, flags that have a namesake
are called as it is there; of others a step says that they are vLLM's. Only words change, and only in what is done by
hand: how much is advised, and why, is the rule's. Room on the GPU has advice of its own (memory/engine_terms.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from vops.diagnosis.findings import Applicability, Finding, Fix, Report
from vops.model.patterns import lazy_pattern


class Engine(msgspec.Struct, frozen=True):
    """An engine: its name, what a text of it says, and its words for vLLM's flags (the same where they are shared)."""

    name: str
    sign: re.Pattern[str]
    flags: Mapping[str, str]
    image: str = ""
    serve: str = ""
    metrics: tuple[str, str] = ("", "")
    """What to look for among its metrics in place of requests and of the use of the cache; empty where it has none."""


def _same(*flags: str) -> dict[str, str]:
    return {flag: flag for flag in flags}


_ENGINES = (
    Engine(
        "SGLang",
        lazy_pattern(r"sglang|--mem-fraction-static", re.IGNORECASE),
        {
            **_same(
                "--tensor-parallel-size", "--pipeline-parallel-size", "--kv-cache-dtype", "--dtype", "--quantization"
            ),
            **_same("--chat-template", "--trust-remote-code", "--revision", "--host", "--port", "--served-model-name"),
            **_same("--max-lora-rank", "--enable-lora", "--disable-custom-all-reduce", "--cpu-offload-gb"),
            "--gpu-memory-utilization": "--mem-fraction-static",
            "--max-num-seqs": "--max-running-requests",
            "--max-num-batched-tokens": "--chunked-prefill-size",
            "--max-model-len": "--context-length",
            "--enforce-eager": "--disable-cuda-graph",
            "--lora-modules": "--lora-paths",
            "--model": "--model-path",
        },
        "lmsysorg/sglang",
        "python3, -m, sglang.launch_server, --model-path, MODEL",
        ("_reqs", "token_usage"),
    ),
    Engine(
        "TGI",
        lazy_pattern(r"text[-_]generation[-_](?:inference|launcher|server|router)|\bTGI\b"),
        {
            **_same("--kv-cache-dtype", "--dtype", "--trust-remote-code", "--revision", "--port"),
            "--tensor-parallel-size": "--num-shard",
            "--gpu-memory-utilization": "--cuda-memory-fraction",
            "--max-num-seqs": "--max-batch-size",
            "--max-num-batched-tokens": "--max-batch-prefill-tokens",
            "--max-model-len": "--max-total-tokens",
            "--enforce-eager": "--cuda-graphs 0",
            "--quantization": "--quantize",
            "--host": "--hostname",
            "--model": "--model-id",
        },
        "ghcr.io/huggingface/text-generation-inference",
        "text-generation-launcher, --model-id, MODEL",
        ("tgi_queue|tgi_batch", "tgi_batch"),
    ),
    Engine(
        "llama.cpp",
        lazy_pattern(r"llama\.?cpp|llama-server|\bggml_|\bllama_(?:model|init|kv)", re.IGNORECASE),
        {
            **_same("--host", "--port", "--model"),
            "--max-num-seqs": "--parallel",
            "--max-num-batched-tokens": "--batch-size",
            "--max-model-len": "--ctx-size",
            "--chat-template": "--chat-template-file",
        },
        "ghcr.io/ggml-org/llama.cpp:server-cuda",
        "/app/llama-server, --model, FILE",
        ("requests_", "requests_"),
    ),
    Engine(
        "Ollama",
        lazy_pattern(r"ollama", re.IGNORECASE),
        {"--max-num-seqs": "OLLAMA_NUM_PARALLEL", "--max-model-len": "num_ctx"},
        "ollama/ollama",
        "/bin/ollama, serve",
    ),
    Engine(
        "Triton",
        lazy_pattern(r"tritonserver|triton (?:inference )?server|model_repository_manager", re.IGNORECASE),
        {},
        "nvcr.io/nvidia/tritonserver",
        "tritonserver, --model-repository=FOLDER",
        ("nv_inference_pending", "nv_gpu_memory"),
    ),
    Engine("NIM", lazy_pattern(r"\bNIM\b|/nim/|\bNIM_[A-Z]"), {"--max-model-len": "env NIM_MAX_MODEL_LEN"}),
)

_VLLM = lazy_pattern(r"vllm", re.IGNORECASE)
_FLAG = lazy_pattern(r"(?<![\w-])--[a-z][a-z-]+[a-z]\b|\bVLLM_[A-Z_]+\b")
_OF_VLLM = frozenset(
    (
        *(flag for engine in _ENGINES for flag in engine.flags if engine.flags[flag] != flag),
        *("--tensor-parallel-size", "--pipeline-parallel-size", "--kv-cache-dtype", "--quantization"),
        *("--chat-template", "--trust-remote-code", "--max-lora-rank", "--enable-lora", "--swap-space"),
        *("--cpu-offload-gb", "--disable-custom-all-reduce", "--tool-call-parser", "--runner"),
    )
) - {"--model", "--host", "--port"}
"""Flags that are vLLM's where an engine has no word for them: others may be of kubectl, a cloud, or anything."""


def engine_of(text: str) -> Engine | None:
    """The engine that a text is of, by how often it is named; None where that is vLLM, or where none is named."""
    counts = [(sum(1 for _ in engine.sign.finditer(text)), engine) for engine in _ENGINES]
    often, engine = max(counts, key=lambda entry: entry[0])
    return engine if often and often >= sum(1 for _ in _VLLM.finditer(text)) else None


def in_terms_of(engine: Engine, report: Report) -> Report:
    """The report, with what is advised in the words of an engine."""
    findings = tuple(_finding(engine, item) for item in report.findings)
    return msgspec.structs.replace(report, summary=_headed(engine, report.summary), findings=findings)


def _finding(engine: Engine, item: Finding) -> Finding:
    fixes = tuple(_fix(engine, fix) for fix in item.fixes)
    return msgspec.structs.replace(item, summary=_headed(engine, item.summary), fixes=fixes)


def _headed(engine: Engine, summary: str) -> str:
    """A summary about that engine; what it quotes stays as it is."""
    return engine.name + summary.removeprefix("vLLM") if summary.startswith("vLLM ") else summary


def _fix(engine: Engine, fix: Fix) -> Fix:
    """What is done by hand, unless it is about that engine already."""
    if fix.applicability is not Applicability.MANUAL or _speaks_of(engine, fix):
        return fix
    title, steps = _worded(engine, fix.title), tuple(_worded(engine, step) for step in fix.steps)
    left = dict.fromkeys(flag for words in (title, *steps) for flag in _foreign(engine, words))
    says = (f"{', '.join(left)}: so vLLM calls it; use what {engine.name} has for it.",) if left else ()
    return msgspec.structs.replace(fix, title=title, steps=(*steps, *says))


def _speaks_of(engine: Engine, fix: Fix) -> bool:
    own = {word for flag, word in engine.flags.items() if word != flag}
    words = f"{fix.title} {' '.join(fix.steps)}"
    return engine.name in words or any(word in words for word in own)


def _foreign(engine: Engine, words: str) -> list[str]:
    """What of a title or step only vLLM knows."""
    shared = {*engine.flags.values()}
    return [flag for flag in _FLAG.findall(words) if flag not in shared and (flag in _OF_VLLM or flag[0] == "V")]


def _worded(engine: Engine, text: str) -> str:
    requests, cache = engine.metrics
    if "/proxy/metrics" in text:
        text = text.replace(":8000/", ":PORT/").replace("grep num_requests", "grep -E 'num_requests'")
        text = text.replace("num_requests", requests or "request").replace("preemptions|", "")
        return text.replace("cache_usage", cache or "cache")
    text = _FLAG.sub(lambda match: engine.flags.get(match[0], match[0]), text)
    text = text.replace("vllm, serve, MODEL", engine.serve or "vllm, serve, MODEL")
    text = text.replace("vllm/vllm-openai", engine.image or "vllm/vllm-openai")
    return _NAME.sub(engine.name, text)


_NAME = lazy_pattern(r"\bvLLM\b(?! needs)")
