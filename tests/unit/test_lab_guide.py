"""The guide to the lab names every scenario, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from vops.lab.scenarios import discover

GUIDE = Path(__file__).parents[2] / "docs/guides/the-lab.md"


def test_every_scenario_is_found_by_its_symptom() -> None:
    table = GUIDE.read_text(encoding="utf-8").partition("## By symptom")[2].partition("## What")[0]
    assert set(re.findall(r"`([\w-]+)`", table)) == set(discover())
