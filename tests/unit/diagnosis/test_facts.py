"""Facts: what belongs together, by uid and owner reference."""

from __future__ import annotations

import gc
import weakref

import msgspec

from tests.unit.diagnosis.cluster_parts import (
    NAMESPACE,
    crashed,
    deployment,
    event,
    node,
    pending,
    pod,
    ready,
    replicaset,
    samples,
    the_replica,
    world,
)
from vops.diagnosis.facts import PLACEMENTS
from vops.model.resources import Event


def test_a_replica_knows_its_deployment_through_the_replicaset() -> None:
    replica = the_replica(world(ready(owner="llama"), deployment(), replicaset()))
    assert replica.workload is not None
    assert (replica.workload.kind, replica.workload.metadata.name) == ("Deployment", "llama")
    assert replica.owner is not None
    assert (replica.owner.kind, replica.owner.name, replica.owner.uid) == ("Deployment", "llama", "llama")


def test_a_replicaset_that_was_not_seen_is_known_by_its_hash() -> None:
    replica = the_replica(world(ready(owner="llama"), deployment()))
    assert replica.workload is not None
    replica = the_replica(world(ready(owner="llama")))
    assert replica.workload is None
    assert replica.owner is not None
    assert (replica.owner.kind, replica.owner.name) == ("Deployment", "llama")


def test_a_bare_pod_has_no_owner() -> None:
    assert the_replica(world(ready())).owner is None


def test_other_controllers_are_named_as_they_are() -> None:
    by = {"ownerReferences": [{"kind": "LeaderWorkerSet", "name": "big", "uid": "u", "controller": True}]}
    owner = the_replica(world(ready(metadata=by))).owner
    assert owner is not None
    assert (owner.kind, owner.name) == ("LeaderWorkerSet", "big")


def test_events_of_an_earlier_pod_of_the_same_name_do_not_count() -> None:
    mine, other = event("BackOff", "mine"), event("Killing", "other")
    other = msgspec.structs.replace(
        other, involved_object=msgspec.structs.replace(other.involved_object, uid="another-uid")
    )
    assert [item.message for item in the_replica(world(ready(), mine, other)).events] == ["mine"]


def test_events_come_oldest_first() -> None:
    several: list[Event] = [event("B", "later", age_s=10), event("A", "earlier", age_s=100)]
    assert [item.message for item in the_replica(world(ready(), *several)).events] == ["earlier", "later"]


def test_a_workload_counts_its_replicas_and_keeps_an_empty_one_in_sight() -> None:
    facts = world(ready("a", owner="llama"), pending(owner="llama", name="b"), deployment(replicas=3), replicaset())
    (workload,) = facts.workloads
    assert (workload.name, workload.desired, workload.ready, len(workload.replicas)) == ("llama", 3, 1, 2)


def test_a_pod_that_runs_something_else_is_no_replica_and_can_still_be_asked_about() -> None:
    nginx = pod("web", container={"image": "nginx", "command": ["nginx"]})
    facts = world(nginx)
    assert facts.replicas == ()
    assert facts.replica(NAMESPACE, "web") is None
    assert facts.replica_of_pod(nginx) is not None


def test_the_log_of_a_dead_instance_is_found_whichever_it_is() -> None:
    dead = the_replica(world(pod(status=crashed()), log="ValueError: dead"))
    assert str(dead.death_log.root if dead.death_log else "") == "ValueError: dead"
    back = the_replica(world(pod(status=crashed(back=True)), log="new", previous="ValueError: before"))
    assert str(back.death_log.root if back.death_log else "") == "ValueError: before"
    assert (dead.death_log_is_previous, back.death_log_is_previous) == (False, True)


def test_a_new_instance_that_began_while_the_logs_were_read_is_not_the_dead_one() -> None:
    replica = the_replica(world(pod(status=crashed()), log="just started", previous="ValueError: before"))
    assert str(replica.death_log.root if replica.death_log else "") == "ValueError: before"


def test_an_instance_that_died_while_the_logs_were_read_speaks_for_the_one_before() -> None:
    """The kubelet drops the log of the instance before when the present one ends."""
    lost = the_replica(world(pod(status=crashed(back=True)), log="ValueError: dead"))
    assert str(lost.death_log.root if lost.death_log else "") == "ValueError: dead"
    assert not lost.death_log_is_previous
    assert the_replica(world(pod(status=crashed(back=True)), log="loads")).death_log is None


def test_the_kubelets_apology_is_not_a_log() -> None:
    replica = the_replica(world(ready(), previous="unable to retrieve container logs for containerd://55f3"))
    assert replica.previous_log is None


def test_gpus_and_models_are_named_where_anything_names_them() -> None:
    replica = the_replica(world(ready(gpus=2), node(), samples(model="llama-served")))
    assert (replica.gpu_count, replica.gpu_product, replica.model) == (2, "NVIDIA-L4", "llama-served")
    assert the_replica(world(ready())).model == "meta-llama/Meta-Llama-3-8B-Instruct"


def test_what_was_not_scraped_is_not_known() -> None:
    replica = the_replica(world(ready()))
    assert (replica.samples, replica.rates, replica.gpus, replica.log) == (None, None, (), None)


def test_of_many_placements_only_the_last_are_kept() -> None:
    facts = world(*(pending(name=f"llama-{number}") for number in range(PLACEMENTS + 4)), node())
    placements = [weakref.ref(replica.placement) for replica in facts.replicas]
    gc.collect()
    assert sum(kept() is not None for kept in placements) == PLACEMENTS
    last = facts.replicas[-1]
    assert last.placement is last.placement
