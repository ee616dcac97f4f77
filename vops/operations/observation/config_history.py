"""Reads when the configuration of one pod was changed: the ConfigMaps that it names, the revisions of its StatefulSet.

Asked for one pod while somebody looks at it, by name. What a ConfigMap holds is not kept. A right that is missing is
told and leaves out nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from vops.errors import ClusterError, NotFound
from vops.model.configuration import CONTROLLER_REVISIONS, ConfigHistory, ConfigMapChange, ControllerRevision
from vops.model.pods import Container, Pod
from vops.model.provisioning import CONFIG_MAPS
from vops.model.text import one_line, scrub
from vops.ports import Cluster

MOST_MAPS = 8
"""A pod that names more ConfigMaps than that is asked about for the first of them."""
_ROOT_CA = "kube-root-ca.crt"
"""In every pod, the same in all of them, and of no concern to a server."""


async def config_history(cluster: Cluster, pod: Pod) -> ConfigHistory:
    """What is known of the configuration of `pod`. Raises nothing but what ends the process."""
    changes: list[ConfigMapChange] = []
    unread: list[str] = []
    for name, at_start in list(config_maps_of(pod).items())[:MOST_MAPS]:
        try:
            found = await cluster.get(CONFIG_MAPS, name, pod.metadata.namespace)
        except NotFound:
            unread.append(f"configmap/{name} is not there")
        except ClusterError as error:
            unread.append(error.message)
        else:
            changes += _changes(name, found.get("metadata") or {}, at_start=at_start)
    owner = pod.metadata.controller
    revisions: tuple[ControllerRevision, ...] = ()
    if owner is not None and owner.kind == "StatefulSet":
        try:
            revisions = await revisions_of(cluster, pod.metadata.namespace, owner.uid)
        except ClusterError as error:
            unread.append(error.message)
    return ConfigHistory(tuple(changes), revisions, tuple(dict.fromkeys(unread)))


async def revisions_of(cluster: Cluster, namespace: str, uid: str) -> tuple[ControllerRevision, ...]:
    """The templates that a StatefulSet has had, the oldest first. Raises ClusterError."""
    items = (await cluster.list(CONTROLLER_REVISIONS, namespace)).items
    found = (item for item in items if isinstance(item, ControllerRevision))
    own = (item for item in found if (by := item.metadata.controller) is not None and by.uid == uid)
    return tuple(sorted(own, key=lambda item: item.revision))


# --- which ConfigMaps -------------------------------------------------------------------------------------


def config_maps_of(pod: Pod) -> Mapping[str, bool]:
    """The names of the ConfigMaps that a pod reads, and whether it reads each only when a container starts."""
    found: dict[str, bool] = dict.fromkeys(_mounted(pod), False)
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        for name in _in_environment(container):
            found.setdefault(name, True)
    return {name: at_start for name, at_start in found.items() if name and name != _ROOT_CA}


def _mounted(pod: Pod) -> Iterator[str]:
    for volume in pod.spec.volumes:
        if volume.config_map is not None:
            yield str(volume.config_map.get("name") or "")
        sources = (volume.projected or {}).get("sources") or ()
        yield from (str((item.get("configMap") or {}).get("name") or "") for item in sources)


def _in_environment(container: Container) -> Iterator[str]:
    yield from (str((item.get("configMapRef") or {}).get("name") or "") for item in container.env_from)
    for variable in container.env:
        if variable.value_from is not None and variable.value_from.config_map_key_ref is not None:
            yield str(variable.value_from.config_map_key_ref.get("name") or "")


# --- when they were changed -------------------------------------------------------------------------------


def _changes(name: str, metadata: Mapping[str, Any], *, at_start: bool) -> Iterator[ConfigMapChange]:
    """When it was made, and when each of its managers has written to it last."""
    made = _time(metadata.get("creationTimestamp"))
    if made is not None:
        yield ConfigMapChange(name, made, "", made=True, at_start=at_start)
    for at, by in _writes(metadata.get("managedFields") or ()):
        if at != made:
            yield ConfigMapChange(name, at, by, at_start=at_start)


def _writes(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[datetime, str]]:
    for entry in entries:
        at = _time(entry.get("time"))
        if at is not None:
            yield at, one_line(scrub(str(entry.get("manager") or "")), 60)


def _time(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
