from __future__ import annotations

from typing import Any

import pytest

from tests.lab.conftest import StoppedClock
from tests.lab.http import config_map, deployment, pod
from vops.lab.documents import Document, copy_of
from vops.lab.statuses import ApiError
from vops.lab.store import Store


def apply(store: Store, manager: str, spec: Document, *, force: bool = False, name: str = "web") -> Document:
    metadata = {"name": name, "namespace": "default"}
    document = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    return store.apply(document, manager=manager, force=force)


def template(**container: Any) -> Document:
    return {"template": {"spec": {"containers": [{"name": "vllm"} | container]}}}


def owners(document: Document) -> dict[str, Document]:
    return {
        f"{entry['manager']} {entry['operation']}": entry["fieldsV1"] for entry in document["metadata"]["managedFields"]
    }


def test_a_creator_owns_what_it_and_the_defaults_set(store: Store) -> None:
    made = store.create(deployment(), manager="kubectl")
    spec = owners(made)["kubectl Update"]["f:spec"]
    assert spec["f:strategy"] == {"f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}}, "f:type": {}}
    container = spec["f:template"]["f:spec"]["f:containers"]['k:{"name":"vllm"}']
    assert container["f:env"] == {".": {}, 'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}}
    assert (spec["f:selector"], container["f:args"]) == ({}, {})


def test_nobody_owns_what_admission_added(store: Store) -> None:
    made = store.create(pod("p"), manager="kubectl")
    assert made["spec"]["tolerations"][0]["key"] == "node.kubernetes.io/not-ready"
    assert "f:tolerations" not in owners(made)["kubectl Update"]["f:spec"]


def test_an_update_takes_over_what_it_changes(store: Store) -> None:
    changed = copy_of(store.create(deployment(), manager="kubectl"))
    changed["spec"]["replicas"] = 4
    after = owners(store.update(changed, manager="autoscaler"))
    assert after["autoscaler Update"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in after["kubectl Update"]["f:spec"]


def test_the_status_has_entries_of_its_own(store: Store) -> None:
    store.create(pod("p"), manager="kubectl")
    after = store.patch_status("v1", "Pod", "default", "p", {"phase": "Running"}, manager="kubelet")
    entry = after["metadata"]["managedFields"][1]
    assert (entry["manager"], entry["subresource"]) == ("kubelet", "status")
    assert entry["fieldsV1"] == {"f:status": {"f:phase": {}}}


def test_apply_merges_keyed_lists_and_claims_only_what_it_states(store: Store) -> None:
    store.create(deployment(), manager="kubectl")
    after = apply(store, "vops", template(env=[{"name": "B", "value": "2"}]))
    container = after["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert container["image"] == "vllm:1"
    claimed = owners(after)["vops Apply"]["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"vllm"}']
    assert claimed == {".": {}, "f:env": {'k:{"name":"B"}': {".": {}, "f:name": {}, "f:value": {}}}, "f:name": {}}


def test_apply_names_manager_and_field_of_every_conflict(store: Store) -> None:
    store.create(deployment(), manager="kubectl")
    with pytest.raises(ApiError) as refusal:
        apply(store, "vops", {"replicas": 5, **template(image="other")})
    image = '.spec.template.spec.containers[name="vllm"].image'
    text = 'Apply failed with 2 conflicts: conflicts with "kubectl" using apps/v1:\n- .spec.replicas\n- ' + image
    assert (refusal.value.code, refusal.value.message) == (409, text)
    causes = refusal.value.status()["details"]["causes"]
    why = {"reason": "FieldManagerConflict", "message": 'conflict with "kubectl" using apps/v1'}
    assert causes == [why | {"field": ".spec.replicas"}, why | {"field": image}]


def test_one_conflict_is_one_sentence(store: Store) -> None:
    store.create(deployment(), manager="kubectl")
    apply(store, "argo", {"paused": True})
    with pytest.raises(ApiError) as refusal:
        apply(store, "vops", {"paused": False})
    assert refusal.value.message == 'Apply failed with 1 conflict: conflict with "argo": .spec.paused'


def test_the_same_value_is_owned_together_and_force_takes_it_away(store: Store) -> None:
    store.create(deployment(), manager="kubectl")
    shared = owners(apply(store, "vops", {"replicas": 1}))
    assert all("f:replicas" in fields["f:spec"] for fields in shared.values())
    forced = apply(store, "vops", {"replicas": 2}, force=True)
    assert forced["spec"]["replicas"] == 2
    assert "f:replicas" not in owners(forced)["kubectl Update"]["f:spec"]


def test_what_is_no_longer_applied_goes_unless_another_owns_it(store: Store) -> None:
    store.create(deployment(), manager="kubectl")
    apply(store, "vops", {"replicas": 1, "paused": True, **template(env=[{"name": "B", "value": "2"}])})
    after = apply(store, "vops", template())
    assert after["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "1"}]
    assert after["spec"]["replicas"] == 1
    assert "paused" not in after["spec"]


def test_atomic_lists_are_replaced_whole(store: Store) -> None:
    apply(store, "vops", deployment()["spec"] | {})
    tolerations = [{"key": "a", "operator": "Exists"}]
    for wanted in (tolerations, [{"key": "b", "operator": "Exists"}]):
        after = apply(store, "vops", deployment()["spec"] | {"template": _tolerating(wanted)})
        assert after["spec"]["template"]["spec"]["tolerations"] == wanted


def _tolerating(tolerations: list[Document]) -> Document:
    made: Document = copy_of(deployment()["spec"]["template"])
    made["spec"]["tolerations"] = tolerations
    return made


def test_applying_the_same_again_changes_nothing(store: Store, stopped_clock: StoppedClock) -> None:
    first = apply(store, "vops", deployment()["spec"])
    stopped_clock.advance(60)
    assert apply(store, "vops", deployment()["spec"]) == first


def test_apply_creates_what_is_not_there(store: Store) -> None:
    made = apply(store, "vops", deployment()["spec"])
    assert made["metadata"]["generation"] == 1
    assert list(owners(made)) == ["vops Apply"]
    assert "f:strategy" not in owners(made)["vops Apply"]["f:spec"]


def test_an_object_without_owners_belongs_to_before_first_apply(store: Store) -> None:
    store.create(config_map("x", a="b"))
    config = config_map("x", a="c")
    del config["metadata"]["labels"]
    with pytest.raises(ApiError, match=r'conflict with "before-first-apply" using v1: \.data\.a'):
        store.apply(config, manager="vops")


def test_a_custom_resource_has_no_schema(store: Store) -> None:
    metadata = {"name": "w", "namespace": "default"}
    widget = {"apiVersion": "a.b/v1", "kind": "Widget", "metadata": metadata, "spec": {"x": {"y": [1]}}}
    after = store.apply(widget, manager="vops")
    assert owners(after)["vops Apply"] == {"f:spec": {".": {}, "f:x": {".": {}, "f:y": {}}}}
