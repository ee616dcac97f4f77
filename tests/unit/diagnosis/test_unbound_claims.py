"""Claims that keep a pod from every node: why each is not bound, and what mends it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cases_scheduling import MODELS, about_claim, claim, host, storage_class, volume
from tests.unit.diagnosis.cluster_parts import first_finding, node, pending, ready, world
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.findings import Confidence, Finding

WAITS: dict[str, Any] = {"phase": "Pending", "volume": ""}
UNBOUND = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
LATE = storage_class(mode="WaitForFirstConsumer")
EXTERNAL = (
    "Waiting for a volume to be created either by the external provisioner 'csi' or manually by the administrator."
)
NO_CLASS = "no persistent volumes available for this claim and no storage class is set"
QUOTA = 'failed to provision volume with StorageClass "fast": rpc error: code = ResourceExhausted desc = quota exceeded'


def finding(*objects: Any, says: str = UNBOUND) -> Finding:
    return first_finding(world(pending(says, volumes=[MODELS]), node(), *objects))


@pytest.mark.parametrize(
    ("objects", "why", "step"),
    [
        ((), "does not exist", "Create it in serving"),
        ((claim("model"),), "does not exist", "Did you mean model"),
        ((claim(namespace="ml"),), "does not exist", "A claim of that name exists in ml"),
        (
            (claim(**WAITS, storage_class="gone"), storage_class()),
            "StorageClass gone, which does not exist",
            "one of fast",
        ),
        ((claim(**WAITS, storage_class=None), storage_class()), "no default class", "storageClassName to fast"),
        (
            (claim(**WAITS, storage_class=None), about_claim("FailedBinding", NO_CLASS)),
            "no default class",
            "kubectl get",
        ),
        (
            (claim(**WAITS, storage_class=""), volume("disk", phase="Available", capacity={"storage": "50Gi"})),
            "no volume that is there fits",
            "disk differs: it has 50Gi of 100Gi",
        ),
        (
            (claim(**WAITS), storage_class(), about_claim("ProvisioningFailed", QUOTA)),
            "quota exceeded",
            "quota is used up",
        ),
        (
            (claim(**WAITS), storage_class(), about_claim("ExternalProvisioning", EXTERNAL, warning=False)),
            "nothing has made a volume",
            "provisioner csi",
        ),
        ((claim(phase="Lost"),), "has lost its volume", "make a new claim"),
        ((claim(deletionTimestamp="2026-11-24T02:00:00Z"),), "is being deleted", "create the claim again"),
    ],
)
def test_why_a_claim_is_not_bound(objects: Any, why: str, step: str) -> None:
    found = finding(*objects)
    assert (found.cause, found.confidence) == ("pvc-unbound", Confidence.CERTAIN)
    assert why in found.summary
    assert any(step in item for item in found.fixes[0].steps), found.fixes[0].steps


def test_a_claim_that_waits_for_its_pod_is_innocent() -> None:
    said = about_claim("WaitForFirstConsumer", "waiting for first consumer to be created before binding", warning=False)
    facts = world(pending(volumes=[MODELS]), host(), ready("other"), claim(**WAITS), LATE, said)
    assert [item.cause for item in diagnose(facts, facts.replicas[0].ref).findings] == ["gpu-exhausted"]


def test_a_claim_that_waited_for_its_pod_and_was_refused_a_volume_is_not() -> None:
    says = 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded'
    assert (
        "quota exceeded" in finding(claim(**WAITS), LATE, about_claim("ProvisioningFailed", QUOTA), says=says).summary
    )


def test_a_scheduler_that_got_past_the_claims_is_believed() -> None:
    """The snapshot lacks the claim, and the scheduler speaks of nodes, which it does only once all claims are bound."""
    assert finding(says="0/1 nodes are available: 1 Insufficient nvidia.com/gpu.").cause == "gpu-exhausted"


def test_without_the_scheduler_a_missing_claim_is_probable() -> None:
    assert finding(says="").confidence is Confidence.PROBABLE
