"""A Service that selects none of the pods that it is for.

What it finds
    A Service with the name of a workload of vLLM servers, whose selector does not hold for the workload's pods.

Why it matters
    It has no endpoints: every client gets `connection refused`, while the pods are ready.

Evidence
    The Service's selector, and the labels of the pod template.

Fix
    Make the selector a part of the labels.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Manifests, everything
from vops.manifests.objects import strings
from vops.manifests.rule import Flaw, rule


@rule(Severity.ERROR, everything)
def service_selects_nothing(manifests: Manifests) -> Iterator[Flaw]:
    for service in manifests.kind("Service"):
        selector = strings(service.get("spec", "selector"))
        meant = [s for s in manifests.servers if s.object.name == service.name and s.object.beside(service)]
        if (
            not selector
            or not meant
            or any(service.beside(p.object) and _holds(selector, p.labels) for p in manifests.pods)
        ):
            continue
        labels = ", ".join(f"{key}={value}" for key, value in sorted(meant[0].pod.labels.items())) or "none"
        yield Flaw(
            service,
            (*service.path, "spec", "selector"),
            f"{service.name} selects no pod here; those of {meant[0].object} have the labels {labels}",
            "use labels that the pod template has",
        )


def _holds(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())
