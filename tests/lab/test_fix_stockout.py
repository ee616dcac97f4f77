"""fix-stockout on the lab: the NodePool is widened, the deadline holds, and without a way to fall back it says so."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.broken import NAME, server
from tests.lab.fixing import NAMESPACE, Person, session_on
from tests.lab.test_fix_five import carried_out
from vops.errors import NotVerified, Refused, VopsError
from vops.lab.documents import Change, Document
from vops.lab.engine.gpus import A10G, L4
from vops.lab.manifests import node
from vops.lab.world import Lab
from vops.operations.running.run import plan_run
from vops.operations.running.runs import Ending, past_runs
from vops.operations.running.undo import plan_undo

POOL = ("karpenter.sh/v1", "NodePool")
ZONE, MACHINE = "topology.kubernetes.io/zone", "node.kubernetes.io/instance-type"
BOOT_S = 120
WIDER = {"pool": "nodepool/gpu", "zones": ["zone-a", "zone-b"], "machines": ["g6.4xlarge", "g6.8xlarge"]}
ELSEWHERE = {"nvidia.com/gpu.product": "NVIDIA-A10G"}


def pool(**annotations: str) -> Document:
    requirements = [
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
        {"key": ZONE, "operator": "In", "values": ["zone-a"]},
        {"key": MACHINE, "operator": "In", "values": ["g6.4xlarge"]},
    ]
    return {
        "apiVersion": POOL[0],
        "kind": POOL[1],
        "metadata": {"name": "gpu", "annotations": annotations},
        "spec": {"template": {"spec": {"requirements": requirements}}},
    }


def allowed(lab: Lab, key: str) -> list[str]:
    spec = lab.store.get(*POOL, "", "gpu")["spec"]["template"]["spec"]
    found: list[str] = next(item["values"] for item in spec["requirements"] if item["key"] == key)
    return found


def karpenter(lab: Lab) -> None:
    """Has the lab serve NodePools; the cloud has machines in zone-b only, so one comes once the pool may have it."""
    lab.store.catalog.custom(*POOL, namespaced=False)

    def notice(change: Change) -> None:
        if change.document["kind"] == POOL[1] and "zone-b" in allowed(lab, ZONE):
            lab.world.after(BOOT_S, come)

    def come() -> None:
        if lab.store.find("v1", "Node", "", "from-zone-b") is None:
            lab.store.create(node("from-zone-b", gpu=L4, gpus=1, zone="zone-b"))

    lab.store.subscribe(notice)


async def out_of_stock(start_lab: StartLab, **annotations: str) -> Lab:
    lab = await start_lab("gpu-stockout")
    lab.store.delete("apps/v1", "Deployment", NAMESPACE, "llama3-8b")
    karpenter(lab)
    lab.store.create(pool(**annotations))
    lab.store.create(server())
    lab.world.settle()
    await lab.advance(60)
    return lab


def params(**more: Any) -> dict[str, Any]:
    return {"namespace": NAMESPACE, "target": f"deployment/{NAME}", "deadline": "10m", **more}


def live(lab: Lab) -> Document:
    return lab.store.get("apps/v1", "Deployment", NAMESPACE, NAME)


async def test_a_node_comes_from_where_the_pool_may_look_now_and_undo_narrows_it(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await out_of_stock(start_lab)
    before = copy.deepcopy(lab.store.get(*POOL, "", "gpu")["spec"])
    async with session_on(lab, tmp_path) as session:
        plan = await plan_run(session, "fix-stockout", params(**WIDER))
        assert [change.target.kind for change in plan.changes] == ["NodePool"]
        result = await carried_out(session, plan, Person())
        assert (result.outcome, result.error) == (Ending.FIXED, None)
        assert (allowed(lab, ZONE), allowed(lab, MACHINE)) == (WIDER["zones"], WIDER["machines"])
        assert live(lab)["status"]["readyReplicas"] == 1
        await carried_out(session, await plan_undo(session, past_runs(tmp_path)[0][0]), Person())
    assert lab.store.get(*POOL, "", "gpu")["spec"] == before


async def test_only_what_is_given_is_widened(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await out_of_stock(start_lab)
    async with session_on(lab, tmp_path) as session:
        plan = await plan_run(session, "fix-stockout", params(pool="nodepool/gpu", zones=["zone-a", "zone-b"]))
    (change,) = plan.changes
    assert change.touched == ("/spec/template/spec/requirements/1/values",)


async def test_a_pool_that_argo_cd_owns_is_refused(start_lab: StartLab, tmp_path: Path) -> None:
    tracking = {"argocd.argoproj.io/tracking-id": "platform:karpenter.sh/NodePool:/gpu"}
    lab = await out_of_stock(start_lab, **tracking)
    async with session_on(lab, tmp_path) as session:
        plan = await plan_run(session, "fix-stockout", params(**WIDER))
        (guard,) = plan.blocked
        assert "argo-cd platform" in guard.detail
        assert "commit the change to the repository" in guard.instead
        with pytest.raises(Refused):
            await carried_out(session, plan, Person())
    assert allowed(lab, ZONE) == ["zone-a"]


async def test_a_pool_without_such_a_requirement_is_told_before_anything_is_done(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await out_of_stock(start_lab)
    changed = copy.deepcopy(lab.store.get(*POOL, "", "gpu"))
    changed["spec"]["template"]["spec"]["requirements"].pop()
    lab.store.update(changed)
    async with session_on(lab, tmp_path) as session:
        with pytest.raises(VopsError, match="does not choose its instance types by name"):
            await plan_run(session, "fix-stockout", params(**WIDER))


async def test_without_a_way_to_fall_back_the_deadline_ends_it_with_the_same_cause(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await out_of_stock(start_lab)
    narrow = {**WIDER, "zones": ["zone-a", "zone-c"]}
    async with session_on(lab, tmp_path) as session:
        began = lab.clock.monotonic()
        result = await carried_out(session, await plan_run(session, "fix-stockout", params(**narrow)), Person())
        assert isinstance(result.error, NotVerified)
        assert "the cause is still there" in str(result.error)
        assert 600 <= lab.clock.monotonic() - began < 700
    assert allowed(lab, ZONE) == ["zone-a", "zone-c"]


async def test_when_the_deadline_has_passed_it_falls_back(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await out_of_stock(start_lab)
    lab.store.create(node("gpu-a10g-1", gpu=A10G, gpus=1, cpu=12, memory_gib=64))
    changed = copy.deepcopy(live(lab))
    changed["spec"]["template"]["spec"]["nodeSelector"] = {"nvidia.com/gpu.product": "NVIDIA-L4"}
    lab.store.update(changed)
    lab.world.settle()
    await lab.advance(60)
    async with session_on(lab, tmp_path) as session:
        plan = await plan_run(session, "fix-stockout", params(fallback=ELSEWHERE))
        began = lab.clock.monotonic()
        result = await carried_out(session, plan, Person())
        assert (result.outcome, result.error) == (Ending.FIXED, None)
        assert lab.clock.monotonic() - began > 600
    assert live(lab)["spec"]["template"]["spec"]["nodeSelector"] == ELSEWHERE
    assert live(lab)["status"]["readyReplicas"] == 1
