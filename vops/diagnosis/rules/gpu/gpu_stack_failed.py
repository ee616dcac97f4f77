"""A pod that makes a node offer its GPUs does not run: the driver's, the container toolkit's, the device plugin's.

What it finds
    A pod of the GPU Operator or of a device plugin, by its name, whose container ends again and again, where no rule
    knows the words in its log or there is no log.

Why it matters
    Until it runs, its node offers no GPU, and servers stay Pending for want of one. Everything that comes after it
    (toolkit, plugin, validator, exporter) waits for it in its init containers.

Evidence
    The pod's name, and how its container ended.

Fix
    By hand: its log says why. The driver's container comes first, then the toolkit's, then the plugin's.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.nodes.device_plugin import GPU_STACK
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern

_NAMED = lazy_pattern(GPU_STACK)


@rule(cause="gpu-not-advertised", branch=Branch.DIED, order=94, last_resort=True)
def gpu_stack_failed(replica: Replica) -> Verdict | None:
    death = replica.last_death
    if death is None or death.exit_code == 0 or not _NAMED.match(replica.name):
        return None
    node = replica.pod.spec.node_name if replica.observed else "its node"
    return Verdict(
        summary=f"{replica.name} fails, so that {node} offers no GPUs",
        evidence=(
            evidence.pod_field("metadata.name", replica.name),
            *evidence.exit_status(replica),
        ),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.advice(
                "See why the driver or the device plugin does not start",
                f"kubectl -n {replica.namespace or 'gpu-operator'} logs {replica.name} --all-containers --previous",
                "Begin with the driver: kubectl get pods -A -o wide | grep -E 'nvidia-(driver|container-toolkit"
                "|device-plugin|operator-validator)'; the others wait for it.",
            ),
        ),
    )
