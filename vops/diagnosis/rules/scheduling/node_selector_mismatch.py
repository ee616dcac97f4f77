"""No node with enough GPUs has the labels that the pod asks for.

What it finds
    nodeSelector or required node affinity (every operator) rules out the nodes that could take the pod; the nearest
    node and the key in which it differs are named, and the values that nodes do have.

Why it matters
    A label that no node has (a renamed GPU product, another zone) makes the pod wait for ever.

Evidence
    The labels of the nearest nodes against what is asked, and the scheduler's own words.

Fix
    `fix-node-selector`, else by hand, since it changes the hardware: ask for a value that a node has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.nodes.gpu_nodes import bare_gpu_nodes
from vops.diagnosis.placement import blockers
from vops.diagnosis.placement.filters.node_affinity import Mismatch
from vops.diagnosis.placement.recompute import NodeFit
from vops.diagnosis.placement.scheduler_text import Obstacle
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.snapshot import Source

_VALUES_SHOWN = 4
_WORDS_SHOWN = 120
_FARGATE = "Pod not supported on Fargate"
"""How the scheduler of EKS Fargate begins what it says of a pod that it does not take."""


@rule(
    cause="node-selector-mismatch",
    branch=Branch.SCHEDULE,
    needs={Source.NODES},
    explains={"autoscaler-no-match"},
    order=30,
)
def node_selector_mismatch(replica: Replica) -> Verdict | None:
    placement = replica.placement
    off = tuple(fit for fit in placement.nearest if fit.mismatches and not fit.unavailable)
    if placement.allowed or not off or _picks_nodes_with_gpus(replica) or replica.provisioning.of_gpu_taints:
        return None
    nearest = min(off, key=lambda fit: len(fit.mismatches))
    differs = "; ".join(_in_words(item) for item in nearest.mismatches)
    return Verdict(
        summary=f"No node has the labels that {replica.name} asks for; nearest is {nearest.name}: {differs}",
        evidence=(
            *(
                evidence.node_field(
                    nearest.node, f"metadata.labels[{item.key}]", item.has or "none", expected=item.wanted
                )
                for item in nearest.mismatches
            ),
            *(_values(item, placement.large_enough) for item in nearest.mismatches if item.has),
            *blockers.scheduled_by(replica),
        ),
        confidence=blockers.confidence(placement, Obstacle.SELECTOR, off),
        fixes=(_fix(replica, nearest),),
    )


@rule(cause="node-selector-mismatch", branch=Branch.SCHEDULE, order=29)
def not_for_fargate(replica: Replica) -> Verdict | None:
    """A pod that a Fargate profile of EKS selects, and that Fargate cannot run: it has no GPUs and few volumes."""
    said = replica.placement.scheduler
    why = said.text.partition(_FARGATE)[2].strip(" .:") if said is not None else ""
    if not why:
        return None
    return Verdict(
        summary=f"A Fargate profile selects {replica.name}, and Fargate does not run it: {why[:_WORDS_SHOWN]}",
        evidence=blockers.scheduled_by(replica),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.by_steps(
                replica,
                "Let it run on a node of its own",
                (
                    "See which namespaces and labels the profiles select: "
                    "aws eks list-fargate-profiles and describe-fargate-profile.",
                    "Take its namespace or labels out of the profile, and have a node group with the GPUs it asks for.",
                ),
            ),
        ),
    )


def _fix(replica: Replica, nearest: NodeFit) -> Fix:
    """The node selector as the nearest node has it; what an affinity asks for is changed by hand."""
    title, steps = "Ask for labels that a node has", tuple(_step(item, nearest) for item in nearest.mismatches)
    selector = dict(replica.pod.spec.node_selector)
    keys = {item.key for item in nearest.mismatches}
    if not keys <= selector.keys():
        return remedies.by_steps(replica, title, steps)
    has = {item.key: item.has for item in nearest.mismatches}
    wanted = {key: has.get(key, value) for key, value in selector.items() if has.get(key, value)}
    return remedies.runbook(
        replica, "fix-node-selector", title, Applicability.ASK, {"selector": wanted}, by_hand=steps, notes=steps
    )


def _picks_nodes_with_gpus(replica: Replica) -> bool:
    """Whether its labels do pick nodes with GPUs, which are too few there or not advertised."""
    placement = replica.placement
    if not placement.gpus or not placement.picks_nodes:
        return False
    offering = any(placement.offered(fit.node, placement.gpu_resource) for fit in placement.meant)
    return offering or bool(bare_gpu_nodes(placement))


def _in_words(item: Mismatch) -> str:
    return f"{item.key} is {item.has or 'not set'}, wanted {item.wanted}"


def _values(item: Mismatch, fits: Sequence[NodeFit]) -> Evidence:
    """The values that the nodes with enough GPUs have for a label, the commonest first."""
    counts = Counter(fit.node.metadata.labels[item.key] for fit in fits if item.key in fit.node.metadata.labels)
    shown = ", ".join(f"{value} ({count})" for value, count in counts.most_common(_VALUES_SHOWN))
    return Evidence("nodes", f"metadata.labels[{item.key}]", shown, expected=item.wanted)


def _step(item: Mismatch, nearest: NodeFit) -> str:
    if item.has and item.key != "metadata.name":
        return f"Set {item.key} in nodeSelector (or affinity) to {item.has}, if that hardware is right for the model."
    if len(item.values) == 1:
        label = f"kubectl label node {nearest.name} {item.key}={item.values[0]}"
        return f"Remove {item.key} from nodeSelector (or affinity), or label the nodes that are meant: {label}"
    return f"Remove {item.key} from nodeSelector (or affinity), or label the nodes that are meant."
