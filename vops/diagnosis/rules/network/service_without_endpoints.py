"""A Service that was handed in by itself has no endpoints: nothing that is ready has the labels it selects.

What it finds
    A Service with a selector and without any address, where nothing else of the cluster is known. With the pods at
    hand, service-mismatch compares labels and says which one differs.

Why it matters
    Clients get `connection refused` or `no endpoints available for service`, whatever the servers do.

Evidence
    The Service's selector, and that it has no address.

Fix
    By hand: compare the selector with the labels of the pods, and see whether those are ready.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source


@rule(cause="service-mismatch", branch=Branch.TRAFFIC, needs={Source.SERVICES, Source.ENDPOINT_SLICES}, order=15)
def service_without_endpoints(replica: Replica) -> Verdict | None:
    """Only of what stands for the pods: those that were seen are compared with the Service."""
    services = replica.facts.services
    empty = [] if replica.observed else [item for item in services.nowhere(replica.namespace) if services.slices(item)]
    if not empty:
        return None
    meta, labels = empty[0].metadata, evidence.label_words(empty[0].spec.selector)
    where = f"kubectl -n {meta.namespace or 'default'} get pods"
    selected = ",".join(f"{key}={value}" for key, value in empty[0].spec.selector.items())
    return Verdict(
        summary=f"Service {meta.name} has no endpoints: no pod that is ready has the labels {labels}",
        evidence=(
            Evidence("service", f"{meta.name} spec.selector", labels),
            Evidence("endpointslice", meta.name, "no address", "the pods'"),
        ),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.advice(
                f"Let Service {meta.name} select pods that are ready",
                f"See which pods it selects: {where} -l {selected}",
                f"Where there is none, compare with the labels that the pods have ({where} --show-labels), and correct "
                "the Service's selector.",
                "Where there are some and none is ready: vops diagnose tells why; a readiness probe at the wrong port "
                "is common.",
            ),
        ),
    )
