"""What the libraries under vLLM say when they fail, a source of messages after the other, each with the cause it shows.

The texts of tests/data/errors are what the sources of a library raise and print; a line `=== CAUSE CALLS` stands before
each. They are read as somebody quotes them, alone, and at the end of a log of vLLM, below the calls that led to them.
A cause `none` is of what a server prints that goes on to serve.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.blocks import blocks
from tests.unit.diagnosis.cluster_parts import DATA
from tests.unit.diagnosis.test_error_catalogue import WRAPPER
from vops.operations.intake.bundle import diagnose_bundle

CALLS = {
    "hub": (
        "vllm/transformers_utils/config.py:get_config",
        "transformers/models/auto/configuration_auto.py:from_pretrained",
        "transformers/utils/hub.py:cached_files",
        "huggingface_hub/file_download.py:hf_hub_download",
        "huggingface_hub/utils/_http.py:hf_raise_for_status",
    ),
    "snap": (
        "vllm/model_executor/model_loader/weight_utils.py:download_weights_from_hf",
        "huggingface_hub/_snapshot_download.py:snapshot_download",
        "huggingface_hub/file_download.py:http_get",
    ),
    "xet": (
        "vllm/model_executor/model_loader/weight_utils.py:download_weights_from_hf",
        "huggingface_hub/_snapshot_download.py:snapshot_download",
        "huggingface_hub/file_download.py:xet_get",
    ),
    "cfg": (
        "vllm/engine/arg_utils.py:create_model_config",
        "vllm/transformers_utils/config.py:get_config",
        "transformers/models/auto/configuration_auto.py:from_pretrained",
        "transformers/configuration_utils.py:_get_config_dict",
    ),
    "tok": (
        "vllm/v1/engine/async_llm.py:__init__",
        "vllm/tokenizers/hf.py:from_pretrained",
        "transformers/models/auto/tokenization_auto.py:from_pretrained",
        "transformers/tokenization_utils_base.py:_from_pretrained",
    ),
    "proc": (
        "vllm/multimodal/processing.py:get_hf_processor",
        "vllm/transformers_utils/processor.py:get_processor",
        "transformers/models/auto/processing_auto.py:from_pretrained",
    ),
    "model": (
        "vllm/v1/worker/gpu_model_runner.py:load_model",
        "vllm/model_executor/model_loader/base_loader.py:load_model",
        "vllm/model_executor/models/transformers.py:__init__",
        "transformers/models/auto/auto_factory.py:from_config",
    ),
    "weights": (
        "vllm/v1/worker/gpu_worker.py:load_model",
        "vllm/model_executor/model_loader/default_loader.py:load_weights",
        "vllm/model_executor/model_loader/weight_utils.py:safetensors_weights_iterator",
    ),
    "profile": (
        "vllm/v1/engine/core.py:_initialize_kv_caches",
        "vllm/v1/worker/gpu_worker.py:determine_available_memory",
        "vllm/v1/worker/gpu_model_runner.py:_dummy_run",
        "vllm/model_executor/models/llama.py:forward",
    ),
    "group": (
        "vllm/v1/worker/gpu_worker.py:init_device",
        "vllm/v1/worker/gpu_worker.py:init_worker_distributed_environment",
        "vllm/distributed/parallel_state.py:init_distributed_environment",
        "torch/distributed/distributed_c10d.py:init_process_group",
    ),
    "device": (
        "vllm/v1/worker/gpu_worker.py:init_device",
        "torch/cuda/__init__.py:set_device",
    ),
    "import": (
        "vllm/entrypoints/cli/main.py:main",
        "vllm/platforms/cuda.py:<module>",
    ),
    "api": (
        "vllm/entrypoints/openai/api_server.py:run_server",
        "vllm/entrypoints/openai/api_server.py:setup_server",
    ),
    "ray": (
        "vllm/v1/executor/ray_executor.py:_init_executor",
        "vllm/v1/executor/ray_utils.py:initialize_ray_cluster",
        "ray/_private/worker.py:init",
    ),
    "compile": (
        "vllm/v1/worker/gpu_model_runner.py:_dummy_run",
        "torch/_dynamo/eval_frame.py:compile_wrapper",
        "torch/_inductor/codecache.py:load",
    ),
    "mp": (
        "vllm/v1/executor/multiproc_executor.py:_init_executor",
        "vllm/v1/executor/multiproc_executor.py:make_worker_process",
        "multiprocessing/popen_spawn_posix.py:_launch",
        "multiprocessing/reduction.py:dump",
    ),
    "kv": (
        "vllm/v1/worker/gpu_worker.py:initialize_from_config",
        "vllm/distributed/kv_transfer/kv_transfer_state.py:ensure_kv_transfer_initialized",
    ),
}
BY_THE_API = ("hub", "cfg", "tok", "import", "api")
SOURCES = ("hub", "transformers", "torch", "groups", "kernels", "ray", "clouds", "python")
NOT_A_FAULT = ("none", "loading", "healthy")
START = """\
INFO 11-27 10:00:00 [api_server.py:1839] vLLM API server version 0.11.0
INFO 11-27 10:00:01 [utils.py:233] non-default args: {'model': 'acme/model-7b'}
"""
ENGINE = (
    "(EngineCore_DP0 pid=77) INFO 11-27 10:00:09 [core.py:77] Initializing a V1 LLM engine (v0.11.0) with config: "
    "model='acme/model-7b'\n"
)
PACKAGES = "/usr/local/lib/python3.12/dist-packages"


def catalogue(name: str) -> list[tuple[str, str, str]]:
    """The causes that are right, the kind of calls and the text of each entry."""
    entries = blocks(DATA / "errors" / f"{name}.txt")
    return [(*head.split(), text) for head, text in entries]  # type: ignore[misc]  # two words by the files' format


ALL = [entry for name in SOURCES for entry in catalogue(name)]
FAULTS = [entry for entry in ALL if entry[0] != "none"]
HEALTHY = [text for causes, _, text in ALL if causes == "none"]
RAISED = [entry for entry in FAULTS if entry[1] in CALLS]


def found(text: str) -> list[str]:
    reports, _ = diagnose_bundle([], text.encode())
    return [finding.cause for report in reports for finding in report.findings if finding.cause not in NOT_A_FAULT]


def in_a_log(text: str, calls: str) -> str:
    """The text where vLLM's log has it: below its calls, in the process that made them, with that one's wrapper."""
    by_the_api = calls in BY_THE_API
    told = ["Traceback (most recent call last):"]
    for path, function in (call.split(":") for call in CALLS[calls]):
        told += [f'  File "{PACKAGES}/{path}", line 10, in {function}', "    value = call()"]
    process = "(APIServer pid=1) " if by_the_api else "(EngineCore_DP0 pid=77) ERROR 11-27 10:00:20 [core.py:708] "
    lines = "".join(f"{process}{line}\n" for line in (*told, *text.splitlines()))
    return START + lines if by_the_api else START + ENGINE + lines + WRAPPER


def others(causes: str, entries: list[tuple[str, str, str]], pasted: Callable[[str, str], str]) -> dict[str, str]:
    """What comes first instead, by what is pasted of the entries for which these causes are right."""
    texts = [pasted(text, calls) for truth, calls, text in entries if truth == causes]
    first = {text: next(iter(found(text)), "") for text in texts}
    return {text: cause for text, cause in first.items() if cause not in causes.split("|")}


@pytest.mark.parametrize("causes", sorted({causes for causes, _, _ in FAULTS}))
def test_a_message_alone_shows_its_cause(causes: str) -> None:
    assert others(causes, FAULTS, lambda text, _: text) == {}


@pytest.mark.parametrize("causes", sorted({causes for causes, _, _ in RAISED}))
def test_a_message_below_its_calls_shows_its_cause(causes: str) -> None:
    assert others(causes, RAISED, in_a_log) == {}


@pytest.mark.parametrize("text", HEALTHY)
def test_what_a_serving_process_prints_is_no_fault(text: str) -> None:
    assert found(text) == []
    assert found(START + text + "INFO:     Application startup complete.\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "requests.exceptions.ConnectionError: HTTPConnectionPool(host='localhost', port=8000): Max retries exceeded",
        "httpx.ConnectError: could not connect to http://10.2.3.4:8000",
        "RuntimeError: can't start new thread",
        "OSError: [Errno 24] Too many open files",
    ],
)
def test_what_the_hub_or_a_library_has_no_part_in_is_not_laid_at_its_door(text: str) -> None:
    by_rules = {"hub-unreachable", "nccl-failure", "broken-install", "bad-argument"}
    reports, _ = diagnose_bundle([], (text + "\n").encode())
    told = {item.cause for report in reports for item in report.findings if not item.guessed}
    assert not told & by_rules
