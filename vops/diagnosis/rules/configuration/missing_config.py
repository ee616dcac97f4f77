"""A Secret or ConfigMap that the container needs is not there, or lacks a key.

What it finds
    The kubelet's refusal to create the container, or to mount a volume, for want of a Secret, a ConfigMap or a key.

Why it matters
    The pod waits without a log; the object may exist in another namespace only.

Evidence
    The container's status or the `FailedMount` event, and where the pod asks for it.

Fix
    By hand: create the object; vops never writes the content of a Secret.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.resources import Event

_MISSING = re.compile(r"(?P<kind>secret|configmap) \"(?P<name>[\w.-]{1,253})\" not found", re.IGNORECASE)
_KEY = re.compile(
    r"couldn't find key (?P<key>\S{1,253}) in (?P<kind>Secret|ConfigMap) (?P<name>\S{1,253})", re.IGNORECASE
)
_KINDS = {"secret": "Secret", "configmap": "ConfigMap"}


@rule(cause="missing-config", branch=Branch.START, order=10)
def missing_config(replica: Replica) -> Verdict | None:
    found = _from_status(replica) or _from_mount(replica)
    if found is None:
        return None
    match, shown = found
    kind, name = _KINDS[match["kind"].lower()], match["name"].rpartition("/")[2]
    key = match.groupdict().get("key")
    what = f"key {key} in {kind} {name}" if key else f"{kind} {name}"
    create = "generic " if kind == "Secret" else ""
    asks = _asked_for(replica, name)
    return Verdict(
        summary=f"{replica.name} needs {what}, which is not in {replica.namespace}",
        evidence=(shown, *asks),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.advice(
                f"Create {what}",
                f"kubectl -n {replica.namespace} create {kind.lower()} {create}{name} "
                f"--from-file={key or 'KEY'}=FILE  (the value comes from you; vops does not read or write it)",
            ),
        ),
    )


def _from_status(replica: Replica) -> tuple[re.Match[str], Evidence] | None:
    waiting = replica.status.state.waiting if replica.status else None
    if waiting is None or waiting.reason != "CreateContainerConfigError":
        return None
    match = _KEY.search(waiting.message) or _MISSING.search(waiting.message)
    if match is None:
        return None
    return match, evidence.status_field(replica, "state.waiting", f"{waiting.reason}: {waiting.message}")


def _from_mount(replica: Replica) -> tuple[re.Match[str], Evidence] | None:
    failed: list[Event] = [item for item in replica.events if item.reason == "FailedMount"]
    for item in reversed(failed):
        match = _MISSING.search(item.message)
        if match is not None and (replica.status is None or replica.status.state.waiting is not None):
            return match, evidence.event(item)
    return None


def _asked_for(replica: Replica, name: str) -> tuple[Evidence, ...]:
    """Where the pod asks for the object."""
    found = []
    for variable in replica.container.env:
        source = variable.value_from
        reference = (source.secret_key_ref or source.config_map_key_ref or {}) if source else {}
        if reference.get("name") == name:
            key = reference.get("key")
            found.append(evidence.container_field(replica, f"env[{variable.name}].valueFrom", f"{name}, key {key}"))
    volumes = [
        evidence.pod_field(f"spec.volumes[{volume.name}]", name)
        for volume in replica.pod.spec.volumes
        if name in ((volume.secret or {}).get("secretName"), (volume.config_map or {}).get("name"))
    ]
    return (*found, *volumes)
