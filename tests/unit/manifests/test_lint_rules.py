"""Every lint rule: it fires where it should, is silent on a near miss and on others' cases, and says what it is."""

from __future__ import annotations

import re

import pytest

from tests.unit.manifests.lint_cases import FIRES, NEAR_MISSES, TOGETHER
from tests.unit.manifests.lint_parts import linted, service, workload
from vops.manifests.rule import discover

RULES = {rule.name: rule for rule in discover()}
HEADINGS = ("What it finds", "Why it matters", "Evidence", "Fix")


def test_a_server_without_a_flaw_has_no_finding() -> None:
    assert linted(workload(), service()).findings == ()


@pytest.mark.parametrize("cases", [FIRES, NEAR_MISSES], ids=["fires", "near-misses"])
def test_every_rule_has_a_case_and_a_near_miss_and_no_case_is_of_none(cases: dict[str, object]) -> None:
    assert set(cases) == set(RULES)


def test_a_rule_fires_and_no_other_claims_its_case() -> None:
    found = {name: {finding.rule for finding in linted(*FIRES[name]).findings} for name in RULES}
    assert found == {name: {name} | TOGETHER.get(name, set()) for name in RULES}


def test_a_rule_is_silent_on_its_near_miss() -> None:
    found = {name: {finding.rule for finding in linted(*NEAR_MISSES[name]).findings} for name in RULES}
    assert [name for name, rules in found.items() if name in rules] == []


def test_a_finding_says_where_and_what_to_write() -> None:
    for name in RULES:
        finding = next(finding for finding in linted(*FIRES[name]).findings if finding.rule == name)
        assert finding.path, name
        assert finding.summary[-1] not in ".:", name
        assert finding.fix, name


def test_a_rule_documents_itself() -> None:
    for rule in RULES.values():
        headings = [line for line in rule.doc.splitlines() if line in HEADINGS]
        assert tuple(headings) == HEADINGS, rule.name
        assert rule.title.endswith("."), rule.name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
