"""What names of any kind mean, from the one place that defines them; and what is near to a name that nobody has."""

from __future__ import annotations

import pytest

from vops.diagnosis.rule import discover
from vops.errors import UsageError
from vops.operations.explain import explain


@pytest.mark.parametrize(
    ("name", "title", "says"),
    [
        ("said-gpu-exhausted", "said-gpu-exhausted", "scheduler's words alone"),
        ("gpu-exhausted", "gpu-exhausted", "What it finds"),
        ("unknown", "may-be", "At most two further causes"),
        ("may-be", "may-be", "confirms or refutes"),
        ("honor-labels", "honor-labels (vops lint)", "What it finds"),
        ("fix-host-oom", "fix-host-oom (runbook)", "memory (string)"),
        ("k8s.scale", "k8s.scale (step of a runbook)", "replicas: How many it shall have."),
        ("vllm:kv_cache_usage_perc", "vllm:kv_cache_usage_perc (metric)", "since 0.9.2"),
        ("gpu_cache_usage_perc", "vllm:gpu_cache_usage_perc (metric)", "elsewhere vllm:kv_cache_usage_perc"),
        ("vllm:iteration_tokens_total_count", "vllm:iteration_tokens_total (metric)", "pulse"),
        ("vllm:time_to_first_token_seconds_bucket", "vllm:time_to_first_token_seconds (metric)", "histogram"),
        ("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL (metric)", "percent"),
        ("--max-model-len", "--max-model-len (flag of vLLM)", "Takes: TOKENS."),
        ("-tp", "--tensor-parallel-size (flag of vLLM)", "attention heads"),
        ("max_num_seqs", "--max-num-seqs (flag of vLLM)", "one step"),
        ("--swap-space", "--swap-space (flag of vLLM)", "gone in 0.25.0"),
    ],
)
def test_a_name_is_explained_from_where_it_is_defined(name: str, title: str, says: str) -> None:
    text = explain(name)
    assert text.splitlines()[0] == title or f"\n\n{title}\n\n" in text
    assert says in text


def test_a_cause_is_explained_by_every_rule_that_finds_it() -> None:
    text = explain("gpu-exhausted")
    assert all(rule.name in text for rule in discover() if rule.cause == "gpu-exhausted")


@pytest.mark.parametrize(
    ("name", "near"), [("host-om", "host-oom"), ("vllm:num_request_waiting", "vllm:num_requests_w")]
)
def test_a_name_that_nobody_has_leads_to_those_that_are_near(name: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        explain(name)
    assert near in caught.value.hint
