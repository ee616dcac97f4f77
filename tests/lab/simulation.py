"""A bare world for tests of the simulator: one node, no scenario, no server."""

from __future__ import annotations

import asyncio
from typing import Any

from vops.lab.clock import LabClock
from vops.lab.controllers.base import condition
from vops.lab.documents import Document, copy_of
from vops.lab.engine.gpus import L4, GpuKind
from vops.lab.manifests import INFERENCE, VLLM_IMAGE, container_of, namespace, node, vllm
from vops.lab.pods import PodNetwork
from vops.lab.providers import ProxyRequest, ProxyResponse
from vops.lab.world import World

MIRROR = "NousResearch/Meta-Llama-3-8B-Instruct"


def world_with(*, gpus: int = 1, gpu: GpuKind = L4, image: bool = True, seed: int = 0) -> World:
    """A live world with the inference namespace and one GPU node that has the vLLM image."""
    world = World(LabClock(), seed=seed)
    world.live = True
    world.store.create(namespace(INFERENCE))
    world.store.create(node("gpu-1", gpu=gpu, gpus=gpus, cpu=64, memory_gib=256, images=(VLLM_IMAGE,) if image else ()))
    run(world, 0.1)
    return world


def run(world: World, seconds: float) -> None:
    world.run_until(world.now + seconds)


def llama(*arguments: str, **options: Any) -> Document:
    """A Deployment `llama` of a model that fits an L4."""
    return vllm("llama", MIRROR, "--max-model-len", "8192", *arguments, **options)


def create(world: World, document: Document) -> None:
    world.store.create(document, manager="test")


def deployment(world: World, name: str = "llama") -> Document:
    return world.store.get("apps/v1", "Deployment", INFERENCE, name)


def edit(world: World, change: Any, name: str = "llama") -> None:
    """Lets `change` edit the Deployment's spec in place."""
    document = copy_of(deployment(world, name))
    change(document["spec"])
    world.store.update(document, manager="test")


def set_argument(value: str) -> Any:
    """A change for `edit` that starts a rollout."""

    def change(spec: Document) -> None:
        container_of({"spec": spec})["args"].append(value)

    return change


def pods(world: World) -> list[Document]:
    return world.store.list("v1", "Pod", INFERENCE)


def pod(world: World) -> Document:
    """The only pod there is."""
    (found,) = pods(world)
    return found


def container(world: World) -> Document:
    """The status of the only pod's container."""
    status: Document = pod(world)["status"]["containerStatuses"][0]
    return status


def events(world: World, reason: str) -> list[Document]:
    return [event for event in world.store.list("v1", "Event") if event["reason"] == reason]


def log(world: World, *, previous: bool = False) -> str:
    """What the only pod's container has written so far."""
    unit = world.kubelet.container(INFERENCE, pod(world)["metadata"]["name"], "vllm")
    output = unit and (unit.previous_output if previous else unit.output)
    return "\n".join(line.text for line in output.until(world.now)) if output else ""


def reason_of(document: Document, type_: str) -> str:
    found = condition(document, type_)
    return found.get("reason", "") if found else ""


def ask(world: World, path: str, *, method: str = "GET", body: bytes = b"", port: int = 8000) -> ProxyResponse | None:
    """An HTTP request to the only pod."""
    request = ProxyRequest(INFERENCE, pod(world)["metadata"]["name"], port, method, path, body=body)
    return asyncio.run(PodNetwork(world)(request))


def metrics(world: World) -> bytes:
    """The only pod's /metrics; empty while nothing listens."""
    answer = ask(world, "/metrics")
    return answer.body if answer else b""
