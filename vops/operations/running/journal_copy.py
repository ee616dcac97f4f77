"""A copy of a run's journal in the cluster, so that another operator can go on where a laptop was closed.

One ConfigMap `vops-run-ID` beside what the run locks, written before each change and after each step, where these
credentials may; without them the run goes on, and says once that only this machine can resume it. When the run has
ended well the copy stays for a day, so that any machine can take it back: whichever run ends there next removes those
whose day is over, and after an undo or a handback nobody needs it any more. The journal holds no secret, so neither
does the copy. Whoever may write ConfigMaps there can change it, so a run that is fetched has to be agreed to anew
before it goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from vops.errors import ClusterError, InputError, NotFound, UsageError
from vops.model.objects import Meta, Ref
from vops.model.provisioning import CONFIG_MAPS
from vops.operations.running.journal import journal_path
from vops.operations.running.runs import fetched_mark, read_run
from vops.operations.session import Session
from vops.planning.changes import UNDO_UNTIL
from vops.planning.marks import instant
from vops.planning.patches import Document
from vops.ports import Cluster

PREFIX = "vops-run-"
KEY = "journal.jsonl"
MANAGER = "vops/journal"
OURS = "app.kubernetes.io/managed-by=vops"
LARGEST_BYTES = 900_000


class JournalCopy:
    """The copy of one run's journal; does nothing any more once it could not be written for a lasting reason."""

    def __init__(self, cluster: Cluster, path: Path, targets: tuple[Ref, ...], warn: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._path = path
        self._namespace = next((ref.namespace for ref in targets if ref.namespace), cluster.namespace)
        self._warn = warn
        self._given_up = False
        self._until: datetime | None = None
        self._one_at_a_time = asyncio.Lock()

    async def write(self) -> None:
        """Brings the copy up to date; an API server that does not answer is no reason to stop."""
        async with self._one_at_a_time:
            await self._write()

    async def _write(self) -> None:
        if self._given_up:
            return
        text = self._path.read_text("utf-8")
        if len(text) > LARGEST_BYTES:
            self._give_up("its journal is too large for a ConfigMap")
            return
        try:
            document = _document(self._path.stem, self._namespace, text, self._until)
            await self._cluster.apply(CONFIG_MAPS, document, manager=MANAGER, force=True)
        except ClusterError as error:
            if error.status and error.status < 500 and error.status != 429:
                self._give_up(str(error))

    async def keep(self, until: datetime, now: datetime) -> None:
        """Keeps the copy of a run that ended well, where those whose time is over can be found and removed."""
        self._until = until
        try:
            listed = await self._cluster.list(CONFIG_MAPS, self._namespace, label_selector=OURS)
        except ClusterError:
            await self.remove()
            return
        for item in listed.items:
            if _is_over(item.metadata, now):
                await self._remove(item.metadata.name)
        await self.write()

    async def remove(self, run_id: str = "") -> None:
        """Deletes the copy, which nobody needs any more, or that of another run."""
        if not self._given_up:
            await self._remove(f"{PREFIX}{run_id or self._path.stem}")

    async def _remove(self, name: str) -> None:
        try:
            found = await self._cluster.get(CONFIG_MAPS, name, self._namespace)
            await self._cluster.delete(CONFIG_MAPS, name, self._namespace, uid=found["metadata"]["uid"])
        except ClusterError as error:
            if not isinstance(error, NotFound):
                self._warn(f"the journal's copy configmap/{name} stays: {error}")

    def _give_up(self, why: str) -> None:
        self._given_up = True
        self._warn(f"only this machine can resume the run: {why}")


def _document(run_id: str, namespace: str, text: str, until: datetime | None) -> Document:
    name, _, value = OURS.partition("=")
    metadata: Document = {"name": f"{PREFIX}{run_id}", "namespace": namespace, "labels": {name: value}}
    if until is not None:
        metadata["annotations"] = {UNDO_UNTIL: instant(until)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}}


def _is_over(meta: Meta, now: datetime) -> bool:
    """Whether a copy was kept for a time that is over; one of a run that did not end well stays."""
    until = meta.annotations.get(UNDO_UNTIL, "")
    return meta.name.startswith(PREFIX) and bool(until) and until < instant(now)


async def fetch_run(session: Session, run_id: str) -> Path:
    """Brings the journal of a run that another machine began onto this one.

    It is marked as one that nobody has agreed to here (see PastRun.is_fetched). Raises UsageError when the cluster has
    no copy either, InputError when it is damaged.
    """
    namespace = session.settings.namespace or session.cluster.namespace
    try:
        found = await session.cluster.get(CONFIG_MAPS, f"{PREFIX}{run_id}", namespace)
    except NotFound as error:
        raise UsageError(
            f"{run_id!r} is neither a run of this machine nor one in namespace {namespace}",
            hint="vops runs lists those of this machine, vops locks names those that hold something; -n says where",
        ) from error
    path = journal_path(session.settings.state_path, run_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fetched_mark(path).touch(0o600)
    path.touch(0o600)
    path.write_text((found.get("data") or {}).get(KEY, ""), "utf-8")
    try:
        read_run(path)
    except InputError as error:
        path.unlink()
        where = f"configmap/{PREFIX}{run_id} -n {namespace}"
        what = f"the journal's copy is damaged: {error.message.partition(': ')[2]}"
        hint = "whoever began the run can go on from their machine; or make a new plan"
        raise InputError(what, path=where, line=error.line, hint=hint) from error
    return path
