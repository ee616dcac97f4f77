"""What vLLM, its libraries and the components around it print when they fail, each with the cause that it shows.

Every text of tests/data/errors is a whole log on its own, as `kubectl logs POD | vops diagnose -` gives it; a line
`=== CAUSE` stands before each.
"""

from __future__ import annotations

import pytest

from tests.unit.diagnosis.cluster_parts import DATA
from vops.operations.intake.bundle import diagnose_bundle

WRAPPER = """\
(APIServer pid=1) Traceback (most recent call last):
(APIServer pid=1)   File "/usr/local/lib/python3.12/dist-packages/vllm/v1/engine/utils.py", line 1, in wait
(APIServer pid=1)     raise RuntimeError(
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


def catalogue(name: str) -> list[tuple[str, str]]:
    """The cause and the text of each entry."""
    entries = (DATA / "errors" / name).read_text("utf-8").split("=== ")[1:]
    return [(cause, text) for cause, _, text in (entry.partition("\n") for entry in entries)]


VLLM = catalogue("vllm.txt")
COMPONENTS = catalogue("components.txt")


def ids(entries: list[tuple[str, str]]) -> list[str]:
    return [f"{cause}-{number}" for number, (cause, _) in enumerate(entries)]


def causes(text: str) -> list[str]:
    (report,), _ = diagnose_bundle([], text.encode())
    return [finding.cause for finding in report.findings if not finding.guessed]


@pytest.mark.parametrize(("cause", "text"), VLLM + COMPONENTS, ids=ids(VLLM + COMPONENTS))
def test_a_message_shows_one_cause(cause: str, text: str) -> None:
    assert causes(text) == [cause]


@pytest.mark.parametrize(("cause", "text"), VLLM, ids=ids(VLLM))
def test_the_wrappers_of_the_engine_hide_nothing(cause: str, text: str) -> None:
    assert causes(text + WRAPPER) == [cause]


@pytest.mark.parametrize(("cause", "text"), VLLM, ids=ids(VLLM))
def test_a_peer_that_lost_its_connection_first_hides_nothing(cause: str, text: str) -> None:
    peer = "(Worker_TP3 pid=9) RuntimeError: [gloo] Connection closed by peer [10.0.0.1]:4711\n"
    assert causes(peer + text) == [cause]
