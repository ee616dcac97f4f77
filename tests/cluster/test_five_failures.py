"""The five failures on a real scheduler, real controllers and a real kubelet: seen, diagnosed, planned, fixed.

Every fix ends in a container that truly runs: kubectl says so, not vops.
"""

from __future__ import annotations

import json

import pytest

from tests.cluster.command import Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.failures import FAILURES, Workload
from tests.cluster.node import GpuNode
from tests.cluster.processes import wait_for


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_seen_diagnosed_planned_and_fixed(
    name: str, control_plane: ControlPlane, gpu_node: GpuNode, namespace: str, vops: Vops
) -> None:
    failure, workload = FAILURES[name], Workload(control_plane, namespace)
    pod = workload.bring_about(failure)

    row = vops.replica(pod)
    assert row
    assert row["state"] == failure.state

    finding = vops.diagnose(pod)["findings"][0]
    assert (finding["cause"], finding["severity"]) == (failure.cause, "error")
    assert failure.evidence in json.dumps(finding["evidence"], ensure_ascii=False)

    before = workload.deployment()
    planned = vops("fix", pod, *failure.parameters, "--dry-run")
    assert planned.code == 0, planned
    assert _written(workload.deployment()) == _written(before)

    done = vops("fix", pod, *failure.parameters, "--yes")
    assert done.code == 0, done
    assert failure.fixed(workload.deployment()), done
    wait_for("the fixed workload to serve", workload.is_serving, within_s=60)


def _written(deployment: dict[str, object]) -> str:
    """What any write but the controllers' own status updates would change."""
    metadata = deployment["metadata"]
    assert isinstance(metadata, dict)
    managers = [field for field in metadata["managedFields"] if field.get("subresource") != "status"]
    return json.dumps([metadata["generation"], managers, deployment["spec"]], sort_keys=True)
