"""Lint: asks every rule about a set of manifests, and sets aside what the manifests themselves allow.

A finding is allowed by a comment `# vops: allow RULE reason` on its line, on the line above, or above the object, or by
an annotation `vops.dev/allow: "RULE reason; RULE reason"` on the object. A reason is asked for; without one, nothing
is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Severity
from vops.manifests.documents import Document, Path
from vops.manifests.facts import Manifests
from vops.manifests.objects import Object, objects_of
from vops.manifests.rule import Flaw, LintRule, discover

ALLOW_ANNOTATION = "vops.dev/allow"
_ALLOW = re.compile(r"vops: allow (?P<rule>[a-z0-9-]+)\s+(?P<reason>\S.*)")
_ALLOW_ITEM = re.compile(r"\s*(?P<rule>[a-z0-9-]+)\s+(?P<reason>\S.*)")


class LintFinding(msgspec.Struct, frozen=True):
    """One flaw in one place. Lines and columns count from 1 and are None for live objects."""

    rule: str
    severity: Severity
    summary: str
    fix: str
    kind: str
    namespace: str
    name: str
    path: str
    file: str
    source: str = ""
    line: int | None = None
    column: int | None = None
    allowed: str = ""
    """The reason that the manifest gives for it; empty when it is not allowed."""


class LintReport(msgspec.Struct, frozen=True):
    """What lint says about a set of manifests: findings by file and line, and those that are allowed."""

    findings: tuple[LintFinding, ...]
    allowed: tuple[LintFinding, ...]
    files: tuple[str, ...]
    objects: int
    servers: int

    @property
    def worst(self) -> int:
        """The rank of the worst severity; -1 when nothing was found."""
        return max((finding.severity.rank for finding in self.findings), default=-1)


def lint(documents: Sequence[Document], cluster: Facts | None = None) -> LintReport:
    """Every finding of every rule, with `cluster` also those about its nodes.

    Raises InputError for a document that is no Kubernetes object.
    """
    manifests = Manifests(objects_of(documents), cluster)
    found = [_finding(rule, flaw) for rule in (discover()) for flaw in rule.check(manifests)]
    ordered = sorted(set(found), key=lambda item: (item.file, item.line or 0, item.column or 0, item.rule, item.path))
    return LintReport(
        findings=tuple(item for item in ordered if not item.allowed),
        allowed=tuple(item for item in ordered if item.allowed),
        files=tuple(dict.fromkeys(document.file for document in documents)),
        objects=len(manifests.objects),
        servers=len(manifests.servers),
    )


def _finding(rule: LintRule, flaw: Flaw) -> LintFinding:
    item, document = flaw.object, flaw.object.document
    place = document.place(flaw.path)
    return LintFinding(
        rule=rule.name,
        severity=flaw.severity or rule.severity,
        summary=flaw.summary,
        fix=flaw.fix,
        kind=item.kind,
        namespace=item.namespace,
        name=item.name,
        path=json_path(flaw.path[len(item.path) :]),
        file=document.file,
        source=document.source,
        line=None if place is None else place.line,
        column=None if place is None else place.column,
        allowed=next(_reasons(item, rule.name, None if place is None else place.line), ""),
    )


def json_path(path: Path) -> str:
    """`spec.template.spec.containers[0].image`, as kubectl explains paths."""
    parts: list[str] = []
    for step in path:
        parts.append(f"[{step}]" if isinstance(step, int) else f".{step}" if parts else step)
    return "".join(parts)


def _reasons(item: Object, rule: str, line: int | None) -> Iterator[str]:
    """The reasons given for a rule at a place, by comments and by the annotation."""
    for text in item.annotations.get(ALLOW_ANNOTATION, "").split(";"):
        match = _ALLOW_ITEM.fullmatch(text)
        if match and match["rule"] == rule:
            yield match["reason"].strip()
    first = item.document.place(item.path)
    for at, comment in item.document.comments:
        match = _ALLOW.match(comment)
        if match and match["rule"] == rule and first is not None and (at < first.line or line in (at, at + 1)):
            yield match["reason"].strip()
