"""Objects that the contract tests make; no scheduler takes them up, and no controller makes more of them."""

from __future__ import annotations

from typing import Any

from vops.model.objects import Kind

SERVICE_ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps")
SECRETS = Kind("v1", "Secret", "secrets")

HOSTILE = "\x1b]52;c;cm0gLXJm\x07 \x9b31m \u202egnp.exe a[/b]c \x7f"
HOSTILE_CHARACTERS = "\x1b\x07\x9b\u202e\x7f"


def pod(namespace: str, name: str, **metadata: Any) -> dict[str, Any]:
    """A pod that stays Pending: its scheduler does not exist."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {
            "schedulerName": "nobody",
            "containers": [{"name": "vllm", "image": "vllm/vllm-openai:v0.25.1", "args": ["--model", "m"]}],
        },
    }


def deployment(namespace: str, name: str, *, replicas: int = 1, **metadata: Any) -> dict[str, Any]:
    """A paused Deployment: its controller makes no pods for it, and writes only its status."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {
            "paused": True,
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod(namespace, name)["spec"]},
        },
    }


def config_map(namespace: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"a": "b"},
    }


def secret(namespace: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {"token": "hf_abcdefghijklmnopqrstuvwxyz"},
    }


def assert_clean(text: str) -> None:
    """Nothing in it that a terminal would obey."""
    assert not set(HOSTILE_CHARACTERS) & set(text), text
