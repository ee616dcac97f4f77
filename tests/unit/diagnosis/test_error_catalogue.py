"""What vLLM, its libraries and the components around it print when they fail, each with the cause that it shows.

Every text of tests/data/errors is a whole log on its own, as `kubectl logs POD | vops diagnose -` gives it; a line
`=== CAUSE` stands before each.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.blocks import blocks
from tests.unit.diagnosis.cluster_parts import DATA
from vops.diagnosis.findings import LIKENED
from vops.operations.intake.bundle import diagnose_bundle

WRAPPER = """\
(APIServer pid=1) Traceback (most recent call last):
(APIServer pid=1)   File "/usr/local/lib/python3.12/dist-packages/vllm/v1/engine/utils.py", line 1, in wait
(APIServer pid=1)     raise RuntimeError(
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


def catalogue(name: str) -> list[tuple[str, str]]:
    """The cause and the text of each entry."""
    return list(blocks(DATA / "errors" / name))


VLLM = catalogue("vllm.txt")
COMPONENTS = catalogue("components.txt")


def causes(text: str) -> list[str]:
    (report,), _ = diagnose_bundle([], text.encode())
    return [finding.cause for finding in report.findings if not finding.guessed and finding.rule != LIKENED]


def others(entries: list[tuple[str, str]], logged: Callable[[str], str]) -> dict[str, list[str]]:
    """The texts of which not just their cause is found, each with what is found, where they are logged like this."""
    assert entries
    found = [(cause, text, causes(logged(text))) for cause, text in entries]
    return {text: shown for cause, text, shown in found if shown != [cause]}


@pytest.mark.parametrize("entries", [VLLM, COMPONENTS], ids=["vllm", "components"])
def test_a_message_shows_one_cause(entries: list[tuple[str, str]]) -> None:
    assert others(entries, lambda text: text) == {}


def test_the_wrappers_of_the_engine_hide_nothing() -> None:
    assert others(VLLM, lambda text: text + WRAPPER) == {}


def test_a_peer_that_lost_its_connection_first_hides_nothing() -> None:
    peer = "(Worker_TP3 pid=9) RuntimeError: [gloo] Connection closed by peer [10.0.0.1]:4711\n"
    assert others(VLLM, lambda text: peer + text) == {}
