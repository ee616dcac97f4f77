"""A Secret or ConfigMap that the pod needs is not there, or lacks a key.

What it finds
    The kubelet's refusal to create the container, or to mount a volume, for want of a Secret, a ConfigMap, a service
    account, a SecretProviderClass or a key; and a pull that is denied while the pull secret is not there.

Why it matters
    The pod waits without a log; the object may exist in another namespace only.

Evidence
    The container's status or the kubelet's event, and where the pod asks for the object.

Fix
    By hand: create the object; vops never writes the content of a Secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import msgspec

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import complaints, persists, refusal, stuck_at
from vops.diagnosis.starting.images import any_pull_failure
from vops.model.patterns import lazy_pattern
from vops.model.pods import Container, Volume
from vops.model.resources import Event

_MISSING = lazy_pattern(
    r"(?P<kind>secret|configmap|serviceaccount|SecretProviderClass)s?(?:\.[\w.-]{1,80})? "
    r'"(?:[\w.-]{1,63}/)?(?P<name>[\w.-]{1,253})" not found',
    re.IGNORECASE,
)
_KEY = lazy_pattern(
    r"couldn't find key (?P<key>\S{1,253}) in (?P<kind>Secret|ConfigMap) (?P<name>\S{1,253})", re.IGNORECASE
)
_VOLUME_KEY = lazy_pattern(r"references non-existent (?P<kind>secret|config) key: (?P<key>\S{1,253})", re.IGNORECASE)
_VOLUME = lazy_pattern(r'for volume "([^"]{1,253})"')
_PULL_SECRETS = lazy_pattern(r"Unable to retrieve some image pull secrets \((?P<names>[^)]{1,500})\)")
_RETRIES = timedelta(seconds=130)
"""How long a kubelet waits at most before it tries a mount again, and a little more."""

_KINDS = {
    "secret": "Secret",
    "configmap": "ConfigMap",
    "config": "ConfigMap",
    "serviceaccount": "ServiceAccount",
    "secretproviderclass": "SecretProviderClass",
}


@rule(cause="missing-config", branch=Branch.START, order=10)
def missing_config(replica: Replica) -> Verdict | None:
    refused = refusal(replica)
    match = _search(refused.text) if refused is not None else None
    if refused is not None and match is not None:
        return _verdict(replica, match, refused.shown)
    event = stuck_at(replica, ("FailedMount",))
    waiting = replica.status is None or replica.status.state.waiting is not None
    if event is None or not waiting or not persists(replica, event):
        return None
    match = _search(event.message)
    if match is None:
        return None
    return _with_others(_verdict(replica, match, evidence.event(event)), replica, tuple(_others(replica, event, match)))


@rule(cause="missing-config", branch=Branch.START, explains={"image-auth", "image-not-found"}, order=11)
def missing_pull_secret(replica: Replica) -> Verdict | None:
    failure = any_pull_failure(replica)
    if failure is None or failure.cause not in ("image-auth", "image-not-found"):
        return None
    told = [item for item in replica.events if item.reason == "FailedToRetrieveImagePullSecret"]
    match = _PULL_SECRETS.search(told[-1].message) if told else None
    if match is None:
        return None
    names = ", ".join(part.strip().strip('"') for part in match["names"].split(","))
    return Verdict(
        summary=f"The pull secret {names} of {replica.name} is not in {replica.namespace}",
        evidence=(evidence.event(told[-1]), *failure.evidence),
        confidence=Confidence.CERTAIN,
        fixes=(
            remedies.advice(
                f"Create the pull secret {names}",
                f"kubectl -n {replica.namespace} create secret docker-registry {names.partition(',')[0]} "
                "--docker-server=REGISTRY --docker-username=USER --docker-password=TOKEN",
            ),
        ),
    )


def _others(replica: Replica, event: Event, match: re.Match[str]) -> Iterator[tuple[str, Event]]:
    """What else the pod's volumes need and lack, by what the kubelet said as it tried them for the last time."""
    known = {_object(match)}
    for item in reversed(complaints(replica, ("FailedMount",))):
        found = _MISSING.search(item.message)
        late = (
            event.last_seen is not None and item.last_seen is not None and event.last_seen - item.last_seen > _RETRIES
        )
        if found is not None and _object(found) not in known and not late:
            known.add(_object(found))
            yield _object(found), item


def _object(match: re.Match[str]) -> str:
    return f"{_KINDS[match['kind'].lower()]} {match.groupdict().get('name') or ''}"


def _with_others(verdict: Verdict, replica: Replica, others: tuple[tuple[str, Event], ...]) -> Verdict:
    if not others:
        return verdict
    names = ", ".join(name for name, _ in others)
    also = remedies.advice(f"Create what else is not there: {names}", f"Create them in {replica.namespace} as well.")
    return msgspec.structs.replace(
        verdict,
        summary=f"{verdict.summary}; nor is {names}",
        evidence=(*verdict.evidence, *(evidence.event(item) for _, item in others)),
        fixes=(*verdict.fixes, also),
    )


def _search(text: str) -> re.Match[str] | None:
    return _KEY.search(text) or _MISSING.search(text) or _VOLUME_KEY.search(text)


def _verdict(replica: Replica, match: re.Match[str], shown: Evidence) -> Verdict:
    found = match.groupdict()
    kind, key = _KINDS[match["kind"].lower()], found.get("key") or ""
    name = (found.get("name") or _of_volume(replica, shown.observed)).rpartition("/")[2]
    what = f"key {key} in {kind} {name}" if key else f"{kind} {name}"
    return Verdict(
        summary=f"{replica.name} needs {what.strip()}, which is not in {replica.namespace}",
        evidence=(shown, *_asked_for(replica, name)),
        confidence=Confidence.CERTAIN,
        fixes=(_fix(replica, kind, name, key),),
    )


def _fix(replica: Replica, kind: str, name: str, key: str) -> Fix:
    if kind not in ("Secret", "ConfigMap"):
        return remedies.advice(
            f"Create {kind} {name}",
            f"Create {kind} {name} in {replica.namespace}, or correct the name in the workload.",
        )
    if key and name:
        return remedies.advice(
            f"Add {key} to {kind} {name}",
            f"See its keys: kubectl -n {replica.namespace} describe {kind.lower()} {name}",
            f"Add {key} (the value comes from you; vops does not read or write it), or name the key that it has.",
        )
    create = "secret generic" if kind == "Secret" else "configmap"
    return remedies.advice(
        f"Create {kind} {name}".strip(),
        f"kubectl -n {replica.namespace} create {create} {name or 'NAME'} --from-file={key or 'KEY'}=FILE"
        "  (the value comes from you; vops does not read or write it)",
    )


def _of_volume(replica: Replica, text: str) -> str:
    """The object behind the volume that a mount's error is about."""
    match = _VOLUME.search(text)
    volume = next((item for item in replica.pod.spec.volumes if match is not None and item.name == match[1]), None)
    if volume is None:
        return ""
    return str((volume.secret or {}).get("secretName") or (volume.config_map or {}).get("name") or "")


# --- where the pod asks for it ----------------------------------------------------------------------------


def _asked_for(replica: Replica, name: str) -> tuple[Evidence, ...]:
    return (*_by_environment(replica, replica.container, name), *_by_volumes(replica.pod.spec.volumes, name))


def _by_environment(replica: Replica, container: Container, name: str) -> Iterator[Evidence]:
    for variable in container.env:
        source = variable.value_from
        reference = (source.secret_key_ref or source.config_map_key_ref or {}) if source else {}
        if reference.get("name") == name:
            asks = f"{name}, key {reference.get('key')}"
            yield evidence.container_field(replica, f"env[{variable.name}].valueFrom", asks)
    for number, item in enumerate(container.env_from):
        for kind in ("secretRef", "configMapRef"):
            if (item.get(kind) or {}).get("name") == name:
                yield evidence.container_field(replica, f"envFrom[{number}].{kind}", name)


def _by_volumes(volumes: tuple[Volume, ...], name: str) -> Iterator[Evidence]:
    for volume in volumes:
        parts = (volume.projected or {}).get("sources", ())
        projected = [(part.get("secret") or part.get("configMap") or {}).get("name") for part in parts]
        if name in ((volume.secret or {}).get("secretName"), (volume.config_map or {}).get("name"), *projected):
            yield evidence.pod_field(f"spec.volumes[{volume.name}]", name)
