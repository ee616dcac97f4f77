"""A serving engine as a flow: requests arrive, wait, are prefilled and decoded, and leave their marks on every metric.

Live time is taken in steps of half a second, where arrivals are random; long spans (a history) in steps of their
own length, where the engine is in balance. All randomness comes from the engine's own seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp
from random import Random

from vops.lab.engine.catalogue import ModelFacts
from vops.lab.engine.gpus import GpuKind
from vops.lab.engine.histogram import Histogram
from vops.lab.engine.memory import MemoryPlan
from vops.lab.engine.traffic import Traffic

STEP_S = 0.5
_BALANCED_S = 5.0
"""Steps longer than this are taken in balance."""
_MEMORY_EFFICIENCY = 0.72
_COMPUTE_EFFICIENCY = 0.42
_BATCH_SLOWDOWN = 0.012
_FULL = 0.96
_MIN_STEP_S = 0.004
_OF_REQUESTS = (
    "e2e_request_latency_seconds",
    "request_queue_time_seconds",
    "request_inference_time_seconds",
    "request_prefill_time_seconds",
    "request_decode_time_seconds",
    "request_time_per_output_token_seconds",
    "request_prompt_tokens",
    "request_generation_tokens",
    "request_prefill_kv_computed_tokens",
    "request_max_num_generation_tokens",
    "request_params_max_tokens",
)
"""The histograms to which every finished request adds, in the order in which `_observe` has their means."""


@dataclass(frozen=True)
class Speed:
    """How fast an engine is: seconds of a decode step with one sequence, and prompt tokens per second."""

    step_s: float
    prefill_tokens_s: float

    @classmethod
    def of(cls, model: ModelFacts, gpu: GpuKind, memory: MemoryPlan) -> Speed:
        step = memory.weights_gib * 1.074e9 / (gpu.bandwidth_gb_s * 1e9 * _MEMORY_EFFICIENCY)
        gpus = model.weights_gib / memory.weights_gib
        prefill = gpu.tflops * 1e12 * _COMPUTE_EFFICIENCY * gpus / (2e9 * model.billions)
        return cls(max(_MIN_STEP_S, step), prefill)

    def step_with(self, batch: float) -> float:
        """Seconds of one decode step with so many sequences."""
        return self.step_s * (1 + _BATCH_SLOWDOWN * batch)


class Counters:
    """Everything that an engine has counted since it started; tokens and requests, fractions included."""

    def __init__(self) -> None:
        self.prompt = 0.0
        self.cached = 0.0
        self.generated = 0.0
        self.preemptions = 0.0
        self.stopped = 0.0
        self.length_limited = 0.0


class Serving:
    """The state of a serving engine at `now`, and its whole past in counters and histograms."""

    def __init__(
        self,
        now: float,
        speed: Speed,
        memory: MemoryPlan,
        traffic: Callable[[], Traffic],
        rate: Callable[[float, float], float],
        histograms: dict[str, Histogram],
        dice: Random,
        *,
        prefix_caching: bool,
    ) -> None:
        self.now = now
        self.running = 0.0
        self.waiting = 0.0
        self.counters = Counters()
        self.histograms = histograms
        self.busy = 0.0
        """Part of the last step in which the GPU worked, 0 to 1."""
        self._speed = speed
        self._memory = memory
        self._traffic = traffic
        self._rate = rate
        self._dice = dice
        self._prefix = 1.0 if prefix_caching else 0.0
        self._of_requests = [histograms.get(name) for name in _OF_REQUESTS]

    @property
    def kv_usage(self) -> float:
        held = self.running * self._held(self._traffic())
        return min(1.0, held / max(1, self._memory.kv_tokens))

    def step(self, seconds: float) -> None:
        """Lets `seconds` pass."""
        traffic = self._traffic()
        arrived = self._arrivals(self._rate(self.now + seconds / 2, seconds) * seconds, seconds)
        self.now += seconds
        if seconds > _BALANCED_S:
            self._balance(traffic, arrived, seconds)
        else:
            self._flow(traffic, arrived, seconds)

    # --- the two ways of stepping -------------------------------------------------------------------------

    def _flow(self, traffic: Traffic, arrived: float, seconds: float) -> None:
        step_s = self._speed.step_with(self.running)
        share = 1 - exp(-seconds / (step_s * traffic.output_tokens))
        finished = self.running * share
        decoded = min(self.running * seconds / step_s, finished * traffic.output_tokens)
        self.running -= finished
        self.waiting += arrived
        limit = self._limit(traffic)
        prefill = self._speed.prefill_tokens_s * seconds / self._uncached(traffic)
        admitted = min(self.waiting, max(0.0, limit - self.running), prefill)
        wait_s = self.waiting / max(admitted / seconds, 0.05) if self.waiting > admitted else 0.0
        self.waiting -= admitted
        self.running += admitted
        if self.running < 0.02:
            finished, self.running = finished + self.running, 0.0
        self.busy = min(1.0, (self.running + finished) * 2) if self.running + finished > 0.05 else 0.0
        self._preempt(seconds)
        self._measure(traffic, admitted, finished, decoded, wait_s, step_s)

    def _balance(self, traffic: Traffic, arrived: float, seconds: float) -> None:
        """All that arrives is served, as far as the engine can, and about as many run all the time."""
        limit = self._limit(traffic)
        most = limit * seconds / (self._speed.step_with(limit) * traffic.output_tokens)
        finished = min(arrived, most)
        load = finished / seconds * traffic.output_tokens * self._speed.step_s
        self.running = min(limit, load / max(0.05, 1 - load * _BATCH_SLOWDOWN))
        self.waiting = min(60.0, max(0.0, arrived - most))
        self.busy = min(1.0, self.running)
        wait_s = self.waiting * seconds / max(1.0, finished)
        step_s = self._speed.step_with(self.running)
        self._measure(traffic, finished, finished, finished * traffic.output_tokens, wait_s, step_s)

    def _arrivals(self, expected: float, seconds: float) -> float:
        """How many requests arrive: a Poisson draw for short steps, a normal one for long."""
        if seconds > _BALANCED_S or expected > 30:
            return max(0.0, self._dice.gauss(expected, expected**0.5))
        limit, product, count = exp(-expected), self._dice.random(), 0
        while product > limit:
            count += 1
            product *= self._dice.random()
        return float(count)

    def _preempt(self, seconds: float) -> None:
        """Sequences grow beyond what was free when they were admitted: some go back to the queue."""
        if self.waiting >= 1 and self.kv_usage > _FULL and self._dice.random() < 0.3 * seconds:
            self.counters.preemptions += 1
            self.running -= 1
            self.waiting += 1

    # --- what follows from traffic and memory -------------------------------------------------------------

    def _held(self, traffic: Traffic) -> float:
        """KV tokens that a sequence holds on average."""
        return traffic.prompt_tokens + traffic.output_tokens / 2

    def _uncached(self, traffic: Traffic) -> float:
        return traffic.prompt_tokens * (1 - traffic.prefix_share * self._prefix)

    def _limit(self, traffic: Traffic) -> float:
        """How many sequences run at once."""
        return max(1.0, min(self._memory.max_num_seqs, 0.985 * self._memory.kv_tokens / self._held(traffic)))

    # --- measuring ----------------------------------------------------------------------------------------

    def serve_one(self, prompt_tokens: int, output_tokens: int) -> float:
        """One more request, from outside the simulated load; returns the seconds that it takes."""
        step_s = self._speed.step_with(self.running)
        prefill_s = prompt_tokens / self._speed.prefill_tokens_s + step_s
        self.counters.prompt += prompt_tokens
        self.counters.generated += output_tokens
        self.counters.length_limited += 1
        self._observe(1, prompt_tokens, output_tokens, prefill_s, 0.0, step_s)
        return prefill_s + output_tokens * step_s

    def _measure(
        self, traffic: Traffic, admitted: float, finished: float, decoded: float, wait_s: float, step_s: float
    ) -> None:
        counters = self.counters
        counters.prompt += admitted * traffic.prompt_tokens
        counters.cached += admitted * (traffic.prompt_tokens - self._uncached(traffic))
        counters.generated += decoded
        counters.stopped += finished * 0.86
        counters.length_limited += finished * 0.14
        prefill_s = self._uncached(traffic) / self._speed.prefill_tokens_s * (1 + 0.02 * self.running) + step_s
        if admitted > 0:
            self._add("time_to_first_token_seconds", wait_s + prefill_s, admitted)
        if decoded > 0:
            self._add("inter_token_latency_seconds", step_s, decoded)
            batch = max(1.0, self.running)
            self._add("iteration_tokens_total", batch + admitted * traffic.prompt_tokens / 4, decoded / batch)
        if finished > 0:
            self._observe(finished, traffic.prompt_tokens, traffic.output_tokens, prefill_s, wait_s, step_s)

    def _observe(
        self, count: float, prompt: float, output: float, prefill_s: float, wait_s: float, step_s: float
    ) -> None:
        """What a finished request leaves behind."""
        decode_s = output * step_s
        means = (
            wait_s + prefill_s + decode_s,
            max(wait_s, 0.0002),
            prefill_s + decode_s,
            prefill_s,
            decode_s,
            step_s,
            prompt,
            output,
            prompt * 0.6,
            output,
            output * 2,
        )
        for histogram, mean in zip(self._of_requests, means, strict=True):
            if histogram is not None:
                histogram.spread(mean, count)
        if params := self.histograms.get("request_params_n"):
            params.add(1.0, count)

    def _add(self, name: str, mean: float, count: float) -> None:
        if histogram := self.histograms.get(name):
            histogram.spread(mean, count)


def steps_between(begin: float, end: float) -> Sequence[float]:
    """How a span is divided: coarse where it is long ago, half seconds in the last minute."""
    spans: list[float] = []
    at = begin
    for until, step in ((end - 3600, 1800.0), (end - 600, 60.0), (end - 60, 10.0), (end, STEP_S)):
        while at + step <= until + 1e-6:
            spans.append(step)
            at += step
    return spans
