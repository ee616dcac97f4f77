"""One change carried out: looked at again, tried as a dry run, then written; and taken back.

The API server refuses the write itself when a touched field is not what it was: that is in the patch. Looking first
only gives a better sentence. A write whose answer was lost is settled by reading the object again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from vops.errors import (
    ClusterError,
    Conflict,
    NotFound,
    PlanStale,
    Rejected,
    Unavailable,
    Unreachable,
)
from vops.model.secrets import mask
from vops.planning.changes import Change, Verb, applied_by, projection, written
from vops.planning.handback import handed_back
from vops.planning.marks import unmarked
from vops.planning.patches import Document, TestFailed, apply_operations, same
from vops.planning.pointers import ABSENT
from vops.ports import Cluster
from vops.runbooks.kinds import StepFault

T = TypeVar("T")


class Unsettled(StepFault):
    """Whether a write has landed is not known: its answer was lost, and so was the way to look."""


_NO_DRY_RUN = "does not support dry run"


async def carry_out(cluster: Cluster, change: Change) -> tuple[str, ...]:
    """Writes `change`; the answer is what a reader should know besides.

    Raises PlanStale when the object is not what was planned for, StepFault when the API server refuses the change.
    """
    if change.verb in (Verb.DELETE, Verb.EVICT):
        return await _remove(cluster, change)
    if change.verb is Verb.APPLY:
        return await _apply(cluster, change)
    await _recheck(cluster, change)
    remarks = await _try(cluster, change)
    try:
        await uninterrupted(_patch(cluster, change, change.operations))
    except (Rejected, Conflict) as error:
        await _recheck(cluster, change)
        raise StepFault(f"{change.target}: the API server refused the change: {error}") from error
    except (Unavailable, Unreachable) as error:
        await _settle(cluster, change, error)
    return (*remarks, *(await hand_back(cluster, change) if change.hands_back else ()))


async def has_landed(cluster: Cluster, change: Change) -> bool:
    """Whether a change is there already, from before the run was interrupted.

    Raises PlanStale when its object is gone, and what keeps it from being read.
    """
    if change.verb in (Verb.DELETE, Verb.EVICT):
        return await _is_going(cluster, change)
    if change.verb is Verb.APPLY:
        return await _is_applied(cluster, change)
    return _holds(await _read(cluster, change), change)


def _holds(document: Document, change: Change) -> bool:
    """Whether every touched field has the value that the change gives it."""
    try:
        after = apply_operations(document, unmarked(change.operations))
    except (TestFailed, ValueError):
        after = None
    if after is not None:
        return same(after, document)
    try:
        apply_operations(document, unmarked(change.undo))
    except (TestFailed, ValueError):
        return False
    return bool(change.undo)


async def take_back(cluster: Cluster, change: Change) -> str:
    """Undoes `change` by its reverse patch; the answer is empty, or says what could not be taken back and why."""
    if change.verb in (Verb.DELETE, Verb.EVICT):
        return ""
    if change.verb is Verb.APPLY:
        return await _unmake(cluster, change)
    if change.undo:
        try:
            await _reverse(cluster, change)
        except ClusterError as error:
            return f"{change.target}: {error}"
        await hand_back(cluster, change)
    return "; ".join(f"{change.target} {loss}" for loss in change.unrestorable)


async def _reverse(cluster: Cluster, change: Change) -> None:
    """The reverse patch; without the marks of the run where somebody has written others since."""
    try:
        await uninterrupted(_patch(cluster, change, change.undo))
    except (Rejected, Conflict):
        if unmarked(change.undo) == change.undo:
            raise
        await uninterrupted(_patch(cluster, change, unmarked(change.undo)))


async def hand_back(cluster: Cluster, change: Change) -> tuple[str, ...]:
    """Gives up the fields of a change that was taken back; the answer says so when that was not possible.

    Which entry of managedFields is ours shows only now, so this is the one write whose body no plan holds; it tests the
    entry that it edits and touches no field.
    """
    target = change.target
    try:
        document = await cluster.get(change.kind, target.name, target.namespace)
        edits = handed_back(document, written(change.operations))
        if edits and document["metadata"].get("uid") == target.uid:
            same_object = {"op": "test", "path": "/metadata/uid", "value": target.uid}
            await uninterrupted(_patch(cluster, change, [same_object, *edits]))
    except ClusterError as error:
        return (f"vops still owns its fields, which a server-side apply may stop on: {error}",)
    return ()


async def uninterrupted(write: Awaitable[T]) -> T:
    """The write's answer, waited for even when the run is cancelled meanwhile, which is raised afterwards."""
    task = asyncio.ensure_future(write)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _patch(
    cluster: Cluster, change: Change, operations: Sequence[Document], *, dry_run: bool = False
) -> Document:
    target = change.target
    return await cluster.patch(change.kind, target.name, target.namespace, operations, dry_run=dry_run)


async def _recheck(cluster: Cluster, change: Change) -> None:
    """Raises PlanStale unless the object is the one that was planned for and every touched field is as it was."""
    document = await _read(cluster, change)
    try:
        change.applied_to(document)
    except TestFailed as failed:
        raise _stale(change, failed.pointer, failed.observed) from failed
    except ValueError as error:
        raise _stale(change, str(error), ABSENT) from error


async def _read(cluster: Cluster, change: Change) -> Document:
    target = change.target
    try:
        document = await cluster.get(change.kind, target.name, target.namespace)
    except NotFound as error:
        raise PlanStale(f"{target} is gone since the plan was made", hint="make a new plan") from error
    meta = document["metadata"]
    if meta.get("uid", "") != target.uid:
        raise PlanStale(f"{target} was deleted and made anew since the plan was made", hint="make a new plan")
    if meta.get("deletionTimestamp"):
        raise PlanStale(f"{target} is being deleted", hint="make a new plan")
    return document


def _stale(change: Change, pointer: str, observed: Any) -> PlanStale:
    shown = "nothing" if observed is ABSENT else repr(mask(observed))
    if len(shown) > 200:
        shown = shown[:200] + "…"
    return PlanStale(
        f"{change.target}: {pointer} has changed since the plan was made, it is now {shown}",
        hint="nothing was changed by this step; make a new plan",
    )


async def _try(cluster: Cluster, change: Change) -> tuple[str, ...]:
    """The server's dry run: validation and admission as in earnest."""
    try:
        await _patch(cluster, change, change.operations, dry_run=True)
    except (Rejected, Conflict) as error:
        if _NO_DRY_RUN in str(error):
            return ("an admission webhook does not support dry runs, so the change was not tried first",)
        await _recheck(cluster, change)
        raise StepFault(f"{change.target}: the API server would refuse the change: {error}") from error
    return ()


async def _settle(cluster: Cluster, change: Change, lost: ClusterError) -> None:
    """After a lost answer: returns when the change is there, raises the loss when it is not, Unsettled if unknown."""
    try:
        document = await _read(cluster, change)
    except ClusterError as error:
        raise Unsettled(f"{change.target}: the answer was lost ({lost}), it may have been changed") from error
    if not _holds(document, change):
        raise lost


async def _apply(cluster: Cluster, change: Change) -> tuple[str, ...]:
    """An apply, tried first; an object that came into being since the plan was made is not taken over."""
    live = await _live(cluster, change)
    if live is not None and live["metadata"].get("uid") != change.target.uid and not applied_by(live, change.manager):
        raise PlanStale(f"{change.target} was made by somebody else since the plan was made", hint="make a new plan")
    try:
        await cluster.apply(change.kind, change.document, manager=change.manager, dry_run=True)
        await uninterrupted(cluster.apply(change.kind, change.document, manager=change.manager))
    except (Rejected, Conflict) as error:
        raise StepFault(f"{change.target}: the API server refused the change: {error}") from error
    except (Unavailable, Unreachable) as error:
        await _settle_applied(cluster, change, error)
    return ()


async def _settle_applied(cluster: Cluster, change: Change, lost: ClusterError) -> None:
    try:
        landed = await _is_applied(cluster, change)
    except ClusterError as error:
        raise Unsettled(f"{change.target}: the answer was lost ({lost}), it may have been changed") from error
    if not landed:
        raise lost


async def _is_applied(cluster: Cluster, change: Change) -> bool:
    live = await _live(cluster, change)
    return (
        live is not None
        and applied_by(live, change.manager)
        and same(projection(live, change.document), change.document)
    )


async def _live(cluster: Cluster, change: Change) -> Document | None:
    target = change.target
    try:
        return await cluster.get(change.kind, target.name, target.namespace)
    except NotFound:
        return None


async def _unmake(cluster: Cluster, change: Change) -> str:
    """What was not there before the run goes again; what was there keeps what was applied."""
    if change.target.uid:
        return f"{change.target} keeps what was applied"
    try:
        live = await _live(cluster, change)
        if live is None:
            return ""
        target = change.target
        await uninterrupted(cluster.delete(change.kind, target.name, target.namespace, uid=live["metadata"]["uid"]))
    except ClusterError as error:
        return f"{change.target}: {error}"
    return ""


async def _is_going(cluster: Cluster, change: Change) -> bool:
    """Whether the planned incarnation is gone, or on its way out."""
    live = await _live(cluster, change)
    return live is None or live["metadata"].get("uid") != change.target.uid or "deletionTimestamp" in live["metadata"]


async def _remove(cluster: Cluster, change: Change) -> tuple[str, ...]:
    """Deletes or evicts the planned incarnation; one that is gone already needs nothing."""
    target = change.target
    try:
        if change.verb is Verb.EVICT:
            await uninterrupted(cluster.evict(target.name, target.namespace, uid=target.uid))
        else:
            await uninterrupted(cluster.delete(change.kind, target.name, target.namespace, uid=target.uid))
    except (NotFound, Conflict):
        return (f"{target} was gone already",)
    return ()
