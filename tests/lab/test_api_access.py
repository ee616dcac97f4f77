from __future__ import annotations

import aiohttp
import pytest

from tests.lab.http import DEPLOYMENTS, PODS, Api
from vops.lab.server import LabServer

REVIEWS = "/apis/authorization.k8s.io/v1"


async def test_a_wrong_token_is_refused(server: LabServer) -> None:
    async with Api(server.url, "guessed") as stranger:
        refused = await stranger("GET", PODS)
    assert refused.status == 401
    assert refused.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


async def test_who_shows_no_token_is_let_in_where_the_lab_is_served_to_kubectl(server: LabServer) -> None:
    async with aiohttp.ClientSession() as session:
        for lets_in, status in ((False, 401), (True, 200)):
            server.lets_anybody_in = lets_in
            async with session.get(server.url + PODS) as answer:
                assert answer.status == status
    async with Api(server.url, "guessed") as stranger:
        assert (await stranger("GET", PODS)).status == 401


@pytest.mark.parametrize(
    ("denied", "method", "path", "message", "details"),
    [
        (
            ("list", "events"),
            "GET",
            "/api/v1/events",
            'events is forbidden: User "lab" cannot list resource "events" in API group "" at the cluster scope',
            {"kind": "events"},
        ),
        (
            ("get", "pods/log"),
            "GET",
            f"{PODS}/p/log",
            'pods "p" is forbidden: User "lab" cannot get resource "pods/log" in API group "" '
            'in the namespace "default"',
            {"name": "p", "kind": "pods"},
        ),
        (
            ("patch", "deployments"),
            "PATCH",
            f"{DEPLOYMENTS}/web",
            'deployments.apps "web" is forbidden: User "lab" cannot patch resource "deployments" in API group "apps" '
            'in the namespace "default"',
            {"name": "web", "group": "apps", "kind": "deployments"},
        ),
        (
            ("get", "pods/proxy"),
            "GET",
            f"{PODS}/p:8000/proxy/metrics",
            'pods "p:8000" is forbidden: User "lab" cannot get resource "pods/proxy" in API group "" in the namespace '
            '"default"',
            {"name": "p:8000", "kind": "pods"},
        ),
    ],
)
async def test_what_is_denied_is_403_in_the_words_of_rbac(
    api: Api,
    server: LabServer,
    denied: tuple[str, str],
    method: str,
    path: str,
    message: str,
    details: dict[str, str],
) -> None:
    server.access.deny(*denied)
    refused = await api(method, path)
    assert (refused.status, refused.json["reason"], refused.message) == (403, "Forbidden", message)
    assert refused.json["details"] == details
    server.access.allow_all()
    assert (await api(method, path)).status != 403


async def test_a_denial_can_be_of_one_namespace(api: Api, server: LabServer) -> None:
    server.access.deny("list", "pods", namespace="kube-system")
    assert (await api("GET", "/api/v1/namespaces/kube-system/pods")).status == 403
    assert (await api("GET", PODS)).status == 200


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        ({"verb": "list", "resource": "events"}, False),
        ({"verb": "get", "resource": "events"}, True),
        ({"verb": "get", "resource": "pods", "subresource": "log", "namespace": "default"}, False),
        ({"verb": "get", "resource": "pods", "namespace": "default"}, True),
    ],
)
async def test_an_access_review_tells_the_truth(
    api: Api, server: LabServer, attributes: dict[str, str], allowed: bool
) -> None:
    server.access.deny("list", "events")
    server.access.deny("*", "pods/log")
    kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    answer = await api(
        "POST", f"{REVIEWS}/selfsubjectaccessreviews", {**kind, "spec": {"resourceAttributes": attributes}}
    )
    assert (answer.status, answer.json["status"]) == (201, {"allowed": allowed})


async def test_a_rules_review_leaves_out_what_is_denied(api: Api, server: LabServer) -> None:
    body = {"kind": "SelfSubjectRulesReview", "spec": {"namespace": "default"}}
    everything = (await api("POST", f"{REVIEWS}/selfsubjectrulesreviews", body)).json["status"]["resourceRules"]
    server.access.deny("list", "events")
    rules = (await api("POST", f"{REVIEWS}/selfsubjectrulesreviews", body)).json["status"]["resourceRules"]
    events = next(rule for rule in rules if rule["resources"] == ["events"])
    assert everything == [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
    assert ("list" in events["verbs"], "watch" in events["verbs"]) == (False, True)
