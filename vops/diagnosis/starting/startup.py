"""How long a server needs to start, from what was observed: the basis of every startup budget that vops proposes.

A start that was seen to succeed is the best measure (a sibling's, or the server's own log); else the log of the
interrupted start is extrapolated; else only the time that was too short is known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import msgspec

from vops.diagnosis.facts import Replica
from vops.diagnosis.logs.reading import LogReading
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.states import AWAITED, ReplicaState, started_at
from vops.model.patterns import lazy_pattern
from vops.model.pods import Probe
from vops.model.resources import Event

PERIOD_S = 10
FLOOR_S = 600
MARGIN = 1.5
ROLLOUT_MARGIN_S = 480
"""Provisioning a GPU node (360 s is typical) and 120 s to spare, before a rollout counts as stuck."""

ENGINE_LIMIT = "VLLM_ENGINE_READY_TIMEOUT_S"
_ENGINE_LIMIT_S = 600
"""How long vLLM's server waits for its engine, unless told otherwise."""

_AFTER_WEIGHTS_S = 120
_BEFORE_LOG_S = 15
_TOO_SHORT = 2
_TOO_SHORT_WORDS = "were too short"
_LEAST_PROGRESS = 0.05
_NOBODY = "connection refused"
"""What a probe says where nothing listens: a server whose engine died answers, or its container ends."""

_SIGNALLED = (137, 143)
_AGAIN = 2
_LONGEST_START_S = 7_200
_LONGEST_S = 86_400
"""What a start would take longer for by its progress so far tells of no progress."""
_EVENT_SLACK = timedelta(seconds=60)

ProbeKind = Literal["startup", "liveness"]
_KILLED = lazy_pattern(r"failed (startup|liveness) probe", re.ASCII)


class StartEstimate(msgspec.Struct, frozen=True):
    """How long a start takes, and where that is known from."""

    seconds: float
    basis: str

    @property
    def failure_threshold(self) -> int:
        """Periods of PERIOD_S seconds: one and a half times the estimate, and never less than FLOOR_S."""
        return math.ceil(max(MARGIN * self.seconds, FLOOR_S) / PERIOD_S)

    @property
    def budget_s(self) -> int:
        return self.failure_threshold * PERIOD_S


class ProbeKill(msgspec.Struct, frozen=True):
    """An instance that the kubelet killed for a failing probe; `event` is its proof, without it timing is.

    With both, the event may be about an instance before.
    """

    kind: ProbeKind
    probe: Probe
    event: Event | None = None
    ran_s: float | None = None


def estimate(replica: Replica) -> StartEstimate:
    """How long this server needs to start."""
    seen = max(_observed_s(replica), default=None)
    if seen is not None:
        return StartEstimate(seen, f"a start that was seen to succeed took {seen:.0f} s")
    ran_s = lifetime_s(replica) or 0.0
    extrapolated = _extrapolated_s(replica.death_log)
    if extrapolated is not None and ran_s < extrapolated <= _LONGEST_S:
        return StartEstimate(extrapolated, f"the interrupted start was heading for about {extrapolated:.0f} s")
    return StartEstimate(_TOO_SHORT * ran_s, f"{ran_s:.0f} s {_TOO_SHORT_WORDS}")


def usual_start(replica: Replica) -> StartEstimate | None:
    """How long a server of its workload takes to start; None where nothing tells."""
    found = estimate(replica)
    return found if found.seconds and _TOO_SHORT_WORDS not in found.basis else None


def engine_limit_s(replica: Replica) -> int:
    """How long vLLM itself allows its engine to start, in seconds."""
    given = replica.args.environment.get(ENGINE_LIMIT, "").strip()
    return int(given) if given.isdigit() else _ENGINE_LIMIT_S


def lifetime_s(replica: Replica) -> float | None:
    """How long the instance that died last had run."""
    death = replica.last_death
    if death is None or death.started_at is None or death.finished_at is None:
        return None
    return (death.finished_at - death.started_at).total_seconds()


def probe_kill(replica: Replica) -> ProbeKill | None:
    """The probe that killed the last instance, by the kubelet's event or else by when and how it died."""
    death = replica.last_death
    if death is None or death.reason == "OOMKilled":
        return None
    probes: dict[ProbeKind, Probe | None] = {
        "startup": replica.container.startup_probe,
        "liveness": replica.container.liveness_probe,
    }
    told = _told_kill(replica)
    if told is not None and _about(told[1], replica):
        kind, event = told
        probe = probes[kind]
        return None if probe is None else ProbeKill(kind, probe, event, lifetime_s(replica))
    timed = _by_timing(replica, probes)
    if timed is None or told is None or told[0] != timed.kind:
        return timed
    return msgspec.structs.replace(timed, event=told[1])


def _told_kill(replica: Replica) -> tuple[ProbeKind, Event] | None:
    """The last kill that the kubelet told of; it stops to tell of a pod's events after 25 of them."""
    for event in reversed(replica.events):
        match = _KILLED.search(event.message) if event.reason == "Killing" else None
        if match is not None and f"Container {replica.container.name} " in event.message:
            return ("startup" if match[1] == "startup" else "liveness"), event
    return None


def had_started(replica: Replica, kill: ProbeKill) -> bool:
    """Whether the instance that a probe killed had served before: by its log, else by how long it was let live."""
    if replica.death_log is not None:
        return replica.death_log.ready
    if kill.kind == "startup":
        return False
    answers = [item.message for item in _late_answers(replica)]
    if any(map(AWAITED.search, answers)):
        return True
    if answers and all(_NOBODY in message for message in answers):
        return False
    slack_s = 2 * kill.probe.period_seconds + replica.pod.spec.termination_grace_period_seconds
    outlived = kill.ran_s is not None and kill.ran_s > kill.probe.budget_s + slack_s
    return outlived or replica.container.startup_probe is not None


def _late_answers(replica: Replica) -> Iterator[Event]:
    """The events about liveness probes that were not answered in time."""
    return (item for item in replica.events if item.reason == "Unhealthy" and item.message.startswith("Liveness"))


def _about(event: Event, replica: Replica) -> bool:
    """Whether a kill was of the instance that died last, and not of one before."""
    death = replica.last_death
    if death is None or death.finished_at is None or event.last_seen is None:
        return True
    grace = replica.pod.spec.grace + _EVENT_SLACK
    return abs(death.finished_at - event.last_seen) <= grace


def _by_timing(replica: Replica, probes: dict[ProbeKind, Probe | None]) -> ProbeKill | None:
    """An instance that was ended from outside just when a probe's patience ran out."""
    ran_s, death, log = lifetime_s(replica), replica.last_death, replica.death_log
    if ran_s is None or death is None or not _ended_from_outside(replica, death.exit_code, log):
        return None
    never_ready = log is None or not log.ready
    for kind, probe in probes.items():
        if probe is None or (kind == "liveness" and probes["startup"] is not None and never_ready):
            continue
        slack_s = probe.period_seconds + replica.pod.spec.termination_grace_period_seconds
        if -probe.period_seconds <= ran_s - probe.budget_s <= slack_s:
            return ProbeKill(kind, probe, None, ran_s)
    return None


def _ended_from_outside(replica: Replica, exit_code: int, log: LogReading | None) -> bool:
    """Whether the instance was asked or made to end; without its log only when that happens again and again."""
    if log is None:
        return exit_code in _SIGNALLED and replica.restarts >= _AGAIN
    if log.root is not None and not log.terminated:
        return False
    return log.terminated or exit_code in _SIGNALLED


def _observed_s(replica: Replica) -> Iterator[float]:
    """Starts of this workload's servers that succeeded, in seconds."""
    for sibling in replica.facts.replicas:
        if sibling.owner is None or sibling.owner != replica.owner or sibling.model != replica.model:
            continue
        ready, started = sibling.pod.condition("Ready"), started_at(sibling)
        if sibling.state is ReplicaState.READY and ready is not None and started is not None:
            since = ready.last_transition_time or started
            took_s = (since - started).total_seconds()
            if 0 < took_s <= _LONGEST_START_S and sibling.container.readiness_probe is not None:
                yield took_s
    for log in (replica.log, replica.previous_log):
        if log is not None and log.ready_after_s is not None:
            yield log.ready_after_s + _BEFORE_LOG_S


def _extrapolated_s(log: LogReading | None) -> float | None:
    """Where an interrupted start was heading, by its clock and the progress of its last phase."""
    if log is None or not log.phases or not log.elapsed_s:
        return None
    phase = log.phases[-1]
    in_phase_s = log.elapsed_s - phase.start_s
    if phase.progress is not None and phase.progress >= _LEAST_PROGRESS:
        in_phase_s /= phase.progress
    rest_s = _AFTER_WEIGHTS_S if phase.stage.rank <= Stage.PROFILE.rank else 0
    return _BEFORE_LOG_S + phase.start_s + in_phase_s + rest_s
