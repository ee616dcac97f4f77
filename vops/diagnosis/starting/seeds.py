"""Seeding as a fix: where a start downloads what a claim could hold, or a claim holds what was damaged.

Only offered where a runbook could do it: a workload that can be changed, and a model that is a repository of the Hub.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Fix
from vops.diagnosis.remedies import workload_of
from vops.diagnosis.starting.caches import cache_mounts, mount_of
from vops.diagnosis.states import ReplicaState
from vops.model.hub import seeded_model

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
RUNBOOK = "seed-model"


def seed(replica: Replica, model: str) -> tuple[Fix, ...]:
    """Bringing a model into a claim once, for every start after; nothing where that cannot be done by a runbook."""
    target = workload_of(replica)
    if target is None or not _REPOSITORY.fullmatch(model):
        return ()
    claim = f"{target['target'].rpartition('/')[2]}-models"
    params = {"namespace": target["namespace"], "model": model, "claim": claim, "consumer": target["target"]}
    served = f"Serve it from there, read-only and without the Hub: vops run deploy-model -p claim={claim} -p commit=…"
    title = f"Bring {model} into a claim, so that no start downloads it"
    return (Fix(title, Applicability.ASK, RUNBOOK, params | _token(replica), (served,)),)


def offered(replica: Replica) -> tuple[Fix, ...]:
    """What would spare the next starts the download of this one: nothing is wrong, it is slow again and again."""
    starting = replica.state in (ReplicaState.CREATING, ReplicaState.LOADING)
    return seed(replica, replica.args.model or "") if starting and not _outlives_the_pod(replica) else ()


def _outlives_the_pod(replica: Replica) -> bool:
    volumes = [volume for _, volume in cache_mounts(replica) if volume is not None]
    return any(volume.empty_dir is None and volume.ephemeral is None for volume in volumes)


def mend(replica: Replica) -> tuple[Fix, ...]:
    """Proving every byte of a model that seed-model has put into a claim, and fetching again what is damaged."""
    target, mount = workload_of(replica), mount_of(replica, replica.args.model or "/")
    if target is None or mount is None or not replica.args.model:
        return ()
    found, claim = seeded_model(replica.args.model), _claim(replica, mount.name)
    if found is None or not claim or PurePosixPath(found.root) != PurePosixPath(mount.mount_path):
        return ()
    params = {
        "namespace": target["namespace"],
        "model": found.repository,
        "revision": found.commit,
        "claim": claim,
        "consumer": target["target"],
        "recheck": "true",
    }
    title = f"Prove every file in claim {claim}, and fetch again what is damaged"
    return (Fix(title, Applicability.ASK, RUNBOOK, params | _token(replica)),)


def _claim(replica: Replica, volume: str) -> str:
    found = next((item for item in replica.pod.spec.volumes if item.name == volume), None)
    return str((found.persistent_volume_claim or {}).get("claimName", "")) if found else ""


def _token(replica: Replica) -> dict[str, str]:
    """The Secret that the server's own token comes from."""
    sources = (item.value_from for item in replica.container.env if item.name in _TOKENS)
    reference = next((item.secret_key_ref for item in sources if item and item.secret_key_ref), None)
    return {"token": f"{reference['name']}/{reference['key']}"} if reference else {}
