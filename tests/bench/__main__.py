"""`python -m tests.bench NAME`: runs one benchmark and prints what it measured."""

from __future__ import annotations

import importlib
import os
import platform
import sys

from tests.bench.measure import say

NAMES = ("metrics", "cli_help", "diagnosis", "long_log", "diagnose", "fleet", "platform")


def main(name: str) -> int:
    if name not in NAMES:
        sys.stderr.write(f"no benchmark {name!r}; there are {', '.join(NAMES)}\n")
        return 2
    module = importlib.import_module(f"tests.bench.{name}")
    summary = (module.__doc__ or "").strip().splitlines()[0]
    load = os.getloadavg()[0]
    say(f"{name}: {summary}")
    say(f"  ({platform.machine()}, {os.cpu_count()} cores at load {load:.1f}, Python {platform.python_version()})")
    module.main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else ""))
