"""Doctor says what works, what does not, and which role would help."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import StartLab
from tests.lab.fixing import session_on
from vops.model.examination import Check, Health
from vops.operations.doctor import examine_session
from vops.render.doctor import doctor_lines
from vops.render.text import plain


def named(checks: tuple[Check, ...], name: str) -> Check:
    return next(check for check in checks if check.name == name)


async def test_a_healthy_cluster_gets_a_clean_bill(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        found = await examine_session(session)
    assert (found.worst, found.role) == (Health.ABSENT, None)
    assert named(found.checks, "vLLM").detail == "8 replicas, versions 0.25.1, 0.32.0"
    assert {named(found.checks, name).health for name in ("scrape of vLLM", "scrape of DCGM")} == {Health.OK}
    assert not [write for write in lab.server.writes if "selfsubjectaccessreviews" not in write.path]


async def test_what_is_not_granted_is_said_with_the_role_that_grants_it(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    lab.server.access.deny("patch", "deployments")
    lab.server.access.deny("get", "pods/log")
    async with session_on(lab, tmp_path) as session:
        found = await examine_session(session)
    assert found.worst is Health.WARNING
    assert found.role is not None
    assert found.role["rules"] == [
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]},
    ]
    text = plain(doctor_lines(found))
    assert "! permission  may not get pods/log: causes in logs stay unknown" in text
    assert "kind: ClusterRole" in text


async def test_an_outage_is_the_only_thing_that_is_said(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("healthy")
    async with session_on(lab, tmp_path) as session:
        await lab.server.outage()
        found = await examine_session(session)
    assert [(check.name, check.health) for check in found.checks] == [("API server", Health.FAILED)]
