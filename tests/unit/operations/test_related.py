"""What is read around a pod or a workload follows from the state that it is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.operations.small_world import World, replica, workload
from tests.unit.operations.test_observe import POD, look
from vops.errors import Rejected
from vops.model.objects import Condition, Meta, Ref
from vops.model.pods import Pod, Volume
from vops.model.resources import DEPLOYMENTS, REPLICASETS
from vops.model.scaling import SCALED_OBJECTS, ScaledObject, ScaledObjectSpec, ScaledObjectTrigger, ScaleTarget
from vops.model.snapshot import QueryAnswer, Series, Source, SourceState
from vops.model.storage import CLAIMS, PersistentVolumeClaim
from vops.operations.observation.related import around_pods
from vops.operations.observation.trigger_queries import answers


def waiting(*, claim: str = "") -> Pod:
    """A pod without a node, with a volume of a claim when one is named."""
    pod = replica("r0", ready=False)
    volumes = (Volume("models", persistent_volume_claim={"claimName": claim}),) if claim else ()
    spec = replace(pod.spec, node_name="", volumes=volumes)
    return replace(pod, spec=spec, status=replace(pod.status, phase="Pending", container_statuses=()))


def ready() -> Pod:
    pod = replica("r0")
    return replace(pod, status=replace(pod.status, conditions=(Condition("Ready", "True"),)))


PROVISIONING = ["configmaps", "daemonsets", "events", "nodeclaims", "nodepools"]
STORAGE = ["persistentvolumeclaims", "persistentvolumes", "storageclasses"]


@pytest.mark.parametrize(
    ("pods", "kinds"),
    [
        pytest.param([waiting()], PROVISIONING, id="waits-for-a-node"),
        pytest.param([waiting(claim="models")], sorted([*PROVISIONING, *STORAGE, "events"]), id="waits-with-a-claim"),
        pytest.param([ready()], ["endpointslices", "networkpolicies", "services"], id="ready"),
        pytest.param([replica("r0", ready=False, restarts=3)], ["events"], id="died"),
        pytest.param([replica("r0", ready=False)], [], id="loads"),
    ],
)
def test_the_state_of_a_pod_calls_for(pods: Sequence[Pod], kinds: list[str]) -> None:
    asked = around_pods(pods, "serving", of_one=True)
    assert sorted(ask.kind.plural for ask in asked) == kinds


async def test_a_claim_of_a_waiting_pod_is_in_the_snapshot() -> None:
    world = World().holding(waiting(claim="models"))
    claim = PersistentVolumeClaim(Meta("models", "serving", uid="c"))
    world.cluster.tell(CLAIMS, claim)
    snapshot = await look(world, target=POD)
    assert snapshot.related == (claim,)
    assert snapshot.source(Source.CLAIMS).state is SourceState.LIVE


async def test_a_kind_that_is_refused_is_a_denied_source_and_nothing_else() -> None:
    world = World().holding(waiting(claim="models"))
    world.cluster.denied.add(("persistentvolumes", ""))
    snapshot = await look(world, target=POD)
    assert snapshot.source(Source.VOLUMES).state is SourceState.DENIED
    assert snapshot.source(Source.CLAIMS).usable


async def test_an_autoscaler_is_looked_at_with_the_pods_that_it_scales() -> None:
    world = World().holding(replica("r0", owner="ReplicaSet/llama-1"))
    world.cluster.tell(DEPLOYMENTS, workload("Deployment", "llama"))
    world.cluster.tell(REPLICASETS, workload("ReplicaSet", "llama-1", owner="Deployment/llama"))
    spec = ScaledObjectSpec(ScaleTarget(name="llama"))
    world.cluster.tell(SCALED_OBJECTS, ScaledObject(Meta("scale", "serving", uid="s"), spec))
    await look(world, target=Ref("ScaledObject", "scale", "serving"))
    assert world.engines.asked_pods() == ["r0", "r0"]


@pytest.mark.parametrize(
    ("query", "asked"),
    [('avg(DCGM_FI_DEV_GPU_UTIL{pod="r0"})', True), ("sum(vllm:num_requests_waiting)", False)],
)
async def test_a_query_for_gpu_metrics_calls_for_exporters_and_monitors(query: str, asked: bool) -> None:
    world = World().holding(replica("r0", owner="ReplicaSet/llama-1"))
    trigger = ScaledObjectTrigger("prometheus", metadata={"query": query})
    spec = ScaledObjectSpec(ScaleTarget(name="llama"), triggers=(trigger,))
    world.cluster.tell(SCALED_OBJECTS, ScaledObject(Meta("scale", "serving", uid="s"), spec))
    await look(world, target=Ref("ScaledObject", "scale", "serving"))
    wanted = {"list daemonsets", "list servicemonitors", "list podmonitors", "list prometheuses"}
    assert (wanted <= set(world.cluster.asked)) is asked


async def test_a_fleet_is_looked_at_without_what_explains_states() -> None:
    world = World().holding(waiting(claim="models"))
    await look(world, logs=False, related=False)
    assert not {"list persistentvolumeclaims", "list resourcequotas"} & set(world.cluster.asked)


async def test_the_queries_of_triggers_are_asked_once_and_keep_their_errors() -> None:
    metrics = Answers({"up": [{"metric": {"pod": "r0"}, "value": [0, "1.5"]}, {"metric": {}, "value": [0, "NaN"]}]})
    triggers = tuple(ScaledObjectTrigger("prometheus", metadata={"query": query}) for query in ("up", "up", "bad("))
    found = await answers(metrics, [ScaledObject(spec=ScaledObjectSpec(triggers=triggers))])
    assert found == (
        QueryAnswer("up", (Series({"pod": "r0"}, 1.5), Series())),
        QueryAnswer("bad(", error="parse error"),
    )


class Answers:
    """A Prometheus that knows some queries."""

    def __init__(self, known: dict[str, list[dict[str, Any]]]) -> None:
        self._known = known

    async def query(self, promql: str, at: datetime | None = None) -> Sequence[Mapping[str, Any]]:
        if promql not in self._known:
            raise Rejected("parse error", status=400)
        return self._known[promql]
