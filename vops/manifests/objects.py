"""Kubernetes objects inside documents: kind, name and the way to each field; Lists are taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from vops.errors import InputError
from vops.manifests.documents import Document, Path


class Object(msgspec.Struct, frozen=True, eq=False):
    """One object: `value` is its JSON, `path` leads to it inside its document."""

    document: Document
    value: dict[str, Any]
    path: Path = ()

    @property
    def kind(self) -> str:
        return text(self.value.get("kind"))

    @property
    def group(self) -> str:
        return text(self.value.get("apiVersion")).rpartition("/")[0]

    @property
    def name(self) -> str:
        return text(dig(self.value, "metadata", "name"))

    @property
    def namespace(self) -> str:
        return text(dig(self.value, "metadata", "namespace"))

    @property
    def is_live(self) -> bool:
        """Whether it comes from a cluster, which fills in what nobody wrote."""
        return self.document.root is None

    @property
    def annotations(self) -> dict[str, str]:
        return strings(dig(self.value, "metadata", "annotations"))

    @property
    def spec(self) -> dict[str, Any]:
        return mapping(self.value.get("spec"))

    def get(self, *where: str | int) -> Any:
        """The value at a path below the object; None when it is not there."""
        return dig(self.value, *where)

    def beside(self, other: Object) -> bool:
        """Whether both are in one namespace; an object without one goes wherever the other goes."""
        return self.namespace == other.namespace or not self.namespace or not other.namespace

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"


def objects_of(documents: Sequence[Document]) -> list[Object]:
    """Every object of the documents. Raises InputError for a document that is no object."""
    found = [item for document in documents for item in _objects(document, document.value, ())]
    for item in found:
        if not item.kind:
            place = item.document.place(item.path)
            raise InputError(
                "no Kubernetes object: `kind` is missing",
                path=item.document.file,
                line=None if place is None else place.line,
                hint="for a Helm values file or a kustomization, lint what `helm template` or `kustomize build` prints",
            )
    return found


def _objects(document: Document, value: Any, path: Path) -> Iterator[Object]:
    if not isinstance(value, dict):
        return
    items = value.get("items")
    if isinstance(items, list) and text(value.get("kind")).endswith("List"):
        for at, item in enumerate(items):
            yield from _objects(document, item, (*path, "items", at))
        return
    yield Object(document, value, path)


def dig(value: Any, *where: str | int) -> Any:
    """The value at a path of mappings and lists; None when a step is not there."""
    for step in where:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif _is_index(value, step):
            value = value[int(step)]
        else:
            return None
    return value


def _is_index(value: Any, step: str | int) -> bool:
    return isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)


def mapping(value: Any) -> dict[str, Any]:
    """`value` if it is a mapping, else an empty one: a wrong type is for the API server to refuse."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def mappings(value: Any) -> list[tuple[int, dict[str, Any]]]:
    """The mappings of a list, each with its index."""
    return [(at, item) for at, item in enumerate(items(value)) if isinstance(item, dict)]


def text(value: Any) -> str:
    """A scalar as the string that it would be; nothing for what is no scalar."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ""


def strings(value: Any) -> dict[str, str]:
    return {str(key): text(item) for key, item in mapping(value).items()}


def whole_number(value: Any) -> int | None:
    """An int, or a string of digits; None otherwise."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether plain `selector` labels hold for `labels`; an empty selector selects nothing here."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())
