"""What only shows when replicas stand together: groups, the odd one out, starts on their way, what is wanted."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from tests.tui import builders
from vops.diagnosis.facts import Facts
from vops.diagnosis.states import ReplicaState
from vops.model.objects import Condition, Meta
from vops.model.pods import Pod
from vops.model.scaling import HorizontalPodAutoscaler, HpaSpec, HpaStatus, ScaledObject, ScaledObjectSpec, ScaleTarget
from vops.model.snapshot import ClusterSnapshot
from vops.render.fleet import view_document
from vops.render.fleet_facts import fleet_view
from vops.render.fleet_rows import FleetView, ReplicaRow
from vops.render.fleet_table import ALL_REPLICA_COLUMNS, cursor_line, workload_cursor_line
from vops.render.history import COARSE, FINE, Track
from vops.render.loading import Loading, loading_text
from vops.render.text import plain

LWS = "leaderworkerset.sigs.k8s.io/"


def snapshot(*pods: Pod, **more: object) -> ClusterSnapshot:
    return msgspec.structs.replace(ClusterSnapshot(at=builders.NOW, sources=builders.sources(), pods=pods), **more)


def lws(rank: int, *, ready: bool = True) -> Pod:
    labels = {LWS + "name": "llama", LWS + "group-index": "0", LWS + "worker-index": str(rank)}
    made = builders.pod(f"llama-0-{rank}", "llama", on=f"gpu-{rank}", gpus=8, labels=labels, ready=ready)
    if rank == 0:
        return made
    worker = msgspec.structs.replace(made.spec.containers[0], args=("ray", "start"), command=("bash", "-c"), ports=())
    spec = msgspec.structs.replace(made.spec, containers=(msgspec.structs.replace(worker, image="rayproject/ray:2"),))
    return msgspec.structs.replace(made, spec=spec)


def test_a_group_is_one_row_that_names_its_worst_rank() -> None:
    view = fleet_view(Facts(snapshot(lws(0), lws(1), lws(2, ready=False), lws(3))))
    assert [row.pod for row in view.replicas] == ["llama-0-0"]
    (group,) = view.grouped
    assert (group.ranks, group.gpu_count, group.name) == (4, 32, "llama/0 · 4 ranks")
    assert group.state is not ReplicaState.READY
    assert group.worst.startswith("rank 2: ")
    assert group.ref.name == "llama-0-2"
    assert view_document(view)["groups"][0]["ranks"] == 4


def test_headless_ranks_of_a_workload_are_a_group_and_servers_that_stand_alone_are_none() -> None:
    leader, worker = (builders.pod(f"deep-6f9c4-{at}", "deepseek") for at in range(2))
    args = (*worker.spec.containers[0].args, "--headless", "--node-rank", "1")
    container = msgspec.structs.replace(worker.spec.containers[0], args=args)
    worker = msgspec.structs.replace(worker, spec=msgspec.structs.replace(worker.spec, containers=(container,)))
    first = msgspec.structs.replace(leader.spec.containers[0], args=(*leader.spec.containers[0].args, "--node-rank=0"))
    leader = msgspec.structs.replace(leader, spec=msgspec.structs.replace(leader.spec, containers=(first,)))
    deployment, replicaset = builders.workload("deep", "deepseek")
    facts = Facts(snapshot(leader, worker, builders.pod("other-6f9c4-a"), deployments=(deployment,),
                           replicasets=(replicaset,)))  # fmt: skip
    view = fleet_view(facts)
    assert [row.rank for row in view.replicas[:2]] == [0, 1]
    assert [row.name for row in view.grouped] == ["deep · 2 ranks", "other-6f9c4-a"]


def test_prefill_and_decode_of_a_model_are_a_group() -> None:
    pods = [
        builders.pod(f"{role}-6f9c4-{at}", labels={"llm-d.ai/role": role, "llm-d.ai/model": "qwen"})
        for role, at in (("prefill", 0), ("prefill", 1), ("decode", 0))
    ]
    (group,) = fleet_view(Facts(snapshot(*pods))).grouped
    assert group.name == "qwen · 2 prefill + 1 decode"


def fleet(slow: int = 6, *, nodes: tuple[str, ...] = ("a", "a", "b", "b")) -> FleetView:
    pods = [builders.pod(f"m-6f9c4-{at}", on=node) for at, node in enumerate(nodes)]
    last = builders.pod("m-6f9c4-x", on="c")
    seen = [builders.samples(pod, kv=0.5, running=8, ttft=3) for pod in pods]
    seen.append(builders.samples(last, kv=0.5, running=8, ttft=slow))
    return fleet_view(Facts(snapshot(*pods, last, samples=tuple(seen))))


def test_the_odd_one_out_is_named_with_what_it_alone_has() -> None:
    odd = [row for row in fleet().replicas if row.odd]
    assert [row.pod for row in odd] == ["m-6f9c4-x"]
    assert odd[0].odd.startswith("TTFT ")
    assert "× the median" in odd[0].odd
    assert odd[0].odd.endswith("the only one on c")
    assert "◆ TTFT" in plain([cursor_line(odd[0])])


@pytest.mark.parametrize("view", [fleet(slow=3), fleet(nodes=("a",))], ids=["alike", "too few to compare"])
def test_replicas_that_are_alike_or_few_are_not_odd(view: FleetView) -> None:
    assert not [row.odd for row in view.replicas if row.odd]


def test_half_of_the_replicas_are_not_the_odd_ones() -> None:
    pods = [builders.pod(f"m-6f9c4-{at}", on=f"n{at}") for at in range(6)]
    seen = [builders.samples(pod, kv=0.5, running=8, ttft=3 if at % 2 else 6) for at, pod in enumerate(pods)]
    view = fleet_view(Facts(snapshot(*pods, samples=tuple(seen))))
    assert not [row.odd for row in view.replicas if row.odd]


def test_a_start_says_its_step_its_share_and_when_its_siblings_were_ready() -> None:
    ready = [builders.pod(f"m-6f9c4-{at}") for at in range(2)]
    loading = builders.pod("m-6f9c4-l", ready=False, age=timedelta(seconds=61))
    deployment, replicaset = builders.workload("m", "Qwen/Qwen3-8B")
    seen = snapshot(*ready, loading, deployments=(deployment,), replicasets=(replicaset,))
    log = "INFO 03-14 03:12:01 [api_server.py:1289] vLLM API server version 0.25.1\n" + (
        "Loading safetensors checkpoint shards:  50% Completed | 2/4 [00:05<00:05,  2.5s/it]\n"
    )
    view = fleet_view(Facts(builders.with_log(seen, "m-6f9c4-l", log)))
    row = next(row for row in view.replicas if row.pod == "m-6f9c4-l")
    assert row.load_progress == 0.5
    assert row.ready_in_s == pytest.approx(87)  # 117 s from start to ready, 30 s ago
    assert "50% · ready in ~1m27s" in row.note


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Loading(0, "image, volumes"), "◐○○○ image, volumes"),
        (Loading(1, "weight loading", 0.5), "●◐○○ weight loading ━━━━━───── 50%"),
        (Loading(1, "weight loading", 0.5, None, 65), "●◐○○ weight loading ━━━━━───── 50% · ~1m5s left"),
        (Loading(3, "graphs", None, 8), "●●●◐ graphs · ready in ~8s"),
    ],
)
def test_a_start_in_one_line(found: Loading, text: str) -> None:
    assert loading_text(found) == text


def hpa(desired: int, *conditions: Condition) -> HorizontalPodAutoscaler:
    status = HpaStatus(1, desired, conditions=conditions)
    spec = HpaSpec(ScaleTarget("Deployment", "m"), 1, 4)
    return HorizontalPodAutoscaler(Meta(name="m", namespace="prod", uid="h"), spec=spec, status=status)


@pytest.mark.parametrize(
    ("conditions", "told"),
    [
        ((), ""),
        ((Condition("ScalingLimited", "True", "TooManyReplicas"),), "at its maximum of 4"),
        (
            (Condition("ScalingActive", "False", "FailedGetExternalMetric", "", builders.NOW),),
            "metric missing since 03:12",
        ),
    ],
)
def test_a_workload_says_what_its_autoscaler_wants_and_why_it_does_not_get_it(
    conditions: tuple[Condition, ...], told: str
) -> None:
    deployment, replicaset = builders.workload("m", "Qwen/Qwen3-8B")
    scaled = hpa(6, *conditions)
    seen = snapshot(builders.pod("m-6f9c4-a"), deployments=(deployment,), replicasets=(replicaset,), related=(scaled,))
    (row,) = fleet_view(Facts(seen)).workloads
    assert (row.wants, row.wanted_by, row.why_not) == (6, "HPA", told)
    assert "HPA wants 6" in plain([workload_cursor_line(row)])


def test_keda_that_is_paused_says_so() -> None:
    deployment, replicaset = builders.workload("m", "Qwen/Qwen3-8B")
    meta = Meta(name="m", namespace="prod", uid="s", annotations={"autoscaling.keda.sh/paused": "true"})
    scaled = ScaledObject(meta, spec=ScaledObjectSpec(ScaleTarget("Deployment", "m")))
    (row,) = fleet_view(
        Facts(snapshot(deployments=(deployment,), replicasets=(replicaset,), related=(scaled,)))
    ).workloads
    assert (row.wants, row.wanted_by, row.why_not) == (None, "KEDA", "paused")


def test_a_number_beyond_its_threshold_has_a_glyph_and_a_word() -> None:
    row = next(row for row in fleet_view(Facts(builders.fleet_snapshot())).replicas if row.pod.endswith("tz7mm"))
    cells = {column.key: column.cell(row).text for column in ALL_REPLICA_COLUMNS}
    assert (cells["kv"], cells["waiting"], cells["ttft"][0]) == ("✗97%", "▲17", "▲")
    assert "KV cache is full" in plain([cursor_line(row)])


def row_at(second: float) -> ReplicaRow:
    row = fleet_view(Facts(builders.fleet_snapshot())).replicas[0]
    return msgspec.structs.replace(row, kv_usage=second, waiting=None, metrics_age_s=0.0)


def test_the_past_is_bounded_goes_back_an_hour_and_keeps_what_is_unknown() -> None:
    track = Track()
    for second in range(0, 3600, 2):
        track._age_s = None
        track.add(row_at(float(second)), builders.NOW + timedelta(seconds=second))
    assert len(track.history().at) == FINE
    assert track.tail("kv_usage", 3) == [3594.0, 3596.0, 3598.0]
    assert track.tail("kv_usage", 2, builders.NOW + timedelta(seconds=600)) == [576.0, 592.0]
    assert track.history().waiting == [None] * FINE
    hour = track.hour()
    assert hour.at[-1] - hour.at[0] > 3300
    assert len(hour.at) < COARSE + FINE
