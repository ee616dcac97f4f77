"""JSON Patch, server-side apply, create, delete; dry runs; the transports that refuse and report."""

from __future__ import annotations

import pytest

from tests.contract.objects import CONFIG_MAPS, SECRETS, config_map, deployment, pod, secret
from vops.adapters.kube import KubeCluster
from vops.errors import Conflict, NotFound, Refused, Rejected
from vops.model.resources import DEPLOYMENTS, PODS
from vops.planning.handback import handed_back, release_change
from vops.ports import WriteRecord


async def _replicas(cluster: KubeCluster, namespace: str) -> int:
    return int((await cluster.get(DEPLOYMENTS, "d", namespace))["spec"]["replicas"])


def _scale(replicas: int, *, tested: int) -> list[dict[str, object]]:
    return [
        {"op": "test", "path": "/spec/replicas", "value": tested},
        {"op": "replace", "path": "/spec/replicas", "value": replicas},
    ]


async def test_a_patch_whose_tests_hold_is_made(cluster: KubeCluster, namespace: str) -> None:
    made = await cluster.create(DEPLOYMENTS, deployment(namespace, "d"))
    uid = [{"op": "test", "path": "/metadata/uid", "value": made["metadata"]["uid"]}]
    changed = await cluster.patch(DEPLOYMENTS, "d", namespace, uid + _scale(3, tested=1))
    assert changed["spec"]["replicas"] == 3
    assert changed["metadata"]["generation"] == made["metadata"]["generation"] + 1


async def test_a_patch_whose_test_fails_changes_nothing_and_says_so(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(DEPLOYMENTS, deployment(namespace, "d"))
    with pytest.raises(Rejected, match="a value that it tests has changed") as raised:
        await cluster.patch(DEPLOYMENTS, "d", namespace, _scale(3, tested=2))
    assert raised.value.status == 422
    assert await _replicas(cluster, namespace) == 1


async def test_a_patch_to_an_invalid_value_names_the_field(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(DEPLOYMENTS, deployment(namespace, "d"))
    with pytest.raises(Rejected, match=r"spec\.replicas: Invalid value: -1"):
        await cluster.patch(DEPLOYMENTS, "d", namespace, _scale(-1, tested=1))


async def test_a_field_that_was_taken_back_can_be_given_up(cluster: KubeCluster, namespace: str) -> None:
    """Then a server-side apply of another value meets no conflict with `vops`, which it meets before."""
    wanted = deployment(namespace, "d")
    wanted["spec"]["minReadySeconds"] = 3
    await cluster.apply(DEPLOYMENTS, wanted, manager="helm")
    for value, before in ((9, 3), (3, 9)):
        test = {"op": "test", "path": "/spec/minReadySeconds", "value": before}
        change = {"op": "replace", "path": "/spec/minReadySeconds", "value": value}
        await cluster.patch(DEPLOYMENTS, "d", namespace, [test, change])
    wanted["spec"]["minReadySeconds"] = 5
    with pytest.raises(Conflict, match="minReadySeconds"):
        await cluster.apply(DEPLOYMENTS, wanted, manager="helm")
    document = await cluster.get(DEPLOYMENTS, "d", namespace)
    edits = handed_back(document, ["/spec/minReadySeconds"])
    await cluster.patch(DEPLOYMENTS, "d", namespace, edits)
    assert (await cluster.apply(DEPLOYMENTS, wanted, manager="helm"))["spec"]["minReadySeconds"] == 5


async def test_all_that_vops_owns_can_be_given_up(cluster: KubeCluster, namespace: str) -> None:
    """The entries of its patches and of what it has applied; no value changes, and nobody else's entry."""
    await cluster.apply(CONFIG_MAPS, config_map(namespace, "c"), manager="helm")
    wanted = config_map(namespace, "c")
    wanted["data"] = {"mine": "1"}
    await cluster.apply(CONFIG_MAPS, wanted, manager="vops/one")
    await cluster.patch(CONFIG_MAPS, "c", namespace, [{"op": "add", "path": "/data/patched", "value": "1"}])
    found = {"apiVersion": "v1", "kind": "ConfigMap"} | await cluster.get(CONFIG_MAPS, "c", namespace)
    change = release_change(found, "Hand back")
    assert change is not None
    await cluster.patch(CONFIG_MAPS, "c", namespace, change.operations)
    after = await cluster.get(CONFIG_MAPS, "c", namespace)
    assert (after["data"], [item["manager"] for item in after["metadata"]["managedFields"]]) == (
        found["data"],
        ["helm"],
    )
    wanted["data"] = {"mine": "2", "patched": "2"}
    assert (await cluster.apply(CONFIG_MAPS, wanted, manager="flux"))["data"] == {"a": "b", **wanted["data"]}


async def test_a_field_that_does_not_exist_is_refused_and_not_dropped(cluster: KubeCluster, namespace: str) -> None:
    wrong = deployment(namespace, "wrong")
    wrong["spec"]["template"]["spec"]["containers"][0]["argz"] = ["--model"]
    with pytest.raises(Rejected, match=r'unknown field "spec\.template\.spec\.containers\[0\]\.argz"'):
        await cluster.create(DEPLOYMENTS, wrong)
    with pytest.raises(Rejected, match=r"containers.*\.argz: field not declared in schema"):
        await cluster.apply(DEPLOYMENTS, wrong, manager="vops-test")
    await cluster.create(DEPLOYMENTS, deployment(namespace, "d"))
    with pytest.raises(Rejected, match=r'unknown field "spec\.nope"'):
        await cluster.patch(DEPLOYMENTS, "d", namespace, [{"op": "add", "path": "/spec/nope", "value": 1}])


async def test_an_apply_against_another_manager_names_it_and_the_field(cluster: KubeCluster, namespace: str) -> None:
    await cluster.apply(DEPLOYMENTS, deployment(namespace, "d"), manager="argocd-controller")
    with pytest.raises(Conflict, match=r'"argocd-controller".*\.spec\.replicas'):
        await cluster.apply(DEPLOYMENTS, deployment(namespace, "d", replicas=4), manager="vops-test")
    assert await _replicas(cluster, namespace) == 1


async def test_an_apply_again_is_no_change(cluster: KubeCluster, namespace: str) -> None:
    first = await cluster.apply(CONFIG_MAPS, config_map(namespace, "c"), manager="vops-test")
    again = await cluster.apply(CONFIG_MAPS, config_map(namespace, "c"), manager="vops-test")
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_an_apply_with_force_takes_the_field(cluster: KubeCluster, namespace: str) -> None:
    await cluster.apply(DEPLOYMENTS, deployment(namespace, "d"), manager="other")
    await cluster.apply(DEPLOYMENTS, deployment(namespace, "d", replicas=4), manager="vops-test", force=True)
    assert await _replicas(cluster, namespace) == 4


async def test_what_exists_cannot_be_created_again(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(PODS, pod(namespace, "p"))
    with pytest.raises(Conflict, match="already exists") as raised:
        await cluster.create(PODS, pod(namespace, "p"))
    assert raised.value.reason == "AlreadyExists"


async def test_dry_runs_answer_like_the_write_and_leave_nothing(cluster: KubeCluster, namespace: str) -> None:
    made = await cluster.create(DEPLOYMENTS, deployment(namespace, "d"))
    changed = await cluster.patch(DEPLOYMENTS, "d", namespace, _scale(3, tested=1), dry_run=True)
    applied = await cluster.apply(DEPLOYMENTS, deployment(namespace, "e"), manager="vops-test", dry_run=True)
    created = await cluster.create(PODS, pod(namespace, "p"), dry_run=True)
    await cluster.delete(DEPLOYMENTS, "d", namespace, uid=made["metadata"]["uid"], dry_run=True)
    assert changed["spec"]["replicas"] == 3
    assert (applied["metadata"]["name"], created["metadata"]["name"]) == ("e", "p")
    assert (await cluster.get(DEPLOYMENTS, "d", namespace))["spec"] == made["spec"]
    assert [item.metadata.name for item in (await cluster.list(DEPLOYMENTS, namespace)).items] == ["d"]
    assert (await cluster.list(PODS, namespace)).items == ()


async def test_only_the_incarnation_that_was_seen_is_deleted(cluster: KubeCluster, namespace: str) -> None:
    made = await cluster.create(DEPLOYMENTS, deployment(namespace, "d"))
    with pytest.raises(Conflict, match="UID in the precondition"):
        await cluster.delete(DEPLOYMENTS, "d", namespace, uid="00000000-0000-0000-0000-000000000000")
    await cluster.delete(DEPLOYMENTS, "d", namespace, uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        await cluster.get(DEPLOYMENTS, "d", namespace)


async def test_nothing_is_deleted_without_a_uid(cluster: KubeCluster, namespace: str) -> None:
    with pytest.raises(Refused):
        await cluster.delete(PODS, "p", namespace, uid="")


async def test_read_only_lets_nothing_through_but_reads_dry_runs_and_reviews(
    cluster: KubeCluster, namespace: str
) -> None:
    made = await cluster.create(DEPLOYMENTS, deployment(namespace, "d"))
    view = cluster.read_only()
    uid = made["metadata"]["uid"]
    for write in (
        view.create(PODS, pod(namespace, "p")),
        view.patch(DEPLOYMENTS, "d", namespace, _scale(3, tested=1)),
        view.apply(DEPLOYMENTS, deployment(namespace, "e"), manager="vops-test"),
        view.delete(DEPLOYMENTS, "d", namespace, uid=uid),
        view.proxy(namespace, "p", 8000, "/v1/completions", method="POST", body=b"{}"),
    ):
        with pytest.raises(Refused, match="read-only"):
            await write
    await view.patch(DEPLOYMENTS, "d", namespace, _scale(3, tested=1), dry_run=True)
    await view.delete(DEPLOYMENTS, "d", namespace, uid=uid, dry_run=True)
    assert await view.can("get", PODS, namespace)
    assert (await view.get(DEPLOYMENTS, "d", namespace))["spec"] == made["spec"]


async def test_every_write_is_reported_before_and_after(cluster: KubeCluster, namespace: str) -> None:
    records: list[WriteRecord] = []
    journalled = cluster.journalled(records.append)
    await journalled.list(PODS, namespace)
    await journalled.can("get", PODS)
    await journalled.create(DEPLOYMENTS, deployment(namespace, "d"))
    with pytest.raises(Rejected):
        await journalled.patch(DEPLOYMENTS, "d", namespace, _scale(3, tested=9), dry_run=True)
    assert [(record.phase, record.method, record.status) for record in records] == [
        ("before", "POST", 0),
        ("after", "POST", 201),
        ("before", "PATCH", 0),
        ("after", "PATCH", 422),
    ]
    assert [record.dry_run for record in records] == [False, False, True, True]
    assert records[2].body == _scale(3, tested=9)
    assert "tests has changed" in records[3].error


async def test_no_secret_is_reported(cluster: KubeCluster, namespace: str) -> None:
    records: list[WriteRecord] = []
    journalled = cluster.journalled(records.append)
    await journalled.create(SECRETS, secret(namespace, "s"))
    plain = pod(namespace, "p")
    plain["spec"]["containers"][0]["env"] = [{"name": "HF_TOKEN", "value": "hf_abcdefghijklmnopqrstuvwxyz"}]
    await journalled.create(PODS, plain)
    assert records[0].body is None
    assert "hf_" not in str(records)
