"""What every Kubernetes object has, as vops reads them: structs decoded straight from the API's JSON.

Only the fields that vops uses are declared; msgspec skips the rest, which is what makes listing thousands of
pods cheap. A change to an object never goes through these structs: it is a JSON Patch or an apply of a raw
document (see vops.planning.changes). To and from JSON the names are Kubernetes' own camelCase ones.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import msgspec
from msgspec import field

UNNAMED_PREFIX = "vops-unnamed-"
"""What an object is called that a text speaks of and nobody named, with its kind behind it."""


class Object(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """Base of every decoded struct: immutable, camelCase outside, snake_case inside."""


class OwnerReference(Object, frozen=True):
    kind: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    controller: bool = False


class Meta(Object, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages this object, if one does."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class Resource(Object, frozen=True):
    """Base of every object that the API serves by itself."""

    metadata: Meta = field(default_factory=Meta)


class Condition(Object, frozen=True):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class Named(Resource, frozen=True):
    """An object of a kind that vops knows only by name; `kind` is filled in by whoever decodes it."""

    kind: str = ""


Decoded: TypeAlias = Resource


class Kind(msgspec.Struct, frozen=True):
    """A resource type: where the API serves it and what its items decode to (`None`: Named, the metadata alone)."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    decodes_to: type[Decoded] | None = None

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str = "", name: str = "") -> str:
        """The URL path of the collection (all namespaces when `namespace` is empty) or of one object."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


class Ref(msgspec.Struct, frozen=True, omit_defaults=True):
    """Names one object, and with `uid` one incarnation of it."""

    kind: str
    name: str
    namespace: str = ""
    uid: str = ""

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}" + (f" in {self.namespace}" if self.namespace else "")
