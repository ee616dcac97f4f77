"""Managed fields: who wrote which field, and server-side apply on top of it.

Follows structured-merge-diff: an Update takes over what it changes, an Apply claims what it states, conflicts
where another manager's field would change, and drops what it stated before and no longer does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vops.lab import statuses
from vops.lab.documents import Document, copy_of
from vops.lab.fields import FieldSet, compare, elements, fields_of, is_leaf
from vops.lab.kinds import ResourceType
from vops.lab.schema import Path, Schema, item_key
from vops.lab.statuses import Cause

_UNTRACKED_METADATA = (
    "name",
    "namespace",
    "creationTimestamp",
    "uid",
    "generation",
    "managedFields",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: the identity under which managed fields are kept."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""

    @property
    def printed(self) -> str:
        """As conflict messages name it."""
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.api_version}" if self.operation == "Update" else text


@dataclass(slots=True)
class Claim:
    """One entry of managed fields, decoded."""

    writer: Writer
    fields: FieldSet
    time: str


def schema_of(kind: ResourceType) -> Schema:
    return Schema(builtin=kind.builtin)


def tracked(document: Document) -> Document:
    """The part of an object whose fields have owners."""
    metadata = {name: value for name, value in document.get("metadata", {}).items() if name not in _UNTRACKED_METADATA}
    rest = {name: value for name, value in document.items() if name not in ("apiVersion", "kind", "metadata")}
    return {"metadata": metadata, **rest}


def blank(kind: ResourceType) -> Document:
    """What an object is compared with when it is new: the structs that every object of its type has."""
    if not kind.builtin:
        return {"metadata": {}}
    pod: Document = {"metadata": {}, "spec": {"containers": []}}
    spec = {"containers": [], "strategy": {}, "updateStrategy": {}, "template": pod}
    return {"metadata": {}, "spec": spec, "status": {}}


def claims(document: Document) -> list[Claim]:
    return [
        Claim(
            Writer(entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", "")),
            FieldSet.decode(entry.get("fieldsV1", {})),
            entry.get("time", ""),
        )
        for entry in document["metadata"].get("managedFields", [])
    ]


def entries(kept: Iterable[Claim]) -> list[Document]:
    """Claims as managed fields, ordered as the API orders them; empty ones are left out."""
    ordered = sorted(
        kept, key=lambda claim: (claim.writer.operation, claim.time, claim.writer.manager, claim.writer.subresource)
    )
    return [_entry(claim) for claim in ordered if claim.fields]


def _entry(claim: Claim) -> Document:
    writer = claim.writer
    entry: Document = {"manager": writer.manager, "operation": writer.operation, "apiVersion": writer.api_version}
    if claim.time:
        entry["time"] = claim.time
    entry |= {"fieldsType": "FieldsV1", "fieldsV1": claim.fields.encode()}
    return entry | {"subresource": writer.subresource} if writer.subresource else entry


def after_update(kind: ResourceType, old: Document | None, new: Document, writer: Writer, now: str) -> list[Document]:
    """Managed fields once `writer` has turned `old` into `new`; the API server notes no time for a scale.

    A writer may edit the managed fields themselves; without any in `new`, those of `old` count.
    """
    after = tracked(new)
    if old is None and kind.status:
        after.pop("status", None)
    before = _present(blank(kind), after) if old is None else tracked(old)
    difference = compare(before, after, schema_of(kind))
    kept = (claims(new) or claims(old)) if old else []
    if not difference.changed and not difference.removed:
        return entries(kept)
    mine = next((claim for claim in kept if claim.writer == writer), None)
    others = [
        Claim(claim.writer, claim.fields - difference.removed - difference.changed, claim.time)
        for claim in kept
        if claim is not mine
    ]
    own = (mine.fields if mine else FieldSet()) - difference.removed
    time = "" if writer.subresource == "scale" else now
    return entries([*others, Claim(writer, own | difference.changed, time)])


def _present(struct: Document, document: Document) -> Document:
    """The parts of a blank that a document has, so that absent ones do not count as removed."""
    return {
        name: _present(part, document[name]) if isinstance(part, dict) else part
        for name, part in struct.items()
        if name in document
    }


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome of an apply: the merged object, with its managed fields."""

    document: Document
    managed: list[Document]


def apply(kind: ResourceType, live: Document, config: Document, writer: Writer, now: str, *, force: bool) -> Applied:
    """Server-side apply of `config` on `live`. Raises ApiError 409 with a cause per contested field."""
    schema = schema_of(kind)
    stated = _stated(config, schema)
    kept = claims(live) or _before_first_apply(kind, live, schema, now)
    mine = next((claim for claim in kept if claim.writer == writer), None)
    others = [claim for claim in kept if claim is not mine]
    merged = merge(tracked(live), tracked(config), schema)
    contested = compare(tracked(live), merged, schema).changed
    if not force:
        _refuse_conflicts(others, contested)
    others = [Claim(claim.writer, claim.fields - contested, claim.time) for claim in others]
    dropped = (mine.fields if mine else FieldSet()) - stated
    owned_by_others = FieldSet()
    for claim in others:
        owned_by_others |= claim.fields
    merged = _prune(merged, dropped, owned_by_others, schema)
    result = _restored(live, merged)
    before = mine.time if mine else ""
    time = before if tracked(result) == tracked(live) else now
    return Applied(result, entries([*others, Claim(writer, stated, time)]))


def new_by_apply(kind: ResourceType, config: Document, writer: Writer, now: str) -> list[Document]:
    """Managed fields of an object that an apply creates."""
    return entries([Claim(writer, _stated(config, schema_of(kind)), now)])


def _stated(config: Document, schema: Schema) -> FieldSet:
    """What an applied configuration claims; metadata that only names the object claims nothing."""
    claimed = {name: part for name, part in tracked(config).items() if name != "metadata" or part}
    return fields_of(claimed, schema)


def _before_first_apply(kind: ResourceType, live: Document, schema: Schema, now: str) -> list[Claim]:
    writer = Writer("before-first-apply", "Update", kind.api_version)
    return [Claim(writer, fields_of(tracked(live), schema), now)]


def _refuse_conflicts(others: list[Claim], contested: FieldSet) -> None:
    by_manager = {
        claim.writer.printed: list((claim.fields & contested).paths()) for claim in others if claim.fields & contested
    }
    causes = [
        Cause("FieldManagerConflict", f"conflict with {manager}", path)
        for manager, paths in sorted(by_manager.items())
        for path in paths
    ]
    if not causes:
        return
    if len(causes) == 1:
        text = f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        listed = (
            f"conflicts with {manager}:\n" + "\n".join(f"- {path}" for path in paths)
            for manager, paths in sorted(by_manager.items())
        )
        text = f"Apply failed with {len(causes)} conflicts: " + "\n".join(listed)
    raise statuses.apply_conflict(text, causes)


def merge(live: Any, config: Any, schema: Schema, path: Path = (), element: str = "") -> Any:
    """`config` laid over `live`: maps and keyed lists part by part, everything else replaced."""
    if live is None or type(live) is not type(config) or is_leaf(config, schema, path, element):
        return copy_of(config)
    if isinstance(config, dict):
        merged = {name: copy_of(part) for name, part in live.items() if name not in config}
        return merged | {name: merge(live.get(name), part, schema, (*path, name)) for name, part in config.items()}
    keys = schema.keys(path)
    if not keys:
        return [*live, *(item for item in config if item not in live)]
    left = {item_key(item, keys): item for item in config}
    together = []
    for item in live:
        stated = left.pop(item_key(item, keys), None)
        together.append(copy_of(item) if stated is None else merge(item, stated, schema, path, "k:"))
    return together + [copy_of(item) for item in left.values()]


def _prune(value: Any, dropped: FieldSet, owned: FieldSet, schema: Schema, path: Path = ()) -> Any:
    """`value` without the dropped fields that nobody else owns."""
    kept = {}
    for name, (below_path, part) in elements(value, schema, path).items():
        drop, own = dropped.children.get(name), owned.children.get(name)
        if drop is None:
            kept[name] = part
        elif own is None and drop.member:
            continue
        elif not drop.children or is_leaf(part, schema, below_path, name):
            kept[name] = part
        else:
            left = _prune(part, drop, own or FieldSet(), schema, below_path)
            if left or own:
                kept[name] = left
    if isinstance(value, dict):
        return {name[2:]: part for name, part in kept.items()}
    return list(kept.values())


def _restored(live: Document, merged: Document) -> Document:
    """The merged fields with the identity of the live object put back."""
    metadata = {name: value for name, value in live["metadata"].items() if name in _UNTRACKED_METADATA}
    head = {"apiVersion": live["apiVersion"], "kind": live["kind"]}
    return {**head, **merged, "metadata": metadata | merged.get("metadata", {})}
