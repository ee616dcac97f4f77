"""Which plans were applied, known to every machine: a plan in a file is applied once, wherever the file was copied to.

One ConfigMap `vops-plans` beside what a plan changes holds the ids of the plans that were applied within their
lifetime; those that have expired go with the next one. Without the permission a plan is known as used on this machine
only, which is said. The claim is a JSON Patch that tests the version that was read, so that of two machines one is
refused.
"""

from __future__ import annotations

import getpass
import secrets
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from vops.errors import Conflict, Forbidden, InputError, NotFound, PlanStale, Rejected
from vops.model.provisioning import CONFIG_MAPS
from vops.planning.patches import Document
from vops.planning.plan import Plan
from vops.ports import Cluster

NAME = "vops-plans"
MANAGER = "vops/plans"
_TRIES = 5


class Use(msgspec.Struct, frozen=True):
    """One plan that was applied: by whom, on which machine (a word of its own), and until when that has to be known."""

    by: str
    machine: str
    expires_at: datetime


async def claim_everywhere(
    cluster: Cluster, plan: Plan, state: Path, now: datetime, warn: Callable[[str], None]
) -> None:
    """Marks a plan as applied in the cluster.

    Raises PlanStale when another machine has applied it, ClusterError when that cannot be known for want of an answer.
    """
    use = Use(f"{getpass.getuser()}@{socket.gethostname()}", _machine(state), plan.expires_at)
    namespace = _namespace(plan, cluster)
    try:
        for _ in range(_TRIES):
            if await _claimed(cluster, namespace, plan.id, use, now):
                return
    except (Forbidden, NotFound) as error:
        warn(f"only this machine knows that the plan is used: {error}")
        return
    raise PlanStale(f"plan {plan.id} could not be marked as applied: others do so at the same time", hint="try again")


async def _claimed(cluster: Cluster, namespace: str, plan_id: str, use: Use, now: datetime) -> bool:
    """Whether it is marked now; not when somebody else has changed the marks meanwhile. Raises PlanStale."""
    found = await _marks(cluster, namespace)
    data = found.get("data") or {}
    if plan_id in data:
        earlier = _use(data[plan_id])
        if earlier is not None and earlier.machine == use.machine:
            return True  # its answer was lost, or this machine has begun before: then its own mark says so
        by = f" by {earlier.by}" if earlier else ""
        raise PlanStale(f"plan {plan_id} was applied before{by}", hint="make a new plan")
    meta = found["metadata"]
    changes = [{"op": "test", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]}]
    changes += [] if found.get("data") else [{"op": "add", "path": "/data", "value": {}}]
    changes += [{"op": "remove", "path": f"/data/{key}"} for key in _expired(data, now)]
    changes.append({"op": "add", "path": f"/data/{plan_id}", "value": msgspec.json.encode(use).decode()})
    try:
        await cluster.patch(CONFIG_MAPS, NAME, namespace, changes)
    except (Rejected, Conflict):
        return False
    return True


async def _marks(cluster: Cluster, namespace: str) -> Document:
    """The ConfigMap, made where there is none yet."""
    try:
        return await cluster.get(CONFIG_MAPS, NAME, namespace)
    except NotFound:
        labels = {"app.kubernetes.io/managed-by": "vops"}
        metadata = {"name": NAME, "namespace": namespace, "labels": labels}
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        return await cluster.apply(CONFIG_MAPS, document, manager=MANAGER)


def _namespace(plan: Plan, cluster: Cluster) -> str:
    targets = (*plan.locks, *(change.target for change in plan.changes))
    return next((ref.namespace for ref in targets if ref.namespace), cluster.namespace)


def _use(text: str) -> Use | None:
    try:
        return msgspec.json.decode(text, type=Use)
    except ValueError:
        return None


def _expired(data: Document, now: datetime) -> Iterator[str]:
    """The plans that could not be applied any more anyway."""
    for key, text in data.items():
        use = _use(text)
        if use is not None and use.expires_at < now:
            yield key


def _machine(state: Path) -> str:
    """A word that stands for this machine's journals, made with the first one."""
    path = state / "machine"
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            path.write_text(secrets.token_hex(8))
        return path.read_text().strip()
    except OSError as error:
        raise InputError(f"cannot be written: {error}", path=str(path), hint="set VOPS_STATE_DIR") from error
