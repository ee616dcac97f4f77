"""Fixes of failures in logs: the value that follows from what the failure says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cases_logs import FULL, NCCL, raised
from tests.unit.diagnosis.cluster_parts import crashed, first_finding, first_fix, node, pod, world
from vops.diagnosis.findings import Fix

OOM = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."


def words(fix: Fix) -> str:
    return " ".join((fix.title, *fix.steps, *(f"{name}={value}" for name, value in fix.params.items())))


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        ("ValueError: LoRA rank 40 is greater than max_lora_rank 16.", "--max-lora-rank from 16 to 64"),
        ("ValueError: max_num_batched_tokens (512) is smaller than max_model_len (8192).", "from 512 to 8192"),
        ("ValueError: max_num_seqs (1024) exceeds available Mamba cache blocks (310).", "--max-num-seqs 310"),
        ("ValueError: Free memory on device (10.0/20.0 GiB) on startup is less than desired", "0.48"),
        ("ValueError: Free memory on device (19.8/20.0 GiB) on startup is less than desired", "to 0.97"),
        ("AssertionError: 151936 is not divisible by 3", "--tensor-parallel-size to 2"),
        ("ValueError: Total number of attention heads (12) must be divisible by tensor parallel size (8).", "size 1 "),
        (
            "ValueError: Model architecture X was supported in vLLM until v0.9.2, and is not supported anymore.",
            "v0.9.2",
        ),
        (
            "ValueError: The quantization method fp8 is not supported for the current GPU. Minimum capability: 89.",
            "8.9",
        ),
        ("ValueError: The model type gemma2 does not support float16. Reason: x", "--dtype bfloat16"),
        ("ValueError: type fp8e4nv not supported in this architecture", "--kv-cache-dtype"),
        ("ValueError: invalid literal for int() with base 10: 'tcp://10.96.0.7:8000'", "enableServiceLinks: false"),
        ("KeyError: 'layers.0.mlp.down_proj.weight.absmax'", "--quantization bitsandbytes"),
        ("RuntimeError: Remote NIXL agent engine ID mismatch. Expected a,received b.", "fieldRef status.podIP"),
        ("ModuleNotFoundError: No module named 'flash_attn'", "flash_attn is missing"),
        ("TimeoutError: Timed out waiting for engine core processes to start.", "Allow the engine 900 s"),
        ("ValueError: Current node has no GPU available. current_node_resource={'CPU': 8.0}.", "num_gpus: 1"),
        ("requests.exceptions.SSLError: huggingface.co: certificate verify failed", "REQUESTS_CA_BUNDLE"),
    ],
)
def test_the_fix_says_the_value(error: str, wanted: str) -> None:
    assert wanted in words(first_fix(raised(error)()))


@pytest.mark.parametrize(
    ("stage", "wanted"),
    [
        ("Starting to load model llama...", "--tensor-parallel-size 2"),
        ("Capturing CUDA graphs (FULL):  10%|#  | 1/10", "--gpu-memory-utilization from 0.9 to 0.85"),
        ("Model loading took 14.9 GiB and 3.1 seconds", "--max-num-seqs"),
    ],
)
def test_the_stage_decides_how_memory_is_saved(stage: str, wanted: str) -> None:
    assert wanted in words(first_fix(raised(OOM, f"INFO 11-24 02:00:00 [a.py:1] {stage}")()))


def test_flags_of_the_pod_are_halved() -> None:
    container = {"command": ["vllm", "serve", "m", "--max-num-seqs", "256"]}
    text = "INFO 11-24 02:00:00 [a.py:1] Model loading took 14.9 GiB and 3 seconds\n" + OOM + "\n"
    facts = world(pod(status=crashed(), container=container), node(), log=text)
    assert "--max-num-seqs from 256 to 128" in words(first_fix(facts))


def test_shared_memory_grows_with_the_gpus_and_the_limit_with_it() -> None:
    def died(**more: Any) -> str:
        text = f"{FULL}\nTraceback (most recent call last):\n{NCCL}\n"
        return words(first_fix(world(pod(status=crashed(), **more), node(gpus=4), log=text)))

    assert "sizeLimit: 8Gi" in died(gpus=4)
    assert "sizeLimit: 2Gi" in died(gpus=1)
    assert "limits.memory by 8Gi" in died(gpus=4)


@pytest.mark.parametrize(
    ("last", "wanted"),
    [
        ("Cuda failure 217 'peer access is not supported between these two devices'", "NCCL_P2P_DISABLE=1"),
        ("NET/IB : Got completion from peer 10.0.0.3 with status=12", "NCCL_IB_HCA"),
    ],
)
def test_the_last_error_of_a_group_is_what_is_said_and_advised(last: str, wanted: str) -> None:
    group = "torch.distributed.DistBackendError: NCCL error in: /c10d/ProcessGroupNCCL.cpp:3699, unhandled cuda error\n"
    facts = raised(f"{group}ncclUnhandledCudaError: Call to CUDA function failed.\nLast error:\n{last}")()
    assert last in first_finding(facts).summary
    assert wanted in words(first_fix(facts))


def test_the_rank_that_failed_first_is_said() -> None:
    def worker(rank: int, error: str) -> str:
        head = f"(Worker_TP{rank} pid={rank}) ERROR 11-24 02:00:0{rank} [m.py:1] "
        return f"{head}Traceback (most recent call last):\n{head}{error}\n"

    text = worker(1, "RuntimeError: Connection closed by peer") + worker(3, OOM) + worker(2, OOM)
    finding = first_finding(world(pod(status=crashed()), node(), log=text))
    assert "failed first: Worker_TP3" in [item.observed for item in finding.evidence]
