"""One query answers for a fleet, with the true age of every sample."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from vops.model.promql import fleet_query, fleet_samples

NOW = 1_795_480_000.0
POD = {"namespace": "serving", "pod": "r0", "engine": "0", "model_name": "m\x1b[2J"}


def series(name: str, value: str, **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": name, **POD, **labels}, "value": [NOW, value]}


def test_the_query_asks_for_every_dialects_names_and_the_scrape_times() -> None:
    query = fleet_query('a"b')
    for name in ("gpu_cache_usage_perc", "kv_cache_usage_perc", "time_to_first_token_seconds_bucket", "DEV_GPU_UTIL"):
        assert name in query
    assert 'namespace="a\\"b"' in query
    assert "timestamp(" in query
    assert "request_queue_time" not in query


def test_samples_are_as_old_as_their_scrape() -> None:
    times = {"metric": {**POD, "vops_scraped_at": "yes"}, "value": [NOW, str(NOW - 12)]}
    vector = [series("vllm:num_requests_running", "4"), series("vllm:generation_tokens_total", "90"), times]
    samples, gpus = fleet_samples(vector)
    found = samples["serving", "r0"]
    assert (found.running, found.generation_tokens, found.model) == (4, 90, "m\ufffd[2J")
    assert found.at == datetime.fromtimestamp(NOW - 12, UTC)
    assert gpus == ()


def test_engines_of_one_pod_are_folded_and_renamed_labels_found() -> None:
    exported = {"exported_pod": "r1", "exported_namespace": "other"}
    vector = [series("vllm_num_requests_running", "1", engine=str(rank), **exported) for rank in range(2)]
    samples, _ = fleet_samples(vector)
    assert samples["other", "r1"].running == 2


def test_gpus_are_joined_to_the_pods_that_hold_them() -> None:
    _, (gpu,) = fleet_samples([series("DCGM_FI_DEV_GPU_UTIL", "50", UUID="GPU-1", exported_pod="r7")])
    assert (gpu.pod, gpu.utilisation) == ("r7", 0.5)


def test_nonsense_in_an_answer_is_no_value() -> None:
    vector = [
        series("vllm:num_requests_running", "NaN"),
        {"metric": {"__name__": "vllm:num_requests_running", "pod": "p"}, "value": "x"},
        {"metric": {"__name__": "vllm:num_requests_running", "pod": "p"}, "value": [NOW, None]},
        {"metric": {"__name__": "up"}, "value": [NOW, "1"]},
        {},
    ]
    assert fleet_samples(vector) == ({}, ())
