"""What two scrapes of a server say about its load: only what holds at both ends of a window is believed.

One scrape is a moment: a queue of twenty that is gone a second later is how batching works. Every rule about load
therefore asks for two scrapes of one process, and for a window long enough for what it concludes. Where somebody kept
one scrape only, what it has counted since the process started, and a queue longer than any moment's, still speak.
"""

from __future__ import annotations

import msgspec

from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.model.serving import EngineRates, EngineSample

STEADY_S = 5.0
"""The shortest window for rates: vops scrapes this far apart."""

SLOW_TTFT_S = 2.0
"""A time to the first token (p95) beyond which people notice that they wait."""

FULL = 0.9
"""The share of the KV cache from which on a running batch soon has no block left."""

_DEFAULT_SEQS = (128, 256, 512, 1024)
"""Defaults of --max-num-seqs, by version and card."""


class Window(msgspec.Struct, frozen=True):
    """One server at two moments, and what happened between."""

    earlier: EngineSample
    latest: EngineSample
    rates: EngineRates

    @property
    def seconds(self) -> float:
        return self.rates.window_s

    @property
    def waiting(self) -> float:
        """Requests that wait at both ends."""
        return min(self.earlier.waiting or 0.0, self.latest.waiting or 0.0)

    @property
    def running(self) -> float:
        """Requests that run at both ends."""
        return min(self.earlier.running or 0.0, self.latest.running or 0.0)

    @property
    def load(self) -> float:
        """Requests that the server has, running or waiting, at both ends."""
        both = ((item.running or 0.0) + (item.waiting or 0.0) for item in (self.earlier, self.latest))
        return min(both)

    @property
    def kv_usage(self) -> float | None:
        """The larger share of the cache at either end; None where it is not reported."""
        known = [item.kv_usage for item in (self.earlier, self.latest) if item.kv_usage is not None]
        return max(known, default=None)

    @property
    def preemptions(self) -> float:
        return (self.rates.preemptions_per_s or 0.0) * self.seconds


def window(replica: Replica, shortest_s: float = STEADY_S) -> Window | None:
    """The window between the scrapes of a replica; None when there are not two fresh ones of one process."""
    samples, rates = replica.samples, replica.rates
    if samples is None or samples.stale or samples.error or rates is None or rates.window_s < shortest_s:
        return None
    if samples.earlier is None or samples.latest is None or _another_process(samples.earlier, samples.latest, rates):
        return None
    return Window(samples.earlier, samples.latest, rates)


def only(replica: Replica) -> EngineSample | None:
    """The one scrape of a replica of which there is no other."""
    samples = replica.samples
    if samples is None or samples.stale or samples.error or samples.earlier is not None:
        return None
    return samples.latest


def _another_process(earlier: EngineSample, latest: EngineSample, rates: EngineRates) -> bool:
    """A restart in between has no rates, although both scrapes have counters."""
    return rates.tokens_per_s is None and None not in (earlier.generation_tokens, latest.generation_tokens)


def most_running(replica: Replica, found: Window) -> int | None:
    """How many requests the server takes into one batch: as it is told, or a default that it keeps exactly to."""
    engines = max(found.latest.engines, 1)
    if replica.args.max_num_seqs is not None:
        return replica.args.max_num_seqs * engines
    steady = found.earlier.running == found.latest.running
    at = int(found.running)
    return at if steady and at // engines in _DEFAULT_SEQS and at % engines == 0 else None


def scraped(found: Window, name: str, observed: str, expected: str = "") -> Evidence:
    return Evidence("metrics", f"{name} over {found.seconds:.0f} s", observed, expected)


def both(found: Window, name: str) -> str:
    """A gauge at both ends: `12, then 19`."""
    values = (getattr(found.earlier, name), getattr(found.latest, name))
    return ", then ".join("unknown" if value is None else f"{value:g}" for value in values)
