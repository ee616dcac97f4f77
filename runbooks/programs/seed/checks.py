"""Whether files are what the Hub says they are, and whether vLLM could load them: hashes, JSON, safetensors headers.

Needs nothing but the files. Weights are read once, for their hash, and never interpreted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from story import MISMATCH, NOT_LOADABLE, Fault

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
_CHUNK = 4 * 2**20
_LENGTH_BYTES = 8
_LARGEST_HEADER = 100_000_000


def _unheard(count: int) -> None:
    """Nobody wants to know of bytes."""


def check_file(path: Path, wanted: Mapping[str, Any], read: Callable[[int], None] = _unheard) -> None:
    """Raises Fault unless the file has the size and the hash that the manifest gives it.

    Files in LFS or Xet have a sha256; the others are known by the hash that git gives them. `read` is told of bytes.
    """
    size = path.stat().st_size
    if size != wanted["size"]:
        raise Fault(MISMATCH, f"{wanted['name']} has {size} bytes, the Hub says {wanted['size']}")
    kind = "sha256" if wanted.get("sha256") else "blob"
    found = _hash(path, kind, size, read)
    if found != wanted[kind]:
        raise Fault(MISMATCH, f"{wanted['name']} has the {kind} hash {found[:12]}…, the Hub says {wanted[kind][:12]}…")


def _hash(path: Path, kind: str, size: int, read: Callable[[int], None]) -> str:
    # Git names content by sha1; against accidents, which is what is looked for here, that is enough.
    digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(b"blob %d\0" % size)  # noqa: S324  see above
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            read(len(chunk))
    return digest.hexdigest()


def check_loadable(folder: Path, names: list[str]) -> None:
    """Raises Fault unless every JSON file parses and every safetensors file is whole and agrees with the index."""
    for name in names:
        if name.endswith(".json"):
            _json(folder, name)
    if CONFIG in names and not isinstance(_json(folder, CONFIG).get("architectures", []), list):
        raise Fault(NOT_LOADABLE, f"{CONFIG} names no list of architectures")
    tensors = {name: tensors_of(folder / name, name) for name in names if name.endswith(".safetensors")}
    if INDEX in names:
        _check_index(_json(folder, INDEX), tensors)


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_bytes())
    except ValueError as error:
        raise Fault(NOT_LOADABLE, f"{name} is not JSON: {error}") from error
    return found if isinstance(found, dict) else {}


def tensors_of(path: Path, name: str) -> frozenset[str]:
    """The names of the tensors in a safetensors file. Raises Fault when its header does not fit its bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if not 2 <= length <= min(_LARGEST_HEADER, size):
            raise Fault(NOT_LOADABLE, f"{name} does not begin as a safetensors file does")
        text = file.read(length)
    try:
        header = json.loads(text)
        ends = [int(tensor["data_offsets"][1]) for key, tensor in header.items() if key != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise Fault(NOT_LOADABLE, f"the header of {name} cannot be read: {error}") from error
    if _LENGTH_BYTES + length + max(ends, default=0) != size:
        whole = _LENGTH_BYTES + length + max(ends, default=0)
        raise Fault(NOT_LOADABLE, f"{name} has {size} bytes, its header speaks of {whole}")
    return frozenset(header) - {"__metadata__"}


def _check_index(index: Mapping[str, Any], tensors: Mapping[str, frozenset[str]]) -> None:
    where = index.get("weight_map")
    if not isinstance(where, dict):
        raise Fault(NOT_LOADABLE, f"{INDEX} has no weight_map")
    for shard in sorted(set(where.values())):
        if shard not in tensors:
            raise Fault(NOT_LOADABLE, f"{INDEX} names {shard}, which is not among the files")
    for tensor, shard in where.items():
        if tensor not in tensors[shard]:
            raise Fault(NOT_LOADABLE, f"{INDEX} puts {tensor} into {shard}, which does not have it")
