"""Container images made by hand: a folder in a tar, in the layout that `docker save` writes. No registry is asked.

`vllm/vllm-openai:v0.25.1` is busybox with tests/cluster/image/vllm and the recordings that it prints and serves, and
with a program of another architecture.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
DATA = HERE.parent / "data/cluster"
LOGS = HERE.parent / "data/logs"
VLLM = "docker.io/vllm/vllm-openai:v0.25.1"
VLLM_NEXT = "docker.io/vllm/vllm-openai:v0.32.0"
"""The same under the name of a later version."""
PAUSE = "docker.io/library/pause:1"
_ARM64_ELF = bytes.fromhex("7f454c46020101000000000000000000 0200b700 01000000").ljust(64, b"\0")
LOADS = json.loads(gzip.decompress((DATA / "engine-pages.json.gz").read_bytes()))
"""By name of a load: `{"seconds": between the pages, "early": page, "late": page}`."""


def write_images(directory: Path) -> Path:
    """Writes one archive with the pause image and the vLLM image, and returns its path."""
    base = _busybox()
    server = (base, _layer(_vllm_files(), {}))
    layers = {PAUSE: (base,), VLLM: server, VLLM_NEXT: server}
    serve = ["vllm", "serve"]
    entrypoints = {PAUSE: ["/bin/busybox", "sleep", "2147483647"], VLLM: serve, VLLM_NEXT: serve}
    path = directory / "images.tar"
    with tarfile.open(path, "w") as archive:
        manifest = [_add_image(archive, name, layers[name], entrypoints[name]) for name in layers]
        _add(archive, "manifest.json", json.dumps(manifest).encode())
    return path


def write_archive(
    path: Path, name: str, files: Mapping[str, Path], links: Mapping[str, str], *, entrypoint: Sequence[str]
) -> Path:
    """Writes an archive with one image of one layer, of files by their path in it; returns `path`."""
    layer = _layer({inside: outside.read_bytes() for inside, outside in files.items()}, links)
    with tarfile.open(path, "w") as archive:
        _add(archive, "manifest.json", json.dumps([_add_image(archive, name, (layer,), entrypoint)]).encode())
    return path


def _vllm_files() -> Mapping[str, bytes]:
    steady = LOADS["steady"]
    logs = (*DATA.glob("*.log"), *LOGS.glob("*.log"))
    recorded = {f"recorded/{path.name}": path.read_bytes() for path in logs}
    return recorded | {
        "usr/local/bin/vllm": (HERE / "image/vllm").read_bytes(),
        "usr/local/bin/vllm-arm64": _ARM64_ELF,
        "recorded/early.prom": steady["early"].encode(),
        "recorded/late.prom": steady["late"].encode(),
        "recorded/page.seconds": str(steady["seconds"]).encode(),
        "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n",
    }


def _busybox() -> bytes:
    applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    found = subprocess.run(["sh", "-c", "command -v busybox"], capture_output=True, text=True, check=True)
    links = {f"bin/{applet}": "busybox" for applet in applets if applet != "busybox"}
    return _layer({"bin/busybox": Path(found.stdout.strip()).resolve().read_bytes()}, links)


def _layer(files: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    """A layer of executable files and symbolic links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        for name, content in files.items():
            _add(layer, name, content, mode=0o755)
        for name, target in links.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            layer.addfile(link)
    return buffer.getvalue()


def _add_image(archive: tarfile.TarFile, name: str, layers: Sequence[bytes], entrypoint: Sequence[str]) -> object:
    """Adds layers and configuration, and returns the image's entry in the manifest."""
    digests = [hashlib.sha256(layer).hexdigest() for layer in layers]
    for digest, layer in zip(digests, layers, strict=True):
        if f"{digest}/layer.tar" not in archive.getnames():
            _add(archive, f"{digest}/layer.tar", layer)
    configuration = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": list(entrypoint), "Env": ["PATH=/usr/local/bin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created_by": "tests/cluster/images.py"} for _ in digests],
    }
    content = json.dumps(configuration).encode()
    config_name = f"{hashlib.sha256(content).hexdigest()}.json"
    _add(archive, config_name, content)
    return {"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}/layer.tar" for digest in digests]}


def _add(archive: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    archive.addfile(member, io.BytesIO(content))
