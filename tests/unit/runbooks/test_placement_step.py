"""`k8s.placement`: where a download may run, judged by claims, volumes, classes, nodes and the consumer's pod."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.diagnosis.cluster_parts import NAMESPACE, TAINT, TOLERATION, node, pod, replicaset, world
from tests.unit.diagnosis.cluster_parts import deployment as a_deployment
from vops.model.objects import Ref
from vops.model.storage import (
    CLAIMS,
    STORAGE_CLASSES,
    VOLUMES,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from vops.runbooks.asks import Ask, ListAsk
from vops.runbooks.kinds import Outcome, RefArg, View
from vops.runbooks.steps.k8s_placement import Args, look

ZONE = "topology.kubernetes.io/zone"
NODES = (
    node("gpu-b", taints=[TAINT], labels={ZONE: "b", "kubernetes.io/hostname": "gpu-b"}),
    node("cpu-a", gpus=0, labels={ZONE: "a", "kubernetes.io/hostname": "cpu-a"}),
    node("cpu-b", gpus=0, labels={ZONE: "b", "kubernetes.io/hostname": "cpu-b"}),
)
LLAMA = {"kind": "Deployment", "name": "llama", "namespace": NAMESPACE}


def storage_class(
    name: str = "disk", *, waits: bool = True, by: str = "disk.example.com", default: bool = True
) -> StorageClass:
    document = {
        "kind": "StorageClass",
        "metadata": {
            "name": name,
            "annotations": {"storageclass.kubernetes.io/is-default-class": str(default).lower()},
        },
        "provisioner": by,
        "volumeBindingMode": "WaitForFirstConsumer" if waits else "Immediate",
    }
    return msgspec.convert(document, StorageClass)


def claim(mode: str = "ReadWriteOnce", *, volume: str = "", size: str = "100Gi") -> PersistentVolumeClaim:
    document = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models", "namespace": NAMESPACE},
        "spec": {
            "accessModes": [mode],
            "storageClassName": "disk",
            "volumeName": volume,
            "resources": {"requests": {"storage": size}},
        },
        "status": {"phase": "Bound" if volume else "Pending", "capacity": {"storage": size} if volume else {}},
    }
    return msgspec.convert(document, PersistentVolumeClaim)


def volume(zone: str) -> PersistentVolume:
    terms = [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}]
    document = {
        "kind": "PersistentVolume",
        "metadata": {"name": "pv-1"},
        "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}},
    }
    return msgspec.convert(document, PersistentVolume)


def deployment(**spec: Any) -> dict[str, Any]:
    container = {"name": "vllm", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    return {
        "kind": "Deployment",
        "metadata": {"name": "llama", "namespace": NAMESPACE},
        "spec": {"template": {"spec": {"containers": [container], **spec}}},
    }


def placed(
    *objects: Any,
    consumer: dict[str, Any] | None = None,
    classes: tuple[StorageClass, ...] | None = (storage_class(),),
    **args: Any,
) -> Outcome:
    claims = tuple(item for item in objects if isinstance(item, PersistentVolumeClaim))
    volumes = tuple(item for item in objects if isinstance(item, PersistentVolume))
    others = [item for item in objects if item not in claims and item not in volumes]
    answers: dict[Ask, Any] = {
        ListAsk(CLAIMS, NAMESPACE): claims,
        ListAsk(VOLUMES): volumes,
        ListAsk(STORAGE_CLASSES): classes,
    }
    documents = {Ref("Deployment", "llama", NAMESPACE): consumer} if consumer else {}
    view = View(world(*NODES, *others).snapshot, documents, answers=answers)
    like = RefArg(**LLAMA) if consumer else None
    return look(Args("models", NAMESPACE, like, **args), view)


def hosts(outcome: Outcome) -> Any:
    terms = outcome.outputs["pod"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return terms["nodeSelectorTerms"]


def test_without_a_consumer_any_untainted_node_will_do() -> None:
    found = placed().outputs
    assert (found["feasible"], found["exists"], found["nodes"], found["pod"]) == (True, False, 2, {})


def test_a_new_claim_goes_to_the_zone_where_the_consumer_can_run() -> None:
    found = placed(consumer=deployment(tolerations=[TOLERATION]))
    assert (found.outputs["zones"], found.outputs["nodes"]) == (["b"], 2)
    assert hosts(found) == [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["b"]}]}]
    assert found.outputs["pod"]["tolerations"] == [TOLERATION]
    assert "in b, without a GPU" in found.says[0]


def test_a_selector_that_leads_to_a_taint_is_given_up_and_the_zone_kept() -> None:
    """An admission plugin tolerates the taint for pods that ask for GPUs; the download asks for none."""
    selecting = deployment(nodeSelector={"kubernetes.io/hostname": "gpu-b"})
    replica = pod(owner="llama", node="gpu-b", tolerations=[TOLERATION])
    found = placed(replica, a_deployment("llama"), replicaset("llama"), consumer=selecting)
    assert (found.outputs["feasible"], found.outputs["zones"], found.outputs["nodes"]) == (True, ["b"], 1)
    assert "nodeSelector" not in found.outputs["pod"]


def test_a_volume_where_the_consumer_cannot_run_is_refused() -> None:
    found = placed(claim(volume="pv-1"), volume("a"), consumer=deployment(tolerations=[TOLERATION]))
    assert not found.outputs["feasible"]
    assert "no node that takes deployment/llama reaches it (they are in b)" in found.outputs["reason"]


def test_a_volume_where_it_can_run_pins_nothing_further() -> None:
    found = placed(claim(volume="pv-1"), volume("b"), consumer=deployment(tolerations=[TOLERATION]))
    assert (found.outputs["feasible"], found.outputs["capacityBytes"]) == (True, 100 * 2**30)
    assert "affinity" not in found.outputs["pod"]


def test_a_disk_that_is_in_use_is_filled_on_the_node_that_has_it() -> None:
    user = pod("other", node="cpu-b", gpus=0,
               volumes=[{"name": "m", "persistentVolumeClaim": {"claimName": "models"}}])  # fmt: skip
    found = placed(claim(volume="pv-1"), volume("b"), user)
    wanted = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["cpu-b"]}
    assert hosts(found) == [{"matchExpressions": [wanted]}]
    assert found.outputs["nodes"] == 1
    assert "affinity" not in placed(claim("ReadWriteMany", volume="pv-1"), volume("b"), user).outputs["pod"]


@pytest.mark.parametrize(
    ("classes", "args", "reason"),
    [
        ((), {}, "no storage class is the cluster's default"),
        ((storage_class(),), {"storage_class": "fast"}, "there is no storage class fast: disk"),
        (
            (storage_class(by="ebs.csi.aws.com"),),
            {"mode": "ReadWriteMany"},
            "class disk (ebs.csi.aws.com) makes disks of one node",
        ),
    ],
)
def test_a_claim_that_could_never_be_bound_is_refused(
    classes: tuple[StorageClass, ...], args: dict[str, Any], reason: str
) -> None:
    found = placed(classes=classes, **args)
    assert not found.outputs["feasible"]
    assert reason in found.outputs["reason"]


def test_a_class_that_binds_at_once_may_bind_in_the_wrong_zone() -> None:
    found = placed(consumer=deployment(tolerations=[TOLERATION]), classes=(storage_class(waits=False),))
    assert found.outputs["feasible"]
    assert "binds at once, in any zone; deployment/llama runs in b only" in found.says[1]


def test_what_may_not_be_read_is_said_and_refuses_nothing() -> None:
    found = placed(classes=None)
    assert found.outputs["feasible"]
    assert "zones were not checked" in found.says[-1]


def test_when_no_node_takes_the_download_the_nearest_says_why() -> None:
    tainted = deployment(nodeSelector={"disk": "none"}, tolerations=[])
    view_nodes = (node("gpu-b", taints=[TAINT]),)
    answers: dict[Ask, Any] = {
        ListAsk(CLAIMS, NAMESPACE): (),
        ListAsk(VOLUMES): (),
        ListAsk(STORAGE_CLASSES): (storage_class(),),
    }
    documents = {Ref("Deployment", "llama", NAMESPACE): tainted}
    view = View(world(*view_nodes).snapshot, documents, answers=answers)
    found = look(Args("models", NAMESPACE, RefArg(**LLAMA)), view)
    assert not found.outputs["feasible"]
    assert "nearest is gpu-b: taint nvidia.com/gpu, label disk" in found.outputs["reason"]
