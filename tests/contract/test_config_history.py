"""When a pod's configuration was changed, as a server keeps it: by whom, and what could not be read."""

from __future__ import annotations

import msgspec

from tests.contract.conftest import Users
from tests.contract.objects import CONFIG_MAPS, config_map, pod
from vops.adapters.kube import KubeCluster
from vops.model.configuration import CONTROLLER_REVISIONS
from vops.model.objects import OwnerReference
from vops.model.pods import Pod
from vops.operations.observation.config_history import config_history

ANY = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


def reading_pod(namespace: str, *names: str, owner: str = "") -> Pod:
    """A pod whose container takes ConfigMaps into its environment; `owner` is the uid of its StatefulSet."""
    document = pod(namespace, "p")
    document["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": name}} for name in names]
    found = msgspec.convert(document, Pod)
    owners = (OwnerReference("StatefulSet", "s", owner, "apps/v1", controller=True),) if owner else ()
    return msgspec.structs.replace(found, metadata=msgspec.structs.replace(found.metadata, owner_references=owners))


async def test_a_config_map_tells_when_it_was_made_and_one_that_is_missing_is_told(
    cluster: KubeCluster, namespace: str
) -> None:
    await cluster.create(CONFIG_MAPS, config_map(namespace, "flags"))
    history = await config_history(cluster, reading_pod(namespace, "flags", "missing"))
    assert [(item.name, item.made, item.at_start) for item in history.changes] == [("flags", True, True)]
    assert history.unread == ("configmap/missing is not there",)


async def test_revisions_of_its_own_stateful_set_come_in_their_order(cluster: KubeCluster, namespace: str) -> None:
    # An owner that is not there would have them collected; a StatefulSet would have revisions of its own.
    owner = (await cluster.create(CONFIG_MAPS, config_map(namespace, "s")))["metadata"]["uid"]
    owned = {"apiVersion": "v1", "kind": "ConfigMap", "name": "s", "uid": owner, "controller": True}
    for number, image in ((2, "new"), (1, "old")):
        template = {"spec": {"containers": [{"name": "vllm", "image": image}]}, "$patch": "replace"}
        revision = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {"name": f"s-{image}", "namespace": namespace, "ownerReferences": [owned]},
            "data": {"spec": {"template": template}},
            "revision": number,
        }
        await cluster.create(CONTROLLER_REVISIONS, revision)
    history = await config_history(cluster, reading_pod(namespace, owner=owner))
    images = [item.data.spec.template.spec.containers[0].image for item in history.revisions]
    assert images == ["old", "new"]
    assert (await config_history(cluster, reading_pod(namespace))).revisions == ()


async def test_what_may_not_be_read_is_told_and_raises_nothing(users: Users, namespace: str) -> None:
    history = await config_history(users.cluster("stranger"), reading_pod(namespace, "flags", owner=ANY))
    assert not history.changes
    assert not history.revisions
    assert len(history.unread) == 2
