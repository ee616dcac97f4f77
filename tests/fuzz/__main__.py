"""`python -m tests.fuzz PROPERTY [libFuzzer's options]`: asks a property of input that atheris makes up.

Needs the `fuzz` extra (pip install -e '.[fuzz]'). It begins with the recordings and reports of tests/data, keeps what
it learns in .cache/fuzz/PROPERTY, and writes what breaks a property to crash-…; for ten minutes of one property:

    nice python -m tests.fuzz bundle -max_total_time=600 -max_len=20000
"""

from __future__ import annotations

import gzip
import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"
CACHE = Path(__file__).parents[2] / ".cache" / "fuzz"
SEEDS = {
    "bundle": ("cases", "kubelet", "describe", "logs"),
    "log": ("logs", "cases"),
    "metrics": ("metrics",),
    "description": ("describe", "cases"),
}
_LONGEST_SEED = 40_000


def main(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] not in SEEDS:
        sys.stderr.write(f"name a property: {', '.join(SEEDS)}\n")
        return 2
    try:
        import atheris
    except ImportError:
        sys.stderr.write("atheris is not installed: pip install -e '.[fuzz]'\n")
        return 2
    name, options = arguments[0], list(arguments[1:])
    with atheris.instrument_imports(include=["vops"]):
        from tests.fuzz.properties import PROPERTIES
        from vops.diagnosis.rule import discover

        discover()
    corpus = _corpus(name)
    atheris.Setup([sys.argv[0], str(corpus), f"-artifact_prefix={corpus.parent}/{name}-", *options], PROPERTIES[name])
    atheris.Fuzz()
    return 0


def _corpus(name: str) -> Path:
    """The folder of inputs to begin with, which atheris adds to."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    for body in _seeds(SEEDS[name]):
        (folder / hashlib.sha256(body).hexdigest()[:16]).write_bytes(body)
    return folder


def _seeds(folders: Sequence[str]) -> Iterator[bytes]:
    for folder in folders:
        for path in sorted((DATA / folder).rglob("*")):
            if path.is_file() and path.suffix != ".toml":
                body = path.read_bytes()
                yield (gzip.decompress(body) if path.suffix == ".gz" else body)[:_LONGEST_SEED]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
