"""Lines of the logs of Kubernetes' own programs and of Karpenter: alone, and in a fence below prose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.operations.test_kubernetes_words import NO_FAULT, first_causes

LOGGED = Path(__file__).parents[2] / "data" / "words-logs.txt"
LINES = [line.replace("⏎", "\n").split("\t") for line in LOGGED.read_text().split("\n") if line[:1] not in ("", "#")]
PROSE = "Our server does not come up. The log says:\n\n```\n{}\n```\n"
UNREADY = '{"level":"ERROR","logger":"controller","message":"ignoring nodepool, not ready","NodePool":{"name":"gpu"}}'
JOINED = '{"level":"INFO","logger":"controller","message":"registered nodeclaim","NodeClaim":{"name":"gpu-x7k2p"}}'


@pytest.mark.parametrize(("truth", "lines"), LINES)
def test_a_line_is_read_alone_and_below_prose(truth: str, lines: str) -> None:
    right = set(truth.split("|"))
    for text in (f"{lines}\n", PROSE.format(lines)):
        found = first_causes(text)
        assert set(found) <= right | NO_FAULT if right & NO_FAULT else set(found[:1]) & right


def test_a_pool_that_was_not_ready_before_its_nodes_came_is_no_fault() -> None:
    assert first_causes(f"{UNREADY}\n") == ["node-launch-failed"]
    assert first_causes(f"{UNREADY}\n{JOINED}\n") == []
