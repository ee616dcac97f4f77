"""Fetches files of one repository with huggingface_hub: a process of its own, so that one that hangs can be killed.

Reads `{"model", "commit", "folder", "files", "parallel"}` from stdin, and tells on stdout, a line of JSON each, what
it reads, which file is whole and proven, and what ended it. The only importer of huggingface_hub.
"""

from __future__ import annotations

import errno
import json
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from checks import check_file
from story import DISK_FULL, FORBIDDEN, NOT_FOUND, UNAUTHORIZED, UNAVAILABLE, Fault

_BY_STATUS = {401: UNAUTHORIZED, 403: FORBIDDEN, 404: NOT_FOUND}
_TOLD_EVERY = 64 * 2**20
_XET_ROUTE = "/xet-read-token/"
"""A mirror may pass on that a file is in Xet, and not have this: plain HTTP does without."""
_QUERY = re.compile(r"\?\S+")
_writing = threading.Lock()


def main() -> int:
    """Fetches what stdin asks for. Returns 0, or the code of the fault that it has told."""
    asked = json.load(sys.stdin)
    with ThreadPoolExecutor(asked["parallel"]) as pool:
        running = [pool.submit(_fetch, asked, item) for item in asked["files"]]
        done, waiting = wait(running, return_when=FIRST_EXCEPTION)
        fault = next((fault_of(error) for task in done if (error := task.exception())), None)
        for task in waiting:
            task.cancel()
    if fault is None:
        return 0
    _tell("fault", code=fault.code, say=str(fault))
    return fault.code


def _fetch(asked: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """One file, downloaded and proven; a wrong one is taken away again."""
    from huggingface_hub import hf_hub_download

    name = wanted["name"]
    hf_hub_download(asked["model"], name, revision=asked["commit"], local_dir=asked["folder"])
    path = Path(asked["folder"]) / name
    unsaid = 0

    def read(count: int) -> None:
        nonlocal unsaid
        unsaid += count
        if unsaid >= _TOLD_EVERY:
            unsaid = 0
            _tell("reading", name=name)

    try:
        check_file(path, wanted, read)
    except Fault:
        path.unlink(missing_ok=True)
        raise
    _tell("file", name=name)


def fault_of(error: BaseException) -> Fault:
    """What an exception of huggingface_hub comes to, whichever of the errors that it wraps says most."""
    chain = list(_chain(error))
    for item in chain:
        if isinstance(item, Fault):
            return item
        if isinstance(item, OSError) and item.errno in (errno.ENOSPC, errno.EDQUOT):
            return Fault(DISK_FULL, "the volume is full")
    if any(_XET_ROUTE in str(getattr(getattr(item, "response", None), "url", "")) for item in chain):
        return Fault(UNAVAILABLE, f"the Hub offers Xet and gives no token for it: {_text(error)}")
    for item in chain:
        name = type(item).__name__
        status = getattr(getattr(item, "response", None), "status_code", None)
        if name == "GatedRepoError":
            return Fault(UNAUTHORIZED if status == 401 else FORBIDDEN, _text(item))
        if name in ("RepositoryNotFoundError", "RevisionNotFoundError", "RemoteEntryNotFoundError"):
            return Fault(NOT_FOUND, _text(item))
        if status is not None:
            return Fault(_BY_STATUS.get(status, UNAVAILABLE), f"the Hub answers {status}: {_text(item)}")
    return Fault(UNAVAILABLE, f"{type(error).__name__}: {_text(error)}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _text(error: BaseException) -> str:
    """An error's text on one line, without what signs a link."""
    return _QUERY.sub("?…", " ".join(str(error).split()))[:600]


def _tell(event: str, **facts: Any) -> None:
    with _writing:
        sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
