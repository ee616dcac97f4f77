"""Who may do what: everything is allowed but what is on an editable deny list, and reviews answer accordingly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from vops.lab import statuses
from vops.lab.documents import Document
from vops.lab.kinds import Catalog, ResourceType

USER = "lab"
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a request wants to do; `resource` includes the subresource (`pods/log`)."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Denial:
    """What is not allowed; `*` stands for any, and an empty namespace for requests across all of them."""

    verb: str = "*"
    resource: str = "*"
    group: str = "*"
    namespace: str = "*"

    def covers(self, wanted: Attributes) -> bool:
        return all(
            mine in ("*", theirs)
            for mine, theirs in (
                (self.verb, wanted.verb),
                (self.resource, wanted.resource),
                (self.group, wanted.group),
                (self.namespace, wanted.namespace),
            )
        )


class Access:
    """The deny list of the lab's one user."""

    def __init__(self) -> None:
        self._denials: list[Denial] = []

    def deny(self, verb: str = "*", resource: str = "*", *, group: str = "*", namespace: str = "*") -> None:
        """Refuses such requests from now on: `deny("list", "events")`, `deny("*", "pods/log")`."""
        self._denials.append(Denial(verb, resource, group, namespace))

    def allow_all(self) -> None:
        """Forgets every denial."""
        self._denials.clear()

    def allows(self, wanted: Attributes) -> bool:
        return not any(denial.covers(wanted) for denial in self._denials)

    def check(self, wanted: Attributes) -> None:
        """Raises ApiError 403 in the words of RBAC."""
        if self.allows(wanted):
            return
        where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
        what = f'resource "{wanted.resource}" in API group "{wanted.group}"'
        why = f'User "{USER}" cannot {wanted.verb} {what} {where}'
        raise statuses.forbidden(group=wanted.group, resource=wanted.resource, name=wanted.name, why=why)

    def review(self, review: Document) -> Document:
        """A SelfSubjectAccessReview, answered."""
        asked = review.get("spec", {}).get("resourceAttributes")
        if asked is None:
            return review | {"metadata": {}, "status": {"allowed": True}}
        subresource = f"/{asked['subresource']}" if asked.get("subresource") else ""
        wanted = Attributes(
            asked.get("verb", ""),
            asked.get("group", ""),
            asked.get("resource", "") + subresource,
            asked.get("namespace", ""),
            asked.get("name", ""),
        )
        return review | {"metadata": {}, "status": {"allowed": self.allows(wanted)}}

    def rules(self, review: Document, catalog: Catalog) -> Document:
        """A SelfSubjectRulesReview, answered: one rule per resource, or a single one when all is allowed."""
        namespace = review.get("spec", {}).get("namespace", "")
        everything: list[dict[str, Any]] = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        rules = [self._rule(kind, namespace) for kind in catalog] if self._denials else everything
        status = {
            "resourceRules": [rule for rule in rules if rule["verbs"]],
            "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}],
            "incomplete": False,
        }
        return review | {"metadata": {}, "spec": {}, "status": status}

    def _rule(self, kind: ResourceType, namespace: str) -> dict[str, Any]:
        wanted = Attributes("", kind.group, kind.plural, namespace if kind.namespaced else "")
        verbs = [verb for verb in _VERBS if self.allows(replace(wanted, verb=verb))]
        return {"verbs": verbs, "apiGroups": [kind.group], "resources": [kind.plural]}
