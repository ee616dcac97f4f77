"""Logs of servers that are well, or were asked to stop, and look as if they were not: nothing is found in them."""

from __future__ import annotations

import pytest

from tests.unit.diagnosis.cluster_parts import log_text
from vops.operations.intake.bundle import diagnose_bundle

STARTED = log_text("size-l8-045.log")
STARTED = STARTED[: STARTED.index("startup complete.") + len("startup complete.\n")]
LOADING = "\n".join(STARTED.splitlines()[:30]) + "\n"
STATS = "(APIServer pid=1) INFO 11-24 02:00:20 [a.py:1] Engine 000: Avg prompt throughput: 1.0 tokens/s\n"
OK = '(APIServer pid=1) INFO:     10.0.0.1:4711 - "POST /v1/completions HTTP/1.1" 200 OK\n'
REQUEST = """\
(APIServer pid=1) ERROR 11-24 02:00:20 [chat.py:1] Error in preprocessing prompt inputs
(APIServer pid=1) ERROR 11-24 02:00:20 [chat.py:1] Traceback (most recent call last):
(APIServer pid=1) ERROR 11-24 02:00:20 [chat.py:1]   File "vllm/entrypoints/chat.py", line 1, in f
(APIServer pid=1) ERROR 11-24 02:00:20 [chat.py:1] ValueError: This model's maximum context length is 8192 tokens.
(APIServer pid=1) INFO:     10.0.0.1:4711 - "POST /v1/chat/completions HTTP/1.1" 400 Bad Request
"""
ASGI = """\
(APIServer pid=1) ERROR:    Exception in ASGI application
(APIServer pid=1) Traceback (most recent call last):
(APIServer pid=1)   File "starlette/routing.py", line 1, in app
(APIServer pid=1) anyio.ClosedResourceError
"""
RETRIED = """\
(EngineCore pid=2) WARNING 11-24 02:00:05 [_http.py:1] HTTP Error 503 thrown while requesting HEAD https://huggingface.co/x
(EngineCore pid=2) WARNING 11-24 02:00:05 [_http.py:1] Retrying in 1s [Retry 1/5].
'(ReadTimeoutError("HTTPSConnectionPool(host='huggingface.co', port=443): Read timed out."), '(Request ID: x)')'
"""
WARNINGS = """\
WARNING 11-24 02:00:01 [cuda.py:1] Detected different devices in the system. Please make sure to set CUDA_DEVICE_ORDER
WARNING 11-24 02:00:01 [interface.py:1] Failed to import from vllm._C with ImportError('libcuda.so.1: cannot open')
DeprecationWarning: builtin type SwigPyPacked has no __module__ attribute
[rank0]:[W1124 02:00:02.123 ProcessGroupNCCL.cpp:1250] Warning: process group has NOT been destroyed before we destruct
INFO 11-24 02:00:03 [a.py:1] Aborted request cmpl-1.
INFO 11-24 02:00:04 [shm_broadcast.py:1] No available shared memory broadcast block found in 60 seconds.
/entrypoint.sh: line 3: nvidia-smi: command not found
gpu-1:7:7 [0] NCCL INFO NET/IB : No device found.
"""
USAGE = """\
(EngineCore pid=2) Exception in thread Thread-2 (_report_usage_worker):
(EngineCore pid=2) Traceback (most recent call last):
(EngineCore pid=2)   File "/usr/lib/python3.12/site-packages/vllm/usage/usage_lib.py", line 1, in _report_usage_worker
(EngineCore pid=2) PermissionError: [Errno 13] Permission denied: '/.config'
"""
STOPPED = "(APIServer pid=1) INFO:     Shutting down\n(APIServer pid=1) INFO:     Finished server process [1]\n"
INTERRUPTED = """\
(EngineCore pid=2) Traceback (most recent call last):
(EngineCore pid=2)   File "/usr/lib/python3.12/site-packages/vllm/v1/engine/core.py", line 1, in run_busy_loop
(EngineCore pid=2) RuntimeError: CUDA error: driver shutting down
"""

LOGS = {
    "loading": LOADING,
    "loading after retries": LOADING + RETRIED,
    "loading with warnings": WARNINGS + LOADING,
    "serving": STARTED + OK + STATS,
    "refused requests": STARTED + REQUEST + OK + STATS,
    "a request that met a bug": STARTED + ASGI + OK + STATS,
    "only the end, with refused requests": OK + STATS + REQUEST + OK,
    "warnings": WARNINGS + STARTED + OK,
    "idle": STARTED,
    "loading without a home": USAGE + LOADING,
    "stopped": STARTED + OK + STOPPED,
    "stopped, and the engine with it": STARTED + OK + STOPPED + INTERRUPTED,
    "stopped after refused requests": STARTED + REQUEST + OK + STOPPED,
}


def causes(text: str) -> list[str]:
    (report,), _ = diagnose_bundle([], text.encode())
    return [finding.cause for finding in report.findings]


@pytest.mark.parametrize("name", LOGS)
def test_nothing_is_found_in_a_healthy_log(name: str) -> None:
    assert causes(LOGS[name]) == []
