"""Scenarios: a cluster with its past and its faults, and what a human would conclude. One file each, discovered.

A scenario module has a docstring (its first line is the title, the rest the conclusion), `PAST` (how long the world
has been running when somebody first looks) and `build(world)`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from vops.errors import UsageError

if TYPE_CHECKING:
    from vops.lab.world import World


@dataclass(frozen=True)
class Scenario:
    """One scenario; `build` fills an empty world that is `past` behind the present."""

    name: str
    title: str
    conclusion: str
    past: timedelta
    build: Callable[[World], None]


@cache
def discover() -> dict[str, Scenario]:
    """Every scenario by its name, which is its file's with dashes."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            scenario = _load(module.name)
            found[scenario.name] = scenario
    return found


def _load(module_name: str) -> Scenario:
    module = importlib.import_module(f"{__name__}.{module_name}")
    title, _, conclusion = (module.__doc__ or "").strip().partition("\n")
    return Scenario(module_name.replace("_", "-"), title.strip(), conclusion.strip(), module.PAST, module.build)


def scenario_named(name: str) -> Scenario:
    """The scenario of that name. Raises UsageError."""
    scenarios = discover()
    if name not in scenarios:
        raise UsageError(f"no lab scenario is called {name!r}", hint=f"one of: {', '.join(sorted(scenarios))}")
    return scenarios[name]
