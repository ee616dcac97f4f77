"""One request to an API server as plain data, and what it is about: verb, resource, object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode

import msgspec
from msgspec import field

from vops.model.objects import Kind

CONNECTING = frozenset({"proxy", "portforward", "exec", "attach"})
"""Subresources that reach into a pod: the API server hands the request on, `dryRun` and all."""
CONNECT_TIMEOUT_S = 5.0
LARGEST_ANSWER = 64 << 20
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Request(msgspec.Struct, frozen=True):
    """`path` is quoted; `body` is encoded as `content_type` says.

    `total_s` and `read_s` bound the whole request and the silence between two chunks; with neither the transport's
    timeout bounds the whole, and 0 is no bound.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"
    accept: str = "application/json"
    total_s: float | None = None
    read_s: float | None = None

    def url(self, prefix: str) -> str:
        """`path` and `query` below the URL (or URL path) of the server."""
        joint = "&" if "?" in self.path else "?"
        query = f"{joint}{urlencode(self.query)}" if self.query else ""
        return f"{prefix.rstrip('/')}{self.path}{query}"

    @property
    def subject(self) -> Subject:
        return subject_of(self.method, self.path, watching=self.query.get("watch") == "true")

    def bounds(self, timeout_s: float) -> Bounds:
        """Its own, or `timeout_s` in all."""
        unbounded = self.total_s is None and self.read_s is None
        total_s = timeout_s if unbounded else self.total_s or None
        return Bounds(min(CONNECT_TIMEOUT_S, timeout_s), self.read_s, total_s)

    @property
    def is_dry_run(self) -> bool:
        """The server will keep nothing of this write.

        A DELETE with a body is judged by the body: the API server then ignores the query.
        """
        if self.subject.subresource in CONNECTING:
            return False
        if self.method == "DELETE" and self.body:
            options = msgspec.json.decode(self.body)
            return isinstance(options, dict) and options.get("dryRun") == ["All"]
        return self.query.get("dryRun") == "All"

    @property
    def is_access_review(self) -> bool:
        """A question about the user's own rights: a POST that changes nothing."""
        return self.method == "POST" and self.subject.resource in (
            "selfsubjectaccessreviews",
            "selfsubjectrulesreviews",
            "selfsubjectreviews",
        )

    @property
    def writes(self) -> bool:
        """Something may be different afterwards (were it not a dry run)."""
        return self.method not in ("GET", "HEAD") and not self.is_access_review


class Bounds(msgspec.Struct, frozen=True):
    """How long a request may take, in seconds: to connect, between two chunks, and in all; None: for ever."""

    connect_s: float
    read_s: float | None
    total_s: float | None


class Answer(msgspec.Struct, frozen=True):
    """A whole response; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Subject(msgspec.Struct, frozen=True):
    """What a request does, in RBAC's words; empty where it does not apply."""

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def rbac(self) -> str:
        """The arguments of `kubectl auth can-i` that ask for exactly this."""
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        subresource = f" --subresource={self.subresource}" if self.subresource else ""
        scope = f" -n {self.namespace}" if self.namespace else ""
        if not scope and self.resource and self.verb in ("list", "watch"):
            scope = " --all-namespaces"
        return f"{self.verb} {resource}{subresource}{scope}"

    def __str__(self) -> str:
        what = "/".join(part for part in (self.resource, self.name, self.subresource) if part)
        scope = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {what or 'what the server says of itself'}{scope}"


def subject_of(method: str, path: str, *, watching: bool = False) -> Subject:
    """What `method` on `path` is about; the verbs are those of RBAC."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    group, rest = _after_version(parts)
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name, subresource = (*rest[:3], "", "", "")[:3]
    if subresource == "proxy":
        name = name.partition(":")[0]
    return Subject(_verb(method, name, subresource, watching), group, resource, namespace, name, subresource)


def _after_version(parts: list[str]) -> tuple[str, list[str]]:
    if parts[0] == "api":
        return "", parts[2:]
    if parts[0] == "apis":
        return parts[1] if len(parts) > 1 else "", parts[3:]
    return "", []


def _verb(method: str, name: str, subresource: str, watching: bool) -> str:
    if watching:
        return "watch"
    if method in _VERBS:
        return _VERBS[method]
    return "get" if name or subresource else "list"


def encoded(document: Any) -> bytes:
    """A request's body."""
    return msgspec.json.encode(document)


def path_of(kind: Kind, namespace: str = "", name: str = "") -> str:
    """The URL path of a collection or an object, quoted: no name can lead anywhere else."""
    return kind.path(quote(namespace, safe=""), quote(name, safe=""))
