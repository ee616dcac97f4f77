"""Every error that vops raises on purpose.

    VopsError
    ├── UsageError                the request itself is wrong
    │   └── InputError            a file is wrong: names the file and, where known, the line
    ├── ClusterError              the API server said no, or said nothing
    │   ├── Unreachable           no answer at all, or not from a Kubernetes API server
    │   ├── Unauthorized          401: the credentials are missing, wrong or expired
    │   ├── Forbidden             403: the credentials lack a permission
    │   ├── NotFound              404
    │   ├── Conflict              409: someone else changed or owns it
    │   ├── Gone                  410: the resource version is too old
    │   ├── Rejected              422 and other 4xx: validation or admission refused the body
    │   └── Unavailable           429, 5xx, timeouts: worth another try
    ├── Refused                   vops itself declines: read-only, ownership, a guard
    ├── PlanStale                 what a plan was made from has changed since
    ├── LockHeld                  another run holds the target
    ├── ApprovalNeeded            a person must decide, and nobody is there to ask
    ├── StepFailed                a step failed; `dirty` tells whether its changes were undone
    ├── TimedOut                  a wait ran out or stalled; the run can be resumed
    └── NotVerified               the change is applied and the cause is still there

The message says what happened and to what; `hint` says what to do next. Neither ever holds a secret.
"""

from __future__ import annotations


class VopsError(Exception):
    """What went wrong, to what; `hint` is the next thing to try (a command where there is one)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(VopsError):
    """The request itself is wrong: an unknown option value, target or context."""


class InputError(UsageError):
    """A file given to vops is wrong; `path` and 1-based `line` say where."""

    def __init__(self, message: str, *, path: str, line: int | None = None, hint: str = "") -> None:
        where = path if line is None else f"{path}:{line}"
        super().__init__(f"{where}: {message}", hint=hint)
        self.path = path
        self.line = line


class ClusterError(VopsError):
    """The API server refused or failed a request; `status` is its HTTP status, 0 when there was no answer."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason


class Unreachable(ClusterError):
    """No answer, or an answer that is not a Kubernetes API server's."""


class Unauthorized(ClusterError):
    """401: the credentials are missing, wrong or expired."""


class Forbidden(ClusterError):
    """403: the credentials lack a permission."""


class NotFound(ClusterError):
    """404: the object, or the resource kind, is not there."""


class Conflict(ClusterError):
    """409: the object exists already, was changed meanwhile, or a field has another owner."""


class Gone(ClusterError):
    """410: the resource version or continue token is too old; list again."""


class Rejected(ClusterError):
    """422 and other 4xx: validation, admission or a failed `test` operation refused the body."""


class Unavailable(ClusterError):
    """429, 5xx or a timeout: worth another try; `retry_after_s` is the server's wish, if it gave one."""

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", retry_after_s: float | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, status=status, reason=reason, hint=hint)
        self.retry_after_s = retry_after_s


class Refused(VopsError):
    """vops itself declines: the session is read-only, another controller owns the field, a guard failed."""


class PlanStale(VopsError):
    """What the plan was made from has changed; make a new plan."""


class LockHeld(VopsError):
    """Another run holds the target."""


class ApprovalNeeded(VopsError):
    """A person must decide, and this session cannot ask."""


class StepFailed(VopsError):
    """A runbook step failed; `dirty` is true when its changes could not be undone."""

    def __init__(self, message: str, *, dirty: bool, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.dirty = dirty


class TimedOut(VopsError):
    """A wait ran out or stalled; the run can be resumed."""


class NotVerified(VopsError):
    """The change was applied, and observing again shows the cause, or another one, still there."""
