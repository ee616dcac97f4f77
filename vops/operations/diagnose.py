"""The verb diagnose: observe, derive facts, ask the rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vops.diagnosis.diagnose import diagnose, diagnose_all
from vops.diagnosis.facts import Facts, Replica
from vops.diagnosis.findings import Report, Severity
from vops.diagnosis.serving.load import FULL, STEADY_S
from vops.diagnosis.states import ReplicaState
from vops.model.objects import Ref
from vops.model.snapshot import ClusterSnapshot
from vops.operations.observation.observe import observe
from vops.operations.observation.targets import Target, locate, parse_target, present
from vops.operations.session import Session

LONG_LOOK_S = STEADY_S + 0.5
"""Between two scrapes that tell how well a busy server serves; the answers take their time as well."""


async def diagnose_targets(
    session: Session, texts: Sequence[str], *, patches: bool = False, tell: Callable[[str], None] = lambda text: None
) -> list[Report]:
    """A report for each target; for a namespace or everything, one for each replica and for what else is wrong.

    A second, longer look is taken where a server is busy and nothing else is wrong: `tell` hears of it. With `patches`
    the fixes have the JSON Patch that they come to. (See vops.operations.patches.)
    Raises UsageError for a target that cannot be read, NotFound for one that is not there.
    """
    targets = [parse_target(text) for text in texts]
    reports: list[Report] = []
    for target in targets:
        reports += await _reports(session, target, tell, patches=patches)
    return reports


async def _reports(session: Session, target: Target, tell: Callable[[str], None], *, patches: bool) -> list[Report]:
    if target.is_one:
        snapshot, reports = await _one(session, await locate(session, target), tell)
    else:
        snapshot, reports = await _many(session, target.name or session.settings.namespace, tell)
    if not patches:
        return reports
    from vops.operations.patches import with_patches  # with runbooks, which other outputs have no use for

    return await with_patches(session, snapshot, reports)


async def _one(session: Session, ref: Ref, tell: Callable[[str], None]) -> tuple[ClusterSnapshot, list[Report]]:
    snapshot, report = await look_closely(session, ref, tell)
    return snapshot, [present(report)]


async def look_closely(
    session: Session, ref: Ref, tell: Callable[[str], None] = lambda text: None
) -> tuple[ClusterSnapshot, Report]:
    """A first look without a wait, as most of what fails does not serve; a longer one at what serves and is busy."""
    facts = Facts(await observe(session, target=ref, window_s=0))
    report = diagnose(facts, ref)
    fails = any(item.severity is Severity.ERROR for item in report.findings)
    if not fails and any(map(_is_busy, facts.replicas)):
        tell(f"{ref} serves: looking for {STEADY_S:.0f} s at how well")
        facts = Facts(await observe(session, target=ref, window_s=LONG_LOOK_S))
        report = diagnose(facts, ref)
    return facts.snapshot, report


async def _many(session: Session, namespace: str, tell: Callable[[str], None]) -> tuple[ClusterSnapshot, list[Report]]:
    """A longer look where a server has a queue or a full cache: to be busy is what servers are for."""
    facts = Facts(await observe(session, namespace=namespace))
    if any(map(_is_pressed, facts.replicas)):
        tell(f"some servers are pressed: looking for {STEADY_S:.0f} s at how well they serve")
        facts = Facts(await observe(session, namespace=namespace, window_s=LONG_LOOK_S))
    return facts.snapshot, diagnose_all(facts)


def _is_busy(replica: Replica) -> bool:
    """Whether a server that should serve has requests."""
    latest = replica.samples.latest if replica.samples else None
    serves = replica.state is ReplicaState.READY and latest is not None
    return serves and latest is not None and (latest.running or 0) + (latest.waiting or 0) > 0


def _is_pressed(replica: Replica) -> bool:
    latest = replica.samples.latest if replica.samples else None
    return _is_busy(replica) and latest is not None and bool(latest.waiting or (latest.kv_usage or 0) >= FULL)
