"""The API server dies and comes back under an observer and under the TUI: neither ends, both say so, both recover."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.cluster import vllm_pods
from tests.cluster.command import VOPS, Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.processes import wait_for
from tests.cluster.terminal import Terminal
from vops.model.snapshot import ClusterSnapshot, Source, SourceState
from vops.operations.observation.observe import Observer
from vops.operations.session import open_session
from vops.settings import Settings

BACK_WITHIN_S = 5.0
LONG_OUTAGE_S = 18
"""Long enough for back-off to have grown beyond BACK_WITHIN_S."""


@pytest.fixture
def pods(control_plane: ControlPlane, namespace: str) -> Iterator[list[str]]:
    """Two pods that no node will take; the API server is there again afterwards, whatever a test did."""
    names = ["first", "second"]
    control_plane.apply(*(vllm_pods.bare_pod(namespace, name, vllm_pods.pod_spec(product="none")) for name in names))
    yield names
    if not control_plane.is_ready():
        control_plane.restart_api_server()
    control_plane.restart_api_server()


@asynccontextmanager
async def _observing(control_plane: ControlPlane, namespace: str) -> AsyncIterator[Observer]:
    async with open_session(Settings(kubeconfig=str(control_plane.admin), namespace=namespace)) as session:
        observer = Observer(session, namespace=namespace)
        running = asyncio.create_task(observer.run())
        yield observer
        assert not running.done()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def _reaches(observer: Observer, state: SourceState, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while observer.snapshot().source(Source.PODS).state is not state:
            await observer.wait(observer.revision)


def _names(snapshot: ClusterSnapshot, namespace: str) -> set[str]:
    """The pods of one namespace: those of others are in a snapshot too, as holders of what they were granted."""
    return {pod.metadata.name for pod in snapshot.pods if pod.metadata.namespace == namespace}


async def test_an_observer_outlives_the_api_server(
    control_plane: ControlPlane, namespace: str, pods: list[str]
) -> None:
    async with _observing(control_plane, namespace) as observer:
        await _reaches(observer, SourceState.LIVE, 10)

        await asyncio.to_thread(control_plane.kill_api_server)
        await _reaches(observer, SourceState.RETRYING, 10)
        held = observer.snapshot()
        assert _names(held, namespace) == set(pods)
        assert held.source(Source.PODS).at

        await asyncio.to_thread(control_plane.restart_api_server)
        await _reaches(observer, SourceState.LIVE, BACK_WITHIN_S)

        await asyncio.to_thread(control_plane.kubectl, "delete", "pod", pods[0], "-n", namespace, "--wait=false")
        async with asyncio.timeout(BACK_WITHIN_S):
            while _names(observer.snapshot(), namespace) != {pods[1]}:
                await observer.wait(observer.revision)


def _outage_s(text: str) -> int:
    """How long the pods on the screen have not been current, as the screen says; 0 while they are."""
    shown = re.search(r"(?:RETRYING|STALE) (\d+)s pods", text)
    return int(shown[1]) if shown else 0


def test_the_tui_outlives_the_api_server(
    control_plane: ControlPlane, namespace: str, pods: list[str], tmp_path: Path
) -> None:
    vops = Vops(tmp_path, control_plane.admin, namespace)
    command = [str(VOPS), "--kubeconfig", str(control_plane.admin), "--namespace", namespace]
    with Terminal(command, vops.environment()) as terminal:
        terminal.wait_until("the pods", lambda text: all(name in text for name in pods))
        terminal.wait_until("live sources", lambda text: "LIVE pods" in text)

        control_plane.kill_api_server()
        terminal.wait_until("the outage", lambda text: _outage_s(text) >= LONG_OUTAGE_S, within_s=LONG_OUTAGE_S + 10)
        assert pods[0] in terminal.text()

        control_plane.restart_api_server()
        control_plane.kubectl("delete", "pod", pods[0], "-n", namespace, "--wait=false")
        terminal.wait_until(
            "the pod to be gone", lambda text: pods[0] not in text and "LIVE pods" in text, within_s=BACK_WITHIN_S
        )

        terminal.press("q")
        wait_for("the TUI to end", lambda: terminal.process.poll() is not None, within_s=5)
        assert terminal.process.returncode == 0
