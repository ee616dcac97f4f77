"""No node of the cluster would take the pod.

What it finds
    With a cluster at hand (`--cluster`, or a live object): a server whose pod fits no node, were all of them empty: by
    the GPU's resource name or number, by labels, or by taints.

Why it matters
    The pod stays Pending until somebody brings another node; an autoscaler does so only if one of its pools matches.

Evidence
    The pod's request, node selector and tolerations, and the nodes.

Fix
    Ask for what the nodes offer, or add a pool that fits.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.diagnosis.placement.recompute import Placement
from vops.manifests.facts import Seen, seen_servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import is_accelerator


@rule(Severity.WARNING, seen_servers)
def no_node_takes_it(seen: Seen) -> Iterator[Flaw]:
    server = seen.server
    placement = seen.manifests.placement(server)
    if placement is None or not placement.gpu_resource or placement.allowed or not placement.fits:
        return
    resource = next(iter(server.accelerators), "")
    path = (
        server.field("resources", "limits", resource)
        if not placement.large_enough
        else server.pod.field("nodeSelector")
    )
    words, fix = _why(placement)
    yield Flaw(server.object, path, f"none of the {len(placement.fits)} nodes takes {server.name}: {words}", fix)


def _why(placement: Placement) -> tuple[str, str]:
    """What keeps the pod away from the nearest nodes, and what to do about it."""
    resource, wanted = placement.gpu_resource, placement.gpus
    if not placement.large_enough:
        most = max((int(placement.offered(fit.node, resource)) for fit in placement.fits), default=0)
        if most:
            return (
                f"it wants {wanted} {resource}, and the largest node has {most}",
                f"ask for {most}, or add larger nodes",
            )
        names = {name for fit in placement.fits for name in fit.node.status.allocatable if is_accelerator(name)}
        offered = ", ".join(sorted(names)) or "no GPU at all"
        return f"none offers {resource}; offered is {offered}", "ask for a resource that is offered"
    nearest = placement.nearest[0]
    if nearest.mismatches:
        label = nearest.mismatches[0]
        has = label.has or "no such label"
        return f"it wants {label.key} {label.wanted}, and {nearest.name} has {has}", "correct the selector or affinity"
    if nearest.taints:
        taint = nearest.taints[0]
        return f"taint {taint.key}={taint.value}:{taint.effect} on {nearest.name}", f"tolerate {taint.key}"
    return f"{nearest.name} is {nearest.unavailable or 'not free for it'}", "see vops diagnose"
