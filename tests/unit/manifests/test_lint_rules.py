"""Every lint rule: it fires where it should, is silent on a near miss and on others' cases, and says what it is."""

from __future__ import annotations

import re

import pytest

from tests.unit.manifests.lint_cases import FIRES, NEAR_MISSES, TOGETHER
from tests.unit.manifests.lint_parts import linted, service, workload
from vops.manifests.rule import LintRule, discover

RULES = {rule.name: rule for rule in discover()}
HEADINGS = ("What it finds", "Why it matters", "Evidence", "Fix")


def test_a_server_without_a_flaw_has_no_finding() -> None:
    assert linted(workload(), service()).findings == ()


@pytest.mark.parametrize("cases", [FIRES, NEAR_MISSES], ids=["fires", "near-misses"])
def test_every_rule_has_a_case_and_a_near_miss_and_no_case_is_of_none(cases: dict[str, object]) -> None:
    assert set(cases) == set(RULES)


@pytest.mark.parametrize("name", sorted(FIRES))
def test_a_rule_fires_and_no_other_claims_its_case(name: str) -> None:
    found = {finding.rule for finding in linted(*FIRES[name]).findings}
    assert found == {name} | TOGETHER.get(name, set())


@pytest.mark.parametrize("name", sorted(NEAR_MISSES))
def test_a_rule_is_silent_on_its_near_miss(name: str) -> None:
    assert name not in {finding.rule for finding in linted(*NEAR_MISSES[name]).findings}


@pytest.mark.parametrize("name", sorted(FIRES))
def test_a_finding_says_where_and_what_to_write(name: str) -> None:
    finding = next(finding for finding in linted(*FIRES[name]).findings if finding.rule == name)
    assert finding.path
    assert finding.summary[-1] not in ".:"
    assert finding.fix


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_a_rule_documents_itself(rule: LintRule) -> None:
    headings = [line for line in rule.doc.splitlines() if line in HEADINGS]
    assert tuple(headings) == HEADINGS
    assert rule.title.endswith(".")
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
