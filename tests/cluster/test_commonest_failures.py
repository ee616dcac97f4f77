"""The commonest failures on a real scheduler, real controllers and a real kubelet, all at once: each is named.

Once every failing object is a target of its own, once all of the cluster is asked for. What is well beside them gets
no finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cluster.command import Done, Vops
from tests.cluster.commonest import FAILURES, HEALTHY
from tests.cluster.commonest.case import Case, Document
from tests.cluster.commonest.stage import KINDS, Stage
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kwok import Kwok
from tests.cluster.node import GpuNode

NO_TARGET = {"ds"}
"""What is diagnosed as part of everything only."""
TARGETS = {name: case for name, case in FAILURES.items() if case.kind not in NO_TARGET}
Reports = Mapping[tuple[str, str], Document]
"""By the subject's kind and name."""


@pytest.fixture(scope="module")
def stage(control_plane: ControlPlane, gpu_node: GpuNode, kwok: Kwok) -> Iterator[Stage]:
    stage = Stage(control_plane, gpu_node)
    try:
        yield stage.set_up()
    finally:
        stage.remove()


@pytest.fixture(scope="module")
def admin(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def named(stage: Stage, control_plane: ControlPlane, admin: Path) -> Reports:
    """What vops says of each failing object that it is asked for, a run of vops for each namespace."""
    reports: dict[tuple[str, str], Document] = {}
    for namespace in {case.namespace for case in TARGETS.values()}:
        wanted = [name for name, case in TARGETS.items() if case.namespace == namespace and name in stage.shown]
        done = Vops(admin, control_plane.admin, namespace)("diagnose", *map(_target, wanted), "-o", "json")
        assert done.code == 1, done
        reports |= _by_subject(done)
    return reports


@pytest.fixture(scope="module")
def everything(stage: Stage, control_plane: ControlPlane, admin: Path) -> Reports:
    """What vops says of the whole cluster."""
    done = Vops(admin, control_plane.admin)("--all-namespaces", "diagnose", "all", "-o", "json")
    assert done.code == 1, done
    return _by_subject(done)


@pytest.mark.parametrize("name", TARGETS)
def test_a_failure_is_named_and_quoted(name: str, stage: Stage, named: Reports) -> None:
    assert name in stage.shown, "it did not show"
    case = FAILURES[name]
    _assert_names(case, named[KINDS[case.kind], name])


@pytest.mark.parametrize("name", FAILURES)
def test_it_is_named_among_everything(name: str, stage: Stage, everything: Reports) -> None:
    assert name in stage.shown, "it did not show"
    case = FAILURES[name]
    kinds = (KINDS[case.kind], "Pod")
    _assert_names(case, next(report for kind in kinds for report in _of(everything, kind, name)))


def test_what_is_well_gets_no_finding(stage: Stage, control_plane: ControlPlane, admin: Path) -> None:
    assert HEALTHY.keys() <= stage.shown.keys()
    namespace = next(iter(HEALTHY.values())).namespace
    done = Vops(admin, control_plane.admin, namespace)(
        "diagnose", *map(_target, HEALTHY), "--fail-on", "info", "-o", "json"
    )
    assert done.code == 0, done
    states = {name: report["state"] for (_, name), report in _by_subject(done).items()}
    assert states == {name: case.state for name, case in HEALTHY.items()}


def test_nothing_else_is_named_among_everything(everything: Reports) -> None:
    accused = {name for (_, name), report in everything.items() if report["findings"]}
    assert {name for name in accused if not any(name.startswith(known) for known in FAILURES)} == set()


def _assert_names(case: Case, report: Document) -> None:
    findings = report["findings"]
    assert [finding["cause"] for finding in findings[:1]] == [case.cause], report["summary"]
    assert findings[0]["confidence"] in case.confidence, report["summary"]
    evidence = "\n".join(f"{item['where']} {item['observed']}" for item in findings[0]["evidence"])
    assert case.says in evidence


def _target(name: str) -> str:
    return f"{(FAILURES.get(name) or HEALTHY[name]).kind}/{name}"


def _by_subject(done: Done) -> Reports:
    """The reports of one run, which is an object when there is only one."""
    document = done.json()
    reports = document if isinstance(document, list) else [document]
    return {(report["subject"]["kind"], report["subject"]["name"]): report for report in reports}


def _of(reports: Reports, kind: str, name: str) -> list[Document]:
    """Those of an object, or of the pods that were made for it."""
    return [
        report
        for (found, its), report in reports.items()
        if found == kind and (its == name or (kind == "Pod" and its.startswith(f"{name}-"))) and report["findings"]
    ]
