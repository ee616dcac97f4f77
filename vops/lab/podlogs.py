"""The pods/log subresource: what a kubelet answers, with its refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vops.lab import statuses
from vops.lab.calls import Call
from vops.lab.documents import Document
from vops.lab.kinds import ResourceType
from vops.lab.providers import LogLine, LogsProvider
from vops.lab.statuses import Cause

_OPTIONS = ResourceType("", "v1", "PodLogOptions", "podlogoptions")
_PULL_FAILURES = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


@dataclass(frozen=True, slots=True)
class LogRequest:
    """One request for the log of one container."""

    namespace: str
    pod: str
    container: str
    previous: bool
    follow: bool
    timestamps: bool
    tail_lines: int | None
    limit_bytes: int | None
    since: datetime | None


def read_request(call: Call, pod: Document, now: datetime) -> LogRequest:
    """The options of a log request, checked against the pod. Raises ApiError 400 or 422."""
    tail_lines = call.number("tailLines")
    if tail_lines is not None and tail_lines < 0:
        why = f"Invalid value: {tail_lines}: must be greater than or equal to 0"
        raise statuses.invalid(_OPTIONS, call.name, [Cause("FieldValueInvalid", why, "tailLines")])
    return LogRequest(
        call.namespace,
        call.name,
        _container(call.query.get("container", ""), pod),
        call.flag("previous"),
        call.flag("follow"),
        call.flag("timestamps"),
        tail_lines,
        call.number("limitBytes"),
        _since(call, now),
    )


def _since(call: Call, now: datetime) -> datetime | None:
    seconds = call.number("sinceSeconds")
    if seconds is not None:
        return now - timedelta(seconds=seconds)
    moment = call.query.get("sinceTime")
    return datetime.fromisoformat(moment) if moment else None


def _container(asked: str, pod: Document) -> str:
    name = pod["metadata"]["name"]
    spec = pod["spec"]
    main = [container["name"] for container in spec["containers"]]
    init = [container["name"] for container in spec.get("initContainers", [])]
    if asked:
        if asked not in (*main, *init):
            raise statuses.bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(main) == 1:
        return str(main[0])
    text = f"a container name must be specified for pod {name}, choose one of: [{' '.join(main)}]"
    if init:
        text += f" or one of the init containers: [{' '.join(init)}]"
    raise statuses.bad_request(text)


def refuse_unwritten(request: LogRequest, pod: Document) -> None:
    """Raises ApiError 400 when the container has not run (or, for `previous`, not run before)."""
    status = _status_of(request.container, pod)
    subject = f'container "{request.container}" in pod "{request.pod}"'
    last = status.get("lastState", {}).get("terminated")
    if request.previous:
        if last is None:
            raise statuses.bad_request(f"previous terminated {subject} not found")
        return
    state = status.get("state", {})
    if "running" in state or "terminated" in state or last is not None:
        return
    if "waiting" not in state:
        raise statuses.bad_request(f"{subject} is waiting to start - no logs yet")
    reason = state["waiting"].get("reason", "")
    raise statuses.bad_request(f"{subject} is waiting to start: {_PULL_FAILURES.get(reason, reason)}")


def _status_of(container: str, pod: Document) -> Document:
    status = pod.get("status", {})
    every = [*status.get("containerStatuses", []), *status.get("initContainerStatuses", [])]
    return next((item for item in every if item["name"] == container), {})


async def chunks(request: LogRequest, logs: LogsProvider) -> AsyncIterator[bytes]:
    """The log, then, when it is followed, what is written to it."""
    written = logs.read(request.namespace, request.pod, request.container, previous=request.previous)
    left = request.limit_bytes
    body = "".join(_text(line, request) for line in _wanted(written, request)).encode()
    yield body if left is None else body[:left]
    if not request.follow or request.previous:
        return
    left = None if left is None else left - len(body)
    async for line in logs.follow(request.namespace, request.pod, request.container, start=len(written)):
        if left is not None and left <= 0:
            return
        chunk = _text(line, request).encode()
        yield chunk if left is None else chunk[:left]
        left = None if left is None else left - len(chunk)


def _wanted(lines: Sequence[LogLine], request: LogRequest) -> Sequence[LogLine]:
    if request.since is not None:
        lines = [line for line in lines if line.at >= request.since]
    if request.tail_lines is not None:
        lines = lines[len(lines) - request.tail_lines :] if request.tail_lines < len(lines) else lines
    return lines


def _text(line: LogLine, request: LogRequest) -> str:
    if not request.timestamps:
        return f"{line.text}\n"
    return f"{line.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z {line.text}\n"
