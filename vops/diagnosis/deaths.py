"""Shared by the rules about how an instance ended: finding an error in its log, and saying how sure that is."""

from __future__ import annotations

import re

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.tracebacks import LoggedError

Hit = tuple[LoggedError, re.Match[str]]


def error(replica: Replica, pattern: re.Pattern[str]) -> Hit | None:
    """The innermost exception of the root's chain, in the log of the dead instance, that `pattern` is found in."""
    log = replica.death_log
    return log.error(pattern) if log is not None else None


def confidence(replica: Replica) -> Confidence:
    """An error in the log is one signal; that the container ended unsuccessfully is the second."""
    death = replica.last_death if replica.observed else None
    return Confidence.STRONG if death is not None and (death.exit_code or death.signal) else Confidence.PROBABLE


def shown(replica: Replica, hit: Hit) -> tuple[Evidence, ...]:
    """The error's line, how the instance ended, and in which stage."""
    log = replica.death_log
    stage = (evidence.death_line(replica, log.phases[-1].line, f"stage: {log.stage}"),) if log and log.phases else ()
    return (evidence.logged(replica, hit[0]), *evidence.exit_status(replica), *stage)


def model_of(replica: Replica) -> str:
    """The model that vLLM was told to load, from its arguments or its log."""
    log = replica.death_log
    return replica.args.model or (log.model if log is not None else "") or replica.model
