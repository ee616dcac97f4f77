"""What the real API server refuses, and what vops makes of it: a sentence, the next command, the exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import vllm_pods
from tests.cluster.command import VOPS, Vops
from tests.cluster.controlplane import ControlPlane
from tests.cluster.failures import FAILURES, Workload
from tests.cluster.node import GpuNode
from tests.cluster.processes import wait_for
from tests.cluster.terminal import Terminal

Document = dict[str, Any]
REFUSED, USAGE, UNREACHABLE = 4, 2, 12

READS = ["pods", "nodes", "pods/log", "pods/proxy", "deployments", "replicasets", "statefulsets", "namespaces"]


@pytest.fixture
def user(control_plane: ControlPlane, tmp_path: Path, namespace: str) -> Callable[..., Vops]:
    """vops with some other token than the administrator's."""

    def make(name: str, *, token: str = "", server: str = "", everywhere: bool = False) -> Vops:
        kubeconfig = control_plane.kubeconfig(name, token=token or name, namespace=namespace, server=server)
        return Vops(tmp_path, kubeconfig, "" if everywhere else namespace)

    return make


@pytest.fixture
def pod(control_plane: ControlPlane, namespace: str) -> str:
    """A pod that no node will take."""
    control_plane.apply(vllm_pods.bare_pod(namespace, "llm", vllm_pods.pod_spec(product="none")))
    return "llm"


def _grant(control_plane: ControlPlane, user: str, *resources: str) -> None:
    """Lets `user` read `resources` everywhere."""
    rules = [{"apiGroups": ["", "apps"], "resources": list(resources), "verbs": ["get", "list", "watch"]}]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": user},
        "rules": rules,
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
    control_plane.apply(role, binding)
    allowed = ("auth", "can-i", "list", "nodes", f"--as={user}")
    wait_for("the grant to act", lambda: control_plane.kubectl(*allowed).strip() == "yes")


def test_one_denied_resource_disables_one_source_only(
    control_plane: ControlPlane, user: Callable[..., Vops], pod: str
) -> None:
    _grant(control_plane, "reader", *READS)
    reader = user("reader")

    document = reader("fleet", "-o", "json").json()
    states = {source["name"]: source["state"] for source in document["sources"]}
    assert [row["pod"] for row in document["replicas"]] == [pod]
    assert states["pods"] == "live"

    report = reader.diagnose(pod)
    denied = {skipped["needs"] for skipped in report["skipped"] if "events" in skipped["why"]}
    assert report["findings"]
    assert denied <= {"events"}


def test_one_denied_resource_leaves_the_rest_of_the_tui_alive(
    control_plane: ControlPlane, user: Callable[..., Vops], namespace: str, pod: str
) -> None:
    _grant(control_plane, "reader", *READS)
    reader = user("reader")
    command = [str(VOPS), "--kubeconfig", str(reader.kubeconfig), "--namespace", namespace]
    with Terminal(command, reader.environment()) as terminal:
        terminal.wait_until("the pod", lambda text: pod in text and "LIVE pods" in text)
        terminal.wait_until("what is denied", lambda text: "DENIED events" in text)


def test_a_write_without_permission_is_refused_and_nothing_is_written(
    control_plane: ControlPlane, gpu_node: GpuNode, user: Callable[..., Vops], namespace: str
) -> None:
    _grant(control_plane, "reader", *READS, "events")
    workload = Workload(control_plane, namespace)
    pod = workload.bring_about(FAILURES["untolerated-taint"])

    done = user("reader")("fix", pod, "--yes")

    assert done.code == REFUSED, done
    assert "deployments" in done.err
    assert workload.deployment()["metadata"]["generation"] == 1


@pytest.mark.parametrize("command", [("fleet",), ("diagnose", "llm"), ("fix", "llm", "--yes")])
def test_a_user_without_any_permission_is_told_what_is_missing(
    user: Callable[..., Vops], pod: str, command: tuple[str, ...]
) -> None:
    done = user("stranger")(*command)

    assert done.code == REFUSED, done
    assert "stranger" in done.err
    assert "pods" in done.err
    assert "next:" in done.err


def test_an_expired_token_is_named(control_plane: ControlPlane, user: Callable[..., Vops]) -> None:
    done = user("expired", token=control_plane.expired_token())("fleet")

    assert done.code == REFUSED, done
    assert "expired" in done.err or "credentials" in done.err
    assert "next:" in done.err


def test_an_unknown_context_is_named_with_the_known_ones(user: Callable[..., Vops]) -> None:
    done = user("reader")("--context", "prod-eu", "fleet")

    assert done.code == USAGE, done
    assert "prod-eu" in done.err
    assert "reader" in done.err


def test_a_server_that_does_not_answer_is_unreachable(user: Callable[..., Vops]) -> None:
    done = user("reader", server="https://10.88.0.1:6444")("--timeout", "2", "fleet")

    assert done.code == UNREACHABLE, done
    assert "10.88.0.1:6444" in done.err


def test_a_broken_kubeconfig_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.kubeconfig"
    broken.write_text("clusters: [\n")
    done = Vops(tmp_path, broken)("fleet")

    assert done.code == USAGE, done
    assert str(broken) in done.err


def test_a_cluster_without_vllm_says_so(control_plane: ControlPlane, namespace: str, vops: Vops) -> None:
    done = vops("fleet")

    assert done.code == 0, done
    assert namespace in done.err
    assert "next:" in done.err


def test_a_pod_that_is_not_there_is_named(vops: Vops) -> None:
    done = vops("diagnose", "gone")

    assert done.code == USAGE, done
    assert "gone" in done.err
