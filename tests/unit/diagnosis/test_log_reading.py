"""Reading logs: phases, numbers and the ready line, in the forms of several versions and behind every prefix."""

from __future__ import annotations

import json
import time

import pytest

from tests.unit.diagnosis.cluster_parts import log_text
from vops.diagnosis.logs.components import Component
from vops.diagnosis.logs.lines import log_lines
from vops.diagnosis.logs.reader import read_log
from vops.diagnosis.logs.reading import LogReading
from vops.diagnosis.logs.stages import Stage

SERVED = log_text("size-l8-045.log")

V0_8_5 = """\
INFO 04-30 10:00:00 [api_server.py:1043] vLLM API server version 0.8.5
INFO 04-30 10:00:00 [api_server.py:1044] args: Namespace(subparser='serve', model_tag='org/llama', port=8000, tp=1)
INFO 04-30 10:00:20 [core.py:58] Initializing a V1 LLM engine (v0.8.5) with config: model='org/llama', dtype=bf16
INFO 04-30 10:00:25 [gpu_model_runner.py:1329] Starting to load model org/llama...
INFO 04-30 10:01:25 [weight_utils.py:281] Time spent downloading weights for org/llama: 55.000000 seconds
Loading safetensors checkpoint shards:   0% Completed | 0/4 [00:00<?, ?it/s]
Loading safetensors checkpoint shards:  75% Completed | 3/4 [00:03<00:01,  1.00s/it]
INFO 04-30 10:01:35 [gpu_model_runner.py:1347] Model loading took 14.9596 GiB and 65.10 seconds
INFO 04-30 10:01:45 [backends.py:420] Using cache directory: /root/.cache/x for vLLM's torch.compile
INFO 04-30 10:02:05 [monitor.py:33] torch.compile takes 20.00 s in total
INFO 04-30 10:02:10 [kv_cache_utils.py:634] GPU KV cache size: 41,696 tokens
INFO 04-30 10:02:10 [kv_cache_utils.py:637] Maximum concurrency for 8,192 tokens per request: 5.09x
INFO 04-30 10:02:40 [gpu_model_runner.py:1686] Graph capturing finished in 30 secs, took 0.58 GiB
INFO 04-30 10:02:40 [core.py:159] init engine (profile, create kv cache, warmup model) took 65.00 seconds
INFO 04-30 10:02:41 [api_server.py:1090] Starting vLLM API server on http://0.0.0.0:8000
INFO:     Application startup complete.
"""


def phases(reading: LogReading) -> list[tuple[Stage, float, float | None]]:
    return [(phase.stage, phase.start_s, phase.duration_s) for phase in reading.phases]


def test_a_recorded_start_is_read_whole() -> None:
    reading = read_log(SERVED)
    assert (reading.version, reading.model, reading.listening_port) == ("0.25.1", "/models/llama3-8b", 8102)
    assert (reading.weights_gib, reading.kv_available_gib, reading.kv_tokens) == (14.96, 19.57, 160_320)
    assert reading.arguments["gpu_memory_utilization"] == "0.45"
    assert reading.ready
    assert reading.ready_after_s == 27.0


def test_the_phases_of_0_8_5_with_their_times() -> None:
    reading = read_log(V0_8_5)
    assert phases(reading) == [
        (Stage.BOOT, 0.0, 0.0),
        (Stage.CONFIG, 0.0, 20.0),
        (Stage.ENGINE, 20.0, 5.0),
        (Stage.DOWNLOAD, 25.0, 55.0),
        (Stage.WEIGHTS, 85.0, 10.0),
        (Stage.COMPILE, 95.0, 30.0),
        (Stage.PROFILE, 125.0, 5.0),
        (Stage.KV_CACHE, 130.0, 30.0),
        (Stage.CAPTURE, 160.0, 0.0),
        (Stage.SERVER, 160.0, 1.0),
        (Stage.SERVING, 161.0, None),
    ]
    assert (reading.version, reading.model, reading.kv_tokens, reading.ready_after_s) == (
        "0.8.5",
        "org/llama",
        41_696,
        161.0,
    )


V0_6 = """\
INFO 11-20 08:00:00 api_server.py:528] vLLM API server version 0.6.3.post1
INFO 11-20 08:00:00 api_server.py:529] args: Namespace(host=None, port=8000, model='org/llama', tensor_parallel_size=2)
INFO 11-20 08:00:05 llm_engine.py:237] Initializing an LLM engine (v0.6.3.post1) with config: model='org/llama', x=1
(VllmWorkerProcess pid=71) INFO 11-20 08:00:08 model_runner.py:1060] Starting to load model org/llama...
INFO 11-20 08:00:08 model_runner.py:1060] Starting to load model org/llama...
INFO 11-20 08:00:40 model_runner.py:1071] Loading model weights took 7.5122 GB
INFO 11-20 08:00:50 distributed_gpu_executor.py:57] # GPU blocks: 27895, # CPU blocks: 2048
INFO 11-20 08:00:55 model_runner.py:1402] Capturing the model for CUDA graphs. This may lead to unexpected consequences
INFO 11-20 08:01:15 model_runner.py:1530] Graph capturing finished in 20 secs.
INFO 11-20 08:01:20 launcher.py:19] Available routes are:
INFO:     Application startup complete.
"""


def test_the_phases_of_0_6_with_their_times() -> None:
    reading = read_log(V0_6)
    assert [stage for stage, *_ in phases(reading)] == [
        Stage.BOOT,
        Stage.CONFIG,
        Stage.ENGINE,
        Stage.WEIGHTS,
        Stage.PROFILE,
        Stage.KV_CACHE,
        Stage.CAPTURE,
        Stage.SERVER,
        Stage.SERVING,
    ]
    assert (reading.version, reading.weights_gib, reading.kv_tokens, reading.ready_after_s) == (
        "0.6.3.post1",
        7.5122,
        27_895 * 16,
        80.0,
    )


@pytest.mark.parametrize(
    ("line", "component"),
    [
        ('I1124 02:00:00.000000       1 main.go:235] "Starting NVIDIA Device Plugin"', Component.DEVICE_PLUGIN),
        ('time="x" level=info msg="Starting dcgm-exporter"', Component.DCGM_EXPORTER),
        ("2026-11-24T02:00:00Z\tINFO\tReconciling ScaledObject", Component.KEDA),
        ("INFO [storage-initializer] Initializing, args: src_uri [s3://x]", Component.STORAGE_INITIALIZER),
        ("2026-11-24 02:00:00,123\tINFO scripts.py:926 -- Local node IP: 10.0.0.7", Component.RAY),
        ("curl: (6) Could not resolve host: x", Component.DOWNLOAD),
        ("  0      0   0      0   0      0      0      0           00:04       0curl: (6) x", Component.DOWNLOAD),
        ("INFO 11-20 08:00:00 api_server.py:528] vLLM API server version 0.6.3", Component.VLLM),
        ("nobody knows who wrote this", Component.VLLM),
    ],
)
def test_who_wrote_a_log_is_told(line: str, component: Component) -> None:
    assert read_log(line).component is component


def test_a_server_that_answered_is_taken_for_ready() -> None:
    assert read_log('INFO:     10.0.0.1:4711 - "POST /v1/completions HTTP/1.1" 200 OK').ready


def test_progress_is_that_of_the_present_phase() -> None:
    interrupted = V0_8_5[: V0_8_5.index("INFO 04-30 10:01:35")]
    reading = read_log(interrupted)
    assert (reading.stage, reading.progress) == (Stage.WEIGHTS, 0.75)


def test_the_one_line_form_of_0_33() -> None:
    text = "(EngineCore pid=9) INFO 01-01 00:00:00 [x:1] GPU KV cache size: 1,024 tokens, Maximum concurrency 5x"
    assert read_log(text).kv_tokens == 1024


def test_the_blocks_of_v0_are_tokens_of_sixteen() -> None:
    assert read_log("INFO 01-01 00:00:00 [executor.py:1] # GPU blocks: 100, # CPU blocks: 5").kv_tokens == 1600


def test_a_head_that_is_cut_off_leaves_no_start_time() -> None:
    cut = V0_8_5[V0_8_5.index("INFO 04-30 10:01:35") :]
    reading = read_log(cut)
    assert (reading.ready, reading.ready_after_s, reading.version) == (True, None, "")


def test_midnight_on_new_years_eve_passes() -> None:
    text = "INFO 12-31 23:59:50 [a.py:1] version 0.12.0\nINFO 01-01 00:00:10 [a.py:1] Starting to load model x..."
    assert read_log(text).elapsed_s == 20.0


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda line: line, id="bare"),
        pytest.param(lambda line: f"2026-11-23T21:06:27.123456789Z {line}", id="timestamps"),
        pytest.param(lambda line: f"2026-11-23T21:06:27.1+01:00 stderr F {line}", id="cri"),
        pytest.param(lambda line: f"[pod/llama-1/vllm] {line}", id="kubectl --prefix"),
        pytest.param(lambda line: json.dumps({"log": line + "\n", "stream": "stderr"}), id="docker json"),
        pytest.param(lambda line: json.dumps({"level": "INFO", "message": line}), id="json logger"),
        pytest.param(lambda line: f"\ufffd[0;36m{line}\ufffd[0m", id="colours"),
        pytest.param(lambda line: f"(APIServer pid=1) {line}", id="process"),
        pytest.param(lambda line: f"(APIServer pid=1) (EngineCore_DP0 pid=283) {line}", id="processes"),
        pytest.param(lambda line: f"(VllmWorker rank=0 pid=17) {line}", id="worker of 0.8.5"),
    ],
)
@pytest.mark.parametrize("text", [V0_8_5, SERVED], ids=["0.8.5", "0.25.1"])
def test_prefixes_change_nothing(wrap: object, text: str) -> None:
    assert callable(wrap)
    plain = read_log(text)
    wrapped = read_log("\n".join(wrap(line) for line in text.splitlines()))
    assert (wrapped.stage, wrapped.kv_tokens, wrapped.version, wrapped.listening_port) == (
        plain.stage,
        plain.kv_tokens,
        plain.version,
        plain.listening_port,
    )
    assert [phase.stage for phase in wrapped.phases] == [phase.stage for phase in plain.phases]


def test_the_innermost_process_wrote_a_line() -> None:
    line = next(
        log_lines("(APIServer pid=1) (EngineCore_DP0 pid=2) (Worker_TP5 pid=3) INFO 01-02 03:04:05 [x.py:6] hello")
    )
    assert (line.process, line.level, line.place, line.text) == ("Worker_TP5", "INFO", "x.py:6", "hello")


def test_requests_that_are_refused_are_counted_by_path() -> None:
    refused = 'INFO:     10.0.0.1:4000 - "GET /healthz HTTP/1.1" 404 Not Found\n'
    served = 'INFO:     10.0.0.1:4000 - "GET /health HTTP/1.1" 200 OK\n'
    (only,) = read_log(served + refused * 3).refused
    assert (only.path, only.status, only.times, only.line) == ("/healthz", 404, 3, 2)


def test_a_server_that_is_stopped_is_told_from_one_whose_engine_died() -> None:
    stopped, dead = read_log(log_text("sigterm.log")), read_log(log_text("dead-engine.log"))
    assert (stopped.terminated, stopped.engine_died) == (True, False)
    assert (dead.terminated, dead.engine_died) == (False, True)


def test_a_signal_that_ended_a_child_is_read() -> None:
    text = "ERROR 01-01 00:00:00 [x.py:1] Worker proc VllmWorker-1 died unexpectedly (exit code: -9), shutting down"
    assert read_log(text).child_exit_code == -9


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("\n" * 100_000, id="blank"),
        pytest.param("x" * 1_000_000, id="one long line"),
        pytest.param("a." * 500_000, id="dots"),
        pytest.param("(" * 500_000, id="parentheses"),
        pytest.param("\ufffd[" + "1;" * 500_000, id="colours"),
        pytest.param(("A" * 70 + "Erro\n") * 10_000, id="nearly exceptions"),
        pytest.param("Traceback (most recent call last):\nValueError: x\n" * 20_000, id="tracebacks"),
        pytest.param("INFO 01-01 00:00:00 [x] non-default args: " + "'a': " * 200_000, id="arguments"),
        pytest.param('{"log":"' + '{"log":"' * 100_000, id="nested json"),
        pytest.param("INFO 99-99 99:99:99 [x] " + "y\n" * 1000, id="no such day"),
        pytest.param(("Loading safetensors checkpoint shards:" + " " * 300 + "%\n") * 3_000, id="percent"),
    ],
)
def test_whatever_is_in_a_log_it_is_read_in_time(text: str) -> None:
    read_log.cache_clear()
    began = time.process_time()
    read_log(text)
    assert time.process_time() - began < 5.0
