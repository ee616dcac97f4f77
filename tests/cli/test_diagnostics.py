"""Every error has its exit code and says what to do next, without letting hostile text through."""

import pytest

from vops import errors
from vops.cli import app as cli
from vops.cli.diagnostics import ExitCode, exit_code, report


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), 2),
        (errors.InputError("x", path="f"), 2),
        (errors.NotFound("x"), 2),
        (errors.Unauthorized("x"), 4),
        (errors.Forbidden("x"), 4),
        (errors.Refused("x"), 4),
        (errors.PlanStale("x"), 5),
        (errors.LockHeld("x"), 6),
        (errors.ApprovalNeeded("x"), 7),
        (errors.StepFailed("x", dirty=False), 8),
        (errors.StepFailed("x", dirty=True), 9),
        (errors.TimedOut("x"), 10),
        (errors.NotVerified("x"), 11),
        (errors.Unreachable("x"), 12),
        (errors.Unavailable("x"), 12),
        (errors.VopsError("x"), 1),
    ],
)
def test_errors_map_to_the_documented_codes(error: errors.VopsError, code: int) -> None:
    assert exit_code(error) == code


def test_every_error_class_has_a_code_of_its_own_choosing() -> None:
    classes = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.VopsError)]
    special = {errors.VopsError, errors.StepFailed}
    for cls in set(classes) - special:
        instance = cls.__new__(cls)
        assert exit_code(instance) is not ExitCode.FINDINGS, cls


def test_a_report_says_what_happened_and_what_is_next(capsys: pytest.CaptureFixture[str]) -> None:
    code = report(errors.Unreachable("no answer from \x1b[31mhost", hint="check the VPN"))
    assert code is ExitCode.UNREACHABLE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "vops: no answer from \ufffd[31mhost\n  next: check the VPN\n"


def test_a_bug_is_called_a_bug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(cli, "app", broken)
    monkeypatch.setattr(cli, "command_names", frozenset)
    monkeypatch.setattr("sys.argv", ["vops", "fleet"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "this is a bug in vops: ZeroDivisionError: oops" in capsys.readouterr().err
