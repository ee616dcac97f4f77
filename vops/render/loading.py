"""How far a start has got: image, weights, compilation, graphs, ready; and when it will be, as far as that is known.

The time left comes from the replicas of the same workload that have started before; without any, from the pace of the
phase that runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import NamedTuple

from vops.diagnosis.facts import Replica
from vops.diagnosis.logs.stages import PhaseReading, Stage
from vops.diagnosis.states import ReplicaState
from vops.render import units

STEPS = ("image", "weights", "compile", "graphs")
_STEP_OF = {
    Stage.DOWNLOAD: 1,
    Stage.WEIGHTS: 1,
    Stage.COMPILE: 2,
    Stage.PROFILE: 2,
    Stage.KV_CACHE: 2,
    Stage.CAPTURE: 3,
    Stage.SERVER: 3,
    Stage.SERVING: 3,
}
_WIDTH = 10


class Loading(NamedTuple):
    """A start on its way: the step it is at (of STEPS), what that step is called, its share done.

    `ready_in_s` are the seconds until it serves, `step_left_s` those until the step ends; None where nobody knows.
    """

    step: int
    doing: str
    progress: float | None = None
    ready_in_s: float | None = None
    step_left_s: float | None = None


def usual_starts(replicas: Iterable[Replica]) -> dict[str, float]:
    """How long the replicas of each workload took from their container's start to being ready: the median, by uid."""
    took: dict[str, list[float]] = {}
    for replica in replicas:
        seconds = _start_s(replica)
        if seconds is not None and replica.workload is not None:
            took.setdefault(replica.workload.metadata.uid, []).append(seconds)
    return {uid: median(seconds) for uid, seconds in took.items()}


def _start_s(replica: Replica) -> float | None:
    ready = replica.pod.condition("Ready")
    running = replica.status.state.running if replica.status else None
    if replica.state is not ReplicaState.READY or replica.restarts or ready is None or running is None:
        return None
    seconds = units.age_s(running.started_at, ready.last_transition_time) if ready.last_transition_time else None
    return seconds or None


def loading(replica: Replica, usual: Mapping[str, float]) -> Loading | None:
    """Where a start is; None for a replica that is not starting."""
    if replica.state is ReplicaState.CREATING:
        return Loading(0, "image, volumes")
    if replica.state is not ReplicaState.LOADING:
        return None
    reading = replica.log
    if reading is None:
        return Loading(0, "server starting", None, _left(replica, usual))
    phase = reading.phases[-1] if reading.phases else None
    step = _STEP_OF.get(reading.stage, 0)
    return Loading(
        step, str(reading.stage), phase.progress if phase else None, _left(replica, usual), _pace(replica, phase)
    )


def _left(replica: Replica, usual: Mapping[str, float]) -> float | None:
    """Seconds until its siblings were ready; None when there are none, or when it is later than they were."""
    whole = usual.get(replica.workload.metadata.uid) if replica.workload is not None else None
    elapsed = _elapsed_s(replica)
    if whole is None or elapsed is None:
        return None
    return whole - elapsed if whole > elapsed else None


def _elapsed_s(replica: Replica) -> float | None:
    running = replica.status.state.running if replica.status else None
    return units.age_s(running.started_at, replica.facts.snapshot.at) if running else None


def _pace(replica: Replica, phase: PhaseReading | None) -> float | None:
    """Seconds until the phase that runs ends, if it goes on as it began."""
    elapsed = _elapsed_s(replica)
    if phase is None or not phase.progress or phase.duration_s is not None or elapsed is None:
        return None
    spent = elapsed - phase.start_s
    return spent * (1 - phase.progress) / phase.progress if spent > 0 else None


def loading_text(found: Loading) -> str:
    """One line: `●◐○○ weight loading ━━━━━━──── 62% · ready in ~1m20s`."""
    dots = "●" * found.step + "◐" + "○" * (len(STEPS) - found.step - 1)
    parts = [f"{dots} {found.doing}"]
    if found.progress is not None:
        filled = round(max(0.0, min(1.0, found.progress)) * _WIDTH)
        parts.append(f"{'━' * filled}{'─' * (_WIDTH - filled)} {units.percent(found.progress)}")
    text = " ".join(parts)
    if found.ready_in_s is not None:
        return f"{text} · ready in ~{units.duration(found.ready_in_s)}"
    return f"{text} · ~{units.duration(found.step_left_s)} left" if found.step_left_s is not None else text
