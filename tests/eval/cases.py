"""Cases with a known truth: recorded pods and logs, collected failures, and what each rule's tests bring about.

A collected case is a folder under tests/data/cases (or any folder given): the files of a bundle, and a truth.toml:

    cause = "gated-model"        # or "none" where nothing is wrong
    or = ["token-missing"]       # other causes that a careful engineer would accept as the first finding
    fix = "access|HF_TOKEN"      # optional: a pattern that the fix must have (title, steps, runbook and parameters)
    source = "where it was reported"
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.eval.fixes import FIXES
from tests.unit.diagnosis.healthy_cases import HEALTHY
from tests.unit.diagnosis.rule_cases import FIRES
from tests.unit.diagnosis.test_recorded import LOGS, PODS
from vops.diagnosis.diagnose import diagnose_all
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Report
from vops.diagnosis.rule import discover
from vops.errors import InputError
from vops.operations.intake.bundle import diagnose_bundle

DATA = Path(__file__).parents[1] / "data"
NOTHING = "none"


@dataclass(frozen=True)
class Case:
    """One situation; `cause` is NOTHING where nothing is wrong, `fix` a pattern, empty where any fix will do."""

    name: str
    origin: str
    cause: str
    reports: Callable[[], Sequence[Report]] = field(repr=False)
    accepted: frozenset[str] = frozenset()
    fix: str = ""


def every_case() -> Iterator[Case]:
    """Those that come with vops."""
    for name, cause in PODS.items():
        yield _case(name, "kubelet", cause, partial(_bundle, [DATA / "kubelet" / name]))
        folder = DATA / "kubelet" / name
        nodes = next(path for path in (folder / "nodes.json", folder.parent / "nodes.json") if path.exists())
        described = [DATA / "describe" / f"{name}.txt", nodes, *sorted(folder.glob("*.log"))]
        yield _case(name, "described", cause, partial(_bundle, described))
    for name, cause in LOGS.items():
        yield _case(name, "vllm log", cause, partial(_bundle, [DATA / "logs" / f"{name}.log"]))
    causes = {rule.name: rule.cause for rule in discover()}
    for name, facts in FIRES.items():
        yield _case(name, "rule", causes[name], partial(_of_facts, facts))
    for name, facts in HEALTHY.items():
        yield _case(name, "healthy", None, partial(_of_facts, facts))
    yield from collected(DATA / "cases")


def collected(folder: Path) -> Iterator[Case]:
    """The cases of a folder, one in each folder of it. Raises ValueError for a truth that cannot be read."""
    for truth in sorted(folder.glob("*/truth.toml")):
        told = tomllib.loads(truth.read_text())
        cause = str(told["cause"])
        yield Case(
            name=truth.parent.name,
            origin=folder.name,
            cause=cause,
            reports=partial(_bundle, [truth.parent]),
            accepted=frozenset(told.get("or", ())),
            fix=str(told.get("fix", "" if cause == NOTHING else FIXES.get(cause, ""))),
        )


def _case(name: str, origin: str, cause: str | None, reports: Callable[[], Sequence[Report]]) -> Case:
    return Case(name, origin, cause or NOTHING, reports, fix=FIXES.get(cause or "", ""))


def _bundle(paths: list[Path]) -> Sequence[Report]:
    """Reports of a bundle; none where nothing in it could be read, which counts as nothing found."""
    try:
        return diagnose_bundle(paths, None)[0]
    except InputError:
        return ()


def _of_facts(facts: Callable[[], Facts]) -> Sequence[Report]:
    return diagnose_all(facts())
