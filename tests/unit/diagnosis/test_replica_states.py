"""The state of a replica, from its pod, its log and its scrapes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.diagnosis.cluster_parts import (
    HEALTH,
    ago,
    crashed,
    ended,
    node,
    pending,
    pod,
    ready,
    running,
    samples,
    the_replica,
    waiting,
    world,
)
from tests.unit.diagnosis.rule_cases import LOADING_LOG, SERVING_LOG
from vops.diagnosis.facts import Facts

SLOW = {"startupProbe": HEALTH | {"periodSeconds": 10, "failureThreshold": 60}}
READY_FELL = [{"type": "Ready", "status": "False", "lastTransitionTime": ago(30)}]

STATES: dict[str, tuple[str, Callable[[], Facts]]] = {
    "no node": ("pending", lambda: world(pending("0/1 nodes are available: 1 Insufficient cpu."))),
    "image is pulled": ("creating", lambda: world(pod(status=waiting("ContainerCreating"), phase="Pending"))),
    "image cannot be pulled": ("creating", lambda: world(pod(status=waiting("ImagePullBackOff"), phase="Pending"))),
    "on a node, no status yet": ("creating", lambda: world(pod(phase="Pending"))),
    "just started": ("loading", lambda: world(pod(status=running(20)))),
    "within the probe's budget": ("loading", lambda: world(pod(status=running(500), container=SLOW))),
    "past the probe's budget": ("not-ready", lambda: world(pod(status=running(700), container=SLOW))),
    "loading for hours without a probe": ("not-ready", lambda: world(pod(status=running(7200)))),
    "started again once": ("loading", lambda: world(pod(status=crashed(restarts=1, back=True)))),
    "log says it serves": ("not-ready", lambda: world(pod(status=running(60)), log=SERVING_LOG)),
    "log says it loads": ("loading", lambda: world(pod(status=running(60)), log=LOADING_LOG)),
    "answers a scrape": ("not-ready", lambda: world(pod(status=running(60)), samples(running=0.0))),
    "was ready, is no more": ("not-ready", lambda: world(pod(status=running(600), conditions=READY_FELL))),
    "serves": ("ready", lambda: world(ready())),
    "back-off": ("crash-looping", lambda: world(pod(status=crashed()))),
    "dead a moment ago": ("crash-looping", lambda: world(pod(status={"state": ended(1)}))),
    "running between two crashes": ("crash-looping", lambda: world(pod(status=crashed(back=True)))),
    "ready only because nothing asks": (
        "crash-looping",
        lambda: world(pod(status=crashed(137, back=True, restarts=8) | {"ready": True})),
    ),
    "ready long after its crashes": (
        "ready",
        lambda: world(pod(status=crashed(137, back=True, restarts=8, ended_s=9000) | {"ready": True})),
    ),
    "restarted days ago": (
        "loading",
        lambda: world(pod(status=running(60, restarts=3, lastState=ended(1, ended_s=90_000)))),
    ),
    "being deleted": ("terminating", lambda: world(ready(metadata={"deletionTimestamp": ago(5)}))),
    "evicted": ("failed", lambda: world(pod(phase="Failed"))),
    "done": ("completed", lambda: world(pod(phase="Succeeded"))),
}


@pytest.mark.parametrize("case", sorted(STATES))
def test_the_state_of_a_replica(case: str) -> None:
    expected, facts = STATES[case]
    assert the_replica(facts()).state == expected


def test_a_scrape_of_the_instance_before_the_restart_proves_nothing() -> None:
    facts = world(pod(status=running(-5)), samples(running=0.0))
    assert the_replica(facts).state == "loading"


def test_nodes_do_not_matter_once_a_pod_has_one() -> None:
    assert the_replica(world(ready(), node(ready=False))).state == "ready"
