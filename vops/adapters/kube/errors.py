"""Answers and failures of an API server as the errors of vops: what happened, to what, what to do next."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec
from msgspec import field

from vops.adapters.kube.endpoint import Endpoint
from vops.adapters.kube.request import Answer, Request, Subject
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
from vops.model.text import one_line, scrub_json

MESSAGE_LIMIT = 600
_DUMP = re.compile(r'"\{.{100,}\}"')
"""A whole object in a message hides what it says about it, and may hold secrets."""
_EXPLAINED = {
    "the server rejected our request due to an error in our request": (
        "the object is not as the patch expects it: a value that it tests has changed, or a path is not there"
    ),
}
"""All that an API server says of a JSON Patch that does not fit."""
_NO_SUCH_FIELD = "failed to create typed patch object"
"""A refused apply, which the API server answers with 500: it would fail again."""


class Cause(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""
    field: str = ""


class Details(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    kind: str = ""
    group: str = ""
    causes: Sequence[Cause] = ()
    retry_after_seconds: int = 0


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """metav1.Status, the body of every refusal."""

    kind: str = ""
    reason: str = ""
    message: str = ""
    code: int = 0
    details: Details | None = field(default_factory=Details)

    @property
    def causes(self) -> Sequence[Cause]:
        return self.details.causes if self.details else ()


_STATUS = msgspec.json.Decoder(Status)


def status_in(body: bytes) -> Status | None:
    """The Status that `body` is, or None when it is something else."""
    try:
        status = _STATUS.decode(scrub_json(body))
    except msgspec.MsgspecError:
        return None
    return status if status.kind == "Status" else None


def error_of(answer: Answer, request: Request, endpoint: Endpoint) -> ClusterError:
    """The error that an answer with a status of 300 or more means."""
    status = status_in(answer.body)
    if status is None:
        return _without_status(answer, request, endpoint)
    return error_of_status(answer.status, status, request.subject, endpoint, answer.headers)


def error_of_status(
    code: int, status: Status, subject: Subject, endpoint: Endpoint, headers: Mapping[str, str] | None = None
) -> ClusterError:
    """As `error_of`, for a Status that came by itself (an ERROR event of a watch has no headers)."""
    message = f"cannot {subject}: {_why(status)}"
    known = _BY_CODE.get(code)
    if known is not None:
        return known(message, code, status, subject, endpoint)
    if (code in (408, 429) or code >= 500) and _NO_SUCH_FIELD not in status.message:
        return Unavailable(
            message,
            status=code,
            retry_after_s=_retry_after(status, headers or {}),
            hint=endpoint.kubectl("get --raw /readyz?verbose"),
        )
    return Rejected(message, status=code, reason=status.reason)


def _why(status: Status) -> str:
    """The server's words; a cause that the message does not repeat is appended (a failed JSON Patch test)."""
    why = _DUMP.sub('"…"', _EXPLAINED.get(status.message, status.message)) or status.reason or "no reason given"
    causes = [_DUMP.sub('"…"', cause.message) for cause in status.causes]
    return one_line("; ".join([why, *(cause for cause in causes if cause not in why)]), MESSAGE_LIMIT)


def _unauthorized(message: str, code: int, status: Status, subject: Subject, endpoint: Endpoint) -> ClusterError:
    return unauthorized(endpoint, _why(status))


def unauthorized(endpoint: Endpoint, why: str) -> Unauthorized:
    return Unauthorized(
        f"{endpoint.address} does not accept the credentials of context {endpoint.context!r}: {why}",
        status=401,
        reason="Unauthorized",
        hint=f"log in again: {endpoint.login}"
        if endpoint.login
        else f"renew the credentials, then check with: {endpoint.kubectl('auth whoami')}",
    )


def _forbidden(message: str, code: int, status: Status, subject: Subject, endpoint: Endpoint) -> ClusterError:
    return Forbidden(message, status=code, reason=status.reason, hint=endpoint.kubectl(f"auth can-i {subject.rbac}"))


def _not_found(message: str, code: int, status: Status, subject: Subject, endpoint: Endpoint) -> ClusterError:
    scope = f" -n {subject.namespace}" if subject.namespace else ""
    return NotFound(message, status=code, reason=status.reason, hint=endpoint.kubectl(f"get {subject.resource}{scope}"))


def _conflict(message: str, code: int, status: Status, subject: Subject, endpoint: Endpoint) -> ClusterError:
    return Conflict(message, status=code, reason=status.reason, hint="look at the object again, then make a new plan")


def _gone(message: str, code: int, status: Status, subject: Subject, endpoint: Endpoint) -> ClusterError:
    return Gone(message, status=code, reason=status.reason)


_BY_CODE = {401: _unauthorized, 403: _forbidden, 404: _not_found, 409: _conflict, 410: _gone}


def _retry_after(status: Status, headers: Mapping[str, str]) -> float | None:
    given = headers.get("retry-after", "")
    if given.isdigit():
        return float(given)
    seconds = status.details.retry_after_seconds if status.details else 0
    return float(seconds) or None


def _without_status(answer: Answer, request: Request, endpoint: Endpoint) -> ClusterError:
    """Something between vops and the API server answered, or the API server in plain text."""
    said = one_line(answer.body.decode("utf-8", "replace"))
    plain = Status(kind="Status", message=said or f"HTTP {answer.status}", code=answer.status)
    if answer.status in (401, 403, 404, 408, 429) or answer.status >= 500:
        return error_of_status(answer.status, plain, request.subject, endpoint, answer.headers)
    return not_kubernetes(endpoint, answer.status, answer.headers.get("content-type", ""))


def not_kubernetes(endpoint: Endpoint, status: int, content_type: str) -> Unreachable:
    return Unreachable(
        f"{endpoint.address} answers, but not as a Kubernetes API server does "
        f"(HTTP {status}, {one_line(content_type) or 'no content type'})",
        status=status,
        hint=f"is `server:` right? {endpoint.kubectl('config view --minify')}",
    )


# --- no answer --------------------------------------------------------------------------------------------


class Failure(StrEnum):
    """Why there was no answer; the value becomes the error's `reason`."""

    PROXY = "proxy"
    DNS = "dns"
    CERTIFICATE = "certificate"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect-timeout"
    TIMEOUT = "timeout"
    ADDRESS = "address"
    CUT = "cut"
    OTHER = "other"


_SERVER_LINE = "check `server:` and certificate-authority: kubectl config view --minify"
_WORDS = {
    Failure.PROXY: ("the proxy does not let it through ({detail})", "check HTTPS_PROXY and NO_PROXY"),
    Failure.DNS: (
        "its name cannot be resolved ({detail})",
        "is the VPN up? kubectl config view --minify shows the name",
    ),
    Failure.CERTIFICATE: ("its TLS certificate is not trusted ({detail})", _SERVER_LINE),
    Failure.TLS: ("TLS failed ({detail})", _SERVER_LINE),
    Failure.CONNECT_TIMEOUT: ("no connection in time", ""),
    Failure.TIMEOUT: ("no answer in time", ""),
    Failure.ADDRESS: ("its address is not valid ({detail})", _SERVER_LINE),
    Failure.CUT: ("the connection was cut", ""),
    Failure.OTHER: ("{detail}", ""),
}


def unreachable(failure: Failure, detail: str, endpoint: Endpoint) -> Unreachable:
    """The error for a request that got no answer, or lost it half-way."""
    words, hint = _WORDS[failure]
    return Unreachable(
        f"cannot reach the API server of context {endpoint.context!r} at {endpoint.address}: "
        + words.format(detail=one_line(detail)),
        reason=failure.value,
        hint=hint or endpoint.kubectl("cluster-info"),
    )


def failure_of(error: Exception) -> tuple[Failure, str]:
    """What an error of the standard library means, and its detail."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure.CERTIFICATE, str(error.verify_message)
    if isinstance(error, ssl.SSLError):
        return Failure.TLS, str(error.reason or error)
    if isinstance(error, socket.gaierror):
        return Failure.DNS, str(error.strerror or error)
    if isinstance(error, TimeoutError):
        return Failure.TIMEOUT, ""
    if isinstance(error, OSError) and (error.errno or 0) > 0:
        return Failure.OTHER, os.strerror(error.errno or 0).lower()
    return Failure.OTHER, str(error) or type(error).__name__
