"""How long a start takes and what the pod must allow it: probe budget, memory limit, /dev/shm.

    start = processes + download or read (bytes ÷ speed) + compile + profile + capture + warm-up

The parts are those of vLLM 0.25.1's own log on an H100 with 32 layers, scaled by layers where the work is; a slower
host takes longer, so the probe budget allows for more than the prediction.
"""

from __future__ import annotations

import math

import msgspec

from vops.sizing.capacity import GIB, Sizing

PROCESSES_S = 35.0
COMPILE_S_PER_LAYER = 0.6
WARM_UP_S = 15.0
PROFILE_S = 3.0
CAPTURE_S_PER_GRAPH = 0.06
GRAPHS = 86
PROBE_PERIOD_S = 10
LEAST_BUDGET_S = 900
SPARE_BUDGET_S = 300
HOST_GIB = 6.0
RANK_GIB = 3.0


class Start(msgspec.Struct, frozen=True):
    """Seconds of each part of a start, and what to write in the pod. `read_gbs` is the speed that was assumed."""

    processes_s: float
    weights_s: float
    compile_s: float
    capture_s: float
    warm_up_s: float
    read_gbs: float
    memory_limit_gib: int
    shm_gib: int

    @property
    def total_s(self) -> float:
        return self.processes_s + self.weights_s + self.compile_s + self.capture_s + self.warm_up_s

    @property
    def probe_failure_threshold(self) -> int:
        """For a startup probe with a period of PROBE_PERIOD_S seconds."""
        budget_s = max(LEAST_BUDGET_S, self.weights_s + SPARE_BUDGET_S, 1.5 * self.total_s)
        return math.ceil(budget_s / PROBE_PERIOD_S)


def start(sizing: Sizing, read_gbs: float) -> Start:
    """What a cold start takes with weights read at `read_gbs` 10⁹ bytes a second, from disk or the network."""
    layers = len(sizing.model.layers)
    eager = sizing.settings.eager
    ranks = sizing.settings.parallelism.gpus
    return Start(
        processes_s=PROCESSES_S + (5.0 if ranks > 1 else 0.0),
        weights_s=sizing.weights.total_bytes / (read_gbs * 1e9),
        compile_s=0.0 if eager else COMPILE_S_PER_LAYER * layers,
        capture_s=0.0 if eager else CAPTURE_S_PER_GRAPH * GRAPHS * max(1.0, layers / 32),
        warm_up_s=WARM_UP_S + PROFILE_S,
        read_gbs=read_gbs,
        memory_limit_gib=_memory_limit_gib(sizing, ranks),
        shm_gib=1 if ranks == 1 else max(2, ranks),
    )


def _memory_limit_gib(sizing: Sizing, ranks: int) -> int:
    """The API server, an engine a rank with one shard in hand, and what is offloaded; weights come from page cache.

    A tmpfs counts too: /dev/shm is charged to the pod.
    """
    shard = min(5.0, sizing.weights.total_bytes / GIB / max(1, ranks))
    need = HOST_GIB + ranks * (RANK_GIB + shard + sizing.asked.cpu_offload_gib) + (1 if ranks == 1 else max(2, ranks))
    return math.ceil(need / 4) * 4
