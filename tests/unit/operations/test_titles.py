"""The core of a message in a title, and below it a question that says nothing of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.operations.test_kubernetes_words import first_causes
from vops.diagnosis.findings import LIKENED
from vops.errors import InputError
from vops.operations.intake.bundle import diagnose_bundle

WORDS = Path(__file__).parents[2] / "data" / "words-titles.txt"
TITLES = [line.split("\t") for line in WORDS.read_text().splitlines() if not line.startswith("#")]
QUESTION = "# {}\n\nHow do I solve this? I use the helm chart on a managed cluster.\n"
EVERYDAY = (
    "Our certificate expires next week: x509: certificate signed by our own authority is what clients will see.",
    "We run vLLM on three GPU nodes behind a Service, and all pods are Ready.",
    "The new StorageClass is there, all claims are Bound, and AttachVolume.Attach succeeded for each volume.",
    "Karpenter launched two g5.12xlarge nodes, and the pods were scheduled on them within four minutes.",
    "The server listens on 127.0.0.1 in tests, and our Service is reached through the gateway.",
    "The readiness probe of the agent container was incorrect last year; the pods are Ready.",
    "The server starts without readiness and liveness probes, and with both it starts as well.",
    "Loading a model takes too long for our taste, and the readiness probe waits for it until the pod is Ready.",
    "The shm-size limit of the chart is 64MB in the default values, and ours is 16Gi.",
    "If we run the pods without sidecars they are able to download the model, and so they are with them.",
    "The root file system is read-only, and the cache is on a volume that the server is able to write to.",
    "HF_TOKEN is not set, so the rate limits of the hub are lower; the model was loaded, and the pods are Ready.",
    "Each server works alone on its GPU, and both servers together never run out of memory there.",
    "Our clients get rate-limited by the API of the hub, and the pods are Ready.",
)
GUIDES = (
    "How do I avoid CUDA out of memory errors?",
    "Fix: GPU not detected in the container",
    "Feature: report GPU not detected as an error of its own",
    "GPU not detected by the device plugin of the cluster",
)
BODY = "The server listens on port 8000 here.\n\n" * 13


def by_rules(text: str) -> list[str]:
    """The causes that rules name, without what the words only sound like."""
    try:
        reports = diagnose_bundle([], text.encode())[0]
    except InputError:
        return []
    return [finding.cause for report in reports for finding in report.findings if finding.rule != LIKENED]


@pytest.mark.parametrize(("truth", "title"), TITLES)
def test_the_core_of_a_message_is_read_in_a_title(truth: str, title: str) -> None:
    right = set(truth.split("|"))
    assert [set(first_causes(text)[:1]) <= right for text in (f"{title}\n", QUESTION.format(title))] == [True] * 2
    assert first_causes(f"{title}\n")


@pytest.mark.parametrize("text", EVERYDAY)
def test_what_goes_well_is_no_finding(text: str) -> None:
    assert by_rules(f"{text}\n") == []


@pytest.mark.parametrize("title", GUIDES)
def test_a_heading_that_asks_or_promises_reports_nothing(title: str) -> None:
    assert by_rules(f"# {title}\n\n{BODY}") == []


def test_a_heading_is_read_where_nothing_below_it_says_more() -> None:
    assert first_causes(f"# CUDA out of memory on A10G\n\n{BODY}")[:1] == ["cuda-oom-weights"]
    title = "# [Bug]: helm chart of vllm throws KeyboardInterrupt: terminated\n"
    assert first_causes(f'{title}\nFROM vllm/vllm-openai:latest\n\nENTRYPOINT ["vllm", "serve"]\n')[:1] == [
        "startup-probe-kill"
    ]
    below = "ValueError: Free memory on device (2.0/79.2 GiB) on startup is less than desired GPU memory utilization"
    assert first_causes(f"# GPU not detected\n\n{below} (0.9, 71.3 GiB).\n")[:1] == ["gpu-memory-not-free"]
