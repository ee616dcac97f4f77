"""A path that may not be written to, or is full: the fix is what the pod's spec says of that path."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cluster_parts import crashed, first_finding, node, pod, world

DENIED = """INFO 11-24 02:00:00 [api_server.py:1] vLLM API server version 0.25.1
Traceback (most recent call last):
  File "x.py", line 1, in f
PermissionError: [Errno 13] Permission denied: '/cache/hub/models--x'
"""
CACHE = {"name": "cache", "mountPath": "/cache"}


@pytest.mark.parametrize(
    ("container", "spec", "step"),
    [
        ({"volumeMounts": [CACHE | {"readOnly": True}]}, {}, "readOnly: false on the mount at /cache"),
        (
            {"securityContext": {"readOnlyRootFilesystem": True}},
            {},
            "emptyDir (or a claim for the cache) at /cache/hub",
        ),
        ({"volumeMounts": [CACHE]}, {"securityContext": {"runAsUser": 1000}}, "fsGroup (such as 1000)"),
        ({"securityContext": {"runAsUser": 1000}}, {}, "User 1000 has no home"),
        ({}, {}, "may write to"),
    ],
)
def test_the_fix_follows_from_what_keeps_it_from_writing(
    container: dict[str, Any], spec: dict[str, Any], step: str
) -> None:
    found = first_finding(world(pod(status=crashed(1), container=container, **spec), node(), log=DENIED))
    assert found.cause == "permission-denied"
    assert step in found.fixes[0].steps[1]


FULL = DENIED.replace("PermissionError: [Errno 13] Permission denied", "OSError: [Errno 28] No space left on device")


@pytest.mark.parametrize(
    ("volume", "step"),
    [
        ({"persistentVolumeClaim": {"claimName": "hf"}}, "claim hf"),
        ({"emptyDir": {"sizeLimit": "20Gi"}}, "Set sizeLimit of cache"),
        (None, "Mount a claim"),
    ],
)
def test_a_full_disk_is_the_volume_that_holds_the_path(volume: dict[str, Any] | None, step: str) -> None:
    spec: dict[str, Any] = {"volumes": [{"name": "cache", **volume}]} if volume else {}
    container = {"volumeMounts": [CACHE]} if volume else {}
    found = first_finding(world(pod(status=crashed(1), container=container, **spec), node(), log=FULL))
    assert found.cause == "disk-full"
    assert step in found.fixes[0].steps[1]
