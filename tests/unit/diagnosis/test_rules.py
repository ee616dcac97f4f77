"""Every rule: it fires where it should, is silent on a near miss and on other rules' cases, and says what it is."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.unit.diagnosis.cluster_parts import NOW, the_replica
from tests.unit.diagnosis.rule_cases import FIRES, NEAR_MISSES, TOGETHER
from vops.diagnosis.diagnose import examine
from vops.diagnosis.facts import DaemonFacts, Facts, Replica, ScalerFacts, WorkloadFacts
from vops.diagnosis.findings import Finding
from vops.diagnosis.rule import Branch, Rule, Subject, discover

RULES = {rule.name: rule for rule in discover()}
BRANCHES = sorted({rule.branch for rule in RULES.values()})
OF_A_BRANCH = pytest.mark.parametrize("branch", BRANCHES)
HEADINGS = ("What it finds", "Why it matters", "Evidence", "Fix")


@cache
def fires(name: str) -> tuple[Finding, ...]:
    """What is found in the case of a rule: looked at once, whatever is asked of it."""
    return findings(FIRES[name](), name)


def findings(facts: Facts, name: str = "") -> tuple[Finding, ...]:
    """What is found of the subject that the rule `name` is about: the first of its kind; a replica unless named."""
    return examine(subject(facts, RULES[name].of if name else Replica), discover())[0]


def of(branch: Branch) -> list[Rule]:
    return [rule for rule in RULES.values() if rule.branch is branch]


def subject(facts: Facts, of: type[Subject]) -> Subject:
    if of is Replica:
        return the_replica(facts)
    others: dict[type[Subject], tuple[Subject, ...]] = {
        WorkloadFacts: facts.workloads,
        ScalerFacts: facts.scalers,
        DaemonFacts: facts.daemons,
    }
    return others[of][0]


@pytest.mark.parametrize("cases", [FIRES, NEAR_MISSES], ids=["fires", "near-misses"])
def test_every_rule_has_a_case_and_a_near_miss_and_no_case_is_of_none(cases: dict[str, object]) -> None:
    assert set(cases) == set(RULES)


@OF_A_BRANCH
def test_a_rule_fires_and_is_the_first_finding(branch: Branch) -> None:
    first = {rule.name: next(((item.rule, item.cause) for item in fires(rule.name)), None) for rule in of(branch)}
    assert first == {rule.name: (rule.name, rule.cause) for rule in of(branch)}


@OF_A_BRANCH
def test_no_other_rule_claims_the_case(branch: Branch) -> None:
    for rule in of(branch):
        causes = {finding.cause for finding in fires(rule.name) if not finding.guessed}
        assert causes - {rule.cause} == TOGETHER.get(rule.name, set()), rule.name


@OF_A_BRANCH
def test_a_rule_is_silent_on_its_near_miss(branch: Branch) -> None:
    found = {rule.name: findings(NEAR_MISSES[rule.name](), rule.name) for rule in of(branch)}
    assert [name for name, shown in found.items() if name in [finding.rule for finding in shown]] == []


@OF_A_BRANCH
def test_a_finding_can_be_acted_on(branch: Branch) -> None:
    for name in (rule.name for rule in of(branch)):
        finding = fires(name)[0]
        assert finding.summary.endswith((".", ":")) is False, name
        assert finding.evidence, name
        assert all(item.source and item.where and item.observed for item in finding.evidence), name
        assert finding.fixes, name
        assert all(fix.title and (fix.runbook or fix.steps) for fix in finding.fixes), name


@OF_A_BRANCH
def test_a_rule_documents_itself(branch: Branch) -> None:
    for rule in of(branch):
        headings = [line for line in rule.doc.splitlines() if line in HEADINGS]
        assert tuple(headings) == HEADINGS, rule.name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.cause), rule.name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)


def test_rules_come_in_the_order_of_a_pods_life() -> None:
    ranks = [(rule.branch.rank, rule.order) for rule in discover()]
    assert ranks == sorted(ranks)


def test_the_same_snapshot_gives_the_same_findings() -> None:
    facts = FIRES["rollout-deadlock"]()
    assert facts.snapshot.at == NOW
    assert findings(facts) == findings(Facts(facts.snapshot))
