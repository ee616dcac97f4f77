"""Exceptions that tell of a failure elsewhere: in a process below, in one that went away, in one request.

They stand in a log beside the failure itself, and must not be taken for it.
"""

from __future__ import annotations

import re

from vops.model.patterns import lazy_pattern

WRAPPER = lazy_pattern(
    r"Engine core initialization failed|EngineCore encountered an issue|EngineCore failed to start"
    r"|Engine process failed to start|Engine loop (?:is not running|has died)"
    r"|Background loop (?:has errored already|is stopped)"
    r"|WorkerProc initialization failed due to an exception in a background process|WorkerProc failed to start"
    r"|Worker failed with error|Failed core proc|Error raised in subprocess|Executor failed"
    r"|Model architectures .{0,400} failed to be inspected|cancelled|^Failed to load the backend extension: \w",
    re.ASCII,
)
WRAPPER_TYPES = (
    "EngineDeadError",
    "AsyncEngineDeadError",
    "MQEngineDeadError",
    "CancelledError",
    "SystemExit",
    "BrokenPipeError",
    "ChildFailedError",
    "ProcessExitedException",
    "ChildProcessError",
    "_RemoteTraceback",
    "RemoteTraceback",
    "ExceptionGroup",
    "TaskError",
)
CLIENTS = lazy_pattern(
    r"(?:openai|litellm(?:\.exceptions)?|anthropic|mistralai)\.(?!API(?:Connection|Timeout))\w{1,60}$", re.ASCII
)
"""What a client of the server raises at an answer: it is about one request, whoever logged it."""

CONSEQUENCE = lazy_pattern(
    r"[Cc]onnection (?:closed by (?:remote )?peer|reset by peer|was likely closed|error code 2)"
    r"|recvValue failed|recv, got 0 bytes|Broken pipe|remote process exited or there was a network error"
    r"|ncclRemoteError|Watchdog caught collective operation timeout|collective operation timeout"
    r"|RPC call to \w{1,40} timed out|ActorDiedError|RayActorError|ActorUnavailableError|KeyboardInterrupt"
    r"|Timed out waiting for engine|destroy_process_group|Some NCCL operations have failed or timed out"
    r"|TCPStore|store->get|waitForInput|died unexpectedly|Cancelled",
)
