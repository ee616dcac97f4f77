"""An image with Python and huggingface_hub, made of what runs these tests: interpreter, libraries, packages.

For the seeder's pods. The interpreter keeps its own layout under /opt/python; shared libraries go where the loader
looks without being told.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from tests.cluster.images import write_archive

IMAGE = "docker.io/library/vops-seeder:1"
_HOME = "opt/python"
_LIBRARIES = "lib/x86_64-linux-gnu"
_UNWANTED = re.compile(r"/(test|tests|idlelib|tkinter|turtledemo|ensurepip|lib2to3|__pycache__|config-.*)/|\.a$")
_LEFT_OUT = frozenset({"hf-xet", "click"})
"""Packages that huggingface_hub names and does without."""


def write_image(directory: Path) -> Path:
    """Writes an archive with the image, and returns its path; about 60 MB."""
    files = {**_interpreter(), **_packages()}
    links = {"usr/local/bin/python3": f"/{_HOME}/bin/python3"}
    return write_archive(directory / "seeder.tar", IMAGE, files, links, entrypoint=["python3"])


def _interpreter() -> dict[str, Path]:
    binary = Path(sys.executable).resolve()
    standard = Path(sysconfig.get_path("stdlib", vars={"base": sys.base_prefix}))
    files = {f"{_HOME}/bin/python3": binary}
    found = [path for path in standard.rglob("*") if path.is_file() and "site-packages" not in path.parts]
    for path in found:
        name = f"/{path.relative_to(standard)}"
        if not _UNWANTED.search(name):
            files[f"{_HOME}/lib/{standard.name}{name}"] = path
    return {
        **files,
        **_shared_libraries(
            [binary, *(path for path in found if path.suffix == ".so" and "_tkinter" not in path.name)]
        ),
    }


def _shared_libraries(users: list[Path]) -> dict[str, Path]:
    """What the loader finds for them, by the name that it will look for."""
    listed = subprocess.run(["ldd", *map(str, users)], capture_output=True, text=True, check=True).stdout
    files = {f"{_LIBRARIES}/{name}": Path(path) for name, path in re.findall(r"(\S+) => (/\S+)", listed)}
    loader = re.search(r"(/lib\S*/ld-linux\S+)", listed)
    if loader:
        files[loader[1].lstrip("/")] = Path(loader[1])
    return {name: path.resolve() for name, path in files.items()}


def _packages() -> dict[str, Path]:
    """huggingface_hub and what it needs, with the notes by which a package knows its version."""
    target = f"{_HOME}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    found: Mapping[str, Path] = {
        str(file): Path(str(distribution.locate_file(file)))
        for distribution in _needed("huggingface_hub", set())
        for file in distribution.files or ()
    }
    wanted = {name: path for name, path in found.items() if not name.startswith("..") and path.suffix != ".pyc"}
    return {f"{target}/{name}": path for name, path in wanted.items() if path.is_file()}


def _needed(name: str, seen: set[str]) -> Iterator[metadata.Distribution]:
    """A package and, where they are there, those that it requires without extras."""
    key = re.split(r"[^\w.-]", name)[0].lower().replace("_", "-")
    if key in seen | _LEFT_OUT:
        return
    seen.add(key)
    try:
        distribution = metadata.distribution(key)
    except metadata.PackageNotFoundError:
        return
    yield distribution
    for requirement in distribution.requires or ():
        if "extra ==" not in requirement:
            yield from _needed(requirement, seen)
