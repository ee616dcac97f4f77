"""Reading one recorded `/metrics` page, beside the plainest reader there could be."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tests.bench.measure import side_by_side, tell
from tests.cluster.images import LOADS
from vops.model.exposition import parse_sample

TARGET_S = 0.002
TIMES = 300
_LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def main() -> None:
    page = LOADS["saturated"]["late"]
    data = page.encode()
    now = datetime.now(UTC)
    ours, plain = side_by_side(lambda: parse_sample(data, now), lambda: _every_sample(page), times=TIMES)
    tell(
        f"a page of {len(data) / 1000:.0f} kB into an EngineSample",
        ours,
        target="2 ms",
        met=ours.median <= TARGET_S,
    )
    tell("every sample of it into a dict, line by line", plain)
    tell("ratio to that", f"{ours.median / plain.median:.2f}")


def _every_sample(page: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = {}
    for line in page.splitlines():
        if match := _LINE.match(line):
            found[match[1], tuple(_LABEL.findall(match[2] or ""))] = float(match[3])
    return found
