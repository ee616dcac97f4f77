"""Starts that others reported: dense, quantized, latent, sliding and mixed models, divided and not, in ten releases.

`reported.jsonl` has where each was read, the model (by its name in `published.jsonl`, with what differs), the card,
the release, the settings and what the log said. The constants of vops.sizing.activations were fitted to the runs of
0.19.0 among them; the layout of the cache, the weights and the division over GPUs were not.
"""

import json
from statistics import mean
from typing import Any

import pytest

from tests.unit.sizing.models import DATA, GIB, model, sized
from vops.model.dialects import version_of
from vops.sizing.capacity import Sizing
from vops.sizing.parallelism import Parallelism

ROWS: list[dict[str, Any]] = [json.loads(row) for row in (DATA / "reported.jsonl").read_text("utf-8").splitlines()]


def _predicted(row: dict[str, Any]) -> Sizing:
    data = row.get("dp", 1)
    division = Parallelism(tensor=row["tp"], pipeline=row["pp"], data=data, expert=data > 1)
    found = model(row["model"], **row["config"])
    return sized(found, row["gpu"], version=version_of(row["vllm"]), parallelism=division, **row["asked"])


def _error(row: dict[str, Any]) -> float:
    """Of the tokens where the log told them, of the bytes where it did not."""
    found = _predicted(row)
    if row["tokens"]:
        return float(found.kv_tokens / row["tokens"] - 1)
    return float(found.kv_cache_bytes / GIB / row["kv_gib"] - 1)


def _name(row: dict[str, Any]) -> str:
    return f"{row['model']}-{row['gpu']}-{row['vllm']}-tp{row['tp']}-pp{row['pp']}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_the_cache_is_as_reported(row: dict[str, Any]) -> None:
    assert abs(_error(row)) < 0.05


def test_errors_are_small_on_the_whole() -> None:
    assert mean(abs(_error(row)) for row in ROWS) < 0.01


@pytest.mark.parametrize("row", [row for row in ROWS if row["weights_gib"]], ids=_name)
def test_the_weights_are_as_reported(row: dict[str, Any]) -> None:
    assert _predicted(row).weights.gpu_bytes / GIB == pytest.approx(row["weights_gib"], rel=0.015)


@pytest.mark.parametrize("row", [row for row in ROWS if row["concurrency"]], ids=_name)
def test_the_requests_that_the_cache_holds_are_as_reported(row: dict[str, Any]) -> None:
    assert _predicted(row).concurrency == pytest.approx(row["concurrency"], rel=0.05)


@pytest.mark.parametrize("row", [row for row in ROWS if row["activation_gib"] and row["pp"] == 1], ids=_name)
def test_the_activation_peak_is_as_reported(row: dict[str, Any]) -> None:
    assert _predicted(row).overhead.activation_bytes / GIB == pytest.approx(row["activation_gib"], abs=0.2)
