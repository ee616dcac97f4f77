"""Failed pulls in the words of containerd, CRI-O, Docker and the kubelet: each is one cause, and only that one."""

from __future__ import annotations

import pytest

from tests.unit.diagnosis.cases_start import beside
from tests.unit.diagnosis.cluster_parts import event, first_finding, node, pod, ready, waiting, world
from vops.diagnosis.findings import Finding

IMAGE = "vllm/vllm-openai:v0.25.1"
HEAD = f'failed to pull and unpack image "docker.io/{IMAGE}": failed to resolve reference "docker.io/{IMAGE}": '
CRIO = f"initializing source docker://{IMAGE}: reading manifest v0.25.1 in docker.io/vllm/vllm-openai: "
PRIVATE = "registry.example.com/team/vllm:1"

WORDS = {
    HEAD + f"docker.io/{IMAGE}: not found": "image-not-found",
    CRIO + "manifest unknown": "image-not-found",
    "manifest for vllm/vllm-openai:v0.25.1 not found: manifest unknown: manifest unknown": "image-not-found",
    HEAD + "unexpected status from HEAD request to https://r/v2/x/manifests/1: 404 Not Found": "image-not-found",
    HEAD + "pull access denied, repository does not exist or may require authorization: server message: "
    "insufficient_scope: authorization failed": "image-not-found",  # the account's repositories are all public
    'short-name "vllm" did not resolve to an alias and no unqualified-search registries are defined': "image-not-found",
    HEAD + "no match for platform in manifest: not found": "image-wrong-arch",
    "no matching manifest for linux/arm64/v8 in the manifest list entries": "image-wrong-arch",
    'choosing an image from manifest list docker://x: no image found in image index for architecture "arm64", '
    'variant "v8", OS "linux"': "image-wrong-arch",
    HEAD + "unexpected status from HEAD request to https://r/v2/: 429 Too Many Requests": "image-rate-limit",
    "toomanyrequests: You have reached your unauthenticated pull rate limit": ("image-rate-limit"),
    "pull QPS exceeded": "image-rate-limit",
    "short-name resolution enforced but cannot prompt without a TTY": "image-not-found",
    "failed to unpack image on snapshotter overlayfs: unexpected media type text/html for x: not found": (
        "registry-unreachable"
    ),
    HEAD + 'failed to do request: Head "https://r/v2/": dial tcp: lookup r on 10.0.0.2:53: no such host': (
        "registry-unreachable"
    ),
    HEAD + 'failed to authorize: failed to fetch anonymous token: Get "https://auth/token": dial tcp: i/o timeout': (
        "registry-unreachable"
    ),
    HEAD + 'failed to do request: Head "https://r/v2/": tls: failed to verify certificate: x509: certificate signed by '
    "unknown authority": "registry-unreachable",
    'Get "https://r/v2/": http: server gave HTTP response to HTTPS client': "registry-unreachable",
    "failed to copy: httpReadSeeker: failed open: unexpected status code https://r/v2/blobs: 503 Service Unavailable": (
        "registry-unreachable"
    ),
    'pinging container registry r: Get "https://r/v2/": dial tcp 1.2.3.4:443: connect: connection refused': (
        "registry-unreachable"
    ),
    "rpc error: code = DeadlineExceeded desc = context deadline exceeded": "registry-unreachable",
    "failed to copy: read tcp 10.0.0.1:4->1.2.3.4:443: read: connection reset by peer": "registry-unreachable",
    'failed commit on ref "layer-sha256:ab": unexpected EOF': "registry-unreachable",
    'failed commit on ref "layer-sha256:ab": failed size validation: 6239744 != 17386982': "registry-unreachable",
    "failed to extract layer sha256:ab: write /var/lib/containerd/x: no space left on device: unknown": "disk-full",
    'writing blob: storing blob to file "/var/tmp/x": write /var/tmp/x: no space left on device': "disk-full",
}
DENIED = (
    "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth "
    "credentials",
    "failed to authorize: failed to fetch oauth token: unexpected status from GET request: 401 Unauthorized",
    "unexpected status from HEAD request to https://r/v2/x/manifests/1: 403 Forbidden",
    'denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "x" (or it may not exist)',
    "unauthorized: authentication required, visit https://aka.ms/acr/authorization for more information",
    "initializing source docker://x: reading manifest 1 in x: unauthorized: access to the requested resource is not "
    "authorized",
    "rpc error: code = Unknown desc = unable to retrieve auth token: invalid username/password: unauthorized",
    "denied: Your authorization token has expired. Reauthenticate and try again.",
    "failed to authorize: failed to fetch anonymous token: unexpected status from GET request: 403 Forbidden",
)


def pulling(words: str, image: str = IMAGE, reason: str = "ImagePullBackOff") -> Finding:
    told = f'Back-off pulling image "{image}": ErrImagePull: {words}' if reason == "ImagePullBackOff" else words
    return first_finding(world(pod(status=waiting(reason, told), phase="Pending", container={"image": image}), node()))


@pytest.mark.parametrize(("words", "cause"), WORDS.items())
def test_the_runtimes_words_decide(words: str, cause: str) -> None:
    assert pulling(words).cause == cause


@pytest.mark.parametrize("words", DENIED)
def test_a_private_registry_that_denies_wants_credentials(words: str) -> None:
    assert pulling(words, PRIVATE).cause == "image-auth"


@pytest.mark.parametrize(
    ("reason", "message", "cause"),
    [
        ("InvalidImageName", "Failed to apply default image tag \"a:B:c\": couldn't parse image: invalid reference "
         "format", "image-not-found"),
        ("ErrImageNeverPull", f'Container image "{IMAGE}" is not present with pull policy of Never', "image-not-found"),
        ("RegistryUnavailable", "image pull failed for x because the registry is unavailable", "registry-unreachable"),
        ("ErrImagePull", "rpc error: code = NotFound desc = failed to resolve: x: not found", "image-not-found"),
    ],
)  # fmt: skip
def test_the_kubelets_own_reasons_are_known(reason: str, message: str, cause: str) -> None:
    assert pulling(message, reason=reason).cause == cause


def test_before_1_32_only_the_event_carries_the_words() -> None:
    failed = event("Failed", f'Failed to pull image "{IMAGE}": rpc error: code = NotFound desc = {HEAD}not found')
    back_off = event("BackOff", f'Back-off pulling image "{IMAGE}"', age_s=5)
    status = waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"')
    found = first_finding(world(pod(status=status, phase="Pending"), node(), failed, back_off))
    assert found.cause == "image-not-found"
    assert any("not found" in item.observed for item in found.evidence)


def test_the_last_reason_counts_not_an_earlier_one() -> None:
    status = waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"')
    events = [
        event("Failed", f'Failed to pull image "{IMAGE}": dial tcp: lookup r: no such host', age_s=300),
        event("Failed", f'Failed to pull image "{IMAGE}": {HEAD}not found', age_s=30),
    ]
    assert first_finding(world(pod(status=status, phase="Pending"), node(), *events)).cause == "image-not-found"


@pytest.mark.parametrize(
    "words",
    [
        "rpc error: code = Unknown desc = something new",
        'connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: '
        'connection refused"',
        "failed to extract layer: failed to get reader from content store: content digest sha256:ab: not found",
    ],
)
def test_a_pull_that_fails_for_a_reason_of_its_own_is_unknown(words: str) -> None:
    assert pulling(words).cause == "unknown"


def test_where_another_node_has_the_image_it_is_this_node() -> None:
    here = pod(status=waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}": i/o timeout'), phase="Pending")
    there = ready("llama-2", node="gpu-2", status={"imageID": "sha256:ab"})
    found = first_finding(world(here, there, node(), node("gpu-2")))
    assert any("gpu-2" in item.observed for item in found.evidence)
    assert "gpu-2" in found.fixes[0].steps[0]


@pytest.mark.parametrize(
    ("image", "others", "step"),
    [
        ("vllm/vllm-openai:0.8.5", [], "vllm/vllm-openai:v0.8.5"),
        ("vllm/vllm-openai:v9", ["vllm/vllm-openai:v0.25.1"], "vllm/vllm-openai:v0.25.1"),
        ("registry.example.com/vllm:nope", [], "skopeo list-tags docker://registry.example.com/vllm"),
    ],
)
def test_the_fix_names_a_tag_where_one_is_known(image: str, others: list[str], step: str) -> None:
    status = waiting("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {image}: not found')
    running = [
        ready("other", node="gpu-2", container={"image": name}, status={"imageID": "sha256:ab"}) for name in others
    ]
    found = first_finding(world(pod(status=status, phase="Pending", container={"image": image}), *running, node()))
    assert any(step in text for text in found.fixes[0].steps)


@pytest.mark.parametrize("kind", ["init", "sidecar"])
def test_the_image_of_another_container_is_named(kind: str) -> None:
    stuck = waiting("ImagePullBackOff", 'Back-off pulling image "example.com/fetch:9": ErrImagePull: x: not found')
    found = first_finding(beside(kind, stuck, image="example.com/fetch:9"))
    assert found.cause == "image-not-found"
    assert "fetch" in found.summary
    assert found.evidence[1].where.startswith("spec.initContainers[" if kind == "init" else "spec.containers[")
