"""Failures of getting and running an image: what containerd and runc say of the registry, the image and the command."""

from __future__ import annotations

from collections.abc import Mapping

from tests.cluster.commonest.case import Case, server, waiting
from tests.cluster.registry import HOST

_PULLING = waiting("ErrImagePull", "ImagePullBackOff")


def _not_pulled(cause: str, says: str, image: str) -> Case:
    return Case(cause, says, _PULLING, server(image=image))


FAILURES: Mapping[str, Case] = {
    "no-such-tag": _not_pulled(
        "image-not-found", f"{HOST}/vllm/missing:v0.99.9: not found", f"{HOST}/vllm/missing:v0.99.9"
    ),
    "no-credentials": _not_pulled("image-auth", "401 Unauthorized", f"{HOST}/vllm/private:v0.25.1"),
    "pulled-too-often": _not_pulled("image-rate-limit", "429 Too Many Requests", f"{HOST}/vllm/limited:v0.25.1"),
    "registry-broken": _not_pulled("registry-unreachable", "503 Service Unavailable", f"{HOST}/vllm/broken:v0.25.1"),
    "registry-down": _not_pulled(
        "registry-unreachable", "connection refused", "10.88.0.1:5009/vllm/vllm-openai:v0.25.1"
    ),
    "registry-untrusted": _not_pulled("registry-unreachable", "x509", "10.88.0.1:6443/vllm/vllm-openai:v0.25.1"),
    "arm-only": _not_pulled("image-wrong-arch", "no match for platform", f"{HOST}/vllm/arm-only:v0.25.1"),
    "no-such-image-name": Case(
        "image-not-found", "InvalidImageName", waiting("InvalidImageName"), server(image="vllm/vLLM-OpenAI:v0.25.1")
    ),
    "never-pulled": Case(
        "image-not-found",
        "ErrImageNeverPull",
        waiting("ErrImageNeverPull"),
        server(image="vllm/vllm-openai:v0.26.0", container={"imagePullPolicy": "Never"}),
    ),
    "alien-program": Case(
        "image-wrong-arch",
        "exec format error",
        waiting("CrashLoopBackOff"),
        server(container={"command": ["vllm-arm64"]}),
    ),
    "misspelt-command": Case(
        "bad-entrypoint",
        "executable file not found in $PATH",
        waiting("CrashLoopBackOff", "RunContainerError"),
        server(container={"command": ["vlm", "serve"]}),
    ),
}
