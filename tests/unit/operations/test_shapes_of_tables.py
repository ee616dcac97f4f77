"""Tables and prefixes that tell of several servers, of a stopped scheduler, and of containers by their names."""

from __future__ import annotations

import pytest

from vops.diagnosis.starting.companions import runs_before, stands_beside
from vops.operations.intake.bundle import read_bundle
from vops.operations.intake.bundle_pages import logs_within
from vops.operations.printed.describe_listings import listings
from vops.operations.printed.describe_text import read_described

HPA = """\
NAME   REFERENCE        TARGETS           MINPODS   MAXPODS   REPLICAS   AGE
h      Deployment/v     {}   1         3         3          4d"""
STATISTICS = "INFO 06-11 08:21:11 [loggers.py:116] Engine 000: Avg prompt throughput: 1.0 tokens/s, Running: 1 reqs"
SCHEDULER = (
    "NAME                READY   STATUS             RESTARTS   AGE\nkube-scheduler-m    0/1     {}   9          1d\n"
)


@pytest.mark.parametrize("targets", ["18500m/5 (avg)", "cpu: 12%/80%, 9/5 (avg)", "1k/900", "95%/80%"])
def test_a_metric_above_its_target_at_the_maximum_is_a_limit(targets: str) -> None:
    assert [item["kind"] for item in listings(HPA.format(targets))] == ["HorizontalPodAutoscaler"]


@pytest.mark.parametrize("targets", ["2300m/5 (avg)", "cpu: 12%/80%", "5/5", "<unknown>", "900/1k"])
def test_a_metric_below_its_target_is_none(targets: str) -> None:
    found = [item["status"]["conditions"][0]["type"] for item in listings(HPA.format(targets))]
    assert "ScalingLimited" not in found


@pytest.mark.parametrize("amounts", ["           ", "x         x", "-         -"])
def test_a_row_whose_amounts_are_none_tells_nothing(amounts: str) -> None:
    row = HPA.format("18500m/5 (avg)").replace("3         3", amounts)
    assert list(listings(row)) == []


def test_a_sentence_that_begins_like_a_heading_is_none() -> None:
    text = """\
NAME Same here on our side. The node claim gets its machine, yet th     NODECLASS   NODES   READY   AGE
gpu-pool up g-class   0       False   3d
e node cannot join the cluster -
"""
    assert list(listings(text)) == []


@pytest.mark.parametrize("prefix", ["[pod/{}/vllm] ", "{} vllm ", "{}  | "])
def test_the_lines_of_several_servers_are_parted_by_what_stands_before_them(prefix: str) -> None:
    text = "\n".join(prefix.format(name) + STATISTICS for name in ("llm-0", "llm-1", "llm-0"))
    assert {name: len(log.splitlines()) for name, log in logs_within(text).items()} == {"llm-0": 2, "llm-1": 1}


def test_the_lines_of_one_server_are_left_together() -> None:
    assert logs_within(f"[pod/llm-0/vllm] {STATISTICS}\n[pod/llm-0/vllm] {STATISTICS}") == {}


def test_a_scheduler_that_does_not_run_beside_a_pod_that_waits_is_told_of_that_pod() -> None:
    text = SCHEDULER.format("CrashLoopBackOff") + "llm-0               0/1     Pending            0          3h\n"
    pod, event = read_described(text).documents
    assert (pod["metadata"]["name"], event["reason"]) == ("llm-0", "SchedulerDown")


@pytest.mark.parametrize("status", ["Running", "Completed"])
def test_a_scheduler_that_runs_is_not(status: str) -> None:
    text = SCHEDULER.format(status) + "llm-0               0/1     Pending            0          3h\n"
    assert not any(item.get("reason") == "SchedulerDown" for item in read_described(text).documents)


def test_a_pod_that_stands_for_what_it_asks_gives_way_to_its_manifest() -> None:
    manifest = 'apiVersion: v1\nkind: Pod\nmetadata: {name: big}\nspec:\n  containers:\n  - {name: vllm, image: "v"}\n'
    refusal = (
        "Warning  FailedScheduling  2m  default-scheduler  0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    )
    text = f"NAME    STATUS   GPU\nnode1   Ready    4\n\n  {refusal}\n"
    snapshot, _ = read_bundle([], f"{text}\n{manifest}".encode())
    assert len(snapshot.pods) == 1


@pytest.mark.parametrize("name", ["istio-proxy", "lora-adapter-syncer", "queue-proxy", "gcs-sidecar", "log-exporter"])
def test_names_of_containers_that_stand_beside_a_server(name: str) -> None:
    assert stands_beside(name)
    assert not runs_before(name)


@pytest.mark.parametrize(
    "name", ["model-downloader", "storage-initializer", "fetch-model", "wait-for-db", "model-init"]
)
def test_names_of_containers_that_run_before_it(name: str) -> None:
    assert runs_before(name)
    assert not stands_beside(name)


@pytest.mark.parametrize("name", ["vllm", "server", "kserve-container", "nvidia-dcgm-exporter", "ray-head", "worker"])
def test_names_that_are_the_server_s_own_or_another_program_s(name: str) -> None:
    assert not stands_beside(name)
    assert not runs_before(name)
