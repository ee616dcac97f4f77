"""The scheduler's message as its source composes it, in every version: composed here, and taken apart again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.diagnosis.cluster_parts import event
from vops.diagnosis.placement.scheduler_text import Obstacle, Preemption, by_scheduler, last_words, scheduler_text
from vops.model.resources import Event, EventSource

REASONS = {
    "node(s) were unschedulable": Obstacle.UNAVAILABLE,
    "node(s) had unknown conditions": Obstacle.UNAVAILABLE,
    "node(s) had untolerated taint {node.kubernetes.io/not-ready: }": Obstacle.UNAVAILABLE,
    "node(s) had untolerated taint {nvidia.com/gpu: present}": Obstacle.TAINT,
    "node(s) had taint {dedicated: gpu}, that the pod didn't tolerate": Obstacle.TAINT,
    "node(s) had untolerated taint(s)": Obstacle.TAINT,
    "node(s) didn't match Pod's node affinity/selector": Obstacle.SELECTOR,
    "node(s) didn't match Pod's node affinity": Obstacle.SELECTOR,
    "node(s) didn't match scheduler-enforced node affinity": Obstacle.SELECTOR,
    "node(s) didn't satisfy plugin(s) [NodeAffinity]": Obstacle.SELECTOR,
    "node(s) didn't satisfy plugin VolumeBinding": Obstacle.VOLUME,
    "Insufficient nvidia.com/gpu": Obstacle.RESOURCE,
    "Insufficient nvidia.com/mig-1g.10gb": Obstacle.RESOURCE,
    "Insufficient cpu": Obstacle.RESOURCE,
    "Insufficient ephemeral-storage": Obstacle.RESOURCE,
    "Too many pods": Obstacle.PODS,
    "node(s) didn't have free ports for the requested pod ports": Obstacle.PORTS,
    "node(s) didn't satisfy existing pods anti-affinity rules": Obstacle.POD_AFFINITY,
    "node(s) didn't match pod affinity rules": Obstacle.POD_AFFINITY,
    "node(s) didn't match pod anti-affinity rules": Obstacle.POD_AFFINITY,
    "node(s) didn't match pod topology spread constraints": Obstacle.SPREAD,
    "node(s) didn't match pod topology spread constraints (missing required label)": Obstacle.SPREAD,
    "node(s) had volume node affinity conflict": Obstacle.VOLUME,
    "node(s) didn't match PersistentVolume's node affinity": Obstacle.VOLUME,
    "node(s) had no available volume zone": Obstacle.VOLUME,
    "node(s) didn't find available persistent volumes to bind": Obstacle.VOLUME,
    "node(s) did not have enough free storage": Obstacle.VOLUME,
    "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)": Obstacle.VOLUME,
    "node(s) exceed max volume count": Obstacle.VOLUME,
    "node(s) had no available disk": Obstacle.VOLUME,
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by "
    "another pod": Obstacle.VOLUME,
    "ebs.csi.aws.com CSI driver is not installed on the node": Obstacle.VOLUME,
    "cannot allocate all claims": Obstacle.CLAIM,
    "resourceclaim not available on the node": Obstacle.CLAIM,
    "resourceclaim cannot be allocated for the node (unsuitable)": Obstacle.CLAIM,
    "excluded by resource class node filter": Obstacle.CLAIM,
    "node(s) didn't match Pod's required features": Obstacle.SELECTOR,
}
VICTIMS, HELPLESS = "No preemption victims found for incoming pod", "Preemption is not helpful for scheduling"
NEVER = "not eligible due to preemptionPolicy=Never."
AFTER: dict[str, Callable[[int], tuple[str, Preemption]]] = {
    "nothing": lambda n: ("", Preemption.UNSAID),
    "1.28": lambda n: (f" preemption: 0/{n} nodes are available: {n} {VICTIMS}..", Preemption.NO_VICTIMS),
    "1.32": lambda n: (f" preemption: 0/{n} nodes are available: {n} {HELPLESS}.", Preemption.NOT_HELPFUL),
    "1.36": lambda n: (
        f" no new claims to deallocate, preemption: 0/{n} nodes are available: 1 {VICTIMS}, {n} {HELPLESS}.",
        Preemption.MIXED,
    ),
    "claims": lambda n: (f" still not schedulable, preemption: {NEVER}", Preemption.NOT_ALLOWED),
    "claims alone": lambda n: (" deallocation of ResourceClaim completed", Preemption.UNSAID),
    "under way": lambda n: (
        " preemption: not eligible due to a terminating pod on the nominated node.",
        Preemption.UNDER_WAY,
    ),
}
BLOCKING = (
    'persistentvolumeclaim "models-2" not found',
    'persistentvolumeclaim "models" bound to non-existent persistentvolume "pv-1"',
    'persistentvolumeclaim "models" is being deleted',
    'waiting for ephemeral volume controller to create the persistentvolumeclaim "llama-1-cache"',
    "pod has unbound immediate PersistentVolumeClaims",
    'resourceclaim "gpus" is being deleted',
    "resourceclaim in use",
    'pod "serving/llama-1": ResourceClaim not created yet',
    "request gpu: device class gpu.nvidia.com does not exist",
)
counts = st.dictionaries(st.sampled_from(sorted(REASONS)), st.integers(1, 5_000), min_size=1, max_size=6)


def composed(nodes: int, reasons: dict[str, int]) -> str:
    """The message as FitError.Error composes it: counted, sorted as strings."""
    return f"0/{nodes} nodes are available: {', '.join(sorted(f'{n} {text}' for text, n in reasons.items()))}."


@given(counts, st.integers(1, 9_999), st.sampled_from(sorted(AFTER)))
def test_every_reason_of_a_composed_message_is_found(reasons: dict[str, int], nodes: int, dialect: str) -> None:
    after, preemption = AFTER[dialect](nodes)
    said = scheduler_text(composed(nodes, reasons) + after)
    assert {item.text: (item.nodes, item.obstacle) for item in said.reasons} == {
        text: (count, REASONS[text]) for text, count in reasons.items()
    }
    assert (said.nodes, said.preemption, said.blocked) == (nodes, preemption, "")


@given(st.sampled_from(BLOCKING), st.integers(1, 9_999), st.sampled_from(sorted(AFTER)))
def test_what_blocks_every_node_is_told_whole(blocking: str, nodes: int, dialect: str) -> None:
    said = scheduler_text(f"0/{nodes} nodes are available: {blocking}." + AFTER[dialect](nodes)[0])
    assert (said.blocked, said.reasons) == (blocking, ())


def test_terms_that_no_node_can_meet_are_a_reason_of_every_node() -> None:
    said = scheduler_text("0/4 nodes are available: pod affinity terms conflict." + AFTER["1.36"](4)[0])
    assert [(item.obstacle, item.nodes) for item in said.reasons] == [(Obstacle.SELECTOR, 4)]


@given(st.text(max_size=400))
def test_any_text_is_taken_apart(text: str) -> None:
    scheduler_text(f"0/3 nodes are available: {text}")


@given(counts, st.integers(0, 400))
def test_of_an_event_that_was_cut_nothing_is_made_up(reasons: dict[str, int], length: int) -> None:
    whole = composed(9, reasons)
    said = scheduler_text(whole[: 30 + length] + " ...")
    assert {item.text for item in said.reasons} <= set(reasons)


def test_only_newer_schedulers_tell_hopeless_from_taken() -> None:
    text = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
    assert scheduler_text(text + AFTER["1.36"](1)[0]).modern
    assert not scheduler_text(text + AFTER["1.32"](1)[0]).modern


@pytest.mark.parametrize(
    "text",
    [
        'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded',
        "binding volumes: timed out waiting for the condition",
    ],
)
def test_an_error_of_a_plugin_blocks_as_well(text: str) -> None:
    assert scheduler_text(text).blocked == text


def failed(message: str, component: str = "default-scheduler", reporter: str = "") -> Event:
    base = event("FailedScheduling", message)
    return Event(
        metadata=base.metadata,
        involved_object=base.involved_object,
        reason=base.reason,
        message=message,
        source=EventSource(component),
        reporting_component=reporter,
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (failed("0/1 nodes are available: 1 Too many pods."), True),
        (failed("0/1 nodes are unavailable: 1 Too many pods.", "volcano"), True),
        (failed("Failed to schedule pod, incompatible with nodepool", ""), False),
        (failed("no nodepools found", "karpenter"), False),
        (failed("no nodepools found", "", "karpenter"), False),
    ],
)
def test_karpenter_is_not_the_scheduler(said: Event, expected: bool) -> None:
    assert by_scheduler(said) is expected


def test_the_condition_is_heard_before_the_newest_event() -> None:
    events = (failed("0/1 old"), failed("0/1 new"), failed("Failed to schedule pod, x", "karpenter"))
    assert last_words("0/1 condition", events) == "0/1 condition"
    assert last_words("", events) == "0/1 new"
    assert last_words("", ()) == ""
