"""What is advised about a text of another engine is in that engine's words, and says which are not."""

from __future__ import annotations

import pytest

from vops.diagnosis.findings import Applicability, Confidence, Finding, Fix, Report, Severity
from vops.diagnosis.guesses.engine_flags import engine_of, in_terms_of
from vops.model.objects import Ref

POD = Ref("Pod", "llm-0", "llm")
SGLANG = "python3 -m sglang.launch_server --model-path m --mem-fraction-static 0.9"
TGI = "2024-07-22T15:30:59Z  INFO text_generation_launcher: Starting shard rank=0"
LLAMA = "ghcr.io/ggml-org/llama.cpp:server: llama_model_load: error loading model"
OLLAMA = "The Ollama pod answers slowly: ollama ps shows 100% CPU"
STEP = "Set --max-num-seqs to half, or --gpu-memory-utilization 0.05 lower; then --enforce-eager."


def said(text: str, fix: Fix) -> tuple[str, ...]:
    engine = engine_of(text)
    assert engine is not None
    finding = Finding("r", "c", Severity.ERROR, Confidence.PROBABLE, POD, "it fails", fixes=(fix,))
    report = in_terms_of(engine, Report("now", "", POD, "failed", "it fails", (finding,)))
    changed = report.findings[0].fixes[0]
    return (changed.title, *changed.steps)


def by_hand(*steps: str, title: str = "Leave more memory free") -> Fix:
    return Fix(title, Applicability.MANUAL, steps=steps)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            SGLANG,
            ("Set --max-running-requests to half, or --mem-fraction-static 0.05 lower; then --disable-cuda-graph.",),
        ),
        (TGI, ("Set --max-batch-size to half, or --cuda-memory-fraction 0.05 lower; then --cuda-graphs 0.",)),
        (
            OLLAMA,
            (
                "Set OLLAMA_NUM_PARALLEL to half, or --gpu-memory-utilization 0.05 lower; then --enforce-eager.",
                "--gpu-memory-utilization, --enforce-eager: so vLLM calls it; use what Ollama has for it.",
            ),
        ),
    ],
)
def test_flags_have_the_names_of_the_engine_and_others_are_said_to_be_vllms(text: str, expected: tuple[str]) -> None:
    assert said(text, by_hand(STEP))[1:] == expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("Leave it out, or set it to [vllm, serve, MODEL].", "/app/llama-server, --model, FILE]"),
        ("Use the published vllm/vllm-openai image.", "ghcr.io/ggml-org/llama.cpp:server-cuda"),
        (
            "kubectl get --raw /pods/POD:8000/proxy/metrics | grep num_requests",
            "POD:PORT/proxy/metrics | grep -E 'requests_'",
        ),
        ("Set the image to a newer vLLM.", "a newer llama.cpp."),
        ("kubectl drain NODE --ignore-daemonsets", "kubectl drain NODE --ignore-daemonsets"),
    ],
)
def test_images_commands_and_metrics_are_the_engines(step: str, expected: str) -> None:
    (_, changed) = said(LLAMA, by_hand(step))
    assert expected in changed


def test_advice_about_that_engine_stays_as_it_is() -> None:
    step = "Lower --mem-fraction-static (what --gpu-memory-utilization is to vLLM)."
    assert said(SGLANG, by_hand(step))[1:] == (step,)


def test_a_runbook_is_not_reworded() -> None:
    fix = Fix("Lower --max-num-seqs", Applicability.ASK, "set-flags", steps=(STEP,))
    assert said(SGLANG, fix) == ("Lower --max-num-seqs", STEP)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (SGLANG, "SGLang"),
        (f"{SGLANG}\nit takes a kernel from vllm", "SGLang"),
        ("vLLM is faster than SGLang, and vLLM fails", None),
        ("triton kernels are compiled", None),
        ("the pod is pending", None),
    ],
)
def test_a_text_is_of_the_engine_that_it_names_most(text: str, name: str | None) -> None:
    engine = engine_of(text)
    assert (engine.name if engine is not None else None) == name


def test_what_vllm_is_said_to_do_is_said_of_that_engine() -> None:
    engine = engine_of(SGLANG)
    assert engine is not None
    report = Report("now", "", POD, "failed", "vLLM refuses its arguments: of vLLM")
    assert in_terms_of(engine, report).summary == "SGLang refuses its arguments: of vLLM"
