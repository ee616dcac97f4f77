"""The way from a client to a server: selectors, ports and policies, and the names that a server asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.unit.diagnosis.cases_serving import LABELLED, NO_HUB, NO_REDIS, reached, serving, unresolved
from tests.unit.diagnosis.cluster_parts import NAMESPACE, first_finding, node, ready, the_replica, world
from tests.unit.diagnosis.scaling_parts import endpoints, policy, service, workload
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Confidence
from vops.model.pods import Pod

Case = Callable[[], Facts]


def causes(case: Case) -> list[str]:
    facts = case()
    return [item.cause for item in diagnose(facts, the_replica(facts).ref).findings]


def client(asks: str, *, namespace: str = NAMESPACE, **labels: str) -> Pod:
    document: dict[str, Any] = {
        "metadata": {"name": "web", "namespace": namespace, "uid": "web", "labels": labels},
        "spec": {"nodeName": "gpu-1", "containers": [{"name": "web", "env": [{"name": "OPENAI_BASE", "value": asks}]}]},
        "status": {"phase": "Running"},
    }
    return msgspec.convert(document, Pod)


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ({"app": "llama-server"}, "app=llama-server (it has llama)"),
        ({"app": "llama", "tier": "production"}, "tier=production (it has prod)"),
        ({"app.kubernetes.io/name": "llama"}, "app.kubernetes.io/name=llama (it has no such label)"),
    ],
)
def test_the_service_that_is_meant_is_found_by_its_labels(selector: dict[str, str], words: str) -> None:
    found = first_finding(reached(service("web", selector=selector), endpoints("web", addresses=0))())
    assert found.cause == "service-mismatch"
    assert words in found.summary


def test_a_service_that_is_named_like_the_workload_is_meant_for_it() -> None:
    found = first_finding(serving(service("llama", selector={"app": "model", "x": "y"}))())
    assert found.cause == "service-mismatch"


@pytest.mark.parametrize(
    "others",
    [
        (service(), endpoints()),
        (service("search", selector={"run": "elastic"}), endpoints("search", addresses=0)),
        (service("search", selector={"app": "llama-70b"}), endpoints("search", addresses=2)),
        (service("llama-70b", selector={"app": "llama-70b"}), workload(0, name="llama-70b")),
        (service(selector={}, type="ExternalName", externalName="x.example"),),
        (service(clusterIP="None", ports=[{"port": 80, "targetPort": 1}]),),
        (service(ports=[{"port": 80, "targetPort": "http"}]),),
        (service(ports=[{"port": 9, "targetPort": 9090, "name": "metrics"}, {"port": 80, "targetPort": 8000}]),),
        (service(), service("all", ports=[{"port": 1, "targetPort": 1}])),
    ],
)
def test_services_that_work_or_are_not_meant_are_left_alone(others: tuple[Any, ...]) -> None:
    assert causes(reached(*others)) == []


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ({"port": 80, "targetPort": 8080}, "port 8080 of llama-1, where nothing listens"),
        ({"port": 80}, "port 80 of llama-1, where nothing listens"),
        ({"port": 80, "targetPort": "api"}, "the port name 'api'"),
        ({"port": 80, "targetPort": 8000, "protocol": "UDP"}, "by UDP"),
    ],
)
def test_a_port_that_leads_nowhere_is_named(port: dict[str, Any], words: str) -> None:
    found = first_finding(reached(service(ports=[port]))())
    assert found.cause == "service-mismatch"
    assert found.confidence is Confidence.CERTAIN
    assert words in found.summary


def test_the_fix_points_at_the_named_port() -> None:
    fix = first_finding(reached(service(ports=[{"port": 80, "targetPort": 8080}]))()).fixes[0]
    assert '"path": "/spec/ports/0/targetPort", "value": "http"' in " ".join(fix.steps)


def test_a_port_of_a_sidecar_is_not_wrong() -> None:
    proxy = {"name": "proxy", "image": "envoy", "ports": [{"containerPort": 8080}]}
    pod = ready(metadata=LABELLED)
    containers = (*pod.spec.containers, *msgspec.convert({"spec": {"containers": [proxy]}}, Pod).spec.containers)
    both = msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, containers=containers))
    assert causes(lambda: world(both, node(), service(ports=[{"port": 80, "targetPort": 8080}]))) == []


@pytest.mark.parametrize(
    ("container", "target"),
    [
        # a mesh answers the probe on a port of its own
        ({"readinessProbe": {"httpGet": {"path": "/app-health/vllm/readyz", "port": 15020}}}, 8000),
        ({"command": ["vllm", "serve", "x", "--port", "9000"], "ports": [{"containerPort": 9000}]}, 9000),
        ({"command": ["/start.sh"], "ports": [{"containerPort": 8081}], "readinessProbe": None}, 8081),
        ({}, 6379),
    ],
)
def test_the_port_that_the_server_really_has_is_right(container: dict[str, Any], target: int) -> None:
    assert causes(reached(service(ports=[{"port": 80, "targetPort": target}]), container=container)) == []


def test_a_server_on_localhost_is_not_reached() -> None:
    args = {"command": ["vllm", "serve", "x", "--host", "127.0.0.1"], "readinessProbe": None}
    found = first_finding(reached(service(), container=args)())
    assert "listens on 127.0.0.1 only" in found.summary


INSIDE: list[dict[str, Any]] = [{"from": [{"podSelector": {}}]}]
OTHER_PORT = [{"ports": [{"port": 9000, "endPort": 9100}]}]
BY_LABEL = [{"from": [{"namespaceSelector": {"matchLabels": {"team": "x"}}}]}]


@pytest.mark.parametrize(
    ("spec", "asks", "finds"),
    [
        ({}, "", True),
        ({"ingress": OTHER_PORT}, "", True),
        ({"ingress": INSIDE}, "", False),
        ({"ingress": INSIDE}, "http://llama.serving.svc:80/v1", True),
        ({"ingress": INSIDE}, "http://gateway.serving/v1", False),
        ({"ingress": BY_LABEL}, "http://llama.serving/v1", False),
        ({"ingress": [{}]}, "http://llama.serving/v1", False),
        ({"policyTypes": ["Egress"]}, "", False),
    ],
)
def test_a_policy_is_named_when_it_keeps_a_client_out(spec: dict[str, Any], asks: str, *, finds: bool) -> None:
    case = reached(service(), policy(**spec), client(asks, namespace="web"))
    assert causes(case) == (["network-policy"] if finds else [])


def test_pods_on_the_nodes_network_know_no_policies() -> None:
    assert causes(reached(service(), policy(), hostNetwork=True)) == []


def dns_pod(*, ready: bool) -> Pod:
    document = {
        "metadata": {"name": "coredns-x", "namespace": "kube-system", "uid": "d", "labels": {"k8s-app": "kube-dns"}},
        "status": {"containerStatuses": [{"name": "coredns", "ready": ready}]},
    }
    return msgspec.convert(document, Pod)


CLOSED = policy(policyTypes=["Egress"], egress=[{"ports": [{"port": 443}]}])


@pytest.mark.parametrize(
    ("errors", "others", "cause"),
    [
        ((NO_REDIS,), (), "dns-failure"),
        ((NO_HUB,), (), "hub-unreachable"),
        ((NO_HUB,), (dns_pod(ready=True),), "hub-unreachable"),
        ((NO_HUB,), (dns_pod(ready=False),), "dns-failure"),
        ((NO_HUB,), (CLOSED,), "dns-failure"),
    ],
)
def test_dns_is_blamed_for_more_than_the_hubs_name(
    errors: tuple[str, ...], others: tuple[Any, ...], cause: str
) -> None:
    facts = unresolved(*errors)()
    more = world(*facts.snapshot.pods, *facts.snapshot.nodes, *others, log=facts.snapshot.logs[0].text)
    assert causes(lambda: more) == [cause]
