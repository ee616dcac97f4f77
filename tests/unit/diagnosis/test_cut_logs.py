"""What a cut log leaves of a failure: sentences without their exception, warnings, words inside of other lines."""

from __future__ import annotations

import pytest

from tests.unit.diagnosis.cases_logs import alone, printed
from vops.diagnosis.diagnose import diagnose_all
from vops.diagnosis.logs.reader import read_log
from vops.operations.intake.bundle import diagnose_bundle

POOL = "HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /Qwen/Qwen3-8B"
HUB = "https://huggingface.co"
CUT = [
    ("Connection to cas-bridge-direct.xethub.hf.co timed out. (connect timeout=10)", "hub-unreachable"),
    (f"'(MaxRetryError(\"{POOL}/resolve/main/config.json (Caused by ConnectTimeoutError(<urllib3", "hub-unreachable"),
    ("mkdir: cannot create directory '/.cache': Permission denied", "permission-denied"),
    (
        "n1:1:2 [0] misc/shmutils.cc:87 NCCL WARN Error: failed to extend /dev/shm/nccl-aB3xYz to 33030532 bytes, "
        "error: No space left on device (28)",
        "shm-too-small",
    ),
    ("w1:88:88 [0] bootstrap.cc:45 NCCL WARN Bootstrap : no socket interface found", "nccl-failure"),
    (
        "h:7:7 [0] transport/p2p.cc:275 NCCL WARN Cuda failure "
        "'peer access is not supported between these two devices'",
        "nccl-failure",
    ),
    (
        "The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache "
        "(52352). Try increasing `gpu_memory_utilization`",
        "kv-cache-too-small",
    ),
    (
        "ValueError: To serve at least one request with the models's max seq len (40960), (5.62 GiB KV cache is "
        "needed, which is larger than the available KV cach",
        "kv-cache-too-small",
    ),
    (
        "Value error, Model architectures ['Qwen3NextForCausalLM'] are not supported for now.",
        "unsupported-architecture",
    ),
    (f"429 Client Error: Too Many Requests for url: {HUB}/api/models/Qwen/Qwen3-8B/tree/main", "hub-rate-limit"),
    (f"Cannot reach {HUB}/Qwen/Qwen3-8B/resolve/main/config.json: offline mode is enabled.", "hub-unreachable"),
    ("E0101 00:00:00.000000 1 factory.go:112] Incompatible platform detected", "gpu-not-advertised"),
    ('time="2025-01-01T00:00:00Z" level=error msg="Cannot init NVML library; err: not found"', "dcgm-exporter-failure"),
    (
        'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/vllm/vllm-openai:v0.99": '
        'failed to resolve reference "docker.io/vllm/vllm-openai:v0.99": docker.io/vllm/vllm-openai:v0.99: not found',
        "image-not-found",
    ),
    ("ERROR 10-01 02:00:00 [nixl_connector.py:1] NIXL is not available", "nixl-handshake"),
    ("403 Forbidden: Please enable access to public gated repositories in your fine-grained token", "gated-model"),
    ("triton.runtime.errors.PTXASError: PTXAS error: Internal Triton PTX codegen error", "cuda-driver-mismatch"),
    ("Failed to initialize NVML: Driver/library version mismatch", "cuda-driver-mismatch"),
    ("gpumanager.go:28] Loading NVML\ngpumanager.go:31] Failed to initialize NVML: no library", "gpu-not-advertised"),
    (
        "NVIDIA X with CUDA capability sm_120 is not compatible with the current PyTorch installation.",
        "cuda-driver-mismatch",
    ),
    ("a.py:798: UserWarning: Not enough free disk space to download the file.", "disk-full"),
    ("Exception: Could not receive runai_response from libstreamer due to: b'S3 not supported'", "broken-install"),
    ("Exception: Could not send runai_request to libstreamer due to: b'File access error'", "hub-unreachable"),
    (f"<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed> {HUB}", "hub-unreachable"),
    ("NotImplementedError: Method 'initialize_nixl' is not implemented.", "broken-install"),
    ("ValueError: This model does not support the 'embedding' task.", "bad-argument"),
    (
        "(APIServer pid=1) a.ValidationError: 1 validation error for VllmConfig\n  Value error, Total number of "
        "attention heads (28) must be divisible by tensor parallel size (8).",
        "tp-mismatch",
    ),
    ("v:8:3 [1] include/shm.h:28 NCCL WARN Call to posix_fallocate failed : No space left on device", "shm-too-small"),
    (
        "a.py:174: UserWarning: CUDA initialization: Unexpected error from cudaGetDeviceCount(). Error 803: system has "
        "unsupported display driver / cuda driver combination",
        "cuda-driver-mismatch",
    ),
    ('*** Starting ***/scripts/run.sh: line 69:   134 Illegal instruction     "${LAUNCHER[@]}"', "broken-install"),
    ("ImportError: /x/libtorch_cuda.so: undefined symbol: ncclGroupSimulateEnd", "broken-install"),
    ("engine.py :170 Error initializing: 1 validation error for ModelConfig\n  Value error, y", "bad-argument"),
    ("pynvml.NVMLError_InvalidArgument: Invalid Argument", "no-cuda-visible"),
    (
        "Run the custom code? [y/N] Traceback (most recent call last):\nEOFError: EOF when reading a line",
        "bad-argument",
    ),
    ("(raylet) f.cc:111: /tmp/ray/s is over 95% full, available space: 4; capacity: 1. It will fail.", "disk-full"),
    (
        "E 1 [a.py:1] Error ignored: [/x/gloo/transport/tcp/buffer.cc:133] Timed out waiting 1800000ms for send",
        "nccl-failure",
    ),
    ("TimeoutError: Timed out waiting for engines to send initial message on input socket.", "engine-start-timeout"),
    ("nats.js.errors.ServiceUnavailableError: nats: ServiceUnavailableError: code=None", "service-mismatch"),
    ("Could not unload NVIDIA driver kernel modules, driver is in use", "gpu-not-advertised"),
    (
        "(autoscaler +25s) Error: No available node types can fulfill resource request {'GPU': 1.0}. Add suitable node "
        "types to this cluster to resolve this issue.",
        "tp-mismatch",
    ),
    (
        "AssertionError: local_world_size (16) must be less than or equal to the number of visible devices (8).",
        "tp-mismatch",
    ),
    (
        "Internal: Unable to initialize shared memory key 'triton_python_backend_shm_region_1' to requested size "
        "(67108864 bytes). If you are running Triton inside docker, use '--shm-size' flag to control the shared memory "
        "region size. Error: No such file or directory",
        "shm-too-small",
    ),
    (
        "I0209 22:18:33.528474 1 server.cc:246] No server context available. Exiting immediately.\n"
        "error: creating server: Internal - failed to stat file  s3://models/triton-model-repository",
        "model-not-found",
    ),
    (
        "The API server stops for seconds and then it ends with Segmentation fault(core dumped), and no word.",
        "engine-dead",
    ),
    (
        "2025-02-16 09:11:22.067 | ERROR    | __main__:download_model:84 - Failed to download model: [Errno 13] "
        "Permission denied: 'models/kokoro-v1_0.pth'\nTraceback (most recent call last):\n"
        '  File "/app/download_model.py", line 104, in <module>\n    main()',
        "permission-denied",
    ),
    ("Qwen3.5 fails with tp-size=6 (vision attention heads 16 not divisible by TP size)", "tp-mismatch"),
    ("GPU driver auto installation is disabled.\nWaiting for GPU driver libraries.", "gpu-not-advertised"),
    (
        "ERROR 03-27 03:12:01 engine.py:400] invalid literal for int() with base 10: 'tcp://10.43.1.39:8000'\n"
        "ERROR 03-27 03:12:01 engine.py:400] Traceback (most recent call last):\n"
        'ERROR 03-27 03:12:01 engine.py:400]   File "/x/engine.py", line 391, in run_mp_engine\n'
        "ERROR 03-27 03:12:01 engine.py:400]     engine = MQLLMEngine.from_engine_args(engine_args=engine_args,",
        "vllm-port-collision",
    ),
]


@pytest.mark.parametrize(("text", "cause"), CUT, ids=[str(number) for number in range(len(CUT))])
def test_a_sentence_without_its_exception_names_the_cause(text: str, cause: str) -> None:
    (report,) = diagnose_all(alone(text + "\n")())
    assert report.findings[0].cause == cause


@pytest.mark.parametrize(
    "text",
    [
        "INFO 11-24 02:00:09 [a.py:1] retrying: Connection to huggingface.co timed out.",
        "n1:1:2 [0] NCCL INFO NET/Plugin : dlerror=libnccl-net.so: cannot open shared object file: No such file",
        "n1:1:2 [0] ras/client_support.cc:160 NCCL WARN Call to bind failed: RAS address already in use",
    ],
)
def test_what_is_said_in_every_pod_is_no_failure(text: str) -> None:
    assert read_log(text).root is None


def test_once_vllm_has_begun_a_warning_needs_an_exception_to_be_the_cause() -> None:
    begun = "INFO 11-24 02:00:00 [api_server.py:1] vLLM API server version 0.12.0\n"
    assert (
        read_log(begun + "w1:88:88 [0] socket.cc:484 NCCL WARN socketStartConnect: Connect to 10.0.2.9 failed").root
        is None
    )


BAR = "Loading safetensors checkpoint shards:  75% Completed | 3/4 [00:08<00:02,  2.83s/it]"
XET = '{"level":"WARN","fields":{"message":"Reqwest(reqwest::Error { url: \\"https://x.hf.co\\" }). Retrying..."}}'
PASTED = [
    # a shell's word behind a bar that never got its newline
    (f"{BAR}Killed", "host-oom"),
    # a form took the newlines away
    (
        'x.py", line 154, in __init__ (VllmWorkerProcess pid=236) ERROR 08-23 08:25:25 multiproc_worker_utils.py:226] '
        "self.pynccl_comm = PyNcclCommunicator( (VllmWorkerProcess pid=236) ERROR 08-23 08:25:25 "
        'multiproc_worker_utils.py:226] raise RuntimeError(f"NCCL error: {error_str}") (VllmWorkerProcess pid=236) '
        "ERROR 08-23 08:25:25 multiproc_worker_utils.py:226] RuntimeError: NCCL error: unhandled system error",
        "nccl-failure",
    ),
    # and made spaces of tabs
    (
        "2023-10-23T13:19:42Z    ERROR   prometheus_scaler       error executing prometheus query        "
        '{"error": "context deadline exceeded"}',
        "autoscaler-no-metric",
    ),
    # a traceback without its head
    (
        '  File "/x/site-packages/vllm/model_executor/models/gpt_oss.py", line 8, in load_weights\n'
        "    param = params_dict[name]\nKeyError: 'layers.0.mlp.experts.w13_bias'",
        "quantization-mismatch",
    ),
    # one sentence in two lines
    (
        "401 Client Error. (Request ID: Root=1-67a4cb22)\n\nCannot access gated repo for url https://huggingface.co/x/y.",
        "token-missing",
    ),
    # an exception as an object, after the server has begun to stop by itself
    (
        'INFO:     1.2.3.4:5 - "POST /v1/completions HTTP/1.1" 500 Internal Server Error\nINFO:     Shutting down\n'
        "ERROR 10-15 20:44:47 engine.py:160] RuntimeError('Error in model execution: Loading lora /x failed')",
        "lora-problem",
    ),
    ("    Last State:     Terminated\n      Reason:       OOMKilled\n      Exit Code:    137\n", "host-oom"),
    ("NAME     READY   STATUS      RESTARTS      AGE\nvllm-0   0/1     OOMKilled   3 (45s ago)   6m12s", "host-oom"),
    ("--2025-07-01--  https://x/y\nHTTP request sent, awaiting response... 404 Not Found", "model-not-found"),
    ("[26.1] Memory cgroup out of memory: Killed process 57 (VLLM::Worker_TP) total-vm:1kB", "host-oom"),
    (
        "I1129 11:18:42.742117       1 main.go:381] No devices found. Waiting indefinitely. k8s-device-plugin",
        "gpu-not-advertised",
    ),
    ('time=2026-01-13T14:23:40Z level=INFO msg="Starting dcgm-exporter"\nexit status 1', "dcgm-exporter-failure"),
]


@pytest.mark.parametrize(("text", "cause"), PASTED, ids=[str(number) for number in range(len(PASTED))])
def test_what_pasting_does_to_a_log_hides_nothing(text: str, cause: str) -> None:
    (report,), _ = diagnose_bundle([], text.encode() + b"\n")
    assert report.findings[0].cause == cause


def test_retries_at_the_end_are_the_cause_of_a_container_that_failed_and_of_no_other() -> None:
    log = f"INFO 11-24 02:00:00 [a.py:1] Starting to load model x...\n{XET}\n"
    failed = diagnose_all(printed(log, exit_code=1)())
    assert failed[0].findings[0].cause == "hub-unreachable"
    assert not diagnose_all(alone(log)())[0].findings


BARE = [
    ("No CUDA GPUs are available", "no-cuda-visible"),
    ("Converting from Tiktoken failed, if a converter for SentencePiece is available, provide it", "broken-install"),
    ("LoRA rank 64 is greater than max_lora_rank 16.", "lora-problem"),
    ("Can't load the configuration of '/mnt/models'. Make sure it is a folder with a config.json", "model-not-found"),
    ("ValueError: Too large swap space. 32.00 GiB out of the 31.20 GiB total CPU memory is allocated.", "bad-argument"),
    ("KeyError: 'model.layers.0.mlp.experts.w13_bias'", "quantization-mismatch"),
    ("triton.runtime.errors.OutOfResources: out of resource: shared memory, Required: 147456", "cuda-driver-mismatch"),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.35 GiB.", "cuda-oom-runtime"),
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB.", "cuda-oom-weights"),
]


@pytest.mark.parametrize(("text", "cause"), BARE, ids=[str(number) for number in range(len(BARE))])
def test_a_message_alone_names_the_cause(text: str, cause: str) -> None:
    (report,), _ = diagnose_bundle([], text.encode())
    assert report.findings[0].cause == cause


@pytest.mark.parametrize(
    "text",
    [
        "connect() failed (111: Connection refused) while connecting to upstream",
        "database system is ready\nFATAL:  password authentication failed for user",
        "Xet Storage is enabled, but the 'hf_xet' package is not installed. Falling back to regular HTTP download.",
        "You are using a model of type a to instantiate a model of type b. This is not supported and can yield errors.",
        "gpu-1:7:7 [0] NCCL INFO NET/Plugin: Could not find: libnccl-net.so. Using internal network plugin.",
        "UserWarning: Can't initialize NVML",
    ],
)
def test_anybodys_words_are_no_failure(text: str) -> None:
    (report,), _ = diagnose_bundle([], text.encode())
    assert not report.findings


CUT_TRACE = """\
(EngineCore_DP0 pid=9) ERROR 11-24 02:00:40 [core.py:700] EngineCore failed to start.
(EngineCore_DP0 pid=9) ERROR 11-24 02:00:40 [core.py:700] Traceback (most recent call last):
(EngineCore_DP0 pid=9) ERROR 11-24 02:00:40 [core.py:700]   File "/x/site-packages/{}", line 8, in {}
(EngineCore_DP0 pid=9) ERROR 11-24 02:00:40 [core.py:700]     {}
"""


@pytest.mark.parametrize(
    ("path", "function", "code", "cause"),
    [
        ("vllm/config.py", "f", 'raise RuntimeError("Failed to infer device type")', "no-cuda-visible"),
        ("vllm/lora/utils.py", "get", "raise ValueError(", "lora-problem"),
        ("torch/distributed/rendezvous.py", "_create_c10d_store", "return TCPStore(", "nccl-failure"),
        ("huggingface_hub/file_download.py", "xet_get", "download_files(", "hub-unreachable"),
    ],
)
def test_the_code_that_a_cut_traceback_shows_names_the_cause(path: str, function: str, code: str, cause: str) -> None:
    (report,), _ = diagnose_bundle([], CUT_TRACE.format(path, function, code).encode())
    assert report.findings[0].cause == cause


CORE = "ERROR 06-26 00:04:52 [core.py:517] RuntimeError: Worker failed with error 'size_k must divisible by X'"
REQUEST = 'INFO:     127.0.0.1:44102 - "POST /v1/completions HTTP/1.1" '
NIXL = (
    'Traceback (most recent call last):\n  File "x.py", line 1, in f\n    g()\nnixl._bindings.nixlBackendError: BACKEND'
)
STOPS = "INFO:     Shutting down\nINFO:     Application shutdown complete.\n"
STARTED = "INFO:     Application startup complete.\n"


def test_an_engine_whose_process_logs_an_exception_is_gone_if_requests_fail_after_it() -> None:
    assert read_log(f"{STARTED}{CORE}\n{REQUEST}500 Internal Server Error\n").engine_died
    assert not read_log(f"{STARTED}{CORE}\n{REQUEST}200 OK\n").engine_died
    assert not read_log(f"{STARTED}{REQUEST}500 Internal Server Error\n{REQUEST}200 OK\n").engine_died


def test_a_server_that_stops_right_after_an_exception_of_the_engines_own_was_not_asked_to() -> None:
    assert read_log(f"{NIXL}\n{STOPS}").engine_died
    assert read_log(f"{NIXL}\n{STARTED * 4}{STOPS}").terminated
    assert read_log(f"{NIXL.replace('nixl._bindings.nixlBackendError', 'ValueError')}\n{STOPS}").terminated


FLAT = """\
Traceback (most recent call last):
File "/x/site-packages/vllm/config.py", line 1705, in _get_and_verify_max_len
if rope_scaling is not None and rope_scaling["type"] != "su":
KeyError: 'type'
"""


@pytest.mark.parametrize("text", [FLAT, FLAT.partition("\n")[2]], ids=["whole", "headless"])
def test_a_traceback_whose_indentation_was_lost_keeps_its_calls(text: str) -> None:
    root = read_log(text).root
    assert root is not None
    assert (root.type, root.frames) == ("KeyError", ("vllm/config.py:_get_and_verify_max_len",))


def test_a_vllm_built_for_something_else_is_right_to_see_no_gpu() -> None:
    missed = "DEBUG 06-12 19:58:31 [a.py:93] CUDA platform is not available because: NVML Shared Library Not Found\n"
    here = "DEBUG 06-12 19:58:31 [a.py:147] Confirmed CPU platform is available because vLLM is built with CPU.\n"
    assert read_log(missed).root is not None
    assert read_log(missed + here).root is None
    assert read_log(missed + here.replace("CPU", "CUDA")).root is not None


TOKEN = "hf_" + "a1B2" * 8


@pytest.mark.parametrize(
    "before",
    [
        "  Value error, num_speculative_tokens must be given.",
        "terminate called after throwing an instance of 'x'\n  what():  CUDA error:",
        "Access to model x/y is restricted.",
    ],
)
def test_no_token_gets_through_with_what_is_written_below(before: str) -> None:
    assert TOKEN not in str(read_log(f"{before} {TOKEN}\n{TOKEN}\n"))
    assert TOKEN not in str(read_log(f"{before}\n{TOKEN}\n"))


def test_a_traceback_pasted_as_one_line_is_read_as_its_lines() -> None:
    whole = (
        'INFO 06-09 05:31:04 [a.py:7] hi Traceback (most recent call last): File "/x/bin/vllm", line 10, in <module> '
        'main() File "/x/site-packages/vllm/config.py", line 3, in post raise ValueError( ValueError: Unsupported x: y'
    )
    root = read_log(whole).root
    assert root is not None
    assert (root.type, root.message, root.frames[-1]) == ("ValueError", "Unsupported x: y", "vllm/config.py:post")


def test_an_older_engine_whose_process_logs_an_exception_is_gone_if_answers_break_off_after_it() -> None:
    failed = "ERROR 03-17 08:02:04 engine.py:137] AssertionError: Error in model execution\n"
    assert read_log(failed + "ERROR 03-17 08:02:04 serving_chat.py:596] Error in stream generator.\n").engine_died
    assert not read_log(failed + "ERROR 03-17 08:02:04 a.py:5] Error in stream generator.\n").engine_died


def test_the_headings_of_a_form_are_nobodys_words() -> None:
    symbol = "/x/flash_attn_2_cuda.so: undefined symbol: _ZN2at4_ops5zeros4callE"
    (report,), _ = diagnose_bundle([], f"### Describe the bug\n\n {symbol}\n\n### Reproduction\n\nA100".encode())
    assert f"does not fit together: {symbol}" in report.findings[0].summary
    assert "###" not in "".join(item.observed for item in report.findings[0].evidence)
