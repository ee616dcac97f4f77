"""The kinds that vops gives to lines of logs are not said to stand in them."""

from __future__ import annotations

from vops.diagnosis.evidence import as_logged
from vops.diagnosis.logs.fatal_lines import FATAL, KINDS
from vops.diagnosis.logs.sentences import SAID
from vops.diagnosis.logs.standstills import AWAITED, STANDSTILL
from vops.diagnosis.logs.tracebacks import LoggedError
from vops.diagnosis.provisioning import capacity
from vops.diagnosis.provisioning.cloud_text import Answer, CloudAnswer


def test_every_kind_of_line_is_known() -> None:
    assert set(FATAL.groupindex) | {SAID, AWAITED, STANDSTILL} <= KINDS


def test_an_exception_is_quoted_with_its_class_and_a_line_as_it_is() -> None:
    assert as_logged(LoggedError("Shell", "sh: vllm: not found", 3)) == "sh: vllm: not found"
    assert (
        as_logged(LoggedError("torch.OutOfMemoryError", "CUDA out of memory", 3))
        == "OutOfMemoryError: CUDA out of memory"
    )


def test_a_long_answer_of_a_cloud_ends_at_a_word() -> None:
    said = capacity.said(CloudAnswer(Answer.LATE, "InvalidParameter: " + "groups " * 40))
    assert said.endswith("groups…")
    assert capacity.said(CloudAnswer(Answer.LATE, "InvalidParameter.")) == "InvalidParameter"
