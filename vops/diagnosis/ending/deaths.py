"""Shared by the rules about how an instance ended: finding an error in its log, and saying how sure that is."""

from __future__ import annotations

import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence, Fix
from vops.diagnosis.logs.quoting import cited
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.logs.tracebacks import LoggedError
from vops.diagnosis.rule import Verdict
from vops.model.patterns import lazy_pattern

_NAMED = lazy_pattern(
    r"/api/models/([\w.-]{1,96}/[\w.-]{1,96})|//[^/\s]{1,253}/([\w.-]{1,96}/[\w.-]{1,96})/resolve/"
    r"|(?:specified|path_or_model_id|namespace/repo_name|configuration of|tokenizer for)'?: ?'([^']{1,300})'|(?:of"
    r"|for) '([\w./-]{1,300})'"
    r"|'?(/[\w./-]{1,300}) does not appear"
)
_UNKNOWN_MODEL = "its model"
Hit = tuple[LoggedError, re.Match[str]]


def error(replica: Replica, pattern: re.Pattern[str]) -> Hit | None:
    """The likeliest failure in the log of the dead instance that `pattern` is found in."""
    log = replica.death_log
    return log.error(pattern) if log is not None else None


def notice(replica: Replica, pattern: re.Pattern[str]) -> Hit | None:
    """The first line outside of any exception, in the log of the dead instance, that `pattern` is found in."""
    log = replica.death_log
    return log.notice(pattern) if log is not None else None


def confidence(replica: Replica) -> Confidence:
    """An error in the log is one signal; that the container ended unsuccessfully is the second."""
    death = replica.last_death if replica.observed else None
    return Confidence.STRONG if death is not None and (death.exit_code or death.signal) else Confidence.PROBABLE


def shown(replica: Replica, hit: Hit) -> tuple[Evidence, ...]:
    """What stands behind a failure that a pattern was found in."""
    return shown_of(replica, cited(*hit))


def shown_of(replica: Replica, error: LoggedError) -> tuple[Evidence, ...]:
    """The error's line, which of several processes failed first, how the instance ended, and in which stage."""
    log = replica.death_log
    phase = log.phases[-1] if log is not None and log.phases else None
    stage = (
        (evidence.death_line(replica, phase.line, f"stage: {phase.stage}"),)
        if phase is not None and phase.stage is not Stage.BOOT
        else ()
    )
    first = (
        (evidence.death_line(replica, error.line, f"failed first: {log.failed_first}"),)
        if log is not None and log.failed_first and log.root is not None and error.process == log.failed_first
        else ()
    )
    return (evidence.logged(replica, error), *first, *evidence.exit_status(replica), *stage)


def verdict(replica: Replica, hit: Hit, summary: str, fix: Fix, *more: Evidence) -> Verdict:
    """What most rules about an error in a log say: the error with its surroundings, and one fix."""
    return Verdict(summary, (*shown(replica, hit), *more), confidence(replica), fixes=(fix,))


def steps(replica: Replica, title: str, *steps: str) -> Fix:
    """What to change by hand on the workload."""
    return remedies.by_steps(replica, title, steps)


_LOGGER = lazy_pattern(
    r"^(?:\(\w{1,40} pid=\d{1,9}\) )?(?:(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) )?"
    r"\d\d-\d\d \d\d:\d\d(?::\d\d)?(?:\.\d+)? \[[\w./-]{1,80}:\d{1,6}\]:? "
)
"""What vLLM's loggers put before a message."""


def quoted(hit: Hit, length: int = 160) -> str:
    """The beginning of a message, to stand in a summary."""
    text = _LOGGER.sub("", cited(*hit).message)
    return (text if len(text) <= length else text[:length].rsplit(" ", 1)[0] + "…").rstrip(".: ")


def model_of(replica: Replica) -> str:
    """The model that vLLM was told to load, from its arguments or its log, else as a failure names it."""
    log = replica.death_log
    known = replica.args.model or (log.model if log is not None else "") or replica.model
    named = _NAMED.search(log.root.message) if log is not None and log.root is not None and not known else None
    return known or (next((text for text in named.groups() if text), "") if named else "") or _UNKNOWN_MODEL


def the_model(replica: Replica, named: str = "") -> str:
    """The same at the beginning of a sentence."""
    model = named or model_of(replica)
    return f"The model of {replica.name}" if model == _UNKNOWN_MODEL else model
