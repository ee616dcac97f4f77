"""The verb load: a bounded load on the servers of a target, and what came of it."""

from __future__ import annotations

from vops.diagnosis.facts import Facts, Replica
from vops.diagnosis.states import ReplicaState
from vops.errors import NotFound, Refused
from vops.model.load import LoadResult
from vops.model.resources import Ref
from vops.operations.observe import observe
from vops.operations.session import Session
from vops.operations.targets import locate, parse_target
from vops.runbooks.load import Endpoint, Load, put_under_load


async def load_target(session: Session, text: str, load: Load) -> LoadResult:
    """Raises NotFound where nothing serves, Refused for too much load or a read-only session."""
    load.check()
    if session.cluster.readonly:
        raise Refused("this session is read-only, and load is no look", hint="start vops without --readonly")
    target = parse_target(text)
    ref = await locate(session, target)
    facts = Facts(await observe(session, target=ref, logs=False, related=False, window_s=0))
    mine = [item for item in facts.replicas if _is_of(item, ref)]
    endpoints = [_endpoint(item) for item in sorted(mine, key=lambda item: item.name) if _serves(item)]
    if not endpoints:
        raise NotFound(f"no server of {ref} is ready", status=404, hint=f"vops diagnose {text}")
    return await put_under_load(session.cluster, session.clock, endpoints, load)


def _is_of(replica: Replica, ref: Ref) -> bool:
    """Whether a replica is the target, or belongs to it."""
    found = (replica.ref, replica.owner)
    return any(item and (item.kind, item.namespace, item.name) == (ref.kind, ref.namespace, ref.name) for item in found)


def _serves(replica: Replica) -> bool:
    return replica.state is ReplicaState.READY and not replica.args.headless


def _endpoint(replica: Replica) -> Endpoint:
    return Endpoint(replica.namespace, replica.name, replica.args.port)
