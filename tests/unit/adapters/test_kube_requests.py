"""What a request is about, in RBAC's words, and which requests change something."""

from __future__ import annotations

import pytest

from vops.adapters.kube.request import Request, encoded, path_of, subject_of
from vops.model.resources import DEPLOYMENTS, NODES, PODS

POD = "/api/v1/namespaces/ml/pods/p"
DEPLOYMENT = "/apis/apps/v1/namespaces/ml/deployments/d"
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.mark.parametrize(
    ("method", "path", "rbac"),
    [
        ("GET", "/api/v1/pods", "list pods --all-namespaces"),
        ("GET", "/api/v1/namespaces/ml/pods", "list pods -n ml"),
        ("GET", POD, "get pods -n ml"),
        ("GET", f"{POD}/log", "get pods --subresource=log -n ml"),
        ("GET", f"{POD}:8000/proxy/metrics", "get pods --subresource=proxy -n ml"),
        ("PATCH", DEPLOYMENT, "patch deployments.apps -n ml"),
        ("DELETE", DEPLOYMENT, "delete deployments.apps -n ml"),
        ("POST", "/api/v1/namespaces", "create namespaces"),
        ("GET", "/api/v1/namespaces/ml", "get namespaces"),
    ],
)
def test_a_subject_is_what_kubectl_can_be_asked_about(method: str, path: str, rbac: str) -> None:
    assert subject_of(method, path).rbac == rbac


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (POD, "get pods/p in namespace ml"),
        (f"{POD}:8000/proxy/health", "get pods/p/proxy in namespace ml"),
        ("/api/v1/nodes", "list nodes"),
        ("/version", "list what the server says of itself"),
    ],
)
def test_a_subject_reads_like_a_sentence(path: str, text: str) -> None:
    assert str(subject_of("GET", path)) == text


def test_names_are_quoted_so_that_they_lead_nowhere_else() -> None:
    assert path_of(PODS, "ml", "../../secrets/s?x#y") == "/api/v1/namespaces/ml/pods/..%2F..%2Fsecrets%2Fs%3Fx%23y"
    assert path_of(NODES, "ignored", "n") == "/api/v1/nodes/n"
    assert path_of(DEPLOYMENTS) == "/apis/apps/v1/deployments"


@pytest.mark.parametrize(
    ("request_", "is_dry_run"),
    [
        (Request("PATCH", DEPLOYMENT, {"dryRun": "All"}), True),
        (Request("PATCH", DEPLOYMENT), False),
        (Request("DELETE", DEPLOYMENT, body=encoded({"dryRun": ["All"]})), True),
        # The API server ignores the query of a DELETE that has a body.
        (Request("DELETE", DEPLOYMENT, {"dryRun": "All"}, encoded({})), False),
        (Request("DELETE", DEPLOYMENT, {"dryRun": "All"}), True),
        # A pod knows nothing of dry runs.
        (Request("POST", f"{POD}:8000/proxy/v1/completions", {"dryRun": "All"}), False),
    ],
)
def test_a_dry_run_is_one_only_where_the_server_keeps_nothing(request_: Request, is_dry_run: bool) -> None:
    assert request_.is_dry_run is is_dry_run


@pytest.mark.parametrize(
    ("method", "path", "writes"),
    [("GET", POD, False), ("HEAD", POD, False), ("POST", REVIEW, False), ("PUT", REVIEW, True), ("POST", POD, True)],
)
def test_reads_and_access_reviews_do_not_write(method: str, path: str, writes: bool) -> None:
    assert Request(method, path).writes is writes
