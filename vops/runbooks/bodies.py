"""What a change that is written in a runbook would be refused for, or never end with, whatever the cluster is like.

Only what is written plainly is looked at; what an expression gives is known to the plan alone. vops.manifests knows
far more about a server's manifest: this is what a runbook can do wrong by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from vops.model.kinds import KINDS
from vops.model.quantities import quantity
from vops.model.secrets import MASK, mask
from vops.runbooks.params import Param
from vops.runbooks.positions import Path
from vops.runbooks.schema import Runbook, Step

_BAD_ESCAPE = re.compile(r"~(?![01])")
_SCALED = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})
_AMOUNTS = frozenset({"limits", "requests"})
_REMOVED = {
    "extensions/v1beta1": "1.22",
    "apps/v1beta1": "1.16",
    "apps/v1beta2": "1.16",
    "networking.k8s.io/v1beta1": "1.22",
    "rbac.authorization.k8s.io/v1beta1": "1.22",
    "coordination.k8s.io/v1beta1": "1.22",
    "scheduling.k8s.io/v1beta1": "1.22",
    "batch/v1beta1": "1.25",
    "discovery.k8s.io/v1beta1": "1.25",
    "events.k8s.io/v1beta1": "1.25",
    "policy/v1beta1": "1.25",
    "autoscaling/v2beta1": "1.25",
    "autoscaling/v2beta2": "1.26",
}
"""API versions with the release of Kubernetes that removed the last of what vops could apply (deprecation guide)."""


def check_bodies(runbook: Runbook) -> None:
    """Raises InputError with the line of the first change that cannot be meant so."""
    for step in runbook.steps:
        if step.kind.name == "k8s.patch":
            _check_patch(step, runbook.head.params)
        elif step.kind.name == "k8s.ensure":
            for where, document in _documents(step):
                _check_object(step, where, document, runbook.head.params)


# --- patches -----------------------------------------------------------------------------------------------


def _check_patch(step: Step, params: Mapping[str, Param]) -> None:
    written = dict(_places(step))
    for place, (where, value) in written.items():
        if _BAD_ESCAPE.search(place):
            step.source.fail(f"{place!r} is no JSON pointer: ~ is written ~0, and / in a name ~1", where)
        _check_place(step, where, place, value, params)
        _check_amounts(step, where, split_place(place), value)
    _check_strategy(step, {place: value for place, (_, value) in written.items()})
    _check_split(step, {place: value for place, (_, value) in written.items()})


def _places(step: Step) -> Iterator[tuple[str, tuple[Path, Any]]]:
    for key in ("set", "default", "atLeast", "append"):
        found = step.args.get(key)
        for place, value in found.items() if isinstance(found, Mapping) else ():
            yield str(place), ((*step.where, key, place), value)
    put = step.args.get("put")
    for at, item in enumerate(put if isinstance(put, list) else ()):
        if isinstance(item, Mapping) and "${" not in str(item.get("at", "")):
            yield str(item.get("at", "")), ((*step.where, "put", at), item.get("value"))


def split_place(place: str) -> tuple[str, ...]:
    """The names that a place goes through."""
    return tuple(place.strip("/").split("/"))


def _check_place(step: Step, where: Path, place: str, value: Any, params: Mapping[str, Param]) -> None:
    kinds = _kinds_of(step.args.get("ref"), params)
    if place == "/spec/replicas" and kinds & _SCALED:
        step.source.fail("an autoscaler sets replicas right back: use k8s.scale, which asks it", where)
    if place == "/spec/paused" and "Deployment" in kinds:
        step.source.fail("a pause has to have its end: use k8s.rollout with do: pause and do: resume", where)
    prefix, _, name = place.partition("/")
    plain = prefix == "@vllm.env" and isinstance(value, str) and "${" not in value
    if plain and mask({"name": name, "value": value})["value"] == MASK:
        hint = "valueFrom: {secretKeyRef: {name: …, key: …}}"
        step.source.fail(f"{name} is a secret: it goes in by reference", where, hint=hint)


def _kinds_of(ref: Any, params: Mapping[str, Param]) -> frozenset[str]:
    """The kinds that a `ref` may have, as far as the file tells."""
    if isinstance(ref, Mapping):
        return frozenset({str(ref.get("kind"))})
    param = params.get(str(ref).removeprefix("${params.").removesuffix("}"))
    return frozenset(item.rpartition("/")[2] for item in param.kinds) if param else frozenset()


def _check_strategy(step: Step, written: Mapping[str, Any]) -> None:
    removed = step.args.get("remove")
    gone = removed if isinstance(removed, list) else []
    if written.get("/spec/strategy/type") == "Recreate" and "/spec/strategy/rollingUpdate" not in gone:
        step.source.fail(
            "the API server refuses the strategy Recreate beside the rollingUpdate that stands there",
            (*step.where, "set", "/spec/strategy/type"),
            hint="set /spec/strategy as a whole, or remove /spec/strategy/rollingUpdate as well",
        )
    bounds = [written.get(f"/spec/strategy/rollingUpdate/{name}") for name in ("maxSurge", "maxUnavailable")]
    _check_bounds(step, step.where, bounds)
    deadline = written.get("/spec/progressDeadlineSeconds")
    _check_deadline(step, step.where, deadline, written.get("@vllm/startupProbe"))


def _check_split(step: Step, written: Mapping[str, Any]) -> None:
    ways, gpus = written.get("@vllm.args/tensor-parallel-size"), written.get("@vllm.gpus")
    if isinstance(ways, int) and isinstance(gpus, int) and ways > gpus:
        step.source.fail(f"the model is split over {ways} GPUs, and the container asks for {gpus}", step.where)


# --- whole objects -----------------------------------------------------------------------------------------


def _documents(step: Step) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The objects that are written in the file, each with its place."""
    one, many = step.args.get("object"), step.args.get("objects")
    if isinstance(one, Mapping):
        yield (*step.where, "object"), one
    for at, item in enumerate(many if isinstance(many, list) else ()):
        if isinstance(item, Mapping):
            yield (*step.where, "objects", at), item


def _check_object(step: Step, where: Path, document: Mapping[str, Any], params: Mapping[str, Param]) -> None:
    version, kind = str(document.get("apiVersion", "")), str(document.get("kind", ""))
    if "${" not in version + kind:
        _check_version(step, where, version, kind)
    _check_own(step, where, document, params)
    _check_amounts(step, where, (), document)
    spec = document.get("spec")
    spec = spec if isinstance(spec, Mapping) else {}
    strategy = spec.get("strategy")
    strategy = strategy if isinstance(strategy, Mapping) else {}
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling is not None:
        step.source.fail("the API server refuses the strategy Recreate beside a rollingUpdate", where)
    if isinstance(rolling, Mapping):
        _check_bounds(step, where, [rolling.get("maxSurge"), rolling.get("maxUnavailable")])
    for container in _containers(spec):
        _check_deadline(step, where, spec.get("progressDeadlineSeconds"), container.get("startupProbe"))


def _containers(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    found: Any = spec
    for key in ("template", "spec", "containers"):
        found = found.get(key) if isinstance(found, Mapping) else None
    yield from (item for item in (found if isinstance(found, list) else ()) if isinstance(item, Mapping))


def _check_version(step: Step, where: Path, version: str, kind: str) -> None:
    if (release := _REMOVED.get(version)) is not None:
        step.source.fail(f"Kubernetes {release} has removed {version}, so no cluster takes this {kind}", where)
    known = {item.kind: item.api_version for item in KINDS}
    if kind not in known:
        step.source.fail(f"vops does not know the kind {kind!r}", where, hint="apply it by its own means")
    if known[kind] != version:
        step.source.fail(f"a {kind} is applied as {known[kind]}, not as {version}", where)


def _check_own(step: Step, where: Path, document: Mapping[str, Any], params: Mapping[str, Param]) -> None:
    """What a parameter names is there already and is somebody else's: it is patched, never applied."""
    metadata = document.get("metadata")
    name = str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""
    for param, declared in params.items():
        kinds = {item.rpartition("/")[2] for item in declared.kinds}
        if name == f"${{params.{param}.name}}" and document.get("kind") in kinds:
            step.source.fail(
                f"k8s.ensure applies what vops owns wholly, and {param} is there already",
                where,
                hint="change its fields with k8s.patch",
            )


# --- shared ------------------------------------------------------------------------------------------------


def _check_bounds(step: Step, where: Path, bounds: list[Any]) -> None:
    if all(item is not None and str(item) in ("0", "0%") for item in bounds):
        step.source.fail("maxSurge and maxUnavailable are both 0, so nothing could ever be replaced", where)


def _check_deadline(step: Step, where: Path, deadline: Any, probe: Any) -> None:
    """A rollout is reported as failed only after its servers had the time to start."""
    if not isinstance(deadline, int) or not isinstance(probe, Mapping):
        return
    tries, period, delay = (
        probe.get(key, usual)
        for key, usual in (("failureThreshold", 3), ("periodSeconds", 10), ("initialDelaySeconds", 0))
    )
    if all(isinstance(item, int) for item in (tries, period, delay)) and tries * period + delay > deadline:
        step.source.fail(
            f"progressDeadlineSeconds {deadline} is less than the {tries * period + delay} s that the startup probe "
            "grants: the rollout would be called failed while a server still loads",
            where,
        )


def _check_amounts(step: Step, where: Path, above: tuple[str, ...], value: Any) -> None:
    """Quantities under `limits` and `requests`, and sizes of volumes, are such."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_amounts(step, (*where, key), (*above, str(key)), item)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            _check_amounts(step, (*where, at), above, item)
    elif above and isinstance(value, (str, int, float)) and _is_amount(above) and "${" not in str(value):
        try:
            quantity(str(value))
        except ValueError as error:
            step.source.fail(f"{above[-1]}: {error}", where)


def _is_amount(path: tuple[str, ...]) -> bool:
    return path[-1] == "sizeLimit" or (len(path) > 1 and path[-2] in _AMOUNTS)
