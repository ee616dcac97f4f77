"""What the scrapes of one replica say together: the newest one and one from a while ago, for steady rates."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from vops.model.rates import restarted
from vops.model.serving import EngineSample
from vops.model.snapshot import EngineSamples

STEADY_WINDOW_S = 5.0
SHORTEST_STALE_S = 15.0


class SampleHistory:
    """Samples of one replica, as few as its rates need; those of an earlier process are forgotten."""

    def __init__(self, namespace: str, pod: str) -> None:
        self._namespace = namespace
        self._pod = pod
        self._samples: deque[EngineSample] = deque()
        self._error = ""
        self._stale = False
        self._view: EngineSamples | None = None

    @property
    def latest(self) -> EngineSample | None:
        return self._samples[-1] if self._samples else None

    @property
    def stale(self) -> bool:
        return self._stale

    @property
    def view(self) -> EngineSamples:
        """As a snapshot shows it; the same object until something changes."""
        if self._view is None:
            earlier = self._samples[0] if len(self._samples) > 1 else None
            self._view = EngineSamples(self._namespace, self._pod, self.latest, earlier, self._error, self._stale)
        return self._view

    def add(self, sample: EngineSample, interval_s: float) -> bool:
        """Takes a sample unless a newer one is there; `interval_s` is how far apart samples should be."""
        latest = self.latest
        if latest is not None and sample.at <= latest.at:
            return False
        if latest is not None and restarted(latest, sample):
            self._samples.clear()
        self._samples.append(sample)
        while len(self._samples) > 2 and _apart_s(self._samples[1], sample) >= STEADY_WINDOW_S:
            self._samples.popleft()
        if _apart_s(self._samples[0], sample) > max(6 * STEADY_WINDOW_S, 3 * interval_s):
            self._samples = deque([sample])
        self._error, self._stale, self._view = "", False, None
        return True

    def fail(self, words: str) -> bool:
        """The last scrape failed: the data stays with its age. True when that is news."""
        if self._error == words:
            return False
        self._error, self._view = words, None
        return True

    def age(self, now: datetime, interval_s: float) -> bool:
        """Marks what is too old to be shown as current. True when that changed."""
        latest = self.latest
        too_old_s = max(SHORTEST_STALE_S, 3 * interval_s)
        stale = latest is not None and (now - latest.at).total_seconds() > too_old_s
        if stale == self._stale:
            return False
        self._stale, self._view = stale, None
        return True


def _apart_s(earlier: EngineSample, later: EngineSample) -> float:
    return (later.at - earlier.at).total_seconds()
