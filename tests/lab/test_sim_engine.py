"""The vLLM model: command lines, memory, starts and their ends, against recorded starts of real servers."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from tests.lab.simulation import MIRROR, ask, container, create, llama, log, run, world_with
from vops.lab.engine.arguments import BadArguments, parse
from vops.lab.engine.catalogue import CATALOGUE
from vops.lab.engine.gpus import A100, H100, L4, GpuKind
from vops.lab.engine.hub import Hub
from vops.lab.engine.memory import plan_memory
from vops.lab.engine.startup import Conditions, Start, start
from vops.lab.engine.versions import version_of
from vops.lab.manifests import container_of

_V25 = version_of("vllm/vllm-openai:v0.25.1")
_GATED = "meta-llama/Meta-Llama-3-8B-Instruct"


@pytest.mark.parametrize(
    "command",
    [
        ["vllm", "serve", "org/model", "--port", "8001", "-tp", "2", "--max-model-len=8192"],
        ["python3", "-m", "vllm.entrypoints.openai.api_server", "--model", "org/model", "--port=8001",
         "--tensor-parallel-size", "2", "--max_model_len", "8K"],
        ["org/model", "--port", "8001", "--tensor-parallel-size=2", "--max-model-len", "8K"],
        ["/bin/sh", "-c", "ulimit -n 65535 && exec vllm serve org/model --port 8001 -tp 2 --max-model-len 8192"],
    ],
)  # fmt: skip
def test_every_way_to_start_vllm_is_read(command: list[str]) -> None:
    found = parse(command, _V25)
    assert (found.model, found.port, found.tensor_parallel, found.max_model_len) == ("org/model", 8001, 2, 8192)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--swap-space", "4"], "unrecognized arguments: --swap-space"),
        (["--max-model-len", "many"], "argument --max-model-len: invalid int value: 'many'"),
    ],
)
def test_bad_arguments_are_refused_in_the_words_of_argparse(arguments: list[str], complaint: str) -> None:
    with pytest.raises(BadArguments, match=complaint):
        parse(["vllm", "serve", "org/model", *arguments], _V25)


@pytest.mark.parametrize(
    ("model", "flags", "recorded_gib"),
    [
        (MIRROR, "--gpu-memory-utilization 0.45 --max-model-len 8192 --enforce-eager", 19.57),
        (MIRROR, "--gpu-memory-utilization 0.9 --max-model-len 8192 --enforce-eager", 55.2),
        (MIRROR, "--gpu-memory-utilization 0.45 --enforce-eager --max-num-batched-tokens 2048", 19.66),
        (MIRROR, "--gpu-memory-utilization 0.45 --enforce-eager --quantization fp8", 26.07),
        (MIRROR, "--gpu-memory-utilization 0.27 --max-num-seqs 256", 5.09),
        (MIRROR, "--gpu-memory-utilization 0.21 --enforce-eager", 0.57),
        ("Qwen/Qwen3-0.6B", "--gpu-memory-utilization 0.3 --enforce-eager", 21.49),
    ],
)
def test_the_kv_cache_is_as_large_as_recorded(model: str, flags: str, recorded_gib: float) -> None:
    arguments = parse(["vllm", "serve", model, *flags.split()], _V25)
    assert plan_memory(arguments, CATALOGUE[model], H100, _V25).kv_gib == pytest.approx(recorded_gib, abs=0.07)


def _start(*arguments: str, gpus: tuple[GpuKind, ...] = (L4,), **conditions: Any) -> Start:
    hub = Hub()
    hub.know("granted", _GATED)
    hub.know("known")
    found = Conditions(
        command=["vllm", "serve", *arguments],
        version=_V25,
        hub=hub,
        token="",
        gpus=gpus,
        host_limit_gib=64.0,
        on_disk=True,
        compiled=True,
        ip="10.0.0.1",
        begins=1_800_000_000.0,
        dice=random.Random(1),  # noqa: S311
    )
    return start(replace(found, **conditions))


def _text(found: Start) -> str:
    return "\n".join(text for _, text in found.lines)


@pytest.mark.parametrize(
    ("arguments", "conditions", "code", "text"),
    [
        (
            [_GATED],
            {"token": "known", "on_disk": 0},
            1,
            f"Access to model {_GATED} is restricted and you are not in the authorized",
        ),
        ([_GATED], {"on_disk": 0}, 1, "401 Client Error"),
        ([_GATED], {"token": "known", "on_disk": 0.5}, 1, "model-00003-of-00004.safetensors"),
        ([_GATED], {"on_disk": 0.5}, 1, "Loading model from scratch"),
        ([MIRROR], {"patience_s": 12.0}, 1, "Timed out waiting for engine core processes to start"),
        ([MIRROR], {"on_disk": 0, "in_memory": True, "host_limit_gib": 16.0}, 137, "Loading model from scratch"),
        ([MIRROR], {"in_memory": True, "host_limit_gib": 20.0}, 137, "Loading safetensors checkpoint shards:   0%"),
        (["nobody/nothing"], {}, 1, "nobody/nothing is not a local folder and is not a valid model identifier"),
        ([MIRROR, "--max-model-len", "16384"], {}, 1, "max_model_len (16384) is greater than the derived"),
        ([MIRROR, "-tp", "2"], {}, 1, "World size (2) is larger than the number of available GPUs (1)"),
        ([MIRROR, "--gpu-memory-utilization", "0.6"], {}, 1, "No available memory for the cache blocks"),
        (["Qwen/Qwen3-32B"], {}, 1, "torch.OutOfMemoryError: CUDA out of memory."),
        ([MIRROR, "--task", "generate"], {"version": version_of("vllm/vllm-openai:v0.33.0")}, 2, "unrecognized"),
        ([MIRROR], {"host_limit_gib": 6.0}, 137, "Loading safetensors checkpoint shards:   0% Completed"),
        ([MIRROR], {"gpus": ()}, 1, "EngineCore failed to start"),
    ],
)
def test_a_start_fails_as_recorded(arguments: list[str], conditions: dict[str, Any], code: int, text: str) -> None:
    found = _start(*arguments, **conditions)
    assert found.exit_code == code
    assert text in _text(found)
    assert "<<" not in _text(found)


def test_a_kv_cache_too_small_prints_the_longest_sequence_that_fits() -> None:
    arguments = ["Qwen/Qwen3-8B", "--max-model-len", "32768", "--gpu-memory-utilization", "0.90"]
    failed = _start(*arguments)
    assert failed.memory is not None
    estimate = failed.memory.kv_tokens
    assert (
        "ValueError: To serve at least one request with the model's max seq len (32768), (4.5 GiB KV cache is needed, "
        f"which is larger than the available KV cache memory ({round(failed.memory.kv_gib, 2)} GiB). Based on the "
        f"available memory, the estimated maximum model length is {estimate}."
    ) in _text(failed)
    arguments[2] = str(estimate)
    assert _start(*arguments).exit_code is None


def test_the_oldest_dialect_does_not_tell_the_estimate() -> None:
    oldest = version_of("vllm/vllm-openai:v0.8.5")
    failed = _start("Qwen/Qwen3-8B", "--max-model-len", "32768", version=oldest)
    assert "To serve at least one request" in _text(failed)
    assert "estimated maximum model length" not in _text(failed)


def test_a_gated_model_that_is_whole_in_the_cache_needs_no_token() -> None:
    """As huggingface_hub has it: where the hub refuses, the last file that was downloaded is taken."""
    assert _start(_GATED, on_disk=1.0).exit_code is None


@pytest.mark.parametrize("gpu", [L4, A100, H100])
@pytest.mark.parametrize(("on_disk", "compiled"), [(False, False), (True, True)])
def test_a_start_takes_between_twenty_and_ninety_seconds(gpu: GpuKind, on_disk: bool, compiled: bool) -> None:
    found = _start(MIRROR, gpus=(gpu,), on_disk=on_disk, compiled=compiled)
    assert found.exit_code is None
    assert 20 < found.seconds < 90
    assert [at for at, _ in found.lines] == sorted(at for at, _ in found.lines)


@pytest.mark.parametrize("tag", ["v0.8.5", "v0.12.0", "v0.25.1", "v0.32.0"])
def test_every_dialect_tells_of_weights_and_kv_cache_and_serving(tag: str) -> None:
    text = _text(_start(MIRROR, version=version_of(f"vllm/vllm-openai:{tag}"), compiled=False))
    for phase in ("Initializing a V1 LLM engine", "Model loading took", "GPU KV cache size: ", "startup complete."):
        assert phase in text
    assert "<<" not in text


def test_a_restarted_container_finds_the_model_that_it_downloaded() -> None:
    world = world_with()
    create(world, llama())
    run(world, 100)
    assert "Time spent downloading weights" in log(world)
    unit = world.kubelet.workers[0].units[0]
    assert unit.process is not None
    unit.process.kill()
    run(world, 60)
    assert container(world)["restartCount"] == 1
    assert "Time spent downloading weights" not in log(world)
    assert "Directly load the compiled graph" in log(world)


def test_nothing_listens_until_the_server_serves() -> None:
    world = world_with()
    create(world, llama())
    run(world, 30)
    assert ask(world, "/health") is None
    run(world, 70)
    assert ask(world, "/health", port=8001) is None
    answer = ask(world, "/health")
    assert answer is not None
    assert answer.status == 200


def test_a_server_that_listens_on_loopback_only_cannot_be_reached() -> None:
    world = world_with()
    create(world, llama("--host", "127.0.0.1"))
    run(world, 100)
    assert ask(world, "/health") is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("GET", "/version", {}, 200, '{"version":"0.25.1"}'),
        ("GET", "/v1/models", {}, 200, '"max_model_len":8192'),
        ("GET", "/load", {}, 200, '{"server_load":0}'),
        ("POST", "/v1/completions", {"model": "llama", "prompt": "hi", "max_tokens": 3}, 200, '"completion_tokens":3'),
        ("POST", "/v1/chat/completions", {"model": "llama", "messages": []}, 200, '"role":"assistant"'),
        ("POST", "/v1/completions", {"model": "nope"}, 404, "The model `nope` does not exist."),
        ("POST", "/v1/completions", {"prompt": "word " * 9000}, 400, "maximum context length is 8192 tokens"),
        ("GET", "/v1/completions", {}, 405, "Method Not Allowed"),
        ("GET", "/nothing", {}, 404, "Not Found"),
    ],
)
def test_the_endpoints_answer_as_vllm_does(
    method: str, path: str, body: dict[str, Any], status: int, text: str
) -> None:
    world = world_with()
    create(world, llama())
    run(world, 100)
    answer = ask(world, path, method=method, body=json.dumps(body).encode())
    assert answer is not None
    assert answer.status == status
    assert text in answer.body.decode()


def test_a_server_that_is_told_to_stop_says_good_bye() -> None:
    world = world_with()
    create(world, llama())
    run(world, 100)
    unit = world.kubelet.workers[0].units[0]
    world.store.delete("v1", "Pod", *world.kubelet.workers[0].key)
    run(world, 2)
    assert unit.output is not None
    assert unit.output.until(world.now)[-1].text.endswith("Application shutdown complete.")


def test_an_unknown_argument_ends_the_container_with_two() -> None:
    world = world_with()
    deployment = llama()
    container_of(deployment)["args"] += ["--swap-space", "4"]
    create(world, deployment)
    run(world, 23)
    assert container(world)["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert container(world)["lastState"]["terminated"]["exitCode"] == 2
    assert "error: unrecognized arguments: --swap-space" in log(world, previous=True)
