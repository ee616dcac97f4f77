"""A server runs with more rights than it needs.

What it finds
    A server that may run as root, or that may gain privileges.

Why it matters
    vLLM needs no privilege beyond its GPUs. A namespace with the restricted Pod Security level does not admit the
    pod.

Evidence
    `runAsNonRoot` and `allowPrivilegeEscalation`, of the pod or the container.

Fix
    `runAsNonRoot: true` with a `runAsUser`, HOME on a volume, `allowPrivilegeEscalation: false`, all capabilities
    dropped.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.objects import dig
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.INFO, servers)
def weak_security_context(server: Server) -> Iterator[Flaw]:
    if "modelFormat" in server.raw:
        return  # the runtime has it
    own, pods = dig(server.raw, "securityContext"), server.pod.get("securityContext")
    non_root = dig(own, "runAsNonRoot") if dig(own, "runAsNonRoot") is not None else dig(pods, "runAsNonRoot")
    path = server.field("securityContext" if own else "name")
    if non_root is not True:
        yield Flaw(server.object, path, f"{server.name} may run as root", "set runAsNonRoot: true and a runAsUser")
    elif dig(own, "allowPrivilegeEscalation") is not False:
        words = f"{server.name} may gain privileges"
        yield Flaw(server.object, path, words, "set allowPrivilegeEscalation: false in the container's securityContext")
