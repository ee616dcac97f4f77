from __future__ import annotations

import pytest

from tests.lab.conftest import StoppedClock
from tests.lab.http import config_map, deployment, pod
from vops.lab.documents import Change, copy_of
from vops.lab.statuses import ApiError
from vops.lab.store import Store


def test_a_seed_repeats_uids_and_generated_names(stopped_clock: StoppedClock) -> None:
    document = config_map("x")
    document["metadata"] = {"namespace": "default", "generateName": "x-"}
    first, again = (Store(stopped_clock, seed=7).create(document)["metadata"] for _ in range(2))
    other = Store(stopped_clock, seed=8).create(document)["metadata"]
    assert (first["name"], first["uid"]) == (again["name"], again["uid"])
    assert first["name"].startswith("x-")
    assert other["uid"] != first["uid"]


def test_what_goes_in_is_copied(store: Store) -> None:
    document = config_map("x", a="b")
    store.create(document)
    document["data"]["a"] = "changed"
    assert store.get("v1", "ConfigMap", "default", "x")["data"] == {"a": "b"}


def test_only_a_change_of_spec_makes_a_generation(store: Store) -> None:
    made = store.create(deployment())
    labelled = copy_of(made)
    labelled["metadata"]["labels"] = {"a": "b"}
    labelled = store.update(labelled)
    grown = copy_of(labelled)
    grown["spec"]["replicas"] = 2
    grown = store.update(grown)
    seen = store.patch_status("apps/v1", "Deployment", "default", "web", {"replicas": 2})
    assert [item["metadata"]["generation"] for item in (made, labelled, grown, seen)] == [1, 1, 2, 2]


def test_status_and_spec_are_written_apart(store: Store) -> None:
    made = copy_of(store.create(deployment()))
    made["status"] = {"replicas": 9}
    made["spec"]["replicas"] = 3
    assert store.update(made)["status"] == {}
    again = copy_of(store.get("apps/v1", "Deployment", "default", "web")) | {"status": {"replicas": 3}}
    again["spec"]["replicas"] = 7
    written = store.update_status(again)
    assert (written["spec"]["replicas"], written["status"]) == (3, {"replicas": 3})


def test_an_outdated_document_is_refused(store: Store) -> None:
    old = store.create(config_map("x"))
    store.update(config_map("x", a="b"))
    with pytest.raises(ApiError, match="the object has been modified") as refusal:
        store.update(old | {"data": {"a": "c"}})
    assert (refusal.value.code, refusal.value.reason) == (409, "Conflict")


def test_writing_the_same_again_changes_nothing(store: Store) -> None:
    made = store.create(config_map("x", a="b"), manager="me")
    assert store.update(config_map("x", a="b"), manager="me") == made
    assert store.revision == int(made["metadata"]["resourceVersion"])


def test_a_dry_run_stores_nothing(store: Store) -> None:
    before = store.revision
    made = store.create(config_map("x"), dry_run=True)
    assert "uid" in made["metadata"]
    assert (store.revision, store.find("v1", "ConfigMap", "default", "x")) == (before, None)


def test_subscribers_see_commits_in_order_even_when_one_of_them_writes(store: Store) -> None:
    seen: list[tuple[str, str]] = []

    def echo(change: Change) -> None:
        if change.key[1] == "a":
            store.create(config_map("b"))

    store.subscribe(echo)
    stop = store.subscribe(lambda change: seen.append((change.type, change.key[1])))
    store.create(config_map("a"))
    stop()
    store.create(config_map("c"))
    assert seen == [("ADDED", "a"), ("ADDED", "b")]


def test_a_pod_on_a_node_terminates_and_its_kubelet_ends_it(store: Store, stopped_clock: StoppedClock) -> None:
    store.create(pod("p", nodeName="n", terminationGracePeriodSeconds=60))
    marked = store.delete("v1", "Pod", "default", "p")["metadata"]
    assert (marked["deletionTimestamp"], marked["deletionGracePeriodSeconds"]) == ("2026-01-02T03:05:05Z", 60)
    assert store.delete("v1", "Pod", "default", "p", grace_period_s=90)["metadata"] == marked
    store.delete("v1", "Pod", "default", "p", grace_period_s=0)
    assert store.list("v1", "Pod") == []


@pytest.mark.parametrize("document", [pod("p"), pod("p", nodeName="n", status={"phase": "Failed"})])
def test_a_pod_that_runs_nowhere_goes_at_once(store: Store, document: dict[str, object]) -> None:
    store.create(document)
    store.delete("v1", "Pod", "default", "p")
    assert store.find("v1", "Pod", "default", "p") is None


def test_finalizers_hold_an_object_until_the_last_is_gone(store: Store) -> None:
    document = config_map("x")
    document["metadata"]["finalizers"] = ["a/b"]
    store.create(document)
    held = copy_of(store.delete("v1", "ConfigMap", "default", "x"))
    assert "deletionTimestamp" in store.get("v1", "ConfigMap", "default", "x")["metadata"]
    held["metadata"]["finalizers"] = []
    store.update(held)
    assert store.find("v1", "ConfigMap", "default", "x") is None


def test_delete_names_the_incarnation_it_means(store: Store) -> None:
    store.create(config_map("x"))
    with pytest.raises(ApiError, match="The object might have been deleted and then recreated"):
        store.delete("v1", "ConfigMap", "default", "x", uid="another")


def test_a_collection_can_be_read_as_it_was(store: Store) -> None:
    store.create(config_map("a", v="1"))
    store.create(config_map("b"))
    then = store.revision
    store.update(config_map("a", v="2"))
    store.delete("v1", "ConfigMap", "default", "b")
    store.create(config_map("c"))
    kind = store.type_of("v1", "ConfigMap")
    was = [record.document for record in store.records(kind, revision=then)]
    assert [(item["metadata"]["name"], item["data"]) for item in was] == [("a", {"v": "1"}), ("b", {})]


def test_compacted_changes_are_gone(store: Store) -> None:
    old = store.revision
    store.create(config_map("a"))
    store.compact()
    for read in (store.changes_since, lambda revision: store.records(store.type_of("v1", "Pod"), revision=revision)):
        with pytest.raises(ApiError) as refusal:
            read(old)
        assert refusal.value.code == 410
    assert store.changes_since(store.revision) == []


def test_a_custom_resource_needs_no_definition_in_process(store: Store) -> None:
    widget = {"apiVersion": "a.b/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default"}, "spec": {}}
    store.create(widget)
    kind = store.catalog.by_plural("a.b", "v1", "widgets")
    assert kind is not None
    assert (kind.builtin, len(store.list("a.b/v1", "Widget"))) == (False, 1)
