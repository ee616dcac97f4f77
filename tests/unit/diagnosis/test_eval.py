"""The diagnosis as a whole is as right as it must be, over every fixture with a known truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.eval.__main__ import TARGETS, main, reached
from tests.eval.cases import NOTHING, collected, every_case
from tests.eval.judge import NOT_A_FAULT, judged, share


def test_the_shares_of_right_answers_reach_their_targets() -> None:
    judgements = [judged(case) for case in every_case() if case.cause not in NOT_A_FAULT | {NOTHING}]
    for what, target in TARGETS.items():
        wrong = [f"{item.case.name}: {item.found}" for item in judgements if not getattr(item, what)]
        assert share(judgements, what) >= target, (what, wrong)


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    healthy = [case for case in every_case() if case.cause in NOT_A_FAULT | {NOTHING}]
    found = [(case.origin, case.name, false) for case in healthy if (false := judged(case).false)]
    assert healthy
    assert found == []


def test_a_collected_case_is_judged_by_its_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "gated"
    folder.mkdir()
    (folder / "server.log").write_text("OSError: You are trying to access a gated repo.\n")
    (folder / "truth.toml").write_text('cause = "host-oom"\nfix = "memory"\n')
    (case,) = collected(tmp_path)
    assert (case.cause, case.fix) == ("host-oom", "memory")
    assert not judged(case).first
    assert not reached([judged(case)])
    assert main([str(tmp_path), "--wrong"]) == 1
    assert "wrong: " in capsys.readouterr().out
