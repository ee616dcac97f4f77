"""Brings one model into a volume, file by file, and proves it; or proves again what is there (VOPS_MODE=verify).

Everything comes by environment and by `manifest.json` beside this file; nothing is a shell's. A manifest without files
stands for the one that the marker in the volume keeps, so that a volume can be proven far from any Hub. It needs Python
and huggingface_hub, and tells what it does as lines of JSON (see story.py). A whole file is never fetched again,
whatever ends the container; a download that stops growing is killed and begun anew without Xet.
"""

from __future__ import annotations

import errno
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from checks import check_file, check_loadable
from claim import Claim, kept_manifest
from story import (
    BAD_INPUT,
    DISK_FULL,
    MISMATCH,
    NOT_FOUND,
    NOT_WRITABLE,
    STALLED,
    TERMINATED,
    UNAVAILABLE,
    Fault,
    Story,
    story_of,
)

HERE = Path(__file__).resolve().parent
TICK_S = 1.0
RATE_OVER_S = 60.0
LARGEST_WITHOUT_XET = 50_000_000_000
"""What huggingface_hub fetches by plain HTTP."""
_BY_ERROR = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.EACCES: NOT_WRITABLE,
    errno.EPERM: NOT_WRITABLE,
    errno.EROFS: NOT_WRITABLE,
}
_AGAIN = frozenset({UNAVAILABLE, STALLED, MISMATCH})


@dataclass(frozen=True)
class Asked:
    """What the environment asks for."""

    root: Path
    manifest: dict[str, Any]
    verify: bool
    recheck: bool
    stall_s: float
    progress_s: float
    parallel: int
    tries: int
    owner: str


def asked(environ: Mapping[str, str]) -> Asked:
    """Raises Fault for what is missing or cannot be read."""
    path = Path(environ.get("VOPS_MANIFEST", HERE / "manifest.json"))
    root = Path(environ.get("VOPS_ROOT", "/models"))
    try:
        manifest = json.loads(path.read_bytes())
        if "files" not in manifest:
            manifest = kept_manifest(root, manifest)
        return Asked(
            root=root,
            manifest={**manifest, "files": [_safe(item) for item in manifest["files"]]},
            verify=environ.get("VOPS_MODE", "seed") == "verify",
            recheck=environ.get("VOPS_RECHECK", "") == "1",
            stall_s=float(environ.get("VOPS_STALL_S", "300")),
            progress_s=float(environ.get("VOPS_PROGRESS_S", "5")),
            parallel=int(environ.get("VOPS_PARALLEL", "4")),
            tries=int(environ.get("VOPS_TRIES", "3")),
            owner=environ.get("HOSTNAME", "seeder"),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Fault(BAD_INPUT, f"{path} or the environment cannot be read: {error!r}") from error


def _safe(item: dict[str, Any]) -> dict[str, Any]:
    """A file of the manifest. Raises ValueError for a name that leads out of the folder."""
    if Path(item["name"]).is_absolute() or ".." in Path(item["name"]).parts:
        raise ValueError(f"{item['name']} leads out of the folder")
    return item


def main() -> int:
    story = story_of()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        wanted = asked(os.environ)
        verify(wanted, story) if wanted.verify else seed(wanted, story)
    except Fault as fault:
        return _failed(story, fault)
    except OSError as error:
        return _failed(story, Fault(_BY_ERROR.get(error.errno or 0, UNAVAILABLE), str(error)))
    return 0


def _failed(story: Story, fault: Fault) -> int:
    story.tell("failed", code=fault.code, say=str(fault))
    return fault.code


def _terminated(*_: object) -> None:
    """As PID 1, a process without a handler does not hear SIGTERM at all."""
    sys.exit(TERMINATED)


# --- verify -------------------------------------------------------------------------------------------------


def verify(wanted: Asked, story: Story) -> None:
    """Reads every byte again. Writes nothing, so the volume may be mounted read-only. Raises Fault."""
    claim = Claim(wanted.root, wanted.manifest)
    if not claim.folder.is_dir():
        raise Fault(NOT_FOUND, f"{claim.folder} is not there: the model was never seeded, or not to its end")
    pace = Pace(story, claim.bytes, len(claim.files), wanted.progress_s, verb="verified")
    bad = [fault for item in claim.files if (fault := _wrong(claim.folder, item, pace))]
    if bad:
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise Fault(MISMATCH, f"{bad[0]}{more}")
    check_loadable(claim.folder, claim.names)
    if claim.marked() is None:
        raise Fault(MISMATCH, f"every file is right, but {claim.marker} is missing or of another manifest")
    _tell_done(story, claim, seconds=pace.seconds, again=True)


def _wrong(folder: Path, item: Mapping[str, Any], pace: Pace) -> Fault | None:
    try:
        check_file(folder / item["name"], item, pace.read)
    except FileNotFoundError:
        return Fault(MISMATCH, f"{item['name']} is missing")
    except Fault as fault:
        return fault
    pace.file(item["name"], item["size"])
    return None


# --- seed ---------------------------------------------------------------------------------------------------


def seed(wanted: Asked, story: Story) -> None:
    """Until every file is there and proven. Raises Fault."""
    claim = Claim(wanted.root, wanted.manifest)
    if not wanted.recheck and claim.marked():
        _tell_done(story, claim, seconds=0.0, again=True)
        return
    with claim.held(wanted.owner, lambda holder: story.tell("waiting", holder=holder)):
        if not wanted.recheck and claim.marked():
            _tell_done(story, claim, seconds=0.0, again=True)
            return
        if wanted.recheck or claim.folder.is_dir():
            claim.reopen()
        claim.staging.mkdir(exist_ok=True)
        _fill(wanted, claim, story)


def _fill(wanted: Asked, claim: Claim, story: Story) -> None:
    begun, attempt = time.monotonic(), claim.count_attempt()
    claim.clear()
    pace = Pace(story, claim.bytes, len(claim.files), wanted.progress_s)
    missing = _missing(claim, pace)
    left = sum(item["size"] for item in missing)
    story.tell("begin", files=len(claim.files), bytes=claim.bytes, missing_files=len(missing), missing_bytes=left)
    _check_space(claim, left)
    _fetch(wanted, claim, pace, missing, attempt)
    story.tell("checking", files=len(claim.files))
    check_loadable(claim.staging, claim.names)
    seconds = time.monotonic() - begun
    claim.finish({"hub": _hub_version(), "seconds": round(seconds, 1), "seeded_at": round(time.time())})
    _tell_done(story, claim, seconds=seconds, again=False)


def _missing(claim: Claim, pace: Pace) -> list[dict[str, Any]]:
    """The files that have to be fetched; one that is there unproven is read first."""
    proven = claim.proven()
    missing = []
    for item in claim.files:
        name = item["name"]
        if name not in proven and not _holds(claim, item, pace):
            missing.append(item)
            continue
        pace.done_files += 1
    return missing


def _holds(claim: Claim, item: Mapping[str, Any], pace: Pace) -> bool:
    path = claim.staging / item["name"]
    if not path.is_file():
        return False
    try:
        check_file(path, item, lambda count: _reading(claim, item["name"], pace))
    except Fault:
        path.unlink()
        return False
    claim.prove(item["name"])
    return True


def _reading(claim: Claim, name: str, pace: Pace) -> None:
    claim.touch()
    pace.reading(name)


def _check_space(claim: Claim, left: int) -> None:
    free = shutil.disk_usage(claim.staging).free
    if free < left:
        raise Fault(DISK_FULL, f"{left} bytes are missing, and the volume has {free} left")


def _fetch(wanted: Asked, claim: Claim, pace: Pace, missing: list[dict[str, Any]], attempt: int) -> None:
    """Fetches what is missing, in a few tries; the second try of all, in whichever pod, does without Xet."""
    plain = max((item["size"] for item in missing), default=0) <= LARGEST_WITHOUT_XET
    for number in range(wanted.tries):
        missing = [item for item in missing if item["name"] not in claim.proven()]
        if not missing:
            return
        without_xet = plain and attempt + number > 1
        try:
            _Download(wanted, claim, pace, missing, without_xet=without_xet).run()
        except Fault as fault:
            if fault.code not in _AGAIN or number == wanted.tries - 1:
                raise
            pace.story.tell("again", code=fault.code, say=str(fault), without_xet=plain)
            claim.clear()


class _Download:
    """One run of the fetcher, watched: what it says, and whether bytes still come."""

    def __init__(
        self, wanted: Asked, claim: Claim, pace: Pace, missing: list[dict[str, Any]], *, without_xet: bool
    ) -> None:
        self._wanted, self._claim, self._pace = wanted, claim, pace
        self._files = {item["name"]: item for item in missing}
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._process = subprocess.Popen(  # noqa: S603  ourselves, with nothing from outside
            [sys.executable, str(HERE / "fetcher.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(without_xet=without_xet),
            text=True,
            start_new_session=True,
        )

    def run(self) -> None:
        """Raises Fault when the fetcher ends in one, or when no bytes have come for too long."""
        reader = threading.Thread(target=self._read, daemon=True)
        try:
            self._ask()
            reader.start()
            self._watch()
        finally:
            self._kill()
        if self._process.returncode:
            raise Fault(UNAVAILABLE, f"the download ended with code {self._process.returncode}")

    def _ask(self) -> None:
        manifest = self._wanted.manifest
        request = {
            "model": manifest["model"],
            "commit": manifest["commit"],
            "folder": str(self._claim.staging),
            "files": list(self._files.values()),
            "parallel": self._wanted.parallel,
        }
        if self._process.stdin:
            self._process.stdin.write(json.dumps(request))
            self._process.stdin.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def _watch(self) -> None:
        grown_at, grown = time.monotonic(), -1
        for line in self._heard():
            now, size = time.monotonic(), self._claim.fetched_bytes()
            if size != grown or line is not None:
                grown_at, grown = now, size
            if now - grown_at > self._wanted.stall_s:
                raise Fault(STALLED, f"no byte has come for {self._wanted.stall_s:g} s")
            self._claim.touch()
            self._pace.at(size)
            self._hear(line)

    def _heard(self) -> Iterator[dict[str, Any] | None]:
        """What the fetcher says, and None whenever it says nothing for a moment; ends with it."""
        while True:
            try:
                line = self._lines.get(timeout=TICK_S)
            except queue.Empty:
                yield None
                continue
            if line is None:
                self._process.wait()
                return
            yield line

    def _hear(self, line: dict[str, Any] | None) -> None:
        if line is None:
            return
        if line["event"] == "file":
            self._claim.prove(line["name"])
            self._pace.file(line["name"], self._files[line["name"]]["size"])
        elif line["event"] == "fault":
            raise Fault(line["code"], line["say"])

    def _kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _environment(*, without_xet: bool) -> dict[str, str]:
    quiet = {
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_VERBOSITY": "error",
        "PYTHONPATH": str(HERE),
    }
    return {**os.environ, **quiet, **({"HF_HUB_DISABLE_XET": "1"} if without_xet else {})}


# --- telling ------------------------------------------------------------------------------------------------


@dataclass
class Pace:
    """How far it is, how fast it goes, and when it will be done; told every few seconds and with each file."""

    story: Story
    bytes: int
    files: int
    every_s: float
    verb: str = "fetched"
    done_files: int = 0
    _read: int = 0
    _told_at: float = 0.0
    _begun: float = field(default_factory=time.monotonic)
    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun

    def read(self, count: int) -> None:
        """Bytes of a file that is being proven."""
        self._read += count
        self.at(self._read)

    def file(self, name: str, size: int) -> None:
        self.done_files += 1
        self.story.tell("file", name=name, bytes=size, files=self.done_files, of=self.files)

    def at(self, size: int) -> None:
        """`size` of the bytes are there now."""
        now = time.monotonic()
        self._samples.append((now, size))
        while now - self._samples[0][0] > RATE_OVER_S:
            self._samples.popleft()
        if now - self._told_at >= self.every_s:
            self._told_at = now
            self._tell(size)

    def reading(self, name: str) -> None:
        """A file that was there is being read, which may take minutes."""
        if time.monotonic() - self._told_at >= self.every_s:
            self._told_at = time.monotonic()
            self.story.tell("reading", name=name, files=self.done_files, of=self.files)

    def _tell(self, size: int) -> None:
        (first_at, first), (last_at, last) = self._samples[0], self._samples[-1]
        rate = (last - first) / (last_at - first_at) if last_at > first_at else 0.0
        left = max(0, self.bytes - size)
        self.story.tell(
            "progress",
            verb=self.verb,
            files=self.done_files,
            of=self.files,
            bytes=min(size, self.bytes),
            of_bytes=self.bytes,
            rate=round(rate),
            eta_s=round(left / rate) if rate > 0 else None,
        )


def _tell_done(story: Story, claim: Claim, *, seconds: float, again: bool) -> None:
    digest, commit = claim.manifest["digest"], claim.manifest["commit"]
    facts = {"path": str(claim.folder), "digest": digest, "commit": commit, "bytes": claim.bytes}
    story.tell("done", files=len(claim.files), seconds=round(seconds, 1), again=again, **facts)


def _hub_version() -> str:
    try:
        return metadata.version("huggingface_hub")
    except metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
