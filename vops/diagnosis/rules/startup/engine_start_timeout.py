"""vLLM itself gave up waiting for its engine: VLLM_ENGINE_READY_TIMEOUT_S (600 s) ran out.

What it finds
    `Timed out waiting for engine core processes to start` in the log.

Why it matters
    It is vLLM's own limit, not a probe's: a longer startup probe alone does not help. Both must be raised together.

Evidence
    The error, the stage that was reached, and the variable where it is set.

Fix
    `fix-engine-timeout`, else by hand: set VLLM_ENGINE_READY_TIMEOUT_S to one and a half times the time that a start
    takes, and of the limit that ran out.
"""

from __future__ import annotations

import math
import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence
from vops.diagnosis.logs.standstills import AWAITED
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.startup import ENGINE_LIMIT, MARGIN, PERIOD_S, engine_limit_s, estimate
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_TIMED_OUT = lazy_pattern(
    r"Timed out waiting for engines? (?:(?:core )?process|to send)|Did not receive response from front-end process"
    r"|DP Coordinator process failed to report|RPC Server didn't start in time",
    re.IGNORECASE,
)
_AWAITED = lazy_pattern(f"^{AWAITED}: ")


@rule(cause="engine-start-timeout", branch=Branch.DIED, needs={Source.LOGS}, order=30)
def engine_start_timeout(replica: Replica) -> Verdict | None:
    log = replica.death_log
    hit = log.error(_TIMED_OUT) if log is not None else None
    if log is None or hit is None:
        return None
    limit_s = engine_limit_s(replica)
    budget_s = max(estimate(replica).budget_s, _periods(MARGIN * limit_s))
    limit = str(limit_s) if ENGINE_LIMIT in replica.args.environment else f"not set: {limit_s}"
    return Verdict(
        summary=f"vLLM gave up waiting for its engine during {log.stage}, by its own limit and not by a probe",
        evidence=(
            evidence.logged(replica, hit[0]),
            evidence.container_field(replica, f"env[{ENGINE_LIMIT}]", limit, expected=f"{budget_s} or more"),
        ),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.runbook(
                replica,
                "fix-engine-timeout",
                f"Allow the engine {budget_s} s",
                Applicability.SAFE,
                {"container": replica.container.name, "seconds": budget_s, **_threshold(replica, budget_s)},
                by_hand=(
                    f"Set env {ENGINE_LIMIT} to {budget_s} on container {replica.container.name}.",
                    *_probe(replica, budget_s),
                ),
            ),
        ),
    )


@rule(cause="engine-start-timeout", branch=Branch.DIED, needs={Source.LOGS}, order=57, signature=_AWAITED)
def engine_awaited_in_vain(replica: Replica) -> Verdict | None:
    """A log that ends where the server waits for its engine, of which its reader says that it goes no further."""
    log = replica.death_log
    hit = log.error(_AWAITED) if log is not None else None
    if hit is None:
        return None
    return Verdict(
        summary=f"{replica.name} waits for its engine, which does not come up: {hit[0].message[:120]}",
        evidence=(evidence.logged(replica, hit[0]),),
        confidence=Confidence.POSSIBLE,
        fixes=(
            remedies.by_steps(
                replica,
                "See what the engine does, and allow it the time that it needs",
                (
                    "Set env VLLM_LOGGING_LEVEL=DEBUG and NCCL_DEBUG=INFO: the last line of the engine's own processes "
                    "tells whether it loads, compiles or waits for another rank.",
                    f"Where it only is slow (weights from a network volume, a first compilation): set {ENGINE_LIMIT} "
                    "and the startup probe to one and a half times what a start takes.",
                    "Where several ranks wait for each other: NCCL_P2P_DISABLE=1 shows whether peer access hangs.",
                ),
            ),
        ),
    )


def _periods(seconds: float) -> int:
    """Whole periods of a probe that are no less than these seconds, in seconds."""
    return math.ceil(seconds / PERIOD_S) * PERIOD_S


def _threshold(replica: Replica, budget_s: int) -> dict[str, int]:
    """The startup probe's threshold that allows as long at its own period."""
    probe = replica.container.startup_probe
    if probe is None or probe.budget_s >= budget_s:
        return {}
    return {"failure_threshold": -(-budget_s // probe.period_seconds)}


def _probe(replica: Replica, budget_s: int) -> tuple[str, ...]:
    """The startup probe must allow as long, or it kills what vLLM would now wait for."""
    probe = replica.container.startup_probe
    if probe is not None and probe.budget_s >= budget_s:
        return ()
    return (f"Let the startup probe allow as long: periodSeconds {PERIOD_S}, failureThreshold {budget_s // PERIOD_S}.",)
