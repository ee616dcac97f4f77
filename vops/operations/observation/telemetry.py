"""What the scrapes of a fleet have said so far, and how far that can be believed.

Takes answers and failures from whoever asks (the scraper, Prometheus) and gives the samples, the GPUs and the states
of their sources. Leaves out when to ask (vops.operations.observation.scraping).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from vops.errors import Forbidden, Unavailable, VopsError
from vops.model.serving import EngineSample, GpuSample
from vops.model.snapshot import EngineSamples, Source, SourceState, SourceStatus
from vops.model.text import one_line
from vops.operations.observation.endpoints import Endpoint, EndpointKind, PodKey
from vops.operations.observation.samples import SHORTEST_STALE_S, SampleHistory

FAILING_AFTER = 3
"""So many failures in a row, of servers that should answer, and the way to them is in doubt rather than they."""


class _Tally:
    """How asking one kind of endpoint has gone of late."""

    def __init__(self) -> None:
        self.answered_at: datetime | None = None
        self.failures = 0
        self.denied = ""
        self.words = ""

    def answered(self, at: datetime) -> None:
        self.answered_at = max(at, self.answered_at or at)
        self.failures, self.denied, self.words = 0, "", ""

    def failed(self, error: VopsError) -> None:
        self.failures += 1
        self.words = one_line(error.message)
        if isinstance(error, Forbidden):
            self.denied = one_line(f"{error.message} ({error.hint})" if error.hint else error.message)

    def status(self, source: Source, now: datetime, asked: int, fresh: int) -> SourceStatus:
        at = self.answered_at
        if self.denied:
            return SourceStatus(source, SourceState.DENIED, at=at, detail=self.denied)
        if self.failures >= min(FAILING_AFTER, asked):
            old = at is not None and (now - at).total_seconds() > SHORTEST_STALE_S
            return SourceStatus(source, SourceState.STALE if old else SourceState.RETRYING, at=at, detail=self.words)
        if at is None:
            return SourceStatus(source, SourceState.LOADING, detail=self.words)
        return SourceStatus(source, SourceState.LIVE, at=at, detail="" if fresh == asked else f"{fresh} of {asked}")


class Telemetry:
    """Samples by pod and GPUs by exporter."""

    def __init__(self) -> None:
        self.histories: dict[PodKey, SampleHistory] = {}
        self._gpus: dict[PodKey, tuple[GpuSample, ...]] = {}
        self._fleet_gpus: tuple[GpuSample, ...] = ()
        self._tallies = {kind: _Tally() for kind in EndpointKind}
        self.prometheus = _Tally()

    # --- what comes in ---

    def sampled(self, endpoint: Endpoint, sample: EngineSample, interval_s: float) -> None:
        self._tallies[EndpointKind.ENGINE].answered(sample.at)
        self.histories.setdefault(endpoint.key, SampleHistory(*endpoint.key)).add(sample, interval_s)

    def gpus_sampled(self, endpoint: Endpoint, gpus: tuple[GpuSample, ...], at: datetime) -> None:
        self._tallies[EndpointKind.GPUS].answered(at)
        self._gpus[endpoint.key] = tuple(_on_node(gpu, endpoint.node) for gpu in gpus)

    def failed(self, endpoint: Endpoint, error: VopsError) -> bool:
        """A scrape failed. True when that is news; a server that is not ready and refuses is loading, as it should."""
        loading = isinstance(error, Unavailable) and error.reason == "refused" and not endpoint.ready
        if not loading:
            self._tallies[endpoint.kind].failed(error)
        if endpoint.kind is EndpointKind.GPUS:
            return True
        words = "" if loading else one_line(error.message)
        return self.histories.setdefault(endpoint.key, SampleHistory(*endpoint.key)).fail(words)

    def fleet_sampled(self, key: PodKey, sample: EngineSample, interval_s: float) -> bool:
        """A sample from Prometheus; False when a newer one is there."""
        return self.histories.setdefault(key, SampleHistory(*key)).add(sample, interval_s)

    def fleet_gpus_sampled(self, gpus: tuple[GpuSample, ...]) -> None:
        """GPUs from Prometheus: they count where no exporter was asked directly."""
        self._fleet_gpus = gpus

    def forget(self, key: PodKey) -> None:
        self.histories.pop(key, None)
        self._gpus.pop(key, None)

    # --- what goes out ---

    def samples(self) -> tuple[EngineSamples, ...]:
        return tuple(history.view for history in self.histories.values())

    def gpus(self, now: datetime, oldest_s: float) -> tuple[GpuSample, ...]:
        """The GPUs, but those that were last heard of longer than `oldest_s` ago."""
        direct = [gpu for gpus in self._gpus.values() for gpu in gpus if _age_s(gpu, now) <= oldest_s]
        known = {gpu.uuid for gpu in direct}
        return (*direct, *(gpu for gpu in self._fleet_gpus if gpu.uuid not in known and _age_s(gpu, now) <= oldest_s))

    def status(
        self, endpoints: Iterable[Endpoint], now: datetime, *, loading: bool
    ) -> tuple[SourceStatus, SourceStatus]:
        """The states of METRICS and DCGM for these endpoints; `loading`: the pods are not known yet."""
        if loading:
            return SourceStatus(Source.METRICS, SourceState.LOADING), SourceStatus(Source.DCGM, SourceState.LOADING)
        found = list(endpoints)
        engines = [endpoint.key for endpoint in found if endpoint.kind is EndpointKind.ENGINE]
        exporters = [endpoint.key for endpoint in found if endpoint.kind is EndpointKind.GPUS]
        fresh = sum(self._fresh(key) for key in engines)
        heard = sum(key in self._gpus for key in exporters)
        if not exporters and self._fleet_gpus:
            dcgm = SourceStatus(Source.DCGM, SourceState.LIVE, at=self._fleet_gpus[0].at, detail="through Prometheus")
        else:
            dcgm = self._status(Source.DCGM, EndpointKind.GPUS, now, len(exporters), heard, "no DCGM exporter found")
        return self._status(Source.METRICS, EndpointKind.ENGINE, now, len(engines), fresh, "no vLLM server runs"), dcgm

    def _fresh(self, key: PodKey) -> bool:
        history = self.histories.get(key)
        return history is not None and history.latest is not None and not history.stale

    def _status(
        self, source: Source, kind: EndpointKind, now: datetime, asked: int, fresh: int, none: str
    ) -> SourceStatus:
        if not asked:
            return SourceStatus(source, SourceState.ABSENT, detail=none)
        return self._tallies[kind].status(source, now, asked, fresh)


def _age_s(gpu: GpuSample, now: datetime) -> float:
    return (now - gpu.at).total_seconds()


def _on_node(gpu: GpuSample, node: str) -> GpuSample:
    """An exporter calls its node by the host's name, which need not be Kubernetes' name for it."""
    return replace(gpu, node=node or gpu.node)
