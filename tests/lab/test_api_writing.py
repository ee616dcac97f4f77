from __future__ import annotations

from typing import Any

import pytest

from tests.lab.conftest import StoppedClock
from tests.lab.http import (
    APPLY,
    CONFIG_MAPS,
    DEPLOYMENTS,
    JSON_PATCH,
    MERGE_PATCH,
    PODS,
    STRATEGIC,
    WEB,
    Api,
    applied,
    config_map,
    deployment,
    pod,
)
from vops.lab.bodies import decoded, decoded_patch
from vops.lab.statuses import ApiError
from vops.lab.store import Store

GROW = [{"op": "replace", "path": "/spec/replicas", "value": 3}]


async def test_a_created_object_gets_identity_and_defaults(api: Api) -> None:
    made = await api("POST", DEPLOYMENTS, deployment())
    assert made.status == 201
    metadata, spec = made.json["metadata"], made.json["spec"]
    assert metadata["creationTimestamp"] == "2026-01-02T03:04:05Z"
    assert (metadata["generation"], metadata["managedFields"][0]["manager"]) == (1, "operator")
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    assert spec["template"]["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason", "message"),
    [
        ("POST", CONFIG_MAPS, config_map("x"), 409, "AlreadyExists", 'configmaps "x" already exists'),
        (
            "POST",
            "/api/v1/namespaces/nope/configmaps",
            {"metadata": {"name": "x"}},
            404,
            "NotFound",
            'namespaces "nope" not found',
        ),
        (
            "POST",
            CONFIG_MAPS,
            {"metadata": {"name": "y", "namespace": "other"}},
            400,
            "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "PUT",
            f"{CONFIG_MAPS}/x",
            {"metadata": {"name": "y"}},
            400,
            "BadRequest",
            "the name of the object (y) does not match the name on the URL (x)",
        ),
        (
            "PUT",
            f"{CONFIG_MAPS}/x",
            {"metadata": {"resourceVersion": "1"}},
            409,
            "Conflict",
            'Operation cannot be fulfilled on configmaps "x": the object has been modified; please apply your changes '
            "to the latest version and try again",
        ),
        (
            "PUT",
            CONFIG_MAPS,
            {},
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        ),
    ],
)
async def test_a_refused_write(
    api: Api, store: Store, method: str, path: str, body: Any, status: int, reason: str, message: str
) -> None:
    store.create(config_map("x"))
    refused = await api(method, path, body)
    assert (refused.status, refused.json["reason"], refused.message) == (status, reason, message)


async def test_a_body_that_is_not_json(api: Api) -> None:
    refused = await api("POST", CONFIG_MAPS, "nope")
    assert refused.status == 400
    assert refused.message.startswith("the object provided is unrecognized (must be of type ConfigMap)")


@pytest.mark.parametrize("body", [b"nope", b'{"kind": "\xff"}'])
def test_a_body_that_cannot_be_read_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(ApiError, match="json parse error"):
        decoded("application/json", body, "ConfigMap")
    with pytest.raises(ApiError, match="error decoding patch"):
        decoded_patch(body)


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        (JSON_PATCH, [{"op": "test", "path": "/spec/replicas", "value": 1}, *GROW]),
        (MERGE_PATCH, {"spec": {"replicas": 3}}),
        (STRATEGIC, {"spec": {"replicas": 3}}),
        (APPLY, applied({"replicas": 3})),
        (APPLY, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 3}"),
    ],
)
async def test_every_kind_of_patch_is_stored_and_can_be_tried_first(
    api: Api, store: Store, content_type: str, patch: Any
) -> None:
    store.create(deployment())
    before = store.revision
    query = {"fieldManager": "vops"} | ({"force": "true"} if content_type == APPLY else {})
    tried = await api("PATCH", WEB, patch, content_type, dryRun="All", **query)
    assert (tried.status, tried.json["spec"]["replicas"], store.revision) == (200, 3, before)
    done = await api("PATCH", WEB, patch, content_type, **query)
    assert done.json["spec"] == tried.json["spec"] == store.get("apps/v1", "Deployment", "default", "web")["spec"]
    assert "vops" in [entry["manager"] for entry in done.json["metadata"]["managedFields"]]


async def test_a_failed_test_changes_nothing(api: Api, store: Store) -> None:
    store.create(deployment())
    before = store.revision
    refused = await api("PATCH", WEB, [{"op": "test", "path": "/metadata/uid", "value": "x"}, *GROW], JSON_PATCH)
    assert refused.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server rejected our request due to an error in our request",
        "reason": "Invalid",
        "details": {},
        "code": 422,
    }
    assert (refused.status, store.revision) == (422, before)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'),
        (
            {"fieldManager": "v", "dryRun": "No"},
            'PatchOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["No"]: supported values: "All"',
        ),
    ],
)
async def test_apply_options(api: Api, query: dict[str, str], message: str) -> None:
    refused = await api("PATCH", WEB, applied({}), APPLY, **query)
    assert (refused.status, refused.message) == (422, message)


async def test_strategic_merge_needs_a_typed_resource(api: Api, store: Store) -> None:
    metadata = {"name": "w", "namespace": "default"}
    store.create({"apiVersion": "a.b/v1", "kind": "Widget", "metadata": metadata, "spec": {}})
    refused = await api("PATCH", "/apis/a.b/v1/namespaces/default/widgets/w", {}, STRATEGIC)
    assert (refused.status, refused.json["reason"]) == (415, "UnsupportedMediaType")


def container(**members: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "vllm", "image": "vllm:1"} | members]}}}}


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        (
            {"spec": {"strategy": {"type": "Recreate"}}},
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ),
        (
            {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}},
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
        ),
        ({"spec": {"replicas": -1}}, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (
            {"spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}}}},
            'spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable',
        ),
        (
            {"spec": {"template": {"metadata": {"labels": {"app": "x"}}}}},
            'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`',
        ),
        (container(image=None), "spec.template.spec.containers[0].image: Required value"),
        ({"spec": {"template": {"spec": {"containers": []}}}}, "spec.template.spec.containers: Required value"),
        (
            container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}}),
            'spec.template.spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal '
            "to cpu limit of 1500m",
        ),
        (
            container(resources={"requests": {"nvidia.com/gpu": 1}}),
            "spec.template.spec.containers[0].resources.limits: Required value: Limit must be set for non "
            "overcommitable resources",
        ),
        (
            container(startupProbe={"httpGet": {"port": 80}, "failureThreshold": -1}),
            "spec.template.spec.containers[0].startupProbe.failureThreshold: Invalid value: -1: must be greater than "
            "or equal to 0",
        ),
        (
            {"spec": {"template": {"spec": {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}}}},
            'spec.template.spec.tolerations[0].operator: Invalid value: "b": value must be empty when `operator` is '
            "'Exists'",
        ),
        (
            {"spec": {"template": {"spec": {"restartPolicy": "Never"}}}},
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        ),
    ],
)
async def test_an_invalid_deployment_is_refused_in_the_servers_words(
    api: Api, store: Store, patch: dict[str, Any], why: str
) -> None:
    store.create(deployment())
    refused = await api("PATCH", WEB, patch, MERGE_PATCH, dryRun="All")
    assert (refused.status, refused.message) == (422, f'Deployment.apps "web" is invalid: {why}')
    field, _, message = why.partition(": ")
    cause = refused.json["details"]["causes"][0]
    assert (cause["field"], cause["message"]) == (field, message)


async def test_several_causes_are_listed(api: Api) -> None:
    refused = await api("POST", DEPLOYMENTS, {"metadata": {}, "spec": {}})
    assert refused.message == (
        'Deployment.apps "" is invalid: [metadata.name: Required value: name or generateName is required, '
        "spec.selector: Required value, spec.template.metadata.labels: Invalid value: null: `selector` does not match "
        "template `labels`, spec.template.spec.containers: Required value]"
    )


async def test_a_value_of_the_wrong_type_does_not_decode(api: Api, store: Store) -> None:
    store.create(deployment())
    refused = await api("PATCH", WEB, {"spec": {"replicas": "a"}}, MERGE_PATCH)
    assert refused.status == 422
    assert refused.message.endswith("json: cannot unmarshal string into Go struct field .spec.replicas of type int32")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"restartPolicy": "Never"}, "spec: Forbidden: pod updates may not change fields other than"),
        ({"containers": [{"name": "a", "image": "b"}] * 2}, "spec.containers: Forbidden: pod updates may not add or"),
        (
            {"tolerations": [{"key": "other", "operator": "Exists"}]},
            "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
        ),
    ],
)
async def test_most_of_a_pod_never_changes(api: Api, store: Store, spec: dict[str, Any], why: str) -> None:
    store.create(pod("p", tolerations=[{"key": "mine", "operator": "Exists"}]))
    refused = await api("PATCH", f"{PODS}/p", {"spec": spec}, MERGE_PATCH)
    assert refused.status == 422
    assert f'Pod "p" is invalid: {why}' in refused.message or why in refused.message


async def test_a_pod_may_change_its_image_and_tolerate_more(api: Api, store: Store) -> None:
    store.create(pod("p"))
    patch = {"spec": {"containers": [{"name": "vllm", "image": "vllm:2"}]}}
    assert (await api("PATCH", f"{PODS}/p", patch, STRATEGIC)).status == 200
    more = [{"op": "add", "path": "/spec/tolerations/-", "value": {"key": "x", "operator": "Exists"}}]
    assert (await api("PATCH", f"{PODS}/p", more, JSON_PATCH)).status == 200


async def test_the_scale_of_a_workload(api: Api, store: Store) -> None:
    store.create(deployment())
    scale = (await api("GET", f"{WEB}/scale")).json
    assert (scale["kind"], scale["spec"], scale["status"]) == (
        "Scale",
        {"replicas": 1},
        {"replicas": 0, "selector": "app=web"},
    )
    grown = await api("PATCH", f"{WEB}/scale", {"spec": {"replicas": 4}}, MERGE_PATCH)
    assert (grown.status, grown.json["spec"]) == (200, {"replicas": 4})
    assert store.get("apps/v1", "Deployment", "default", "web")["spec"]["replicas"] == 4
    refused = await api("PUT", f"{WEB}/scale", {"spec": {"replicas": -1}})
    assert refused.message.startswith('Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1')


async def test_the_status_subresource_leaves_the_spec(api: Api, store: Store) -> None:
    store.create(deployment())
    body = {"status": {"replicas": 2}, "spec": {"replicas": 7}}
    written = (await api("PATCH", f"{WEB}/status", body, MERGE_PATCH)).json
    assert (written["spec"]["replicas"], written["status"]) == (1, {"replicas": 2})


async def test_deleting_tells_what_became_of_it(api: Api, store: Store) -> None:
    uid = store.create(config_map("x"))["metadata"]["uid"]
    tried = await api("DELETE", f"{CONFIG_MAPS}/x", dryRun="All")
    assert (tried.json["status"], store.find("v1", "ConfigMap", "default", "x") is None) == ("Success", False)
    gone = await api("DELETE", f"{CONFIG_MAPS}/x", {"preconditions": {"uid": uid}})
    assert gone.json["details"] == {"name": "x", "kind": "configmaps", "uid": uid}
    assert (await api("DELETE", f"{CONFIG_MAPS}/x")).status == 404


async def test_deleting_another_incarnation_is_a_conflict(api: Api, store: Store) -> None:
    store.create(pod("p"))
    refused = await api("DELETE", f"{PODS}/p", {"preconditions": {"uid": "abc"}})
    assert (refused.status, refused.json["reason"]) == (409, "Conflict")
    assert "the UID in the precondition (abc) does not match the UID in record" in refused.message


async def test_a_pod_is_given_time_to_end(api: Api, store: Store, stopped_clock: StoppedClock) -> None:
    store.create(pod("p", nodeName="n"))
    marked = (await api("DELETE", f"{PODS}/p", gracePeriodSeconds="10")).json["metadata"]
    assert (marked["deletionTimestamp"], marked["deletionGracePeriodSeconds"]) == ("2026-01-02T03:04:15Z", 10)
    await api("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 0})
    assert (await api("GET", f"{PODS}/p")).status == 404


@pytest.mark.parametrize(("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
async def test_propagation_leaves_a_finalizer_for_the_garbage_collector(
    api: Api, store: Store, policy: str, finalizer: str
) -> None:
    store.create(deployment())
    marked = await api("DELETE", WEB, propagationPolicy=policy)
    assert marked.json["metadata"]["finalizers"] == [finalizer]


async def test_nulls_and_empty_lists_are_not_kept(api: Api) -> None:
    body = deployment()
    body["spec"]["template"]["spec"] |= {"tolerations": [], "nodeSelector": None}
    kept = (await api("POST", DEPLOYMENTS, body)).json["spec"]["template"]["spec"]
    assert not {"tolerations", "nodeSelector"} & set(kept)
