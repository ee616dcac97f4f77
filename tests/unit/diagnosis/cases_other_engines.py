"""Cases of the rules about what engines other than vLLM say when they give up, each with one that served after all."""

from __future__ import annotations

from tests.unit.diagnosis.cases_logs import Case, printed

_ALLOCATION = "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 21430.30 MiB on device 0: cudaMalloc failed: {}"
_LOADING = "llama_model_load: error loading model: {}"
_SERVES = "main: server is listening on http://0.0.0.0:8080 - starting the main loop"
_COMPUTE_CAP = "    Could not start backend: Runtime compute cap {} is not compatible with compile time compute cap 80"
FIRES: dict[str, Case] = {
    "other-engine-no-room": printed(_ALLOCATION.format("out of memory")),
    "other-engine-no-cache": printed("llama_init_from_model: failed to initialize the KV cache"),
    "other-engine-no-file": printed("gguf_init_from_file: failed to open GGUF file '/models/qwen.gguf'"),
    "other-engine-unknown-model": printed(_LOADING.format("unknown model architecture: 'qwen9'")),
    "other-engine-broken-file": printed(_LOADING.format("tensor 'blk.3.w' data is not within the file bounds")),
    "engine-of-another-version": printed("[TensorRT-LLM][ERROR] Assertion failed: Failed to deserialize cuda engine"),
    "engine-for-another-gpu": printed("Error: Could not create backend", _COMPUTE_CAP.format(75)),
    "other-engine-processes": printed("AssertionError: tp_size must be divisible by number of nodes"),
    "other-engine-slow": printed('level=ERROR msg="timed out waiting for llama runner to start - progress 0.34"'),
    "other-engine-host-memory": printed("model requires more system memory (9.1 GiB) than is available (5.0 GiB)"),
    "other-engine-argument": printed("error: invalid argument: --n-gpu-layer"),
    "other-engine-port": printed("main: couldn't bind HTTP server socket, hostname: 0.0.0.0, port: 8080"),
    "other-engine-profile": printed("Unknown profiles provided: {'default'}"),
    "other-engine-prefill": printed("Error: RuntimeError: Not enough memory to handle 4096 prefill tokens."),
    "other-engine-transfer": printed("RuntimeError: Could not fetch prefill info from bootstrap_addr: 10.0.0.3:8998"),
    "other-engine-wedged": printed("[2025-09-04 07:12:16] Scheduler watchdog timeout (self.watchdog_timeout=300)"),
}
NEAR_MISSES: dict[str, Case] = {
    # it tried again with fewer layers on the GPU
    "other-engine-no-room": printed(_ALLOCATION.format("out of memory"), _SERVES),
    "other-engine-no-cache": printed("llama_kv_cache_unified: size = 1024.00 MiB"),
    "other-engine-no-file": printed("gguf_init_from_file: invalid magic characters 'vers'"),
    "other-engine-unknown-model": printed(_LOADING.format("read error: Is a directory")),
    "other-engine-broken-file": printed(_LOADING.format("unable to allocate CUDA0 buffer")),
    "engine-of-another-version": printed("[TensorRT-LLM][INFO] Engine version 0.18.0 found in the config file"),
    "engine-for-another-gpu": printed("Error: Could not create backend"),
    "other-engine-processes": printed("[TensorRT-LLM][INFO] MPI size: 2, rank: 0"),
    "other-engine-slow": printed('level=INFO msg="waiting for llama runner to start responding"'),
    "other-engine-host-memory": printed('level=INFO msg="model requires more system memory (9 GiB) than is available"'),
    "other-engine-argument": printed("error: invalid argument count"),
    "other-engine-port": printed("main: couldn't bind HTTP server socket, hostname: 0.0.0.0, port: 8080", _SERVES),
    "other-engine-profile": printed("INFO ngc_injector.py:106] Valid profile: 8d38 (vllm-fp16-tp1) on GPUs [0]"),
    "other-engine-prefill": printed("INFO text_generation_launcher: Default `max_batch_prefill_tokens` to 4096"),
    "other-engine-transfer": printed("INFO disaggregation-bootstrap-port is 8998"),
    "other-engine-wedged": printed("server_args=ServerArgs(watchdog_timeout=300, device='cuda')"),
}
