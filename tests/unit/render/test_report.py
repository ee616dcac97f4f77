"""A report says the same in every format, and hostile or awkward text stays text."""

import json
from xml.etree import ElementTree

import msgspec
import pytest
from ruamel.yaml import YAML

from vops.diagnosis.findings import (
    Applicability,
    Confidence,
    Evidence,
    Finding,
    Fix,
    Report,
    Severity,
    Skipped,
)
from vops.model.objects import Ref
from vops.model.snapshot import Source
from vops.render.report import report_json, report_junit, report_lines, report_markdown, report_yaml
from vops.render.text import plain

POD = Ref("Pod", "llama-0", "prod", "u-1")


@pytest.fixture
def report() -> Report:
    finding = Finding(
        rule="kv-cache-too-small",
        cause="kv-cache-too-small",
        severity=Severity.ERROR,
        confidence=Confidence.CERTAIN,
        subject=POD,
        summary="8192 tokens do not fit | 4608 would",
        evidence=(Evidence("log", "line 12", "ValueError: <b>*boom*</b>", "4608"),),
        fixes=(Fix("Lower --max-model-len", Applicability.SAFE, "fix-kv-cache", {"max_model_len": 4608}),),
    )
    skipped = Skipped("gpu-memory-not-free", "metrics", "not scraped")
    return Report("2026-01-01T00:00:00Z", "lab", POD, "crash-looping", "It crashes.", (finding,), (skipped,))


def test_text_leads_with_what_is_wrong_and_ends_with_what_to_run(report: Report) -> None:
    text = plain(report_lines(report))
    order = ["llama-0", "It crashes.", "kv-cache-too-small", "ValueError", "vops fix llama-0 -n prod", "not checked"]
    positions = [text.index(piece) for piece in order]
    assert positions == sorted(positions)


def test_json_has_every_key_of_the_contract(report: Report) -> None:
    document = json.loads(report_json([report]))
    assert document["schema"] == "vops.report/v1"
    assert document["subject"] == {"kind": "Pod", "namespace": "prod", "name": "llama-0", "uid": "u-1"}
    assert document["findings"][0]["because"] == []
    assert document["findings"][0]["fixes"][0]["command"] == "vops run fix-kv-cache -p max_model_len=4608"
    assert document["skipped"] == [{"rule": "gpu-memory-not-free", "needs": "metrics", "why": "not scraped"}]


def test_yaml_holds_the_same_documents(report: Report) -> None:
    documents = list(YAML(typ="safe", pure=True).load_all(report_yaml([report, report])))
    assert documents == [json.loads(report_json([report]))] * 2


def test_markdown_keeps_markup_characters_as_text(report: Report) -> None:
    text = report_markdown([report])
    assert "\\<b\\>\\*boom\\*\\</b\\>" in text
    assert "fit \\| 4608" in text


def test_junit_fails_the_case_and_names_the_cause(report: Report) -> None:
    suite = ElementTree.fromstring(report_junit([report], Severity.ERROR))
    failure = suite.find("testcase/failure")
    assert (suite.get("failures"), failure is not None and failure.get("type")) == ("1", "kv-cache-too-small")


def test_junit_passes_what_is_below_the_threshold(report: Report) -> None:
    milder = Report(report.at, report.context, POD, "ready", "Fine.", ())
    assert ElementTree.fromstring(report_junit([milder], Severity.INFO)).get("failures") == "0"


def test_several_subjects_are_a_list(report: Report) -> None:
    assert len(json.loads(report_json([report, report]))) == 2


def test_a_source_is_written_as_its_name_in_yaml_too(report: Report) -> None:
    skipped = (Skipped("network-policy", Source.NETWORK_POLICIES, "may not be read"),)
    (document,) = YAML(typ="safe", pure=True).load_all(report_yaml([msgspec.structs.replace(report, skipped=skipped)]))
    assert document["skipped"][0]["needs"] == "networkpolicies"


def test_rules_that_were_not_asked_are_one_line_for_each_reason_unless_all_is_wanted(report: Report) -> None:
    skipped = (*report.skipped, *(Skipped(f"of-nodes-{n}", "nodes", "not scraped") for n in range(18)))
    many = msgspec.structs.replace(report, skipped=skipped)
    assert plain(report_lines(many)).count("not checked") == 1
    assert "not checked, for want of metrics, nodes: 19 rules (not scraped)" in plain(report_lines(many))
    assert plain(report_lines(many, whole=True)).count("not checked") == 19
    assert len(json.loads(report_json([many]))["skipped"]) == 19
