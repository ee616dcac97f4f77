"""A fix of what GitOps owns: refused with a patch for the repository, or made while the reconciler is paused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, Person, deployment, session_on
from tests.lab.test_fix_five import carried_out, live, the_plan
from vops.errors import ApprovalNeeded, Refused
from vops.lab.documents import Document
from vops.lab.world import Lab
from vops.operations.fix import plan_fix
from vops.operations.gitops import with_pause
from vops.operations.run import RunResult
from vops.operations.runs import Ending
from vops.operations.session import Session

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
