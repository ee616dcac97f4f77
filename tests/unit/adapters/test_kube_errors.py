"""Refusals and failures become errors that say what, to what, and what to do next."""

from __future__ import annotations

import errno
import json
import socket
import ssl
from typing import Any
from unittest.mock import Mock

import aiohttp
import pytest

from tests.unit.adapters.kube_scripts import ENDPOINT, refusal
from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.errors import Failure, error_of
from vops.adapters.kube.pooled import lost
from vops.adapters.kube.request import Answer, Request
from vops.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    Rejected,
    Unauthorized,
    Unavailable,
    Unreachable,
)

LIST = Request("GET", "/api/v1/namespaces/ml/pods")
PATCH = Request("PATCH", "/apis/apps/v1/namespaces/ml/deployments/d")
TYPED_PATCH = "failed to create typed patch object (ml/d; apps/v1, Kind=Deployment): .spec.x: field not declared"


def refused(code: int, message: str = "no", *, to: Request = LIST, **more: Any) -> ClusterError:
    script = refusal(code, message=message, **more)
    return error_of(Answer(code, script.headers, script.body), to, ENDPOINT)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, Rejected),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (405, Rejected),
        (408, Unavailable),
        (409, Conflict),
        (410, Gone),
        (413, Rejected),
        (422, Rejected),
        (429, Unavailable),
        (500, Unavailable),
        (504, Unavailable),
    ],
)
def test_each_status_is_its_own_error(code: int, kind: type[ClusterError]) -> None:
    error = refused(code, "because")
    assert type(error) is kind
    assert error.status == code
    assert "because" in error.message


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (401, "renew the credentials, then check with: kubectl auth whoami --context prod"),
        (403, "kubectl auth can-i list pods -n ml --context prod"),
        (404, "kubectl get pods -n ml --context prod"),
        (503, "kubectl get --raw /readyz?verbose --context prod"),
    ],
)
def test_the_hint_is_a_command_for_the_same_cluster(code: int, hint: str) -> None:
    assert refused(code).hint == hint


def test_the_login_command_is_the_plugins() -> None:
    endpoint = Endpoint("https://api.example", "prod", login="aws sso login")
    script = refusal(401)
    error = error_of(Answer(401, {}, script.body), LIST, endpoint)
    assert error.hint == "log in again: aws sso login"


def test_a_patch_that_does_not_fit_is_explained() -> None:
    error = refused(422, "the server rejected our request due to an error in our request", to=PATCH)
    assert "a value that it tests has changed" in error.message


def test_a_dumped_object_is_left_out() -> None:
    dump = json.dumps(json.dumps({"env": "hf_secretsecretsecret" * 10}))
    cause = f"Invalid value: {dump}: unknown field"
    error = refused(422, f"patch: {cause}", causes=[{"message": cause}])
    assert error.message.endswith('patch: Invalid value: "…": unknown field')


def test_an_apply_of_an_unknown_field_is_not_worth_another_try() -> None:
    assert isinstance(refused(500, TYPED_PATCH, to=PATCH), Rejected)


def test_retry_after_comes_from_the_header_or_the_details() -> None:
    script = refusal(429)
    by_header = error_of(Answer(429, {"retry-after": "3"}, script.body), LIST, ENDPOINT)
    by_details = refused(429, retryAfterSeconds=5)
    assert isinstance(by_header, Unavailable)
    assert isinstance(by_details, Unavailable)
    assert (by_header.retry_after_s, by_details.retry_after_s) == (3.0, 5.0)


def test_hostile_text_of_a_refusal_is_scrubbed() -> None:
    assert "\x1b" not in refused(403, "\x1b]0;owned\x07 forbidden").message
    plain = error_of(Answer(502, {}, b"\x1b[31mBad Gateway"), LIST, ENDPOINT)
    assert "\x1b" not in plain.message


@pytest.mark.parametrize(("code", "body"), [(200, b"<html>log in"), (302, b""), (418, b"teapot")])
def test_who_does_not_answer_like_kubernetes_is_not_kubernetes(code: int, body: bytes) -> None:
    error = error_of(Answer(code, {"content-type": "text/html"}, body), LIST, ENDPOINT)
    assert isinstance(error, Unreachable)
    assert "not as a Kubernetes API server does" in error.message
    assert "config view --minify" in error.hint


def _connector(error: OSError) -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(Mock(ssl=True), error)


CERTIFICATE = ssl.SSLCertVerificationError(1, "certificate verify failed")
CERTIFICATE.verify_message = "self-signed certificate"
DNS = socket.gaierror(-2, "Name or service not known")


@pytest.mark.parametrize(
    ("error", "failure", "reason"),
    [
        (_connector(OSError(errno.ECONNREFUSED, "Connect call failed")), Failure.OTHER, "connection refused"),
        (aiohttp.ClientConnectorDNSError(Mock(), DNS), Failure.DNS, "cannot be resolved (Name or service not known)"),
        (
            aiohttp.ClientConnectorCertificateError(Mock(), CERTIFICATE),
            Failure.CERTIFICATE,
            "not trusted (self-signed certificate)",
        ),
        (aiohttp.ConnectionTimeoutError(), Failure.CONNECT_TIMEOUT, "no connection in time"),
        (aiohttp.SocketTimeoutError(), Failure.TIMEOUT, "no answer in time"),
        (TimeoutError(), Failure.TIMEOUT, "no answer in time"),
        (aiohttp.ServerDisconnectedError(), Failure.CUT, "the connection was cut"),
        (aiohttp.ClientPayloadError(), Failure.CUT, "the connection was cut"),
        (aiohttp.ClientProxyConnectionError(Mock(), OSError(errno.ECONNREFUSED, "")), Failure.PROXY, "the proxy"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), Failure.OTHER, "connection reset by peer"),
        (DNS, Failure.DNS, "cannot be resolved"),
        (CERTIFICATE, Failure.CERTIFICATE, "self-signed certificate"),
    ],
)
def test_no_answer_names_server_and_reason(error: Exception, failure: Failure, reason: str) -> None:
    unreachable = lost(error, ENDPOINT)
    assert "api.example:6443" in unreachable.message
    assert reason in unreachable.message
    assert unreachable.reason == failure
    assert unreachable.hint
