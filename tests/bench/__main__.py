"""`python -m tests.bench [NAME…]`: runs the named benchmarks, or all, and prints what they measured."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Sequence

from tests.bench.measure import say

NAMES = ("metrics", "cli_help", "diagnose", "fleet")


def main(names: Sequence[str]) -> int:
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        sys.stderr.write(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}\n")
        return 2
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name in names or NAMES:
        module = importlib.import_module(f"tests.bench.{name}")
        say(f"\n{name}: {(module.__doc__ or '').strip().splitlines()[0]}")
        module.main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
