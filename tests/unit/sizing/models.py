"""Published configurations, and sizings of them in few words."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from vops.sizing.architecture import Architecture
from vops.sizing.capacity import Sizing, size
from vops.sizing.gpus import Card, find_card
from vops.sizing.modelconfig import ModelConfig
from vops.sizing.parallelism import Parallelism
from vops.sizing.reading import architecture
from vops.sizing.settings import Asked

DATA = Path(__file__).parents[2] / "data" / "sizing"
GIB = 2**30


@cache
def published() -> dict[str, dict[str, Any]]:
    """By name: the parameter count that the Hub shows, and the configuration."""
    rows = [json.loads(row) for row in (DATA / "published.jsonl").read_text("utf-8").splitlines()]
    return {row["name"]: row for row in rows}


def config(name: str, **changed: Any) -> ModelConfig:
    return ModelConfig(published()[name]["config"] | changed, path=f"{name}/config.json")


def model(name: str, **changed: Any) -> Architecture:
    return architecture(config(name, **changed))


def card(name: str) -> Card:
    found = find_card(name)
    assert found is not None, name
    return found


def sized(of: str | Architecture, gpu: str = "H100", *, tp: int = 1, **asked: Any) -> Sizing:
    """A sizing on vLLM 0.25.1, where nothing else is asked."""
    settings: dict[str, Any] = {"version": (0, 25, 1), "parallelism": Parallelism(tensor=tp)} | asked
    return size(model(of) if isinstance(of, str) else of, card(gpu), Asked(**settings))
