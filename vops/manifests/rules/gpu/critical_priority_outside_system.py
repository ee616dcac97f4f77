"""A system priority class outside the namespace that may use it.

What it finds
    `system-node-critical` or `system-cluster-critical` in a DCGM exporter outside kube-system.

Why it matters
    Managed clusters admit these classes in few namespaces only, by a quota: the DaemonSet exists and makes no pod
    (`insufficient quota to match these scopes`).

Evidence
    The priority class and the namespace.

Fix
    Leave the class out, or make a ResourceQuota for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import pods
from vops.manifests.objects import mappings, text
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import PodTemplate

_CRITICAL = ("system-node-critical", "system-cluster-critical")


@rule(Severity.WARNING, pods)
def critical_priority_outside_system(pod: PodTemplate) -> Iterator[Flaw]:
    images = [text(container.get("image")) for _, container in mappings(pod.spec.get("containers"))]
    critical = text(pod.spec.get("priorityClassName")) in _CRITICAL
    if not critical or pod.object.namespace == "kube-system" or not any("dcgm-exporter" in image for image in images):
        return
    yield Flaw(
        pod.object,
        pod.field("priorityClassName"),
        f"{pod.spec['priorityClassName']} needs a quota outside kube-system: managed clusters make no pod of "
        f"{pod.object.name}",
        "leave priorityClassName out",
    )
