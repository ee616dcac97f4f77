"""LIST, GET and the refusals of reading."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Users
from tests.contract.objects import HOSTILE, assert_clean, deployment, pod
from tests.contract.wire import Wire
from vops.adapters.kube import KubeCluster, client
from vops.errors import ClusterError, Forbidden, NotFound, Rejected, Unauthorized, Unavailable
from vops.model.objects import Kind, Named
from vops.model.pods import Pod
from vops.model.resources import DEPLOYMENTS, NAMESPACES, NODES, PODS, Workload


async def test_the_version_is_a_git_version(cluster: KubeCluster) -> None:
    assert (await cluster.version()).startswith("v1.")


async def test_a_list_has_every_page_and_a_version_to_watch_from(
    cluster: KubeCluster, wire: Wire, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 2)
    for number in range(5):
        await cluster.create(PODS, pod(namespace, f"p{number}"))
    wire.requests.clear()
    listing = await cluster.list(PODS, namespace)
    assert [item.metadata.name for item in listing.items] == ["p0", "p1", "p2", "p3", "p4"]
    assert len(wire.requests) == 3
    assert int(listing.resource_version) > 0


async def test_a_list_goes_by_labels_and_fields(cluster: KubeCluster, namespace: str) -> None:
    for name in ("a", "b"):
        await cluster.create(PODS, pod(namespace, name, labels={"app": name}))
    by_label = await cluster.list(PODS, namespace, label_selector="app=a")
    by_field = await cluster.list(PODS, namespace, field_selector="metadata.name=b")
    assert [item.metadata.name for item in (*by_label.items, *by_field.items)] == ["a", "b"]


async def test_items_are_decoded_with_their_kind(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(PODS, pod(namespace, "p"))
    await cluster.create(DEPLOYMENTS, deployment(namespace, "d"))
    (found,) = (await cluster.list(PODS, namespace)).items
    (workload,) = (await cluster.list(DEPLOYMENTS, namespace)).items
    spaces = (await cluster.list(NAMESPACES)).items
    assert isinstance(found, Pod)
    assert found.status.phase == "Pending"
    assert isinstance(workload, Workload)
    assert workload.kind == "Deployment"
    assert namespace in [item.metadata.name for item in spaces if isinstance(item, Named) and item.kind == "Namespace"]


async def test_what_the_server_defaults_is_there(cluster: KubeCluster, namespace: str) -> None:
    document = await cluster.create(DEPLOYMENTS, deployment(namespace, "d"))
    assert document["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}
    assert document["spec"]["template"]["spec"]["restartPolicy"] == "Always"


async def test_what_is_not_there_is_named(cluster: KubeCluster, namespace: str) -> None:
    with pytest.raises(NotFound, match=r'pods "missing" not found') as raised:
        await cluster.get(PODS, "missing", namespace)
    assert raised.value.hint.startswith(f"kubectl get pods -n {namespace}")


async def test_a_kind_that_is_not_served_is_not_found(cluster: KubeCluster) -> None:
    with pytest.raises(NotFound):
        await cluster.list(Kind("nowhere.example/v1", "Thing", "things"))


@pytest.mark.parametrize("kind", [PODS, NODES, DEPLOYMENTS])
async def test_a_missing_right_is_named_with_the_command_that_asks_for_it(users: Users, kind: Kind) -> None:
    with pytest.raises(Forbidden, match=f'cannot list resource "{kind.plural}"') as raised:
        await users.cluster("stranger").list(kind)
    assert f"auth can-i list {kind.plural}" in raised.value.hint


async def test_unknown_credentials_are_unauthorized(users: Users) -> None:
    with pytest.raises(Unauthorized) as raised:
        await users.cluster("nobody").list(PODS)
    assert raised.value.status == 401
    assert raised.value.hint


@pytest.mark.parametrize("user", ["admin", "stranger"])
async def test_an_access_review_tells_what_a_user_may(users: Users, user: str) -> None:
    cluster = users.cluster(user)
    assert await cluster.can("patch", DEPLOYMENTS, "default") is (user == "admin")
    assert await cluster.can("get", PODS, "default", subresource="log") is (user == "admin")


async def test_hostile_text_is_harmless_once_it_is_in_vops(cluster: KubeCluster, namespace: str) -> None:
    hostile = pod(namespace, "p", annotations={"note": HOSTILE})
    hostile["spec"]["containers"][0]["env"] = [{"name": "MODEL", "value": HOSTILE}]
    made = await cluster.create(PODS, hostile)
    (found,) = (await cluster.list(PODS, namespace)).items
    assert_clean(str(made) + str(await cluster.get(PODS, "p", namespace)))
    assert_clean(str(found.metadata.annotations) + str(found))
    assert "a[/b]c" in found.metadata.annotations["note"]


async def test_a_hostile_name_leads_nowhere_else(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(PODS, pod(namespace, "p"))
    with pytest.raises(ClusterError):
        await cluster.get(PODS, f"missing/../../../../../api/v1/namespaces/{namespace}/pods/p", namespace)


async def test_a_pod_that_never_ran_has_no_log(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(PODS, pod(namespace, "p"))
    assert await cluster.logs(namespace, "p", "vllm") == ""


async def test_the_log_of_a_missing_pod_or_container_is_an_error(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(PODS, pod(namespace, "p"))
    with pytest.raises(NotFound, match=r'pods "missing" not found'):
        await cluster.logs(namespace, "missing", "vllm", previous=True)
    with pytest.raises(Rejected, match="container wrong is not valid for pod p"):
        await cluster.logs(namespace, "p", "wrong", previous=True)


async def test_a_pod_without_an_address_is_unavailable(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(PODS, pod(namespace, "p"))
    with pytest.raises(Unavailable, match="no address"):
        await cluster.proxy(namespace, "p", 8000, "/metrics")


async def test_the_proxy_of_a_missing_pod_is_not_found(cluster: KubeCluster, namespace: str) -> None:
    with pytest.raises(NotFound, match=r'pods "missing" not found'):
        await cluster.proxy(namespace, "missing", 8000, "/metrics")
