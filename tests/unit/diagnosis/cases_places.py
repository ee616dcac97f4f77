"""Cases of the rules that judge an unknown exception of a start by the code that raised it, and of what Ray and older
engines say without one."""

from __future__ import annotations

from tests.unit.diagnosis.cases_logs import SERVED, STARTING, Case, alone, printed, serves
from tests.unit.diagnosis.cluster_parts import node, pod, running, world

_TRACE = """\
(EngineCore_DP0 pid=9) ERROR 11-24 02:00:40 [core.py:700] Traceback (most recent call last):
(EngineCore_DP0 pid=9) ERROR 11-24 02:00:40 [core.py:700]   File "/usr/lib/python3.12/site-packages/{}", line 8, in {}
(EngineCore_DP0 pid=9) ERROR 11-24 02:00:40 [core.py:700] {}
"""
NODE_DEAD = (
    "(raylet) The node with node id: 0f21 and address: 10.0.0.51 has been marked dead because the detector has missed "
    "too many heartbeats from it."
)
TIMED_OUT = "ERROR 10-30 11:47:47 async_llm_engine.py:656] Engine iteration timed out. This should never happen!"


def failed_at(path: str, function: str, error: str, before: str = STARTING) -> Case:
    """A start that ended with an exception raised there."""
    return printed(before + _TRACE.format(path, function, error))


def overdue(log: str) -> Case:
    """A server that should be up since hours."""
    return lambda: world(pod(status=running(20_000, ready=False)), node(), log=log)


STATS = (
    "(APIServer pid=1) INFO 11-24 02:10:00 [loggers.py:259] Engine 000: Avg prompt throughput: 0.0 tokens/s, Avg "
    "generation throughput: 0.0 tokens/s, Running: {} reqs, Waiting: 0 reqs, GPU KV cache usage: 9.0%\n"
)
WAITING = (
    "(EngineCore_DP1 pid=9) INFO 11-24 02:1{}:00 [a.py:1] No available shared memory broadcast block found in 60 s"
)
WAITED = "".join(WAITING.format(minute) + "econds.\n" for minute in range(3))
DEAF = "(EngineCore_DP0 pid=967) Exception in thread Thread-1 ({}):\n(EngineCore_DP0 pid=967) AssertionError: x\n"
JOINING = "INFO 08-31 09:50:46 [pynccl.py:63] vLLM is using nccl==2.20.5\n"
AWAITED = "DEBUG 05-05 13:36:46 [core_client.py:425] Waiting for 1 core engine proc(s) to start: {0}\n"
FETCHED = """\
INFO:root:Initializing, args: src_uri [s3://m/export] dest_path[ [/mnt/models]
Traceback (most recent call last):
  File "{}", line 105, in _create_client
    if hostname[-1] == '.':
IndexError: string index out of range
"""
LAYERS = "vllm/model_executor/layers"
FIRES: dict[str, Case] = {
    "quantization-code-failed": failed_at(
        f"{LAYERS}/x.py", "load_weights", "KeyError: 'layers.0.mlp.experts.w13_bias'"
    ),
    "storage-initializer-failed": printed(FETCHED.format("/kfserving/kfserving/storage.py")),
    "adapter-refused": printed(STARTING + "ValueError: The LoRA of text has a scaling that nobody knows.\n"),
    "import-failed": failed_at("transformers/integrations/hub_kernels.py", "<module>", "ValueError: a revision is due"),
    "model-code-failed": failed_at("vllm/model_executor/models/olmo.py", "__init__", "AssertionError: odd layer count"),
    "compiler-failed": failed_at("triton/compiler/code_generator.py", "visit", "CompilationError: at 7:11: y = x"),
    "settings-refused": failed_at("vllm/v1/attention/backends/a.py", "build", "ValueError: head size 80 of no backend"),
    "group-failed": failed_at("torch/distributed/distributed_c10d.py", "_new_group", "RuntimeError: rank 3 of 2"),
    "hub-client-failed": failed_at("huggingface_hub/file_download.py", "xet_get", "RuntimeError: stream ended"),
    "weights-reader-failed": failed_at("safetensors/torch.py", "load_file", "OverflowError: int too big"),
    "cut-in-a-trial-run": failed_at("vllm/v1/worker/gpu_model_runner.py", "profile_run", "    x = self._dummy_run("),
    "cache-server-unreachable": failed_at("lmcache/connector.py", "f", "ConnectionRefusedError: [Errno 111] refused"),
    "transfer-failed": failed_at("vllm/distributed/kv_transfer/kv_connector/v1/p2p/a.py", "f", "OSError: later"),
    "engine-ended-early": printed(
        STARTING + "CRITICAL 04-08 04:00:01 [core_client.py:361] Got fatal signal from worker processes, shutting down."
    ),
    "built-for-another-cpu": printed("INFO 11-24 02:00:00 [a.py:1] hello", exit_code=132),
    "nccl-said-to-hang": alone("vLLM hangs here, for hours:\n" + JOINING),
    "nccl-hangs": overdue(STARTING + JOINING),
    "engine-awaited-in-vain": alone("It is stuck here forever:\n" + AWAITED),
    "ray-node-lost": printed(NODE_DEAD),
    "engine-step-timed-out": printed(TIMED_OUT),
    "engine-deaf": printed(SERVED + DEAF.format("process_input_sockets")),
    "engine-wedged-by-log": serves(SERVED + STATS.format(8) + WAITED),
}
NEAR_MISSES: dict[str, Case] = {
    # a tensor that quantization has nothing to do with
    "quantization-code-failed": failed_at(f"{LAYERS}/x.py", "load_weights", "KeyError: 'lm_head.weight'"),
    # a program of the user's own, of which the initializer knows nothing
    "storage-initializer-failed": printed(FETCHED.format("/app/client.py")),
    # a rank that the rule about adapters knows
    "adapter-refused": printed("ValueError: LoRA rank 64 is greater than max_lora_rank 16."),
    # the body of the program that vLLM is started by
    "import-failed": failed_at("vllm/entrypoints/openai/api_server.py", "<module>", "RuntimeError: something"),
    # what failed while it served says nothing of the model
    "model-code-failed": failed_at("vllm/model_executor/models/olmo.py", "forward", "AssertionError: x", SERVED),
    # the rule about that cause knows these words
    "compiler-failed": failed_at("triton/runtime/build.py", "_build", "RuntimeError: Failed to find C compiler."),
    # an accident of code that runs is no refusal
    "settings-refused": failed_at("vllm/v1/worker/gpu_worker.py", "load_model", "RuntimeError: something"),
    "group-failed": failed_at("torch/distributed/distributed_c10d.py", "f", "DistStoreError: Timed out after 601 s"),
    "hub-client-failed": failed_at("huggingface_hub/utils/_http.py", "f", "GatedRepoError: 403 Client Error."),
    "weights-reader-failed": failed_at(
        "safetensors/torch.py", "f", "FileNotFoundError: No such file: '/m/config.json'"
    ),
    "cut-in-a-trial-run": failed_at("vllm/v1/worker/gpu_model_runner.py", "execute_model", "    x = self.model("),
    "cache-server-unreachable": failed_at("lmcache/connector.py", "f", "ValueError: unsupported url"),
    "transfer-failed": failed_at("vllm/distributed/kv_transfer/kv_connector/factory.py", "f", "OSError: later"),
    "engine-ended-early": printed(STARTING),
    "built-for-another-cpu": printed("INFO 11-24 02:00:00 [a.py:1] hello", exit_code=139),
    # a start that goes on, and one of which nobody says that it does not
    "nccl-said-to-hang": alone("vLLM hung here until I set NCCL_P2P_DISABLE:\n" + JOINING + SERVED),
    "nccl-hangs": overdue(STARTING + JOINING + STARTING),
    "engine-awaited-in-vain": alone(AWAITED),
    "ray-node-lost": printed("(raylet) The node with node id: 0f21 and address: 10.0.0.51 has joined the cluster."),
    # an idle one waits for work
    # a thread that nobody waits for
    "engine-deaf": printed(SERVED + DEAF.format("_report_usage_worker")),
    "engine-wedged-by-log": serves(SERVED + STATS.format(0) + WAITED),
    "engine-step-timed-out": printed("ERROR 10-30 11:47:47 async_llm_engine.py:56] Engine background task failed"),
}
