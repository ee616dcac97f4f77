"""EndpointSlices follow Services and pods, as the API server's own controllers keep them."""

from __future__ import annotations

import pytest

from tests.lab.simulation import create, llama, pod, run, world_with
from vops.lab.documents import Document
from vops.lab.manifests import INFERENCE, cluster_ip
from vops.lab.world import World


def _slice(world: World) -> Document:
    (found,) = world.store.list("discovery.k8s.io/v1", "EndpointSlice", INFERENCE)
    return found


@pytest.mark.parametrize(("target", "ports"), [("http", [8000]), (8080, [8080]), ("grpc", [])])
def test_a_slice_holds_the_ports_as_the_pod_resolves_them(target: int | str, ports: list[int]) -> None:
    world = world_with()
    create(world, llama())
    create(world, cluster_ip("llama", target=target))
    run(world, 80)
    assert [port["port"] for port in _slice(world)["ports"]] == ports


def test_an_endpoint_becomes_ready_with_its_pod() -> None:
    world = world_with()
    create(world, cluster_ip("llama"))
    run(world, 1)
    assert _slice(world)["endpoints"] == []
    create(world, llama())
    run(world, 10)
    (loading,) = _slice(world)["endpoints"]
    assert loading["conditions"] == {"ready": False, "serving": False, "terminating": False}
    run(world, 80)
    (serving,) = _slice(world)["endpoints"]
    assert serving["conditions"]["ready"]
    assert (serving["addresses"], serving["targetRef"]["name"]) == (
        [pod(world)["status"]["podIP"]],
        pod(world)["metadata"]["name"],
    )


def test_a_service_has_an_address_and_its_slices_go_with_it() -> None:
    world = world_with()
    create(world, cluster_ip("llama"))
    run(world, 1)
    service = world.store.get("v1", "Service", INFERENCE, "llama")
    assert service["spec"]["clusterIP"].startswith("10.96.")
    world.store.delete("v1", "Service", INFERENCE, "llama")
    run(world, 1)
    assert not world.store.list("discovery.k8s.io/v1", "EndpointSlice", INFERENCE)
