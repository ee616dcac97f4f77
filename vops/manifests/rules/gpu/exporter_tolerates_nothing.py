"""The DCGM exporter stays off the GPU nodes.

What it finds
    A DaemonSet of the DCGM exporter that does not tolerate the taint `nvidia.com/gpu`.

Why it matters
    GPU pools are tainted so that only GPU work lands there. The exporter then runs on no node at all: no error, no
    pods, no GPU metrics.

Evidence
    The tolerations of the DaemonSet.

Fix
    Tolerate the key `nvidia.com/gpu` with operator Exists.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import pods
from vops.manifests.objects import mappings, text
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import PodTemplate


@rule(Severity.WARNING, pods)
def exporter_tolerates_nothing(pod: PodTemplate) -> Iterator[Flaw]:
    images = [text(container.get("image")) for _, container in mappings(pod.spec.get("containers"))]
    if pod.object.kind != "DaemonSet" or not any("dcgm-exporter" in image for image in images):
        return
    tolerated = [item for _, item in mappings(pod.spec.get("tolerations"))]
    if any(item.get("operator") == "Exists" and item.get("key") in (None, "", "nvidia.com/gpu") for item in tolerated):
        return
    if any(item.get("key") == "nvidia.com/gpu" for item in tolerated):
        return
    yield Flaw(
        pod.object,
        pod.field("tolerations" if tolerated else "containers"),
        f"{pod.object.name} does not tolerate nvidia.com/gpu: it runs on no tainted GPU node",
        "add a toleration of nvidia.com/gpu with operator Exists",
    )
