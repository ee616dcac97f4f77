"""What the registries answer, in containerd's words."""

from __future__ import annotations

import pytest

from tests.lab.simulation import container, create, llama, run, world_with
from vops.lab.manifests import credential, pull_secret
from vops.lab.registry import Registry, Trouble

PRIVATE = "registry.example.com/ml/vllm-openai:v0.25.1"


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("vllm/vllm-openai:v0.99", "docker.io/vllm/vllm-openai:v0.99: not found"),
        ("nobody/nothing:1", "pull access denied, repository does not exist or may require authorization: server"),
        (PRIVATE, "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to"),
        ("ghcr.io/x/y:1", "dial tcp: lookup ghcr.io on 10.96.0.10:53: no such host"),
        ("quay.io/x/y:1", "429 Too Many Requests"),
    ],
)
def test_a_refusal_says_what_it_is_about(reference: str, why: str) -> None:
    registry = Registry()
    registry.add(PRIVATE, credential="secret")
    registry.afflict("ghcr.io", Trouble.NO_SUCH_HOST)
    registry.afflict("quay.io", Trouble.RATE_LIMIT)
    assert registry.find(reference) is None
    assert why in registry.refusal(reference)


def test_a_private_image_is_pulled_with_the_right_secret_only() -> None:
    world = world_with()
    world.registry.add(PRIVATE, credential=credential("lab", "right"))
    create(world, pull_secret("regcred", "registry.example.com", "lab", "wrong"))
    deployment = llama(image=PRIVATE)
    deployment["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "regcred"}]
    create(world, deployment)
    run(world, 4)
    assert "failed to fetch oauth token" in container(world)["state"]["waiting"]["message"]
    secret = pull_secret("regcred", "registry.example.com", "lab", "right")
    world.store.update(secret)
    run(world, 60)
    assert "running" in container(world)["state"]
