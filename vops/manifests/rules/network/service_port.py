"""A Service sends requests to a port where nothing listens.

What it finds
    A Service that selects vLLM servers, with a `targetPort` that is neither their port nor the name of one.

Why it matters
    The pods are ready and healthy, and every client gets `connection refused`.

Evidence
    The Service's ports, and those of the servers that it selects.

Fix
    `targetPort: http`, and a container port of that name.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Manifests, everything
from vops.manifests.objects import mappings
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.ERROR, everything)
def service_port(manifests: Manifests) -> Iterator[Flaw]:
    for service in manifests.kind("Service"):
        behind = [server for server in manifests.servers_behind(service) if server.has_known_port]
        for at, port in mappings(service.get("spec", "ports")):
            target = port.get("targetPort", port.get("port"))
            if behind and isinstance(target, int | str) and not any(_listens(server, target) for server in behind):
                yield Flaw(
                    service,
                    (*service.path, "spec", "ports", at),
                    f"{service.name} sends requests to port {target}, and {behind[0].name} listens on "
                    f"{behind[0].args.port}",
                    f"set targetPort to {behind[0].args.port}, or to a name that the container's port has",
                )


def _listens(server: Server, target: int | str) -> bool:
    """Whether something in the pod answers at a port: vLLM, or whatever declares it."""
    declared = [
        port
        for key in ("containers", "initContainers")
        for _, container in mappings(server.pod.spec.get(key))
        for _, port in mappings(container.get("ports"))
    ]
    if isinstance(target, int):
        return target == server.args.port or any(port.get("containerPort") == target for port in declared)
    return any(port.get("name") == target for port in declared)
