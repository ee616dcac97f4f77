"""One request to an API server as plain data, and what it is about: verb, resource, object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

import msgspec
from msgspec import field

from vops.model.resources import Kind

CONNECTING = frozenset({"proxy", "portforward", "exec", "attach"})
"""Subresources that reach into a pod: the API server hands the request on, `dryRun` and all."""
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Request(msgspec.Struct, frozen=True):
    """`path` is quoted; `body` is encoded as `content_type` says.

    `total_s` and `read_s` bound the whole request and the silence between two chunks; None: the transport's default.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"
    accept: str = "application/json"
    total_s: float | None = None
    read_s: float | None = None

    @property
    def subject(self) -> Subject:
        return subject_of(self.method, self.path, watching=self.query.get("watch") == "true")

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
