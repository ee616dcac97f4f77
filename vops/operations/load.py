"""The verb load: a bounded load on the servers of a target, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from vops.diagnosis.facts import Facts, Replica
from vops.diagnosis.serving.slowness import slowness
from vops.diagnosis.states import ReplicaState
from vops.errors import NotFound, Refused
from vops.model.load import LoadResult, ServerVerdict
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.operations.observation.observe import observe
from vops.operations.observation.targets import locate, parse_target
from vops.operations.session import Session
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
    result = await put_under_load(session.cluster, session.clock, endpoints, load)
    after = await observe(session, target=ref, logs=False, related=False, window_s=0)
    return msgspec.structs.replace(result, servers=_verdicts(facts, after, endpoints))


def _verdicts(before: Facts, after: ClusterSnapshot, loaded: Iterable[Endpoint]) -> tuple[ServerVerdict, ...]:
    """Where each server's time went while it was under load: between a scrape before and one after it."""
    first = {(item.namespace, item.pod): item.latest for item in before.snapshot.samples}
    samples = tuple(
        msgspec.structs.replace(item, earlier=first.get((item.namespace, item.pod))) for item in after.samples
    )
    facts = Facts(msgspec.structs.replace(after, samples=samples))
    replicas = (facts.replica(item.namespace, item.pod) for item in loaded)
    found = [(replica.name, slowness(replica)) for replica in replicas if replica is not None]
    return tuple(ServerVerdict(name, str(verdict.pace), verdict.summary, verdict.steps) for name, verdict in found)


def _is_of(replica: Replica, ref: Ref) -> bool:
    """Whether a replica is the target, or belongs to it."""
    found = (replica.ref, replica.owner)
    return any(item and (item.kind, item.namespace, item.name) == (ref.kind, ref.namespace, ref.name) for item in found)


def _serves(replica: Replica) -> bool:
    return replica.state is ReplicaState.READY and not replica.args.headless


def _endpoint(replica: Replica) -> Endpoint:
    return Endpoint(replica.namespace, replica.name, replica.args.port)
