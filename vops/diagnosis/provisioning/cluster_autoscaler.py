"""What the Cluster Autoscaler says: on the pods that wait, on its status ConfigMap, and in that ConfigMap.

GKE's, AKS's and self-managed ones write the same, GKE's one event more (`FailedScaleUp`). The status is YAML since 1.30
and a text for people before. Words about a pod are of the last hour at most: events live no longer.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from vops.model.patterns import lazy_pattern
from vops.model.provisioning import ConfigMap

STATUS = "cluster-autoscaler-status"
BACKOFF = "in backoff after failed scale-up"
_LIMITS = lazy_pattern(
    r"max (?:node group size|limit) reached|max total nodes in cluster reached|max cluster .{1,200} limit reached"
    r"|max (?:cluster|nodepool) (?:size|limit) reached|exceeded quota:",
    re.IGNORECASE,
)
_NOT_FIT = (
    BACKOFF,
    "not ready for scale-up",
    "Nodepool not ready",
    "not all pods would fit",
    "expansion options filtered out",
    "scale-up execution failed",
)
_OF_POD = "pod didn't trigger scale-up"
"""What the event of a pod begins with; GKE says of a ProvisioningRequest the reason alone."""

_UNTOLD = "it wouldn't fit if a new node is added"
"""All that versions before 1.14 say."""

_REASONS = lazy_pattern(r", (?=\d{1,6} )")
_GROUP = lazy_pattern(
    r"\{?(?P<name>[^\s\[\]{}]{1,300}) (?P<now>\d{1,6})->(?P<new>\d{1,6}) \(max: (?P<max>\d{1,6})\)\}?"
)
_OF_GROUP = lazy_pattern(r"(?:group|Group) (?P<name>[^\s,;:]{1,300}(?::[^\s,;:]{1,300})?)")
_ITEM = lazy_pattern(r"^ {0,4}- ", re.MULTILINE)
_ITEM_NAME = lazy_pattern(r"^ *name: [\"']?([^\s\"']{1,300})", re.MULTILINE)
_ITEM_STATUS = lazy_pattern(r"^ *status: (\w{1,30})", re.MULTILINE)
_ITEM_SINCE = lazy_pattern(r"^ *lastTransitionTime: [\"']?([\w:.+-]{1,40})", re.MULTILINE)
_ITEM_TARGET = lazy_pattern(r"^ *cloudProviderTarget: (\d{1,6})", re.MULTILINE)
_ITEM_MOST = lazy_pattern(r"^ *maxSize: (\d{1,6})", re.MULTILINE)
_TEXT_GROUP = lazy_pattern(r"^\s{0,8}Name:\s{1,20}(?P<name>\S{1,300})\s*$")
_TEXT_FIELD = lazy_pattern(
    r"^\s{0,8}(?P<key>Health|ScaleUp|ScaleDown):\s{1,20}(?P<status>\w{1,30}) \((?P<counts>.{0,400})\)\s*$"
)
_TEXT_SINCE = lazy_pattern(r"LastTransitionTime:\s{1,20}(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)")
_SIZES = lazy_pattern(r"cloudProviderTarget=(\d{1,6})(?: \(minSize=(\d{1,6}), maxSize=(\d{1,6})\))?")


class NodeGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """One group of nodes: its state of scaling up (`NoActivity`, `InProgress`, `Backoff`…) since when, and its sizes.

    `code` and `message` tell why it backs off. Sizes that are not told are None.
    """

    name: str
    status: str = ""
    since: datetime | None = None
    target: int | None = None
    most: int | None = None
    code: str = ""
    message: str = ""

    @property
    def short(self) -> str:
        """Its name without the path that Compute Engine puts before it."""
        return self.name.rpartition("/")[2]

    @property
    def at_most(self) -> bool:
        """Whether it is as large as it may get."""
        return self.target is not None and self.most is not None and self.target >= self.most


class ScaleUp(msgspec.Struct, frozen=True):
    """A group that is being enlarged: from how many nodes to how many, and how many it may have."""

    group: str
    now: int
    new: int
    most: int


def scale_ups(message: str) -> tuple[ScaleUp, ...]:
    """The groups of a `TriggeredScaleUp` event."""
    found = _GROUP.finditer(message[:4_000])
    return tuple(ScaleUp(item["name"], int(item["now"]), int(item["new"]), int(item["max"])) for item in found)


def reasons(message: str) -> tuple[str, ...]:
    """The reasons of a `NotTriggerScaleUp` event without their counts: `max node group size reached`…"""
    if BACKOFF in message and not message.startswith(_OF_POD):
        return (BACKOFF,)
    said = message[:4_000].partition(": ")[2].strip() if message.startswith(_OF_POD) else message[:4_000]
    found = tuple(text for item in _REASONS.split(said) if (text := re.sub(r"^\d{1,6} ", "", item).strip(" .")))
    return found or ((_UNTOLD,) if _UNTOLD in message else ())


def is_limit(reason: str) -> bool:
    """Whether a reason is a number that somebody has set for groups or for the cluster."""
    return _LIMITS.search(reason) is not None


def is_misfit(reason: str) -> bool:
    """Whether a reason says that the pod would not run on a new node of a group."""
    return not is_limit(reason) and not reason.startswith(_NOT_FIT)


def group_named(message: str) -> str:
    """The node group that an event about a failed scale-up is about; empty when it names none."""
    match = _OF_GROUP.search(message)
    return match["name"] if match else ""


def node_groups(config_maps: Iterable[ConfigMap]) -> tuple[NodeGroup, ...]:
    """The groups of the status ConfigMap; none where there is no such ConfigMap or it cannot be read."""
    status = next((item.data.get("status", "") for item in config_maps if item.metadata.name == STATUS), "")
    if status.lstrip().startswith("Cluster-autoscaler status at"):
        return tuple(_from_text(status))
    listed = _ITEM.split(status.partition("nodeGroups:")[2])[1:]
    if listed:
        return tuple(_from_item("  " + item) for item in listed)
    document = _loaded(status)
    return tuple(_from_yaml(_mapping(item)) for item in _mapping(document).get("nodeGroups") or ())


def _from_item(item: str) -> NodeGroup:
    """One group of the list; YAML is read as such only where it tells a reason, since that takes a millisecond."""
    if "errorCode" in item:
        return _from_yaml(_mapping(_loaded(textwrap.dedent(item))))
    up = item.partition("scaleUp:")[2].partition("scaleDown:")[0]
    since = _first(_ITEM_SINCE, up)
    return NodeGroup(
        name=_first(_ITEM_NAME, item),
        status=_first(_ITEM_STATUS, up),
        since=_time(since),
        target=_count(_first(_ITEM_TARGET, item)),
        most=_count(_first(_ITEM_MOST, item)),
    )


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""


def _loaded(text: str) -> Any:
    """A YAML document; None for what is none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError):
        return None


def _from_yaml(group: dict[str, Any]) -> NodeGroup:
    health, up = _mapping(group.get("health")), _mapping(group.get("scaleUp"))
    backoff = _mapping(up.get("backoffInfo"))
    return NodeGroup(
        name=str(group.get("name", "")),
        status=str(up.get("status", "")),
        since=_time(up.get("lastTransitionTime")),
        target=_count(health.get("cloudProviderTarget")),
        most=_count(health.get("maxSize")),
        code=str(backoff.get("errorCode", "")),
        message=" ".join(str(backoff.get("errorMessage", "")).split()),
    )


def _from_text(status: str) -> Iterator[NodeGroup]:
    """The format before 1.30, which tells no reasons."""
    group, key = NodeGroup(""), ""
    for line in status.partition("NodeGroups:")[2].splitlines():
        if name := _TEXT_GROUP.match(line):
            if group.name:
                yield group
            group = NodeGroup(name["name"])
        elif field := _TEXT_FIELD.match(line):
            key = field["key"]
            group = msgspec.structs.replace(group, **_text_field(field))
        elif key == "ScaleUp" and (since := _TEXT_SINCE.search(line)):
            group = msgspec.structs.replace(group, since=_time(f"{since[1]}T{since[2]}Z"))
    if group.name:
        yield group


def _text_field(field: re.Match[str]) -> dict[str, Any]:
    if field["key"] == "ScaleUp":
        return {"status": field["status"]}
    if field["key"] == "ScaleDown":
        return {}
    sizes = _SIZES.search(field["counts"])
    return {"target": _count(sizes[1]), "most": _count(sizes[3])} if sizes else {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    return int(value) if str(value).isdigit() else None


def _time(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value if value.tzinfo else None
    try:
        return msgspec.convert(value, datetime) if value else None
    except msgspec.ValidationError:
        return None
