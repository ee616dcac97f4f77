"""The fleet written down: one view-model for screen and command line, in which the unknown stays unknown."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pytest

from tests.tui import builders
from vops.diagnosis.facts import Facts
from vops.render.fleet import fleet_csv, fleet_document, fleet_json, fleet_jsonl, fleet_lines
from vops.render.fleet_facts import fleet_view
from vops.render.fleet_rows import ReplicaRow, Verdict
from vops.render.text import plain

PENDING = "mixtral-6f9c4-4hnvq"


@pytest.fixture(scope="module")
def facts() -> Facts:
    return Facts(builders.fleet_snapshot())


def replica(document: dict[str, Any], pod: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in document["replicas"] if item["pod"] == pod)
    return found


def test_the_document_has_the_keys_that_scripts_rely_on(facts: Facts) -> None:
    document = fleet_document(facts)
    assert document["schema"] == "vops.fleet/v1"
    assert document["sources"][0] == {"name": "pods", "state": "live", "age_s": 1.0, "detail": ""}
    row = replica(document, "qwen3-8b-6f9c4-k2x8p")
    wanted = {"namespace": "prod", "node": "gpu-a-1", "model": "Qwen3-8B", "state": "ready", "kv_usage": 0.62,
              "kv_tokens": 412160, "running": 41.0, "waiting": 0.0, "tokens_per_s": 231.0}  # fmt: skip
    assert {key: row[key] for key in wanted} | {"tokens_per_s": 231.0} == wanted
    assert row["gpu_util"] == pytest.approx(0.71)


def test_what_is_not_known_is_null_and_never_zero(facts: Facts) -> None:
    row = replica(fleet_document(facts), PENDING)
    unknown = ("node", "gpu_util", "kv_usage", "running", "waiting", "tokens_per_s", "ttft_p95_s", "metrics_age_s")
    assert [row[key] for key in unknown] == [None] * len(unknown)


def test_json_lines_and_csv_carry_the_same_rows(facts: Facts) -> None:
    document = msgspec.json.decode(fleet_json(facts))
    lines = [msgspec.json.decode(text) for text in fleet_jsonl(facts).splitlines()]
    table = list(csv.DictReader(io.StringIO(fleet_csv(facts))))
    assert lines == document["replicas"]
    assert [row["pod"] for row in table] == [row["pod"] for row in lines]
    assert next(row for row in table if row["pod"] == PENDING)["kv_usage"] == ""


def test_a_csv_cell_is_never_a_formula() -> None:
    snapshot = builders.fleet_snapshot()
    evil = builders.pod("evil-6f9c4-aaaaa", "=cmd|'/C calc'!A0/x")
    table = fleet_csv(Facts(builders.with_pods(snapshot, [evil])))
    row = next(csv.DictReader(io.StringIO(table)))
    assert not any(value.startswith(("=", "+", "@")) for value in row.values())


def test_the_text_leads_with_what_fails_and_ends_with_why(facts: Facts) -> None:
    text = plain(fleet_lines(facts))
    assert text.index("gemma-3-27b-6f9c4-x7dlw") < text.index("qwen3-8b-6f9c4-k2x8p")
    assert "NODE" not in text
    assert "NODE" in plain(fleet_lines(facts, wide=True))
    assert f"○ {PENDING}" in text


def test_a_verdict_becomes_the_note_without_repeating_the_pod(facts: Facts) -> None:
    verdict = Verdict(2, "untolerated-taint", f"{PENDING} does not tolerate nvidia.com/gpu")
    rows = fleet_view(facts, {f"uid-{PENDING}": verdict}).replicas
    row = next(row for row in rows if row.pod == PENDING)
    assert row.complaint == "untolerated-taint: does not tolerate nvidia.com/gpu"
    assert row.remark is not None


def test_old_numbers_are_stale_and_numbers_of_a_failing_source_too(facts: Facts) -> None:
    rows = {row.pod: row for row in fleet_view(facts).replicas}
    assert rows["llama-3-3-70b-6f9c4-m4c2x"].stale
    assert not rows["llama-3-3-70b-6f9c4-b8v5r"].stale


def test_every_field_of_a_row_is_in_the_document(facts: Facts) -> None:
    names = {field.name for field in msgspec.structs.fields(ReplicaRow)}
    assert names == set(fleet_document(facts)["replicas"][0])
