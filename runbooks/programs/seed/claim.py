"""What lies in the volume: the finished model, what is still being fetched, the marker, and who is at work.

    <root>/<owner>--<name>/<commit>/…       the model, whole: it gets this name when its last byte is proven
    <root>/.vops/<commit>/…                 the same while files are missing
    <root>/.vops/<commit>.verified          a line for each file whose bytes were proven, so that it is read once
    <root>/.vops/<commit>.lock              touched every few seconds by the one that works
    <root>/.vops/<commit>.json              the marker: what is there, as it was proven

The marker is outside the model's folder, so that the folder holds exactly what the repository does.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from story import MISMATCH, NOT_FOUND, Fault

NOTES = ".vops"
STALE_S = 60.0
_LOCK_PAUSE_S = 1.0


class Claim:
    """The volume at `root`, for one manifest: `{"model", "commit", "digest", "files": [{"name", "size", …}]}`."""

    def __init__(self, root: Path, manifest: Mapping[str, Any]) -> None:
        self.manifest = manifest
        self.files: list[dict[str, Any]] = list(manifest["files"])
        self.names = [item["name"] for item in self.files]
        self.folder = root / manifest["model"].replace("/", "--") / manifest["commit"]
        self.notes = root / NOTES
        self.staging = self.notes / manifest["commit"]
        self.marker = self._note("json")
        self._verified = self._note("verified")
        self._lock = self._note("lock")
        self._attempts = self._note("attempts")

    def _note(self, ending: str) -> Path:
        return self.notes / f"{self.manifest['commit']}.{ending}"

    @property
    def bytes(self) -> int:
        return sum(item["size"] for item in self.files)

    # --- what is whole -------------------------------------------------------------------------------------

    def marked(self) -> dict[str, Any] | None:
        """The marker, when it is of this manifest and every file is there with its size."""
        try:
            marker: dict[str, Any] = json.loads(self.marker.read_bytes())
        except (OSError, ValueError):
            return None
        if marker.get("digest") != self.manifest["digest"]:
            return None
        return marker if all(_size(self.folder / item["name"]) == item["size"] for item in self.files) else None

    def reopen(self) -> None:
        """Takes the files of a finished model back to where they are fetched, with nothing taken as proven."""
        self.marker.unlink(missing_ok=True)
        self._verified.unlink(missing_ok=True)
        for name in self.names:
            kept, here = self.folder / name, self.staging / name
            if kept.is_file() and not here.exists():
                here.parent.mkdir(parents=True, exist_ok=True)
                kept.rename(here)

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Gives the model its name and writes the marker; after a crash either is there whole or not at all."""
        shutil.rmtree(self.staging / ".cache", ignore_errors=True)
        for path in sorted({self.staging, *self.staging.rglob("*")}):
            if path.is_dir():
                sync(path)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.staging.rename(self.folder)
        sync(self.folder.parent)
        self._write_marker(facts)
        for path in (self._verified, self._attempts):
            path.unlink(missing_ok=True)

    def _write_marker(self, facts: Mapping[str, Any]) -> None:
        keys = ("model", "commit", "digest")
        marker = {**{key: self.manifest[key] for key in keys}, "bytes": self.bytes, "files": self.files, **facts}
        temporary = self.marker.with_suffix(".new")
        with temporary.open("wb") as file:
            file.write(json.dumps(marker, indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.marker)
        sync(self.notes)

    # --- what is proven ------------------------------------------------------------------------------------

    def proven(self) -> set[str]:
        """The files that are there as they were when their bytes were proven."""
        try:
            lines = self._verified.read_text().splitlines()
        except OSError:
            return set()
        known = set(lines)
        return {name for name in self.names if (mark := self._mark_of(name)) and mark in known}

    def prove(self, name: str) -> None:
        """Notes that a file's bytes were proven, once the disk has them."""
        sync(self.staging / name)
        with self._verified.open("a") as file:
            file.write(f"{self._mark_of(name)}\n")
            file.flush()
            os.fsync(file.fileno())

    def _mark_of(self, name: str) -> str:
        try:
            status = (self.staging / name).stat()
        except OSError:
            return ""
        return f"{status.st_size} {status.st_mtime_ns} {name}"

    def fetched_bytes(self) -> int:
        """Bytes of whole files and of those that are on their way."""
        found = 0
        for path in self.staging.rglob("*") if self.staging.exists() else ():
            if path.suffix == ".incomplete" or str(path.relative_to(self.staging)) in self.names:
                found += _size(path) or 0
        return found

    def clear(self) -> None:
        """Takes away what killed downloads have left: locks that nobody holds, and parts that nobody can go on with."""
        for pattern in ("*.lock", "*.incomplete"):
            for path in self.staging.rglob(pattern) if self.staging.exists() else ():
                path.unlink(missing_ok=True)

    def count_attempt(self) -> int:
        """How often this download was begun, this time included."""
        count = 1
        with suppress(OSError, ValueError):
            count = int(self._attempts.read_text()) + 1
        self._attempts.write_text(str(count))
        return count

    # --- who works -----------------------------------------------------------------------------------------

    @contextmanager
    def held(self, owner: str, waiting: Callable[[str], None]) -> Iterator[None]:
        """Works alone: a Job may start two pods. A lock that nobody touches for a minute is a dead pod's."""
        self.notes.mkdir(parents=True, exist_ok=True)
        while not self._take(owner):
            self._outwait(waiting)
        try:
            yield
        finally:
            self._lock.unlink(missing_ok=True)

    def touch(self) -> None:
        """Says that the holder still works."""
        with suppress(OSError):
            os.utime(self._lock)

    def _take(self, owner: str) -> bool:
        try:
            descriptor = os.open(self._lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "w") as file:
            file.write(owner)
        return True

    def _outwait(self, waiting: Callable[[str], None]) -> None:
        """Until the holder is gone, or has not touched its lock for a minute by this machine's own clock."""
        seen, since = self._touched(), time.monotonic()
        with suppress(OSError):
            waiting(self._lock.read_text()[:200])
        while self._lock.exists():
            time.sleep(_LOCK_PAUSE_S)
            if (now := self._touched()) != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > float(os.environ.get("VOPS_LOCK_STALE_S", STALE_S)):
                self._lock.unlink(missing_ok=True)

    def _touched(self) -> int:
        try:
            return self._lock.stat().st_mtime_ns
        except OSError:
            return 0


def kept_manifest(root: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the marker of `wanted` (a model and a commit) was written from. Raises Fault without a whole one."""
    path = root / NOTES / f"{wanted['commit']}.json"
    try:
        marker = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise Fault(NOT_FOUND, f"{path} is not there: the model was never seeded, or not to its end") from error
    body = {key: marker[key] for key in ("model", "commit", "files")}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if hashlib.sha256(text.encode()).hexdigest() != marker["digest"] or marker["model"] != wanted["model"]:
        raise Fault(MISMATCH, f"{path} is damaged, or of another model")
    return {**body, "digest": marker["digest"]}


def sync(path: Path) -> None:
    """Waits until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems do not sync folders
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
