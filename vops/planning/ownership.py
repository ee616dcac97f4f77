"""Who owns a field that vops is about to change, and what they will do about it.

Asked before every write: a live change to something that Git, an operator or an autoscaler owns is undone by them,
within seconds or at the next commit. Read from the object alone: managedFields, Argo CD's tracking annotation,
Flux's labels, Helm's annotations and the controlling owner.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from vops.planning.patches import Document
from vops.planning.pointers import Tokens, index, lookup, split

_ARGO = "argocd.argoproj.io/tracking-id"
_FLUX = {"kustomize.toolkit.fluxcd.io": "Kustomization", "helm.toolkit.fluxcd.io": "HelmRelease"}


class OwnerKind(StrEnum):
    ARGO_CD = "argo-cd"
    FLUX = "flux"
    HELM = "helm"
    OPERATOR = "operator"
    AUTOSCALER = "autoscaler"
    MANAGER = "manager"


class Owner(msgspec.Struct, frozen=True, omit_defaults=True):
    """Someone with a claim on the object or on a touched path.

    `reverts`: a live change will not last, so vops refuses it and offers a patch for the place that owns the field.
    `effect` says what they will do, `instead` where the change belongs.
    """

    kind: OwnerKind
    name: str
    effect: str
    instead: str = ""
    pointer: str = ""
    reverts: bool = False


def owners(document: Document, touched: Sequence[str]) -> tuple[Owner, ...]:
    """Everyone with a claim on the `touched` paths of an object, those who revert first."""
    found = [*_gitops(document), *_helm(document), *_operator(document), *_autoscaler(document, touched)]
    return tuple(sorted(found, key=lambda owner: not owner.reverts))


def field_managers(document: Document, pointer: str) -> tuple[str, ...]:
    """The field managers whose entry covers a path, or something beneath it, newest entry last."""
    entries = document["metadata"].get("managedFields") or ()
    tokens = split(pointer)
    return tuple(dict.fromkeys(item.get("manager", "") for item in entries if _covers(item, document, tokens)))


def _gitops(document: Document) -> Iterator[Owner]:
    meta = document["metadata"]
    application = _tracked_by(document, (meta.get("annotations") or {}).get(_ARGO, ""))
    if application:
        yield Owner(
            OwnerKind.ARGO_CD,
            application,
            "self-heal reverts a live change within seconds; without it the next commit does",
            f"commit the change to the repository of the Argo CD application {application!r}",
            reverts=True,
        )
    labels = meta.get("labels") or {}
    for prefix, kind in _FLUX.items():
        if name := labels.get(f"{prefix}/name"):
            where = f"{labels.get(f'{prefix}/namespace', '')}/{name}"
            yield Owner(
                OwnerKind.FLUX,
                f"{kind} {where}",
                "Flux puts back what the repository says at its next reconciliation",
                f"commit the change to the source of the {kind} {where}",
                reverts=True,
            )


def _tracked_by(document: Document, tracking: str) -> str:
    """The Argo CD application of `app:group/Kind:namespace/name`; empty when the annotation is a copy of another's."""
    application, _, rest = tracking.partition(":")
    group = document.get("apiVersion", "").rpartition("/")[0]
    meta = document["metadata"]
    itself = f"{group}/{document['kind']}:{meta.get('namespace', '')}/{meta['name']}"
    return application if rest == itself else ""


def _helm(document: Document) -> Iterator[Owner]:
    meta = document["metadata"]
    release = (meta.get("annotations") or {}).get("meta.helm.sh/release-name", "")
    by_flux = any(f"{prefix}/name" in (meta.get("labels") or {}) for prefix in _FLUX)
    if release and not by_flux:
        yield Owner(
            OwnerKind.HELM,
            release,
            "the next `helm upgrade` overwrites it (Helm 3) or stops on a conflict with vops (Helm 4)",
            f"put the same change into the values of the release {release!r}",
        )


def _operator(document: Document) -> Iterator[Owner]:
    for owner in document["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            name = f"{owner.get('kind', '')} {owner.get('name', '')}"
            yield Owner(
                OwnerKind.OPERATOR,
                name,
                "its controller puts its own version back at once",
                f"change the {name} instead",
                reverts=True,
            )


def _autoscaler(document: Document, touched: Sequence[str]) -> Iterator[Owner]:
    if not any(pointer == "/spec/replicas" for pointer in touched):
        return
    for entry in document["metadata"].get("managedFields") or ():
        if entry.get("subresource") == "scale":
            yield Owner(
                OwnerKind.AUTOSCALER,
                entry.get("manager", ""),
                "the autoscaler sets the replicas again",
                "change the autoscaler's minimum or maximum",
                pointer="/spec/replicas",
                reverts=True,
            )


def _covers(entry: Document, document: Document, tokens: Tokens) -> bool:
    """Whether a managedFields entry holds `tokens`, an ancestor that is owned whole, or something beneath."""
    node: Any = entry.get("fieldsV1")
    if not node:
        return False
    for depth, token in enumerate(tokens):
        if not node:
            return True
        node = _descend(node, lookup(document, tokens[:depth]), token)
        if node is None:
            return False
    return True


def _descend(node: Document, value: Any, token: str) -> Any:
    """The part of a fieldsV1 tree beneath one token: `f:name`, or for an item of a list its `k:{…}` key."""
    if isinstance(value, list):
        at = index(token)
        item = value[at] if at is not None and at < len(value) else None
        return next((beneath for key, beneath in node.items() if is_key_of(key, item)), None)
    return node.get(f"f:{token}")


def is_key_of(key: str, item: Any) -> bool:
    """Whether a `k:{…}` of fieldsV1 is that of an item of a list."""
    if not key.startswith("k:") or not isinstance(item, dict):
        return False
    wanted = json.loads(key[2:])
    return all(item.get(name) == value for name, value in wanted.items())


def last_writer(document: Document, pointer: str) -> tuple[str, str]:
    """The field manager that wrote a path last, and when; empty where the API server does not say."""
    entries = document["metadata"].get("managedFields") or ()
    tokens = split(pointer)
    covering = [item for item in entries if _covers(item, document, tokens)]
    # A removed field has no owner any more: whoever wrote the object last has removed it.
    newest: Document = max(covering or entries, key=lambda item: str(item.get("time", "")), default={})
    return str(newest.get("manager", "")), str(newest.get("time", ""))
