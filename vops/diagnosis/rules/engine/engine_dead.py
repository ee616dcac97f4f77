"""The engine's process died, and the server ended with it.

What it finds
    A log that served, then the engine's unexpected end: the server then exits with code 0, so Kubernetes says
    `Completed`, and requests in flight got one 500 each. Or a crash in native code, at any time: an illegal memory
    access, a failed assertion in a kernel, a segmentation fault, an abort.

Why it matters
    A restart brings it back, and exit code 0 hides it. A crash in a kernel is a bug or bad input, not broken hardware.

Evidence
    The line where the engine ended, the exit code, and the child's exit code where vLLM prints it.

Fix
    `restart-replica` where the server still runs without its engine; else by hand: what to look for, and how to make
    the crash name its place.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Fix
from vops.diagnosis.logs.cuda_errors import Meaning, words
from vops.diagnosis.logs.stages import Refused
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.probes import answered_status, failures
from vops.diagnosis.starting.startup import probe_kill
from vops.model.patterns import lazy_pattern
from vops.model.resources import Event
from vops.model.snapshot import Source

_CRASH = lazy_pattern(
    r"illegal memory access|[Ii]llegal CUDA memory access"
    r"|device-side assert|misaligned address|an illegal instruction was encountered"
    r"|invalid (?:program counter|device function|configuration argument)|(?:CUDA|HIP) error: "
    r"|CUDNN_STATUS_(?!NOT_SUPPORTED)"
    r"|(?:level_zero|UR|PI) backend failed|(?:UR|ZE)_RESULT_ERROR_(?!OUT_OF|UNINITIALIZED)"
    r"|Xid \(PCI:[^)]{1,40}\): (?:13|31|43|45|68|109)\b|CUDA driver error \("
    r"|CUBLAS_STATUS_(?!ALLOC_FAILED)|^Abort: (?!Fatal Python error: (?:Illegal instruction|init_))"
    r"|^Signal: .{0,120}(?:[Ss]egmentation|[Ss]egfault|SIGSEGV|SIGABRT|Aborted"
    r"|signal (?:6|11))|c10::Error|INTERNAL ASSERT FAILED"
    r"|[Cc]utlass error: |(?:[Cc]utlass|_scaled_mm).{0,80}Error Internal"
    r"|Error in function '\w{1,60}' at (?!.{0,200}unsupported)|\(\w{1,12} == cudaSuccess\) is false|[Cc]uda status: "
    r"|CU(?:SOLVER|FFT|RAND|SPARSE)_STATUS_"
    rf"|{words(Meaning.CRASH)}"
)
_WORKER = lazy_pattern(
    r"Worker exit type: SYSTEM_ERROR|[Tt]he actor died unexpectedly|worker process has died|^Actor: "
    r"|ray\.exceptions\.(?:WorkerCrashed|ActorUnavailable|LocalRayletDied|OwnerDied|RayChannel)Error"
)
_STEPS = (
    "run_busy_loop",
    "_process_engine_step",
    "maybe_wait_for_kv_save",
    "maybe_setup_kv_connector",
    "maybe_get_kv_connector_output",
    "kv_connector_no_forward",
)
"""What an engine calls for requests only, once it has come up."""

_UNHEALTHY = 503
"""What vLLM's /health answers when its engine is dead; before the engine is up nothing listens."""
_OFTEN = 3
_ASKING = ("Readiness", "Liveness")
_SIGNALS = {-6: "abort", -11: "segmentation fault", -7: "bus error", -4: "illegal instruction"}


@rule(cause="engine-dead", branch=Branch.DIED, needs={Source.LOGS}, order=40, even_when_ready=True)
def engine_dead(replica: Replica) -> Verdict | None:
    log, death = replica.death_log, replica.last_death
    if log is None or not log.ready or not log.engine_died or log.root is not None:
        return None
    code = f", exit code {log.child_exit_code}" if log.child_exit_code is not None else ""
    signal = _SIGNALS.get(log.child_exit_code or 0)
    ended = f", and the server ended with code {death.exit_code}" if death is not None and replica.observed else ""
    return Verdict(
        summary=f"The engine of {replica.name} died while it served{code}{f' ({signal})' if signal else ''}{ended}",
        evidence=(
            evidence.death_line(replica, log.engine_died_line or 0, "the engine's process ended unexpectedly"),
            *evidence.exit_status(replica),
        ),
        confidence=Confidence.STRONG,
        fixes=(
            remedies.advice(
                "Find what killed the engine",
                "Nothing in the log says why: look for an Xid or an out-of-memory kill on the node "
                "(dmesg, DCGM_FI_DEV_XID_ERRORS, events of the node).",
                "The restart brings the replica back; if it recurs on one node only, cordon that node.",
            ),
        ),
    )


@rule(cause="engine-dead", branch=Branch.DIED, needs={Source.LOGS}, order=64, even_when_ready=True, signature=_CRASH)
def engine_crashed(replica: Replica) -> Verdict | None:
    hit, log = deaths.error(replica, _CRASH), replica.death_log
    if hit is None or log is None:
        return None
    when = "while it served" if log.ready else f"during {log.stage}"
    return deaths.verdict(
        replica,
        hit,
        f"The engine of {replica.name} crashed {when}: {deaths.quoted(hit, 100)}",
        remedies.advice(
            "Find the crash",
            "It is a bug in a kernel or bad input, not hardware: the restart brings the replica back.",
            "Set env CUDA_LAUNCH_BLOCKING=1 (slow) to make the crash name its place; try --enforce-eager, another "
            "attention backend, or the next vLLM version.",
            "If it happens on one node only, look for an Xid there: dmesg | grep -i xid.",
        ),
    )


@rule(cause="engine-dead", branch=Branch.DIED, needs={Source.LOGS}, order=65, signature=_WORKER)
def ray_worker_died(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _WORKER)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"A worker that {replica.name} has by Ray died without a word: {deaths.quoted(hit, 80)}",
        remedies.advice(
            "Find what ended the worker",
            "See the worker's own log (ray logs, or kubectl logs --previous of its pod).",
            "SIGKILL is the kernel's for want of memory: raise limits.memory of the worker's pod and see its node for "
            "SystemOOM; else look for an Xid there: dmesg | grep -i xid.",
        ),
    )


@rule(cause="engine-dead", branch=Branch.DIED, needs={Source.LOGS}, order=92, even_when_ready=True, last_resort=True)
def engine_failed(replica: Replica) -> Verdict | None:
    """An engine that ended of an exception which no other rule knows, after it had come up."""
    log = replica.death_log
    if log is None or log.root is None or not (log.root.passed(*_STEPS) or (log.ready and log.engine_died)):
        return None
    return Verdict(
        summary=f"The engine of {replica.name} died while it served: {str(log.root)[:120]}",
        evidence=(evidence.logged(replica, log.root), *evidence.exit_status(replica)),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.advice(
                "Bring it back, and have the crash mended",
                "The restart brings the replica back.",
                "No rule knows this exception: search vLLM's reports for it, try the next version of the image, and "
                "report it with its traceback.",
            ),
        ),
    )


@rule(cause="engine-dead", branch=Branch.DIED, needs={Source.LOGS}, order=100, last_resort=True)
def engine_ended_early(replica: Replica) -> Verdict | None:
    """An engine whose process went away before the server was up, without a word."""
    log = replica.death_log
    if log is None or log.root is not None or log.ready or not log.engine_died:
        return None
    return Verdict(
        summary=f"A process of the engine of {replica.name} ended during {log.stage}, and nothing in the log says why",
        evidence=(
            evidence.death_line(replica, log.engine_died_line or 0, "the engine's process ended unexpectedly"),
            *evidence.exit_status(replica),
        ),
        confidence=Confidence.POSSIBLE,
        fixes=(
            remedies.advice(
                "Find what ended it",
                "See the lines before (kubectl logs --previous --tail=2000): its own error stands above the server's.",
                "Without one it was killed or crashed: look for an out-of-memory kill or an Xid on the node (dmesg), "
                "and start with env PYTHONFAULTHANDLER=1.",
            ),
        ),
    )


@rule(cause="engine-dead", branch=Branch.DIED, order=66, even_when_ready=True)
def engine_crashed_silently(replica: Replica) -> Verdict | None:
    log, death = replica.death_log, replica.last_death
    if log is not None and (log.root is not None or (log.ready and log.engine_died)):
        return None
    exit_code = death.exit_code if death is not None and replica.observed else 0
    child = log.child_exit_code if log is not None else None
    signal = _SIGNALS.get(child or 0) or _SIGNALS.get(128 - exit_code)
    if signal not in ("abort", "segmentation fault"):
        return None
    line = log.engine_died_line if log is not None and child is not None else None
    return Verdict(
        summary=f"{replica.name} crashed in native code: {signal}",
        evidence=(
            *((evidence.death_line(replica, line, f"a process of vLLM ended: exit code {child}"),) if line else ()),
            *evidence.exit_status(replica),
        ),
        confidence=Confidence.PROBABLE,
        fixes=(
            remedies.advice(
                "Find the crash",
                "The restart brings the replica back.",
                "Set env PYTHONFAULTHANDLER=1: the next crash prints where every thread was.",
                "Try another image tag; if it happens on one node only, look for an Xid there: dmesg | grep -i xid.",
            ),
        ),
    )


@rule(cause="engine-dead", branch=Branch.SERVE, needs={Source.LOGS}, order=20)
def engine_dead_running(replica: Replica) -> Verdict | None:
    log = replica.log
    if log is None or not log.ready or not log.engine_died or not replica.runs:
        return None
    error = log.root or log.wrapper
    why = f": {error.short_type}" if error is not None else ""
    return Verdict(
        summary=f"The engine of {replica.name} is dead and its server still runs{why}",
        evidence=(
            evidence.log_line(log.engine_died_line or 0, "the engine's process ended"),
            *((evidence.log_line(error.line, str(error)),) if error is not None else ()),
        ),
        confidence=Confidence.STRONG,
        fixes=(_restart(replica, "Restart the replica"),),
    )


@rule(cause="engine-dead", branch=Branch.TRAFFIC, needs={Source.LOGS}, order=20)
def engine_dead_by_refusals(replica: Replica) -> Verdict | None:
    """A server that came up and tells whoever asks for its health that its engine does not work."""
    log = replica.log
    found = next((item for item in log.refused if _ill(item)), None) if log is not None and log.ready else None
    if found is None:
        return None
    return Verdict(
        summary=f"{replica.name} has answered {found.path} with {_UNHEALTHY} {found.times} times: its engine is dead",
        evidence=(evidence.log_line(found.line, f"GET {found.path} {_UNHEALTHY}, {found.times} times"),),
        confidence=Confidence.PROBABLE,
        fixes=(_restart(replica, "Restart the replica, and see above in its log what ended the engine"),),
    )


def _ill(item: Refused) -> bool:
    return item.path.partition("?")[0] == "/health" and item.status == _UNHEALTHY and item.times >= _OFTEN


@rule(cause="engine-dead", branch=Branch.SERVE, order=50)
def engine_dead_by_health(replica: Replica) -> Verdict | None:
    """A server that answers its probe, and says that its engine does not work."""
    return _unwell(replica, next((found for kind in _ASKING if (found := failures(replica, kind))), None))


@rule(cause="engine-dead", branch=Branch.DIED, order=67)
def engine_dead_until_killed(replica: Replica) -> Verdict | None:
    """A server that the kubelet restarted because it said that its engine does not work."""
    kill = probe_kill(replica)
    return _unwell(replica, failures(replica, "Liveness")) if kill is not None and kill.kind == "liveness" else None


def _unwell(replica: Replica, event: Event | None) -> Verdict | None:
    log = replica.death_log
    known = log is not None and log.root is not None
    if event is None or answered_status(event) != _UNHEALTHY or known or len(replica.pod.spec.containers) > 1:
        return None
    kind = event.message.split()[0].lower()
    return Verdict(
        summary=f"{replica.name} answers its {kind} probe with 503: its engine is probably dead",
        evidence=(evidence.event(event),),
        confidence=Confidence.POSSIBLE,
        fixes=(
            _restart(
                replica,
                "Look at its log, then restart the replica",
                f"kubectl -n {replica.namespace} logs {replica.name} | grep -n EngineDeadError  (after a restart with "
                "--previous)",
            ),
        ),
    )


def _restart(replica: Replica, title: str, *first: str) -> Fix:
    delete = f"kubectl -n {replica.namespace} delete pod {replica.name}: its controller starts another."
    probe = "Give it a livenessProbe on /health, which answers 503 when the engine is dead."
    return remedies.operation(
        replica,
        "restart-replica",
        title,
        {"pod": replica.name},
        by_hand=(*first, delete, probe),
        notes=(*first, probe),
    )
