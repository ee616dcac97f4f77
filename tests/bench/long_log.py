"""The time and memory of diagnosing a log of 200 MB, as a file and through a pipe. No cluster."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from tests.bench.measure import say, tell
from tests.unit.diagnosis.cluster_parts import log_text

SIZE, CHUNK = 200 * 2**20, 4096
MOST_MIB, MOST_S = 256, 30
STATS = (
    "(APIServer pid=1) INFO 10-24 02:11:40 [loggers.py:127] Engine 000: Avg prompt throughput: 91.1 tokens/s, Avg "
    "generation throughput: 102.3 tokens/s, Running: 2 reqs, Waiting: 0 reqs, GPU KV cache usage: 3.2%\n"
)
PLACE = "(EngineCore_DP0 pid=9) ERROR 10-24 09:00:00 [core.py:702] "
DEATH = f"{PLACE}EngineCore encountered a fatal error.\n{PLACE}torch.AcceleratorError: CUDA error: an illegal memory "
DEATH += "access was encountered\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "long.log"
        _write(log)
        tell("size of the log", f"{log.stat().st_size / 2**20:.0f} MiB")
        _measured("vops diagnose --from FILE", ["--from", str(log)])
        with log.open("rb") as stream:
            reader = subprocess.Popen(["cat"], stdin=stream, stdout=subprocess.PIPE)
            _measured("the same through a pipe", ["-"], reader.stdout)
            reader.wait()


def _write(log: Path) -> None:
    """A server that came up, served for long, and crashed."""
    started = log_text("size-l8-045.log")
    with log.open("w", encoding="utf-8") as file:
        file.write(started[: started.index("startup complete.") + len("startup complete.\n")])
        for _ in range(SIZE // len(STATS) // CHUNK):
            file.write(STATS * CHUNK)
        file.write(DEATH)


def _measured(what: str, arguments: list[str], stdin: IO[bytes] | None = None) -> None:
    command = [sys.executable, "-m", "vops", "--no-color", "diagnose", *arguments]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, text=True)
    answer = process.stdout.read() if process.stdout is not None else ""
    _, _, usage = os.wait4(process.pid, 0)
    seconds, peak_mib = time.perf_counter() - started, usage.ru_maxrss / 1024
    tell(f"{what}: time", f"{seconds:.1f} s", target=f"< {MOST_S} s", met=seconds < MOST_S)
    tell(f"{what}: memory at its peak", f"{peak_mib:.0f} MiB", target=f"< {MOST_MIB} MiB", met=peak_mib < MOST_MIB)
    say(f"    {next((line.strip() for line in answer.splitlines() if 'crash' in line), 'it named nothing')}")
