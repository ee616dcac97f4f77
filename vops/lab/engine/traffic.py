"""Who sends requests to the models: a load that moves over minutes, shared by all replicas that serve a model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import pi, sin
from typing import TYPE_CHECKING

from vops.lab.chance import chance

if TYPE_CHECKING:
    from vops.lab.engine.server import VllmServer
    from vops.lab.world import World

_GUST_S = 15.0


@dataclass(frozen=True)
class Traffic:
    """Requests for one model: how many a second on average, how far that swings, and their size in tokens."""

    requests_per_s: float
    prompt_tokens: float = 700.0
    output_tokens: float = 180.0
    swing: float = 0.4
    period_s: float = 420.0
    prefix_share: float = 0.45
    """The part of a prompt that was seen before."""
    holds_up_s: float = 0.0
    """How long the server answers nothing else for its sake, such as for long prompts that are made into tokens."""


_LIGHT = Traffic(0.15, swing=0.2)


@lru_cache(maxsize=256)
def _phase(*names: object) -> float:
    return chance("phase", *names).random()


@lru_cache(maxsize=1024)
def _gust(*names: object) -> float:
    return chance("gust", *names).lognormvariate(0, 0.22)


class TrafficControl:
    """Knows the load of each model (by namespace and served name), and who shares it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._loads: dict[tuple[str, str], Traffic] = {}
        self._serving: dict[tuple[str, str], list[VllmServer]] = {}

    def set(self, namespace: str, served: str, traffic: Traffic) -> None:
        self._loads[namespace, served] = traffic

    def load_of(self, namespace: str, served: str) -> Traffic:
        return self._loads.get((namespace, served), _LIGHT)

    def rate(self, namespace: str, served: str, at: float, over_s: float) -> float:
        """Requests per second that one of the serving replicas gets at a time, or on average over a long span."""
        traffic = self.load_of(namespace, served)
        names = (self._world.seed, namespace, served)
        share = traffic.requests_per_s / (len(self._serving.get((namespace, served), ())) or 1)
        if over_s > traffic.period_s:
            return share
        wave = 1 + traffic.swing * sin(2 * pi * (at / traffic.period_s + _phase(*names)))
        return share * wave * _gust(*names, int(at / _GUST_S))

    def join(self, server: VllmServer) -> None:
        """A replica begins to take its share; the others are brought up to date first."""
        for other in self._sharers(server):
            other.catch_up()
        self._sharers(server).append(server)

    def leave(self, server: VllmServer) -> None:
        sharers = self._sharers(server)
        if server in sharers:
            for other in sharers:
                other.catch_up()
            sharers.remove(server)

    def _sharers(self, server: VllmServer) -> list[VllmServer]:
        return self._serving.setdefault((server.namespace, server.served), [])
