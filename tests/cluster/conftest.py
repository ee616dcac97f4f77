"""Starts the real control plane before the first test, and on demand a real node or kwok's nodes.

The contract tests, run beside these, find it by `VOPS_CONTRACT_KUBECONFIG`. When something fails, the ends of the
servers' logs are shown; all of them stay in the folder that is named there.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.command import Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kwok import Kwok
from tests.cluster.node import GpuNode
from tests.cluster.processes import NotEntered, Workspace, tail, wait_for

_NUMBERS = itertools.count(1)
_CONTROL_PLANE = pytest.StashKey[ControlPlane]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts outages last: kubelet and controllers take up to half a minute to come back after one."""
    items.sort(key=lambda item: "test_outage" in item.nodeid)


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    try:
        workspace = Workspace.entered()
    except NotEntered as error:
        raise pytest.UsageError(str(error)) from error
    plane = ControlPlane(workspace)
    session.config.stash[_CONTROL_PLANE] = plane
    plane.start()
    os.environ["VOPS_CONTRACT_KUBECONFIG"] = str(plane.admin)


def pytest_sessionfinish(session: pytest.Session) -> None:
    plane = session.config.stash.get(_CONTROL_PLANE, None)
    if plane:
        plane.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    plane = config.stash.get(_CONTROL_PLANE, None)
    if not plane or exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return
    terminalreporter.section("the servers' logs")
    for log in sorted(plane.workspace.logs.glob("*.log")):
        terminalreporter.write_line(f"--- {log}\n{tail(log, lines=8)}")


@pytest.fixture(scope="session")
def control_plane(pytestconfig: pytest.Config) -> ControlPlane:
    """The control plane of this run; tests share it, so each stays in a namespace of its own."""
    return pytestconfig.stash[_CONTROL_PLANE]


@pytest.fixture(scope="session")
def gpu_node(control_plane: ControlPlane) -> Iterator[GpuNode]:
    """The real node, with two GPUs that the tests take in turns."""
    node = GpuNode(control_plane)
    try:
        yield node.start()
    finally:
        node.stop()


@pytest.fixture(scope="module")
def kwok(control_plane: ControlPlane) -> Iterator[Kwok]:
    """kwok without nodes yet; what a module adds goes with the module."""
    kwok = Kwok(control_plane)
    try:
        yield kwok.start()
        kwok.remove_nodes()
    finally:
        kwok.stop()


@pytest.fixture
def namespace(control_plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own; afterwards its pods are gone, so that their GPUs are free again."""
    words = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    name = f"{words[:40].strip('-')}-{next(_NUMBERS)}"
    control_plane.make_namespace(name)
    yield name
    control_plane.kubectl("delete", "deployments,replicasets,pods", "--all", "-n", name, "--wait=false")
    wait_for("its pods to be gone", lambda: not control_plane.get("pods", "-n", name)["items"], within_s=60)
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def vops(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Vops:
    """vops of the administrator, in the test's namespace."""
    return Vops(tmp_path, control_plane.admin, namespace)
