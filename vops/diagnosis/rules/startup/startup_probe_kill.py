"""The kubelet kills the server while it is still loading, because a startup or liveness probe runs out of patience.

What it finds
    Instances end when a probe's budget (initialDelay + period × threshold) is spent, by the kubelet's `Killing` event
    or, since such events are often dropped, by the time of death; and the dead instance's log never got to serving.

Why it matters
    Loading takes minutes and every restart begins anew, so it never ends. A failing readiness probe never restarts a
    container: with only a readiness probe this cannot be the cause, and initialDelaySeconds is not the cure.

Evidence
    The event, the probe's budget, how long instances ran, and the stage that the log had reached.

Fix
    `fix-startup-probe` sets a startup probe with a computed budget: one and a half times the longest start that was
    seen to succeed (else extrapolated from the log), in periods of 10 s, and never less than 600 s. Where vLLM's own
    limit (VLLM_ENGINE_READY_TIMEOUT_S) is shorter, it must be raised with it. Where each start downloads the model
    again, `seed-model` brings it into a claim once.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.logs.reading import LogReading
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import seeds
from vops.diagnosis.starting.caches import cache_mounts, cache_path
from vops.diagnosis.starting.containers import Role, role
from vops.diagnosis.starting.probes import by_arguments, failures, misdirected, told
from vops.diagnosis.starting.startup import (
    ENGINE_LIMIT,
    PERIOD_S,
    ROLLOUT_MARGIN_S,
    ProbeKill,
    StartEstimate,
    engine_limit_s,
    estimate,
    had_started,
    probe_kill,
)
from vops.model.quantities import format_duration
from vops.model.snapshot import Source


@rule(cause="startup-probe-kill", branch=Branch.DIED, order=10)
def startup_probe_kill(replica: Replica) -> Verdict | None:
    kill, log = probe_kill(replica), replica.death_log
    if kill is None or role(replica) is not Role.SERVER:
        return None
    wrong = misdirected(replica, kill.probe) or told(replica, kill.kind, kill.probe)
    if wrong is not None or (by_arguments(replica, kill.probe) and failures(replica, kill.kind.capitalize())):
        return None
    if had_started(replica, kill) or (log is not None and log.root is not None and not log.terminated):
        return None
    ran = format_duration(kill.ran_s) if kill.ran_s else "each start"
    stage = f" during {log.stage}" if log is not None else ""
    return Verdict(
        summary=f"The {kill.kind} probe kills {replica.name} after {ran}, while it is still loading{stage}",
        evidence=(*_evidence(replica, kill), *_lost_cache(replica)),
        confidence=_confidence(replica, kill),
        fixes=(_fix(replica, kill, estimate(replica)), *_engine_limit(replica), *_keep_cache(replica)),
    )


@rule(cause="startup-probe-kill", branch=Branch.DIED, needs={Source.LOGS}, order=95, last_resort=True)
def ended_while_loading(replica: Replica) -> Verdict | None:
    """A log alone that was cut short by a SIGTERM while the server loaded: most often that is a probe's doing."""
    log = replica.death_log
    if replica.observed or log is None or log.ready or not log.terminated or not log.phases:
        return None
    line = log.stopped_line or (log.root.line if log.root is not None else log.lines)
    return Verdict(
        summary=f"{replica.name} was asked to stop during {log.stage}: most likely a probe ran out of patience",
        evidence=(
            evidence.death_line(replica, line, "KeyboardInterrupt: terminated (SIGTERM)"),
            evidence.death_line(replica, log.phases[-1].line, f"reached {log.stage}; never served"),
        ),
        confidence=Confidence.POSSIBLE,
        severity=Severity.WARNING,
        fixes=(
            remedies.by_steps(
                replica,
                "See what ended it, and allow a start more time",
                (
                    "kubectl describe pod: `Killing … failed startup (or liveness) probe` names the probe.",
                    "Set startupProbe: httpGet /health, periodSeconds 10, failureThreshold so that both allow one and "
                    "a half times a start; no liveness probe before it has passed.",
                    "Where somebody deleted or replaced the pod there is nothing to mend.",
                ),
            ),
        ),
    )


def _confidence(replica: Replica, kill: ProbeKill) -> Confidence:
    """The kubelet's word and the log together are certain; timing counts for more when it repeats."""
    if replica.death_log is None or not _is_a_start(replica.death_log):
        return Confidence.PROBABLE
    if kill.event is not None:
        return Confidence.CERTAIN
    return Confidence.STRONG if replica.restarts >= 2 else Confidence.PROBABLE


def _is_a_start(log: LogReading) -> bool:
    """Whether a log is of a server that starts, and not merely of what stood beside an event."""
    return bool(log.version) or log.stage is not Stage.BOOT


def _evidence(replica: Replica, kill: ProbeKill) -> tuple[Evidence, ...]:
    probe, log = kill.probe, replica.death_log
    budget = (
        f"initialDelay {probe.initial_delay_seconds} + period {probe.period_seconds} × threshold "
        f"{probe.failure_threshold} = {probe.budget_s} s"
    )
    found = [evidence.event(kill.event)] if kill.event is not None else []
    found.append(evidence.container_field(replica, f"{kill.kind}Probe", budget, expected=estimate(replica).basis))
    found += evidence.exit_status(replica)
    if log is not None and log.phases and _is_a_start(log):
        phase = log.phases[-1]
        progress = f" {phase.progress:.0%}" if phase.progress is not None else ""
        reached = f"reached {log.stage}{progress}; no 'Application startup complete'"
        found.append(evidence.death_line(replica, phase.line, reached))
    return tuple(found)


def _lost_cache(replica: Replica) -> tuple[Evidence, ...]:
    """A download into the container's own files begins anew with every restart."""
    if not _downloads_again(replica):
        return ()
    expected = "a volume: what is in the container itself is lost at every restart"
    return (evidence.container_field(replica, "volumeMounts", f"none holds {cache_path(replica)}", expected),)


def _keep_cache(replica: Replica) -> tuple[Fix, ...]:
    if not _downloads_again(replica):
        return ()
    return (
        *seeds.seed(replica, deaths.model_of(replica)),
        remedies.by_steps(
            replica,
            "Keep what is downloaded over a restart",
            (
                f"Mount a volume at {cache_path(replica)}: a PersistentVolumeClaim outlives the pod, an emptyDir "
                "only the container.",
            ),
        ),
    )


def _downloads_again(replica: Replica) -> bool:
    log = replica.death_log
    if log is None or cache_mounts(replica):
        return False
    return log.stage is Stage.DOWNLOAD or _has_read_nothing(log)


def _has_read_nothing(log: LogReading) -> bool:
    """Whether it meant to load weights and had none: vLLM tells of a download only once that is over."""
    downloaded = any(phase.stage is Stage.DOWNLOAD for phase in log.phases)
    return log.stage is Stage.WEIGHTS and not downloaded and log.phases[-1].progress is None


def _engine_limit(replica: Replica) -> tuple[Fix, ...]:
    """vLLM gives up by itself after ENGINE_LIMIT_S, so that a longer probe alone would only move the death."""
    needed_s, allowed_s = estimate(replica).budget_s, engine_limit_s(replica)
    if needed_s <= allowed_s:
        return ()
    return (
        remedies.by_steps(
            replica,
            f"Let vLLM itself wait as long ({format_duration(needed_s)})",
            (f"Set env {ENGINE_LIMIT} to {needed_s} on {replica.container.name} (it allows {allowed_s} s now).",),
        ),
    )


def _fix(replica: Replica, kill: ProbeKill, start: StartEstimate) -> Fix:
    get = kill.probe.http_get
    path, port = (get.path, get.port) if get is not None else ("/health", replica.args.port)
    allowed = format_duration(start.budget_s)
    return remedies.runbook(
        replica,
        "fix-startup-probe",
        f"Allow a start {allowed} by a startup probe ({start.basis})",
        Applicability.SAFE,
        {
            "container": replica.container.name,
            "path": path or "/health",
            "port": port,
            "period_seconds": PERIOD_S,
            "failure_threshold": start.failure_threshold,
            "progress_deadline_seconds": start.budget_s + ROLLOUT_MARGIN_S,
        },
        by_hand=(
            f"Set startupProbe on container {replica.container.name}: httpGet {path or '/health'} port {port}, "
            f"periodSeconds {PERIOD_S}, failureThreshold {start.failure_threshold}, timeoutSeconds 5.",
            "Remove livenessProbe.initialDelaySeconds: liveness waits for the startup probe.",
        ),
    )
