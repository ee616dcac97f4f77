"""Every rule: it fires where it should, is silent on a near miss and on other rules' cases, and says what it is."""

from __future__ import annotations

import re

import pytest

from tests.unit.diagnosis.cluster_parts import NOW, the_replica
from tests.unit.diagnosis.rule_cases import FIRES, NEAR_MISSES, TOGETHER
from vops.diagnosis.diagnose import examine
from vops.diagnosis.facts import DaemonFacts, Facts, Replica, ScalerFacts, WorkloadFacts
from vops.diagnosis.findings import Finding
from vops.diagnosis.rule import Rule, Subject, discover

RULES = {rule.name: rule for rule in discover()}
HEADINGS = ("What it finds", "Why it matters", "Evidence", "Fix")


def findings(facts: Facts, name: str = "") -> tuple[Finding, ...]:
    """What is found of the subject that the rule `name` is about: the first of its kind; a replica unless named."""
    return examine(subject(facts, RULES[name].of if name else Replica), discover())[0]


def subject(facts: Facts, of: type[Subject]) -> Subject:
    if of is Replica:
        return the_replica(facts)
    others: dict[type[Subject], tuple[Subject, ...]] = {
        WorkloadFacts: facts.workloads,
        ScalerFacts: facts.scalers,
        DaemonFacts: facts.daemons,
    }
    return others[of][0]


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_has_a_case_and_a_near_miss(name: str) -> None:
    assert name in FIRES
    assert name in NEAR_MISSES


@pytest.mark.parametrize("cases", [FIRES, NEAR_MISSES], ids=["fires", "near-misses"])
def test_every_case_is_of_a_rule(cases: dict[str, object]) -> None:
    assert set(cases) == set(RULES)


@pytest.mark.parametrize("name", sorted(FIRES))
def test_a_rule_fires_and_is_the_first_finding(name: str) -> None:
    found = findings(FIRES[name](), name)
    assert [finding.rule for finding in found][:1] == [name]
    assert found[0].cause == RULES[name].cause


@pytest.mark.parametrize("name", sorted(FIRES))
def test_no_other_rule_claims_the_case(name: str) -> None:
    causes = {finding.cause for finding in findings(FIRES[name](), name) if not finding.guessed}
    assert causes - {RULES[name].cause} == TOGETHER.get(name, set())


@pytest.mark.parametrize("name", sorted(NEAR_MISSES))
def test_a_rule_is_silent_on_its_near_miss(name: str) -> None:
    assert name not in [finding.rule for finding in findings(NEAR_MISSES[name](), name)]


@pytest.mark.parametrize("name", sorted(FIRES))
def test_a_finding_can_be_acted_on(name: str) -> None:
    finding = findings(FIRES[name](), name)[0]
    assert finding.summary.endswith((".", ":")) is False
    assert finding.evidence
    assert all(item.source and item.where and item.observed for item in finding.evidence)
    assert finding.fixes
    assert all(fix.title and (fix.runbook or fix.steps) for fix in finding.fixes)


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_a_rule_documents_itself(rule: Rule) -> None:
    headings = [line for line in rule.doc.splitlines() if line in HEADINGS]
    assert tuple(headings) == HEADINGS
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.cause)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)


def test_rules_come_in_the_order_of_a_pods_life() -> None:
    ranks = [(rule.branch.rank, rule.order) for rule in discover()]
    assert ranks == sorted(ranks)


def test_the_same_snapshot_gives_the_same_findings() -> None:
    facts = FIRES["rollout-deadlock"]()
    assert facts.snapshot.at == NOW
    assert findings(facts) == findings(Facts(facts.snapshot))
