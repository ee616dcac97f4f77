"""Changes: the only form in which vops writes to a cluster.

A change to a shared object is a JSON Patch that tests the uid and the old value of every touched path, so that the
API server itself refuses it when somebody was faster. Objects that vops owns wholly are applied (server-side).
Every change carries its inverse, made from the same before-image.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
from msgspec import field

from vops.model.resources import Ref

Document = dict[str, Any]


class Verb(StrEnum):
    PATCH = "patch"
    APPLY = "apply"
    CREATE = "create"
    DELETE = "delete"


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One write to one object.

    `target.uid` is the incarnation that was planned for. `operations` is the JSON Patch (RFC 6902) including its
    tests; `document` the body of an apply or create. `before` and `after` are the touched part of the object, for
    the diff; `undo` the JSON Patch that takes it back, guarded by tests on the after-values.
    """

    verb: Verb
    target: Ref
    summary: str
    operations: tuple[Document, ...] = ()
    document: Document = field(default_factory=dict)
    manager: str = ""
    before: Document = field(default_factory=dict)
    after: Document = field(default_factory=dict)
    undo: tuple[Document, ...] = ()
