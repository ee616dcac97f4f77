"""The Job that seeds or verifies a claim, and what its container tells: shared by the steps of models in claims.

The program is runbooks/programs/seed, given to the Job as a ConfigMap beside the manifest. A Job is named by what it
does (manifest, claim, image), so that planning the same again finds it, and its template never has to change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

import msgspec

from vops.library import read_program
from vops.model.quantities import format_bytes
from vops.model.text import read_json
from vops.planning.patches import Document

CONTAINER = "seed"
JOB_LABEL = "batch.kubernetes.io/job-name"
ROOT = "/models"
_CACHE = "/cache"
_PROGRAM = "/seeder"
FATAL: Mapping[int, tuple[str, str]] = {
    41: ("the Hub asks for a token", "give a Secret with -p token=NAME"),
    43: ("the token may not read this model", "accept the licence with the token's account, or use another Secret"),
    44: ("it is not there", "check the model's name and revision"),
    45: ("the volume is too small", "make the claim larger, or seed into a new one"),
    46: ("bytes are not what the Hub says", "seed again with -p recheck=true; if it stays, suspect the mirror or disk"),
    47: ("a server could not load it", "check the patterns; the repository may be damaged"),
    48: ("the seeder's input cannot be read", "this is a fault of vops"),
    49: ("the volume cannot be written", "its root has to be writable for user 1000 (fsGroup, or chown)"),
}
"""Exit codes that another pod would not change: what they mean, and what to do."""
PASSING: Mapping[int, str] = {51: "the Hub could not be read", 52: "the download stalled", 143: "it was asked to end"}
"""Exit codes that the Job tries again after."""


class Wanted(msgspec.Struct, frozen=True):
    """What a Job is to do: `manifest` as `hf.manifest` gives it, `pod` as `k8s.placement` does."""

    mode: Literal["seed", "verify"]
    manifest: dict[str, Any]
    claim: str
    namespace: str
    image: str
    pod: dict[str, Any] = {}
    token: dict[str, str] | None = None
    endpoint: str = ""
    recheck: bool = False
    stall_s: float = 300.0
    deadline_s: int = 6 * 3600


def folder_of(model: str, commit: str) -> str:
    """Where a server finds the model, the claim being mounted at /models."""
    return f"{ROOT}/{model.replace('/', '--')}/{commit}"


def job_name(wanted: Wanted, number: int = 1) -> str:
    """`seed-qwen3-8b-0a1b2c3d4e`, and `-2` for the second of that kind."""
    model = re.sub(r"[^a-z0-9]+", "-", wanted.manifest["model"].rpartition("/")[2].lower()).strip("-")[:30].strip("-")
    told = [wanted.mode, wanted.manifest.get("digest", wanted.manifest["commit"]), wanted.claim, wanted.image]
    told += [wanted.endpoint, str(wanted.recheck), *read_program("seed").values()]
    name = f"{wanted.mode}-{model}-{hashlib.sha256(chr(0).join(told).encode()).hexdigest()[:10]}"
    return name if number == 1 else f"{name}-{number}"


def job_objects(wanted: Wanted, name: str) -> tuple[Document, Document]:
    """The ConfigMap with the program and the manifest, and the Job."""
    manifest = msgspec.json.format(msgspec.json.encode(wanted.manifest, order="sorted"), indent=1).decode()
    config: Document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(wanted, name),
        "immutable": True,
        "data": {**read_program("seed"), "manifest.json": manifest},
    }
    return config, {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(wanted, name),
        "spec": {
            "backoffLimit": 4,
            "activeDeadlineSeconds": wanted.deadline_s,
            "ttlSecondsAfterFinished": 86_400,
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": {"metadata": {"labels": _labels(wanted)}, "spec": _pod_spec(wanted, name)},
        },
    }


def _failure_rules() -> list[Document]:
    """A node that goes is not the download's fault; a code that another pod would not change ends the Job."""
    fatal = {"containerName": CONTAINER, "operator": "In", "values": sorted(FATAL)}
    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": fatal},
    ]


def _labels(wanted: Wanted) -> dict[str, str]:
    return {"app.kubernetes.io/name": "vops-seeder", "app.kubernetes.io/component": wanted.mode}


def _metadata(wanted: Wanted, name: str) -> Document:
    told = {"model": wanted.manifest["model"], "commit": wanted.manifest["commit"], "claim": wanted.claim}
    annotations = {f"vops.dev/{key}": value for key, value in told.items()}
    return {"name": name, "namespace": wanted.namespace, "labels": _labels(wanted), "annotations": annotations}


def _pod_spec(wanted: Wanted, name: str) -> Document:
    return {
        **wanted.pod,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "fsGroup": 1000,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(wanted)],
        "volumes": [
            {"name": "models", "persistentVolumeClaim": _claim(wanted)},
            {"name": "program", "configMap": {"name": name}},
            {"name": "cache", "emptyDir": {"sizeLimit": "10Gi"}},
        ],
    }


def _claim(wanted: Wanted) -> Document:
    return {"claimName": wanted.claim, **({"readOnly": True} if wanted.mode == "verify" else {})}


def _container(wanted: Wanted) -> Document:
    mount = {"name": "models", "mountPath": ROOT, **({"readOnly": True} if wanted.mode == "verify" else {})}
    return {
        "name": CONTAINER,
        "image": wanted.image,
        "command": ["python3", f"{_PROGRAM}/seeder.py"],
        "env": _environment(wanted),
        "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "8Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            mount,
            {"name": "program", "mountPath": _PROGRAM, "readOnly": True},
            {"name": "cache", "mountPath": _CACHE},
        ],
    }


def _environment(wanted: Wanted) -> list[Document]:
    values = {
        "VOPS_MODE": wanted.mode,
        "VOPS_ROOT": ROOT,
        "VOPS_RECHECK": "1" if wanted.recheck else "",
        "VOPS_STALL_S": f"{wanted.stall_s:g}",
        "HF_ENDPOINT": wanted.endpoint,
        "HF_HOME": f"{_CACHE}/huggingface",
        "HOME": _CACHE,
        "TMPDIR": _CACHE,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    plain: list[Document] = [{"name": name, "value": value} for name, value in values.items() if value]
    if wanted.token is None:
        return plain
    return [*plain, {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": dict(wanted.token)}}]


# --- what the container tells ------------------------------------------------------------------------------


class Seeded(msgspec.Struct, frozen=True):
    """A seeder's last line when all is there; `again` where it was there already."""

    path: str
    digest: str
    bytes: int
    seconds: float
    files: int
    again: bool


class Failed(msgspec.Struct, frozen=True):
    """A seeder's last line when it cannot go on."""

    code: int
    say: str


class Told(msgspec.Struct, frozen=True):
    """What a seeder's lines come to: how far it is, at what rate in bytes a second, and how it ended if it has."""

    files: int = 0
    of_files: int = 0
    bytes: int = 0
    of_bytes: int = 0
    rate: int = 0
    eta_s: int | None = None
    doing: str = ""
    done: Seeded | None = None
    failed: Failed | None = None

    @property
    def missing_files(self) -> int:
        return self.of_files - self.files


def read_lines(lines: Sequence[str]) -> Told:
    """The lines of one container; what is not one of its lines (a traceback, say) is passed over.

    Whatever runs in the container may write anything, so every line is read as what it says that it is.
    """
    told = Told()
    for line in lines:
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            told = msgspec.convert(msgspec.to_builtins(_next(told, read_json(line))), Told)
    return told


def _next(told: Told, item: Document) -> Told:
    replace, event = msgspec.structs.replace, item.get("event")
    if event == "begin":
        have, size = item["files"] - item["missing_files"], item["bytes"] - item["missing_bytes"]
        return Told(files=have, of_files=item["files"], bytes=size, of_bytes=item["bytes"])
    if event == "progress":
        facts = {"files": item["files"], "of_files": item["of"], "bytes": item["bytes"], "of_bytes": item["of_bytes"]}
        return replace(told, **facts, rate=item["rate"], eta_s=item["eta_s"], doing=item["verb"])
    if event == "file":
        size = max(told.bytes, item["bytes"])
        return replace(told, files=item["files"], of_files=item["of"], bytes=size)
    if event in ("done", "failed"):
        return replace(told, **{event: item}, doing=event)
    return replace(told, doing=_WORDS.get(str(event), "").format(**item) or told.doing)


_WORDS = {
    "waiting": "waits for {holder}, which fills the claim",
    "reading": "reads what is there: {name}",
    "checking": "checks whether a server could load it",
    "again": "begins again: {say}",
}


def progress_line(told: Told) -> str:
    """`37 of 64 files, 41.2 of 112 GiB, 210 MiB/s, 6 min left`."""
    if not told.of_files:
        return told.doing or "starts"
    words = [f"{told.files} of {told.of_files} files"]
    if told.of_bytes:
        words.append(f"{format_bytes(told.bytes)} of {format_bytes(told.of_bytes)}")
    if told.rate:
        words.append(f"{format_bytes(told.rate)}/s")
    if told.eta_s is not None:
        words.append(f"{left(told.eta_s)} left")
    if told.doing not in ("", "fetched", "verified"):
        words.append(told.doing)
    return ", ".join(words)


def left(seconds: float) -> str:
    """Seconds as a person says them: `40 s`, `6 min`, `2 h 10 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def failure(code: int, say: str) -> tuple[str, str]:
    """What a container's end means, as a sentence and what to do."""
    meaning, hint = FATAL.get(code, (PASSING.get(code, f"it ended with code {code}"), ""))
    return (f"{meaning}: {say}" if say else meaning), hint
