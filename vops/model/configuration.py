"""How the configuration of a server came to be what it is: when, and by whom; never what a ConfigMap holds."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

import msgspec

from vops.model.objects import Kind, Object, Resource
from vops.model.resources import PodTemplate


class RevisionSpec(Object, frozen=True):
    template: PodTemplate = field(default_factory=PodTemplate)


class RevisionData(Object, frozen=True):
    spec: RevisionSpec = field(default_factory=RevisionSpec)


class ControllerRevision(Resource, frozen=True, tag_field="kind", tag="ControllerRevision"):
    """One template that a StatefulSet had; a later one has a higher number."""

    revision: int = 0
    data: RevisionData = field(default_factory=RevisionData)


CONTROLLER_REVISIONS = Kind("apps/v1", "ControllerRevision", "controllerrevisions", decodes_to=ControllerRevision)


class ConfigMapChange(msgspec.Struct, frozen=True):
    """A ConfigMap was made or changed; `at_start` tells that it is read when the container starts and not again."""

    name: str
    at: datetime
    by: str
    made: bool = False
    at_start: bool = False


class ConfigHistory(msgspec.Struct, frozen=True):
    """What is known of one pod's configuration; `unread` says what could not be read, and why."""

    changes: tuple[ConfigMapChange, ...] = ()
    revisions: tuple[ControllerRevision, ...] = ()
    unread: tuple[str, ...] = ()
