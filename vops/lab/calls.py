"""Reads an HTTP request as an API call: verb, resource, object and options, as the API server's own resolver does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from vops.lab import statuses
from vops.lab.access import Attributes
from vops.lab.kinds import Catalog, ResourceType
from vops.lab.statuses import Cause

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_TRUE = ("true", "1", "")


@dataclass(frozen=True, slots=True)
class Call:
    """One request for a resource. `kind` is None for a type that is not served; `rest` is what a proxy passes on."""

    verb: str
    group: str
    version: str
    resource: str
    kind: ResourceType | None
    namespace: str
    name: str
    subresource: str
    rest: str
    query: Mapping[str, str]

    @property
    def attributes(self) -> Attributes:
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return Attributes(self.verb, self.group, resource, self.namespace, self.name)

    @property
    def served(self) -> ResourceType:
        """The type asked for. Raises ApiError 404 when there is no such resource."""
        if self.kind is None or (self.kind.namespaced and not self.namespace and (self.name or self.verb == "create")):
            raise statuses.no_such_path()
        return self.kind

    def flag(self, name: str) -> bool:
        return name in self.query and self.query[name] in _TRUE

    def number(self, name: str) -> int | None:
        """A whole number from the query. Raises ApiError 400."""
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise statuses.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored. Raises ApiError 422 for a value other than `All`."""
        asked = self.query.get("dryRun", "")
        if asked not in ("", "All"):
            options = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
            message = f'Unsupported value: ["{asked}"]: supported values: "All"'
            cause = Cause("FieldValueNotSupported", message, "dryRun")
            raise statuses.invalid_option(options.get(self.verb, "DeleteOptions"), cause)
        return asked == "All"


def parse(method: str, raw_path: str, query: Mapping[str, str], catalog: Catalog) -> Call | None:
    """The call that a request makes, or None when its path is not a resource's."""
    parts = raw_path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        group, version, parts = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, parts = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in ("status", "finalize"):
        namespace, parts = unquote(parts[1]), parts[2:]
    resource, name, subresource, *rest = (*parts, "", "", "")[: max(3, len(parts))]
    tail = "/" + "/".join(rest) if rest or (len(parts) > 3) else ""
    kind = catalog.by_plural(group, version, resource)
    verb = _verb(method, name, query)
    return Call(verb, group, version, resource, kind, namespace, unquote(name), subresource, tail, query)


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    verb = _VERBS.get(method, method.lower())
    if name:
        return verb
    if verb == "get":
        return "watch" if query.get("watch", "false") in ("true", "1", "") else "list"
    return "deletecollection" if verb == "delete" else verb
