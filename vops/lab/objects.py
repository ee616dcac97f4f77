"""The verbs on objects: reads bodies, computes the new object, has it checked, and stores it unless it is a dry run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from vops.lab import patches, statuses, validation
from vops.lab.bodies import cleaned, decoded_patch, decoded_yaml, refuse_mistyped, typed
from vops.lab.calls import Call
from vops.lab.documents import Document
from vops.lab.kinds import ResourceType
from vops.lab.ownership import schema_of
from vops.lab.scale import change_scale, scale_of
from vops.lab.statuses import Cause
from vops.lab.store import Store
from vops.lab.strict import refuse_undeclared_fields, refuse_unknown_fields, refuse_unknown_patched_fields

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_FINALIZERS = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


class Objects:
    """What a POST, GET, PUT, PATCH or DELETE does; every method returns a status code and a document."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, call: Call) -> tuple[int, Document]:
        document = self._store.record(call.served, call.namespace, call.name).document
        return 200, scale_of(document) if call.subresource == "scale" else document

    def create(self, call: Call, body: Document, manager: str) -> tuple[int, Document]:
        kind = call.served
        if call.name:
            raise statuses.method_not_allowed()
        refuse_unknown_fields(call, body)
        document = cleaned(kind, typed(kind, body))
        refuse_mistyped(kind, document, partial(statuses.undecodable, kind))
        self._place(call, document)
        metadata = document["metadata"]
        if metadata.get("resourceVersion"):
            raise statuses.ApiError(500, "", "resourceVersion should not be set on objects to be created")
        if kind.status and kind.kind != "Node":
            document.pop("status", None)
        if not metadata.get("name") and not metadata.get("generateName"):
            metadata["name"] = ""
        created = self._store.create(document, manager=manager, dry_run=call.dry_run, check=validation.check)
        return 201, created

    def update(self, call: Call, document: Document, manager: str) -> tuple[int, Document]:
        kind = call.served
        if not call.name:
            raise statuses.method_not_allowed()
        if call.subresource == "scale":
            return 200, self._rescale(call, document, manager)
        refuse_unknown_fields(call, document)
        document = cleaned(kind, typed(kind, document))
        refuse_mistyped(kind, document, partial(statuses.undecodable, kind))
        self._place(call, document)
        return 200, self._write(call, document, manager)

    def patch(self, call: Call, body: bytes, content_type: str, manager: str) -> tuple[int, Document]:
        kind = call.served
        if not call.name:
            raise statuses.method_not_allowed()
        if content_type == APPLY_PATCH:
            return self._apply(call, body)
        if "force" in call.query:
            why = Cause("FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force")
            raise statuses.invalid_option("PatchOptions", why)
        compute = _computing(kind, content_type)
        live = self._store.record(kind, call.namespace, call.name).document
        current = scale_of(live) if call.subresource == "scale" else live
        patched = compute(current, decoded_patch(body))
        if call.subresource == "scale":
            return 200, self._rescale(call, patched, manager)
        refuse_unknown_patched_fields(call, patched)
        patched = cleaned(kind, patched)
        refuse_mistyped(kind, patched, statuses.unpatchable)
        self._place(call, patched)
        _refuse_new_identity(kind, live, patched)
        return 200, self._write(call, patched, manager)

    def delete(self, call: Call, options: Document) -> tuple[int, Document]:
        kind = call.served
        preconditions = options.get("preconditions") or {}
        grace_s = call.number("gracePeriodSeconds")
        last = self._store.delete(
            kind.api_version,
            kind.kind,
            call.namespace,
            call.name,
            uid=preconditions.get("uid", ""),
            resource_version=preconditions.get("resourceVersion", ""),
            grace_period_s=options.get("gracePeriodSeconds", grace_s),
            finalizer=_FINALIZERS.get(_propagation(call, options), ""),
            dry_run=call.dry_run or options.get("dryRun") == ["All"],
        )
        metadata = last["metadata"]
        if kind.kind == "Pod" or metadata.get("finalizers"):
            return 200, last
        grouped = {"group": kind.group} if kind.group else {}
        details = {"name": call.name, **grouped, "kind": kind.plural, "uid": metadata["uid"]}
        return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

    # --- inside -------------------------------------------------------------------------------------------

    def _write(self, call: Call, document: Document, manager: str) -> Document:
        write = self._store.update_status if call.subresource == "status" else self._store.update
        check = None if call.subresource == "status" else validation.check
        return write(document, manager=manager, dry_run=call.dry_run, check=check)

    def _rescale(self, call: Call, scale: Document, manager: str) -> Document:
        live = self._store.record(call.served, call.namespace, call.name).document
        changed = change_scale(live, scale, call.name)
        written = self._store.update(
            changed, manager=manager, subresource="scale", dry_run=call.dry_run, check=validation.check
        )
        return scale_of(written)

    def _apply(self, call: Call, body: bytes) -> tuple[int, Document]:
        kind, manager = call.served, call.query.get("fieldManager", "")
        if not manager:
            why = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
            raise statuses.invalid_option("PatchOptions", why)
        config = decoded_yaml(body)
        stated = (config.get("apiVersion"), config.get("kind"))
        if stated != (kind.api_version, kind.kind):
            group, _, version = str(config.get("apiVersion", "")).rpartition("/")
            raise statuses.bad_request(f"invalid object type: {group}/{version}, Kind={config.get('kind', '')}")
        refuse_undeclared_fields(call, config)
        config = cleaned(kind, config)
        refuse_mistyped(kind, config, partial(statuses.undecodable, kind))
        self._place(call, config)
        if kind.status and call.subresource != "status":
            config.pop("status", None)
        exists = self._store.find(kind.api_version, kind.kind, call.namespace, call.name) is not None
        applied = self._store.apply(
            config,
            manager=manager,
            subresource=call.subresource,
            force=call.flag("force"),
            dry_run=call.dry_run,
            check=validation.check,
        )
        return (200 if exists else 201), applied

    def _place(self, call: Call, document: Document) -> None:
        """Fills in name and namespace from the path. Raises ApiError 400 when the body says otherwise, 404."""
        metadata = document.setdefault("metadata", {})
        if call.name and metadata.setdefault("name", call.name) != call.name:
            said = f"the name of the object ({metadata['name']}) does not match the name on the URL ({call.name})"
            raise statuses.bad_request(said)
        if not call.namespace:
            metadata.pop("namespace", None)
            return
        if metadata.setdefault("namespace", call.namespace) != call.namespace:
            said = "the namespace of the provided object does not match the namespace sent on the request"
            raise statuses.bad_request(said)
        self._store.get("v1", "Namespace", "", call.namespace)


def _propagation(call: Call, options: Document) -> str:
    asked = options.get("propagationPolicy") or call.query.get("propagationPolicy", "Background")
    if asked not in ("Background", *_FINALIZERS):
        why = f'Unsupported value: "{asked}": supported values: "Foreground", "Background", "Orphan", "nil"'
        cause = Cause("FieldValueNotSupported", why, "propagationPolicy")
        raise statuses.invalid_option("DeleteOptions", cause)
    return str(asked)


def _computing(kind: ResourceType, content_type: str) -> Callable[[Document, Any], Document]:
    """The patch function for a content type. Raises ApiError 415."""
    schema = schema_of(kind)
    functions: dict[str, Callable[[Document, Any], Document]] = {
        JSON_PATCH: patches.json_patch,
        MERGE_PATCH: patches.merge_patch,
    }
    if kind.builtin:
        functions[STRATEGIC_MERGE_PATCH] = lambda document, patch: patches.strategic_merge_patch(
            document, patch, schema
        )
    if content_type not in functions:
        raise statuses.unsupported_media_type((*functions, APPLY_PATCH))
    return functions[content_type]


def _refuse_new_identity(kind: ResourceType, live: Document, patched: Document) -> None:
    asked, stored = patched["metadata"].get("uid"), live["metadata"]["uid"]
    if asked not in (None, "", stored):
        why = f"Invalid value: {msgspec.json.encode(asked).decode()}: field is immutable"
        raise statuses.invalid(kind, live["metadata"]["name"], [Cause("FieldValueInvalid", why, "metadata.uid")])
