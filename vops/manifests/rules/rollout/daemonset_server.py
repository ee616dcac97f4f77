"""vLLM runs as a DaemonSet.

What it finds
    A server in a DaemonSet.

Why it matters
    It has as many replicas as there are nodes: nothing can scale it, a node that joins for other work starts one, and
    a rollout takes them down one by one however many there are.

Evidence
    The kind.

Fix
    A Deployment, with a topology spread constraint where one per node is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.WARNING, servers)
def daemonset_server(server: Server) -> Iterator[Flaw]:
    item = server.object
    if item.kind == "DaemonSet":
        yield Flaw(
            item,
            (*item.path, "kind"),
            f"{item.name} is a DaemonSet: its replicas are the nodes, and no autoscaler can change them",
            "use a Deployment",
        )
