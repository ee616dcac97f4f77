"""A fix of what GitOps owns: refused with a patch for the repository, or made while the reconciler is paused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, deployment, session_on
from tests.lab.test_fix_five import carried_out, live, the_plan
from tests.lab.test_resume_undo import KilledError, only_run, resumed
from vops.errors import ApprovalNeeded, Refused
from vops.lab.documents import Document
from vops.lab.world import Lab
from vops.model.gitops import PAUSED_WAS
from vops.operations.doctor import examine_session
from vops.operations.fix import plan_fix
from vops.operations.running.gitops import with_pause
from vops.operations.running.pauses import Pause, plan_release, standing_pauses
from vops.operations.running.run import RunResult
from vops.operations.running.runs import Ending
from vops.operations.running.undo import plan_undo
from vops.operations.session import Session
from vops.planning.events import RunEvent

NAME = "llama3-8b"
FLUX = {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}
ARGO = {"annotations": {"argocd.argoproj.io/tracking-id": f"apps:apps/Deployment:{NAMESPACE}/{NAME}"}}
SYNC = {"automated": {"selfHeal": True, "prune": True}}


def owned(lab: Lab, **meta: Any) -> None:
    document = copy.deepcopy(live(lab, NAME))
    for key, value in meta.items():
        document["metadata"].setdefault(key, {}).update(value)
    if not document["spec"]["template"]["spec"].get("tolerations", True):
        del document["spec"]["template"]["spec"]["tolerations"]  # as the API server has it
    lab.store.update(document, manager="kustomize-controller")


def application(lab: Lab, policy: Document) -> None:
    lab.store.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "spec": {"syncPolicy": policy}}
    lab.store.create({**document, "metadata": {"name": "apps", "namespace": "argocd"}})


async def fixed_under_pause(session: Session, person: Person) -> RunResult:
    plan = the_plan(await plan_fix(session, deployment(NAME)))
    assert [guard.name for guard in plan.blocked] == ["owner"]
    paused = await with_pause(session, plan)
    assert not paused.blocked
    return await carried_out(session, paused, person)


@pytest.mark.parametrize("meta", [FLUX, ARGO], ids=["flux", "argo-cd"])
async def test_an_owned_object_is_fixed_while_its_owner_is_paused(
    start_lab: StartLab, tmp_path: Path, meta: dict[str, Any]
) -> None:
    lab = await start_lab("untolerated-taint")
    application(lab, SYNC)
    owned(lab, **meta)
    before = live(lab, NAME)["metadata"].get("annotations")
    person = Person()
    async with session_on(lab, tmp_path) as session:
        result = await fixed_under_pause(session, person)
    assert (result.outcome, result.error) == (Ending.FIXED, None)
    after = live(lab, NAME)["metadata"].get("annotations") or {}
    assert {key: value for key, value in after.items() if "revision" not in key} == {
        key: value for key, value in (before or {}).items() if "revision" not in key
    }
    assert lab.store.get("argoproj.io/v1alpha1", "Application", "argocd", "apps")["spec"]["syncPolicy"] == SYNC
    assert any("into the repository" in question.title for question in person.questions)
    states = {step.id: str(step.state) for step in result.steps}
    assert (states["pause1"], states["unpause1"], states["kept1"]) == ("done", "done", "done")


async def test_the_pause_ends_when_nobody_puts_the_change_into_the_repository(
    start_lab: StartLab, tmp_path: Path
) -> None:
    class Lazy(Person):
        async def approve(self, question: Any) -> bool:
            return "into the repository" not in question.title

    lab = await start_lab("untolerated-taint")
    owned(lab, **FLUX)
    async with session_on(lab, tmp_path) as session:
        result = await fixed_under_pause(session, Lazy())
    assert isinstance(result.error, ApprovalNeeded)
    annotations = live(lab, NAME)["metadata"].get("annotations") or {}
    assert not [key for key in annotations if "fluxcd" in key or "vops.dev" in key]


async def test_what_does_not_sync_by_itself_needs_no_pause(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    application(lab, {})
    owned(lab, **ARGO)
    async with session_on(lab, tmp_path) as session:
        plan = the_plan(await plan_fix(session, deployment(NAME)))
        with pytest.raises(Refused, match="does not sync by itself"):
            await with_pause(session, plan)


async def test_a_plan_without_such_an_owner_stays_as_it_is(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    async with session_on(lab, tmp_path) as session:
        plan = the_plan(await plan_fix(session, deployment(NAME)))
        assert await with_pause(session, plan) is plan


# --- a runner that is gone ---------------------------------------------------------------------------------


class Dying(Person):
    """Its process is killed once GitOps is paused and the change is made."""

    def progress(self, event: RunEvent) -> None:
        super().progress(event)
        if event.step == "commit" and event.state == "running":
            raise KilledError


async def left_paused(lab: Lab, state: Path, meta: dict[str, Any]) -> str:
    """A run that was killed in its pause; the answer is its id."""
    application(lab, SYNC)
    owned(lab, **meta)
    async with session_on(lab, state) as session:
        with pytest.raises(KilledError):
            await fixed_under_pause(session, Dying())
    await lab.advance(120)
    return only_run(state).id


def paused(lab: Lab) -> bool:
    """Whether anything of a pause stands, on the object or its Application."""
    app = lab.store.get("argoproj.io/v1alpha1", "Application", "argocd", "apps")
    notes = {**(live(lab, NAME)["metadata"].get("annotations") or {}), **(app["metadata"].get("annotations") or {})}
    return (
        any(key.startswith("vops.dev/paused") or "fluxcd" in key for key in notes) or app["spec"]["syncPolicy"] != SYNC
    )


BOTH = pytest.mark.parametrize("meta", [FLUX, ARGO], ids=["flux", "argo-cd"])


@BOTH
async def test_a_pause_that_a_killed_run_has_left_is_named_by_whoever_looks(
    start_lab: StartLab, tmp_path: Path, meta: dict[str, Any]
) -> None:
    lab = await start_lab("untolerated-taint")
    run_id = await left_paused(lab, tmp_path / "dead", meta)
    assert only_run(tmp_path / "dead").pauses
    async with session_on(lab, tmp_path / "other") as session:
        (pause,) = await standing_pauses(session)
        assert (pause.run, pause.is_left, pause.overdue) == (run_id, True, False)
        checks = [check for check in (await examine_session(session)).checks if check.name == "GitOps"]
        assert [check.next for check in checks] == [f"vops resume {run_id}, or vops undo {run_id}"]
        await lab.advance(3600)
        (pause,) = await standing_pauses(session)
    assert pause.overdue
    assert "which is over" in str(pause)


@BOTH
async def test_going_on_with_it_ends_the_pause(start_lab: StartLab, tmp_path: Path, meta: dict[str, Any]) -> None:
    lab = await start_lab("untolerated-taint")
    await left_paused(lab, tmp_path, meta)
    assert paused(lab)
    async with session_on(lab, tmp_path) as session:
        result = await resumed(session, only_run(tmp_path))
    assert (result.outcome, paused(lab), only_run(tmp_path).pauses) == (Ending.FIXED, False, ())


@BOTH
async def test_undoing_it_ends_the_pause_too(start_lab: StartLab, tmp_path: Path, meta: dict[str, Any]) -> None:
    lab = await start_lab("untolerated-taint")
    await left_paused(lab, tmp_path, meta)
    async with session_on(lab, tmp_path) as session:
        plan = await plan_undo(session, only_run(tmp_path))
        assert not plan.blocked
        result = await carried_out(session, plan, Person())
    assert (result.error, paused(lab)) == (None, False)
    assert not live(lab, NAME)["spec"]["template"]["spec"].get("tolerations")


@BOTH
async def test_a_pause_ends_even_where_its_journal_is_lost(
    start_lab: StartLab, tmp_path: Path, meta: dict[str, Any]
) -> None:
    lab = await start_lab("untolerated-taint")
    run_id = await left_paused(lab, tmp_path / "dead", meta)
    async with session_on(lab, tmp_path / "other") as session:
        assert await plan_release(session, "20260101-000000-abcdef") is None
        plan = await plan_release(session, run_id)
        assert plan is not None
        result = await carried_out(session, plan, Person())
    assert (result.error, paused(lab)) == (None, False)


async def test_a_pause_that_does_not_say_what_was_there_is_left_to_a_person(
    start_lab: StartLab, tmp_path: Path
) -> None:
    lab = await start_lab("untolerated-taint")
    run_id = await left_paused(lab, tmp_path / "dead", ARGO)
    app = copy.deepcopy(lab.store.get("argoproj.io/v1alpha1", "Application", "argocd", "apps"))
    app["metadata"]["annotations"][PAUSED_WAS] = "all of it"
    lab.store.update(app)
    async with session_on(lab, tmp_path / "other") as session:
        with pytest.raises(Refused, match="does not say how it was synced before"):
            await plan_release(session, run_id)


async def test_a_run_that_goes_on_has_left_no_pause(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("untolerated-taint")
    owned(lab, **FLUX)
    seen: list[Pause] = []
    async with session_on(lab, tmp_path) as session:

        class Looking(Person):
            async def approve(self, question: Any) -> bool:
                seen.extend(await standing_pauses(session) if "into the repository" in question.title else ())
                return True

        await fixed_under_pause(session, Looking())
        assert await standing_pauses(session) == ()
    assert [pause.is_left for pause in seen] == [False]
