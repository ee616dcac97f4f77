"""What holds for every shipped runbook: see the table in tests/lab/runbook_cases.py.

The lines of a journal, and the requests of a run, that are of the shape of the one before (a wait that looks again) are
taken for one: a run is killed, or refused, at the first of each shape.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import Person, driven, session_on
from tests.lab.runbook_cases import CASES, Case
from tests.lab.test_resume_undo import KilledError
from vops.errors import PlanStale, VopsError
from vops.lab.clock import LabClock
from vops.lab.disturbances import Disturbance, Disturbances, Received
from vops.lab.documents import Document
from vops.lab.world import Lab
from vops.library import runbooks
from vops.model.kinds import KINDS
from vops.operations.running.journal import Journal
from vops.operations.running.journal_copy import PREFIX
from vops.operations.running.run import RunResult, resume_run, run_plan
from vops.operations.running.runs import past_runs
from vops.operations.session import Session
from vops.planning.changes import RUN, UNDO_UNTIL, Verb
from vops.planning.plan import Plan
from vops.planning.pointers import ABSENT, lookup, split

PASSING = frozenset(
    {"Pod", "ReplicaSet", "ControllerRevision", "Event", "Lease", "Node", "EndpointSlice", "PersistentVolume"}
)
"""What controllers make and change by themselves, under names and at times of their own."""
RANDOM = frozenset({"volumeName"})
SCALER = "HorizontalPodAutoscaler"
OF_CONTROLLERS = frozenset({"cluster-autoscaler-status"})
MOST_ATTEMPTS = 200
LEASES = ("coordination.k8s.io/v1", "Lease")
EXPIRING = 4
"""After how many kills locks need not expire any more: each costs most of a minute, in which the world moves on."""
State = dict[tuple[str, str, str], Document]
_WHOLE: dict[str, State] = {}
"""The states after whole runs, each run once: the tests of one runbook come one after the other, in one process."""


def test_every_shipped_runbook_has_a_case() -> None:
    covered = {case.runbook for case in CASES.values()}
    assert set(runbooks({"XDG_CONFIG_HOME": "/nonexistent"})) - covered == set()


async def started(start_lab: StartLab, case: Case, folder: Path) -> Lab:
    lab = await start_lab(case.scenario, clock=LabClock())
    await case.prepare(lab, folder / "before")
    return lab


async def go(session: Session, plan: Plan) -> RunResult:
    """The run, or where it was begun before, the rest of it."""
    person = Person()
    begun = past_runs(session.settings.state_path)[0]
    if begun:
        going = resume_run(session, begun[0], approve=person.approve, progress=person.progress)
    else:
        going = run_plan(session, plan, approve=person.approve, progress=person.progress)
    return await driven(session, going)


def state(lab: Lab) -> State:
    """What everything wants to be, without what differs from run to run."""
    found, scaled = {}, scaled_by_others(lab)
    for document in everything(lab):
        meta = document["metadata"]
        kept = {key: value for key, value in document.items() if key not in ("metadata", "status")}
        if meta["name"] in scaled and "replicas" in kept.get("spec", {}):
            kept["spec"] = {**kept["spec"], "replicas": None}
        notes = (meta.get("annotations") or {}).items()
        annotations = {key: value for key, value in notes if "revision" not in key and key not in (RUN, UNDO_UNTIL)}
        identity = (document["kind"], meta.get("namespace", ""), meta["name"])
        found[identity] = without_empties(kept | {"labels": meta.get("labels"), "annotations": annotations})
    return found


def everything(lab: Lab) -> list[Document]:
    kinds = [kind for kind in KINDS if kind.kind not in PASSING]
    found = [item for kind in kinds for item in lab.store.list(kind.api_version, kind.kind)]
    names = ((item, item["metadata"]["name"]) for item in found)
    return [item for item, name in names if not name.startswith(PREFIX) and name not in OF_CONTROLLERS]


def scaled_by_others(lab: Lab) -> set[str]:
    """The names of the workloads whose replicas an autoscaler sets, at times of its own."""
    return {item["spec"]["scaleTargetRef"]["name"] for item in lab.store.list("autoscaling/v2", SCALER)}


def without_empties(value: Any) -> Any:
    """Empty lists and mappings mean the same as none."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in RANDOM and item not in ({}, [], None)}
        return {key: without_empties(item) for key, item in kept.items()}
    return [without_empties(item) for item in value] if isinstance(value, list) else value


def is_change(request: Received) -> bool:
    """Whether a write is one of the plan's: not a lock, not a journal, not words to a pod."""
    return not any(part in request.path for part in ("/leases", "/proxy", "/configmaps/vops-run-"))


def twice(lab: Lab) -> list[tuple[str, str]]:
    """The writes in earnest that were accepted more than once, leases and passing words to pods left out."""
    seen: set[tuple[str, str, bytes]] = set()
    found = []
    for item in lab.server.writes:
        if not is_change(item):
            continue
        key = (item.method, item.path, item.body)
        if key in seen and item.status < 300:
            found.append((item.method, item.path))
        if item.status < 300:
            seen.add(key)
    return found


def leases(lab: Lab) -> list[Document]:
    """Locks that would never expire."""
    found = lab.store.list("coordination.k8s.io/v1", "Lease", "inference")
    return [item for item in found if not item["spec"].get("leaseDurationSeconds")]


async def whole(start_lab: StartLab, name: str, folder: Path) -> State:
    """The state after a run that nobody disturbs."""
    if name in _WHOLE:
        return _WHOLE[name]
    case = CASES[name]
    lab = await started(start_lab, case, folder)
    async with session_on(lab, folder / "whole") as session:
        plan = await case.plan(session, lab)
        assert not lab.server.writes, "a dry run writes nothing"
        assert not (folder / "whole").exists() or not list((folder / "whole").iterdir())
        result = await go(session, plan)
    assert (result.outcome, result.error) == (case.ending, None), result.steps
    assert not twice(lab)
    _WHOLE[name] = state(lab)
    await lab.stop()
    return _WHOLE[name]


def shape(kind: str, data: Any) -> tuple[str, ...]:
    words = (getattr(data, name, "") for name in ("step", "state", "phase", "method", "path", "dry_run"))
    return (kind, *map(str, words))


@pytest.mark.parametrize("name", CASES, scope="module")
async def test_a_runbook_is_killed_after_every_line_of_its_journal_and_ends_the_same(
    name: str, start_lab: StartLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    wanted = await whole(start_lab, name, tmp_path)
    lab = await started(start_lab, case, tmp_path)
    seen: set[tuple[str, ...]] = set()
    note = Journal.note

    def kill(journal: Journal, kind: str, data: Any) -> None:
        if not lab.server.trouble.spares("DELETE", "/leases"):
            raise KilledError  # Whatever else was going on in the process is gone with it, and writes no line.
        note(journal, kind, data)
        if shape(kind, data) not in seen:
            seen.add(shape(kind, data))
            lab.server.trouble.drop(times=1000, method="DELETE", path="/leases")
            raise KilledError

    monkeypatch.setattr(Journal, "note", kill)
    assert await until_it_ends(lab, case, tmp_path / "killed", KilledError) >= len(seen) > 3
    assert (state(lab), twice(lab), leases(lab)) == (wanted, [], [])


async def until_it_ends(lab: Lab, case: Case, folder: Path, interruption: type[BaseException]) -> int:
    """Begins the run, and goes on with it as often as it is interrupted; the answer is how often."""
    plan: Plan | None = None
    last: object = None
    for attempt in range(MOST_ATTEMPTS):
        begun = past_runs(folder)[0]
        if begun and begun[0].ending is case.ending:
            return attempt
        async with session_on(lab, folder) as session:
            try:
                plan = plan or await case.plan(session, lab)
                last = (await go(session, plan)).error
            except interruption as error:
                last = error
                lab.server.trouble.clear()
                if attempt >= EXPIRING:
                    free_locks(lab)
    raise AssertionError(f"still not at its end after {MOST_ATTEMPTS} attempts: {last}")


@pytest.mark.parametrize("after_write", [False, True], ids=["refused", "landed-and-lost"])
@pytest.mark.parametrize("name", CASES, scope="module")
async def test_a_runbook_whose_every_request_fails_once_ends_the_same(
    name: str, after_write: bool, start_lab: StartLab, tmp_path: Path
) -> None:
    case = CASES[name]
    wanted = await whole(start_lab, name, tmp_path)
    lab = await started(start_lab, case, tmp_path)
    lab.server.trouble = EachOnce(after_write=after_write)
    await until_it_ends(lab, case, tmp_path / "failed", VopsError)
    assert (state(lab), twice(lab), leases(lab)) == (wanted, [], [])


def free_locks(lab: Lab) -> None:
    for lease in lab.store.list(*LEASES):
        lab.store.delete(*LEASES[:2], lease["metadata"]["namespace"], lease["metadata"]["name"])


class EachOnce(Disturbances):
    """The first request of each method and path is refused with 503, or takes effect and its answer is lost."""

    def __init__(self, *, after_write: bool) -> None:
        super().__init__()
        self._after_write = after_write
        self._failed: set[tuple[str, str]] = set()

    def spares(self, method: str, path: str) -> bool:
        return (method, path) in self._failed

    def take(self, method: str, path: str) -> Disturbance | None:
        if (method, path) in self._failed:
            return None
        self._failed.add((method, path))
        return Disturbance(1, 0 if self._after_write else 503, after_write=self._after_write)


@pytest.mark.parametrize("name", CASES, scope="module")
async def test_an_edit_of_what_a_runbook_touches_stops_it_and_one_elsewhere_is_kept(
    name: str, start_lab: StartLab, tmp_path: Path
) -> None:
    case = CASES[name]
    for touched in (True, False):
        lab = await started(start_lab, case, tmp_path / f"{touched}")
        async with session_on(lab, tmp_path / f"{touched}-run") as session:
            plan = await case.plan(session, lab)
            patched = next((change for change in plan.changes if change.verb is Verb.PATCH), None)
            if patched is None:
                return
            target = patched.target
            place = (patched.kind.api_version, target.kind, target.namespace, target.name)
            document = copy.deepcopy(lab.store.get(*place))
            path = patched.touched[0]
            edit(document, path if touched else "", lookup(patched.applied_to(document), split(path)))
            lab.store.update(document, manager="somebody")
            result = await go(session, plan)
        if touched:
            assert isinstance(result.error, PlanStale), result.error
            assert not [item for item in lab.server.writes if is_change(item) and item.status < 300]
        else:
            assert (result.outcome, result.error) == (case.ending, None)
            after = lab.store.get(*place)
            assert after["metadata"]["annotations"]["somebody.example/was-here"] == "yes"
        await lab.stop()


def edit(document: Document, pointer: str, wanted: Any) -> None:
    """Another value where the runbook will write, or an annotation where it will not."""
    if not pointer:
        document["metadata"].setdefault("annotations", {})["somebody.example/was-here"] = "yes"
        return
    tokens = split(pointer)
    live = lookup(document, tokens)
    *parents, last = tokens
    node: Any = document
    for token in parents:
        node = node[int(token)] if isinstance(node, list) else node.setdefault(token, {})
    value = other(wanted if live is ABSENT else live)
    if isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value


def other(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if value == {}:
        return {"somebody": "was-here"}
    if isinstance(value, dict):
        key = max(value, key=lambda key: (isinstance(value[key], dict), isinstance(value[key], int), key))
        return {**value, key: other(value[key])}
    if isinstance(value, list):
        first = value[0] if value else "--seed=7"
        return [*value, {**first, "name": "somebody", "key": "somebody"} if isinstance(first, dict) else "--seed=7"]
    return f"{value}7"
