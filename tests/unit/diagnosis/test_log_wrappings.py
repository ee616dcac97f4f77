"""The same failure through every runtime, logger and viewer: the root cause and the stage stay what they were."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cache
from itertools import zip_longest

import pytest

from tests.unit.diagnosis.cluster_parts import log_text
from tests.unit.diagnosis.test_recordings import ROOTS
from vops.diagnosis.logs import lines
from vops.diagnosis.logs.lines import HEAD, TAIL, log_lines
from vops.diagnosis.logs.reader import read_log
from vops.diagnosis.logs.reading import LogReading
from vops.model.text import scrub

STAMP = "2026-11-23T21:06:27.123456789Z"
CUT = 120


@cache
def reading(name: str) -> LogReading:
    """What a recorded log says as it is."""
    return read_log(log_text(name))


def each(wrap: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "\n".join(wrap(line) for line in text.splitlines())


def cri_pieces(line: str) -> str:
    """A line as containerd writes it that cuts after CUT characters."""
    pieces = [line[at : at + CUT] for at in range(0, len(line), CUT)] or [""]
    flags = ["P"] * (len(pieces) - 1) + ["F"]
    return "\n".join(f"{STAMP} stderr {flag} {piece}" for flag, piece in zip(flags, pieces, strict=True))


def mixed_with_a_healthy_process(text: str) -> str:
    other = [f"(Worker_TP7 pid=99) INFO 11-23 21:06:27 [x.py:{number}] all is well" for number in range(200)]
    pairs = zip_longest(text.splitlines(), other, fillvalue="")
    return "\n".join(line for pair in pairs for line in pair if line)


WRAPPINGS: dict[str, Callable[[str], str]] = {
    "timestamps": each(lambda line: f"{STAMP} {line}"),
    "timestamps with an offset": each(lambda line: f"2026-11-23T21:06:27.1+01:00 {line}"),
    "cri": each(lambda line: f"{STAMP} stdout F {line}"),
    "cri in pieces": each(cri_pieces),
    "docker json": each(lambda line: json.dumps({"log": line + "\n", "stream": "stderr", "time": STAMP})),
    "json logger": each(lambda line: json.dumps({"ts": 1.5, "level": "INFO", "message": line})),
    "json logger msg": each(lambda line: json.dumps({"timestamp": STAMP, "severity": "DEFAULT", "msg": line})),
    "cloud export": each(lambda line: json.dumps({"textPayload": line, "insertId": "x"})),
    "kubectl --prefix": each(lambda line: f"[pod/llama-0/vllm] {line}"),
    "prefix and timestamps": each(lambda line: f"[pod/llama-0/vllm] {STAMP} {line}"),
    "compose": each(lambda line: f"vllm-1  | {line}"),
    "journald": each(lambda line: f"Nov 23 21:06:27 gpu-1 vllm[17]: {line}"),
    "colours": each(lambda line: f"\x1b[0;36m{line}\x1b[0;0m"),
    "colours whose escapes got lost": each(lambda line: f"[0;36m{line}[0;0m"),
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "progress in one line": lambda text: "10%|# | 1/4\r100%|##| 4/4\r" + text,
    "other processes between": mixed_with_a_healthy_process,
}


@pytest.mark.parametrize("wrapping", sorted(WRAPPINGS))
def test_a_wrapping_changes_neither_root_nor_stage(wrapping: str) -> None:
    wrapped = {name: read_log(scrub(WRAPPINGS[wrapping](log_text(name)))) for name in sorted(ROOTS)}
    for name, read in wrapped.items():
        plain = reading(name)
        assert (str(read.root), read.version, read.stage) == (str(plain.root), plain.version, plain.stage), name


@pytest.mark.parametrize("name", sorted(set(ROOTS) - {"fail-badarg.log", "cpu-0.32-fail-badarg.log"}))
def test_a_log_that_starts_within_the_traceback_has_the_same_root(name: str) -> None:
    whole = reading(name)
    assert whole.root is not None
    rest = "\n".join(log_text(name).splitlines()[whole.root.line - 3 :])
    cut = read_log(rest)
    assert cut.root is not None
    assert (cut.root.short_type, cut.root.message) == (whole.root.short_type, whole.root.message)


def test_lines_that_were_cut_off_keep_what_is_left() -> None:
    cut = "\n".join(line[:150] for line in log_text("fail-kv-too-small.log").splitlines())
    assert str(read_log(cut).root).startswith("ValueError: To serve at least one request")


def test_a_record_of_a_json_logger_brings_its_traceback() -> None:
    record = {
        "level": "error",
        "msg": "Engine failed",
        "exc_info": "Traceback (most recent call last):\nValueError: bad",
    }
    assert str(read_log(json.dumps(record)).root) == "ValueError: bad"


@pytest.mark.parametrize(
    ("line", "process", "place", "text"),
    [
        ("INFO 11-24 02:00:00 api_server.py:528] hello", "", "api_server.py:528", "hello"),
        ("(VllmWorkerProcess pid=71) INFO 09-01 10:00:00 x.py:1] hello", "VllmWorkerProcess pid=71", "x.py:1", "hello"),
        ("(VllmWorker rank=1 pid=71) INFO 09-01 10:00:00 [x.py:1] hello", "VllmWorker rank=1", "x.py:1", "hello"),
        ("(EngineCore_0 pid=7) ERROR 09-01 10:00:00 [core.py:1] hello", "EngineCore_0", "core.py:1", "hello"),
        ("(Worker_TP1_EP1 pid=7) hello", "Worker_TP1_EP1", "", "hello"),
        (
            "(RayWorkerWrapper pid=7, ip=10.0.0.2) INFO 09-01 10:00:00 [x.py:1] hello [repeated 3x across cluster]",
            "RayWorkerWrapper pid=7",
            "x.py:1",
            "hello",
        ),
        ("(EngineCore_DP0 pid=1) (RayWorkerWrapper pid=7) hello", "RayWorkerWrapper pid=7", "", "hello"),
        ("[rank1]: hello", "rank1", "", "hello"),
        ("[rank1]:[E1124 10:00:00.123 ProcessGroupNCCL.cpp:616] hello", "rank1", "ProcessGroupNCCL.cpp:616", "hello"),
        ("ERROR 09-01 10:00:00 [x.py:1] [rank0]: hello", "rank0", "x.py:1", "hello"),
        ("2026-11-24 10:00:00,123\tERROR worker.py:409 -- hello", "", "worker.py:409", "hello"),
        ("E1124 10:00:00.000000       1 main.go:123] hello", "", "main.go:123", "hello"),
        ('time="2026-11-24T10:00:00Z" level=fatal msg="hello"', "", "", "hello"),
        ("2026-11-24T10:00:00Z\tERROR\thello", "", "", "hello"),
        ("ERROR:    hello", "", "uvicorn", "hello"),
        ("FATA[0000] hello", "", "", "hello"),
        ("ERRO[0000]hello", "", "", "ERRO[0000]hello"),
        ("(pid=17) hello", "pid=17", "", "hello"),
        (
            "[Sidecar ab1]: 2024-11-13T03:15:08.672Z 1 stdout: CRITICAL 11-12 19:15:08 x.py:9] hello",
            "",
            "x.py:9",
            "hello",
        ),
    ],
)
def test_prefixes_of_every_writer(line: str, process: str, place: str, text: str) -> None:
    (read,) = log_lines(line)
    assert (read.process, read.place, read.text) == (process, place, text)


@pytest.fixture
def short_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """An eighth of what is read of a log at its two ends, so that an eighth of a log is a long one."""
    monkeypatch.setattr(lines, "HEAD", HEAD // 8)
    monkeypatch.setattr(lines, "TAIL", TAIL // 8)


@pytest.mark.usefixtures("short_ends")
def test_a_log_of_many_megabytes_is_read_at_its_two_ends() -> None:
    start, end = log_text("size-l8-045.log"), log_text("fail-kv-too-small.log")
    filler = "nothing of interest is said here\n" * ((HEAD + TAIL) // 160)
    reading = read_log(start + filler + end)
    assert reading.version == "0.25.1"
    assert reading.lines == (start + filler + end).count("\n") + 1
    assert [error.line for error in reading.candidates][-1] > start.count("\n") + filler.count("\n")


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(
            "Traceback (most recent call last):\n  File\nValueError: x\n\nDuring handling of the above\n", id="chains"
        ),
        pytest.param('{"log":"' + "a" * 9000 + '","stream":"stdout"}\n', id="docker pieces"),
        pytest.param(STAMP + " stdout P " + "(" * 400 + "\n", id="cri pieces"),
        pytest.param("[rank1]:[rank1]:" * 300 + "\n", id="ranks"),
        pytest.param("ERROR: " * 200 + "Killed : not found\n", id="errors"),
        pytest.param('level=error msg="' + "\\\\" * 800 + "\n", id="logrus"),
        pytest.param("a" * 60 + "." + "A" * 16_000 + "\n", id="long names"),
        pytest.param("terminate called after throwing an instance of '" + "x" * 400 + "\n", id="aborts"),
    ],
)
@pytest.mark.usefixtures("short_ends")
def test_time_grows_with_size_and_is_bounded(hostile: str) -> None:
    """Twenty times the size takes at most a bounded multiple: what is longer than the two ends is not read whole."""
    small, large = hostile * (2**17 // len(hostile)), hostile * (20 * 2**17 // len(hostile))
    read_log(hostile * 3)  # what is compiled when it is first used
    one = _cpu_s(small)
    assert _cpu_s(large) < 24 * one + 0.05


def _cpu_s(text: str) -> float:
    read_log.cache_clear()
    began = time.process_time()
    read_log(text)
    return time.process_time() - began
