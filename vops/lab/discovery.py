"""What the API server says about itself: version, groups and resources, in the forms that kubectl reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vops.lab.documents import Document
from vops.lab.kinds import Catalog, ResourceType

VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.3",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.26.8",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_PARTIAL = ["get", "patch", "update"]
_REVIEWS = ResourceType("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", False)
_RULES_REVIEWS = ResourceType("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", False)
_IN_ALL = {"pods", "services", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs"}


def answer(path: str, catalog: Catalog) -> Document | None:
    """The discovery document at `path`, or None when it is not one."""
    parts = [part for part in path.split("/") if part]
    if parts == ["version"]:
        return VERSION
    if parts == ["api"]:
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if parts == ["api", "v1"]:
        return _resources(catalog, "", "v1")
    if parts[:1] != ["apis"]:
        return None
    versions = _versions(catalog)
    if len(parts) == 1:
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group, versions) for group in versions]}
    group = parts[1]
    if len(parts) == 2 and group in versions:
        return {"kind": "APIGroup", "apiVersion": "v1"} | _group(group, versions)
    if len(parts) == 3 and parts[2] in versions.get(group, []):
        return _resources(catalog, group, parts[2])
    return None


def _served(catalog: Catalog) -> Iterable[ResourceType]:
    return (*catalog, _REVIEWS, _RULES_REVIEWS)


def _versions(catalog: Catalog) -> dict[str, list[str]]:
    versions: dict[str, list[str]] = {}
    for kind in _served(catalog):
        known = versions.setdefault(kind.group, [])
        if kind.version not in known:
            known.append(kind.version)
    versions.pop("")
    return versions


def _group(group: str, versions: dict[str, list[str]]) -> Document:
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions[group]]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _resources(catalog: Catalog, group: str, version: str) -> Document:
    kinds = [kind for kind in _served(catalog) if (kind.group, kind.version) == (group, version)]
    resources = [resource for kind in kinds for resource in _resource(kind)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": kinds[0].api_version, "resources": resources}


def _resource(kind: ResourceType) -> list[Document]:
    entry: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": ["create"] if kind in (_REVIEWS, _RULES_REVIEWS) else _VERBS,
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.plural in _IN_ALL:
        entry["categories"] = ["all"]
    below = {"namespaced": kind.namespaced, "singularName": "", "kind": kind.kind}
    entries = [entry]
    if kind.status:
        entries.append(below | {"name": f"{kind.plural}/status", "verbs": _PARTIAL})
    if kind.scale:
        scale = {"group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": _PARTIAL}
        entries.append(below | {"name": f"{kind.plural}/scale"} | scale)
    if kind.plural == "pods":
        entries.append(below | {"name": "pods/log", "verbs": ["get"]})
        entries.append(below | {"name": "pods/proxy", "kind": "PodProxyOptions", "verbs": _VERBS})
    return entries
