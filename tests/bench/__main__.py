"""`python -m tests.bench NAME[=ARGUMENT]`: runs one benchmark and prints what it measured."""

from __future__ import annotations

import importlib
import os
import platform
import sys

from tests.bench.measure import say

NAMES = ("metrics", "cli_help", "diagnosis", "long_log", "diagnose", "fleet", "platform", "soak")


def main(asked: str) -> int:
    name, _, argument = asked.partition("=")
    if name not in NAMES:
        sys.stderr.write(f"no benchmark {name!r}; there are {', '.join(NAMES)}\n")
        return 2
    if argument and name != "soak":
        sys.stderr.write(f"{name} takes no argument; only soak=SECONDS does\n")
        return 2
    module = importlib.import_module(f"tests.bench.{name}")
    summary = (module.__doc__ or "").strip().splitlines()[0]
    load = os.getloadavg()[0]
    say(f"{name}: {summary}")
    say(f"  ({platform.machine()}, {os.cpu_count()} cores at load {load:.1f}, Python {platform.python_version()})")
    module.main(*([argument] if argument else []))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else ""))
