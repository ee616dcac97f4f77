"""Finds the files that vops ships and the user adds: runbooks by name.

Looked for in the user's folder (`$XDG_CONFIG_HOME/vops/runbooks`), then in the wheel, then in the checkout; the first
of a name wins. Only finds and reads: what a file means is for vops.runbooks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from vops.errors import InputError, UsageError

_PACKAGE = Path(__file__).resolve().parent
_MAX_BYTES = 1_000_000


def runbook_folders(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where runbooks are looked for, in order."""
    config = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return (config / "vops/runbooks", _PACKAGE / "_library/runbooks", _PACKAGE.parent / "runbooks")


def runbooks(environ: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Every runbook's file by its name, sorted."""
    found: dict[str, Path] = {}
    for path in _files(environ):
        found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def read_runbook_file(name: str, environ: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """The text of a runbook and its path, by name or by path (anything with a `/` or ending in `.yaml`).

    Raises UsageError for an unknown name, InputError for a file that cannot be read.
    """
    if "/" in name or name.endswith(".yaml"):
        path = Path(name)
    else:
        known = runbooks(environ)
        if name not in known:
            raise UsageError(f"there is no runbook {name!r}", hint=f"known are: {', '.join(known)}")
        path = known[name]
    return _read(path), str(path)


def read_part_file(name: str, environ: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """The text and the path of steps that runbooks share, by name: `parts/NAME.yaml` in the folders of runbooks.

    Raises UsageError for an unknown name, InputError for a file that cannot be read.
    """
    for folder in runbook_folders(environ):
        path = folder / "parts" / f"{name}.yaml"
        if path.is_file():
            return _read(path), str(path)
    raise UsageError(f"there is no part {name!r}", hint="a part is a file NAME.yaml in the folder parts of runbooks")


def read_program(name: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The texts of a program that runbooks run in the cluster, by file name: the folder `programs/NAME` of runbooks.

    Raises UsageError for an unknown name, InputError for a file that cannot be read.
    """
    for folder in runbook_folders(environ):
        found = {path.name: _read(path) for path in sorted((folder / "programs" / name).glob("*.py"))}
        if found:
            return found
    raise UsageError(f"there is no program {name!r}", hint="a program is a folder NAME in programs of runbooks")


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"larger than {_MAX_BYTES} bytes, which no runbook is", path=str(path))
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", path=str(path)) from error


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    for folder in runbook_folders(environ):
        if folder.is_dir():
            yield from sorted(folder.glob("*.yaml"))


def manifest_files(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The text of every file of the manifest library by its path in it; the user's own take the place of ours."""
    config = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return dict(sorted({**_shipped_manifests(), **_manifests_in(config / "vops/manifests")}.items()))


@cache
def _shipped_manifests() -> dict[str, str]:
    """What comes with vops, read once: a hundred files, which do not change while it runs."""
    return {**_manifests_in(_PACKAGE.parent / "manifests"), **_manifests_in(_PACKAGE / "_library/manifests")}


def _manifests_in(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): _read(path) for path in folder.rglob("*.yaml")}
