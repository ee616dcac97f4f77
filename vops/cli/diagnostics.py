"""Everything that goes to stderr, and the exit codes that scripts rely on."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn

from vops import errors
from vops.model.text import scrub


class ExitCode(IntEnum):
    """What the process says when it ends; part of the command line's contract."""

    OK = 0
    """Fine, or nothing to do."""
    FINDINGS = 1
    """Findings at or above `--fail-on`; also a bug in vops, and then the message says so."""
    USAGE = 2
    """The request or an input file is wrong."""
    CHANGES_PENDING = 3
    """`--detailed-exitcode`: a plan that changes something."""
    REFUSED = 4
    """Refused: permissions, credentials, policy, read-only, or another owner of the field."""
    PLAN_STALE = 5
    """What the plan was made from has changed."""
    LOCK_HELD = 6
    """Another run holds the target."""
    APPROVAL_NEEDED = 7
    """A person must decide, and this session cannot ask."""
    STEP_FAILED = 8
    """A step failed and everything was undone."""
    STATE_DIRTY = 9
    """A step failed and its changes are still there."""
    TIMED_OUT = 10
    """A wait ran out; the run can be resumed."""
    NOT_VERIFIED = 11
    """Applied, and the cause is still there."""
    UNREACHABLE = 12
    """The cluster does not answer."""
    HUNG_UP = 129
    """SIGHUP: the terminal, or the CI runner, has gone."""
    INTERRUPTED = 130
    """SIGINT."""
    TERMINATED = 143
    """SIGTERM."""


_BY_ERROR: tuple[tuple[type[errors.VopsError], ExitCode], ...] = (
    (errors.UsageError, ExitCode.USAGE),
    (errors.NotFound, ExitCode.USAGE),
    (errors.Unauthorized, ExitCode.REFUSED),
    (errors.Forbidden, ExitCode.REFUSED),
    (errors.Refused, ExitCode.REFUSED),
    (errors.Rejected, ExitCode.REFUSED),
    (errors.Conflict, ExitCode.PLAN_STALE),
    (errors.PlanStale, ExitCode.PLAN_STALE),
    (errors.LockHeld, ExitCode.LOCK_HELD),
    (errors.ApprovalNeeded, ExitCode.APPROVAL_NEEDED),
    (errors.TimedOut, ExitCode.TIMED_OUT),
    (errors.NotVerified, ExitCode.NOT_VERIFIED),
    (errors.ClusterError, ExitCode.UNREACHABLE),
)


def exit_code(error: errors.VopsError) -> ExitCode:
    """The code that `error` ends the process with."""
    if isinstance(error, errors.StepFailed):
        return ExitCode.STATE_DIRTY if error.dirty else ExitCode.STEP_FAILED
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.FINDINGS)


def report(error: errors.VopsError) -> ExitCode:
    """Prints what happened and what to do next; returns the exit code."""
    narrate(f"vops: {error.message}")
    if error.hint:
        narrate(f"  next: {error.hint}")
    return exit_code(error)


def ending(work: Callable[[], int | None]) -> NoReturn:
    """Ends the process as `work` does. A foreseeable failure is a sentence and an exit code, never a traceback."""
    try:
        sys.exit(work() or ExitCode.OK)
    except errors.VopsError as error:
        sys.exit(report(error))
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; writing the rest, or complaining, would only fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except Exception as error:
        # The edge of the process: whatever arrives here is a mistake of ours, and is called one.
        if "--verbose" in sys.argv:
            raise
        sys.exit(report(bug(error)))
    finally:
        # What is alive now ends with the process; to search it for garbage first takes 30 ms.
        gc.freeze()


def bug(error: Exception) -> errors.VopsError:
    """An error that nobody foresaw, said as such."""
    return errors.VopsError(
        f"this is a bug in vops: {type(error).__name__}: {error}",
        hint="run it again with --verbose and report what it prints",
    )


def write_raw(text: str) -> None:
    """One line to stderr as it is: for marks of CI systems, which are made of control characters."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def narrate(text: str, *, quiet: bool = False) -> None:
    """One line of narration, unless the user asked for quiet."""
    if not quiet:
        sys.stderr.write(scrub(text) + "\n")
        sys.stderr.flush()
