"""Whose memory it was when CUDA had none left."""

from __future__ import annotations

import pytest

from tests.unit.diagnosis.cluster_parts import crashed, deployment, first_fix, node, pod, replicaset, world
from vops.diagnosis.findings import Applicability
from vops.diagnosis.memory.cuda_memory import device_memory

HEAD = "CUDA out of memory. GPU 0 has a total capacity of 22.00 GiB of which 400.00 MiB is free. "
PYTORCH = (
    "Of the allocated memory {} GiB is allocated by PyTorch, and 100.00 MiB is reserved by PyTorch but unallocated."
)


@pytest.mark.parametrize(
    ("rest", "others"),
    [
        ("this process has 21.50 GiB memory in use.", False),
        ("this process has 12.00 GiB memory in use.", True),
        (
            "Process 77 has 9.00 GiB memory in use. this process has 12.00 GiB memory in use.",
            True,
        ),
        # in a container the only process that is named is the one that speaks
        ("Process 4242 has 21.58 GiB memory in use. " + PYTORCH.format("21.00"), False),
        (
            "Process 4242 has 9.00 GiB memory in use. Process 77 has 12.00 GiB memory in use. "
            + PYTORCH.format("8.50"),
            True,
        ),
        ("Process 4242 has 21.58 GiB memory in use.", False),
        ("", False),
    ],
)
def test_what_others_hold_is_told_from_what_is_ones_own(rest: str, others: bool) -> None:
    memory = device_memory(HEAD + rest)
    assert memory is not None
    assert memory.taken_by_others is others


def test_a_message_without_numbers_tells_nothing() -> None:
    assert device_memory("CUDA out of memory.") is None


LOADING = """\
INFO 06-10 09:20:41 [gpu_model_runner.py:1531] Starting to load model meta-llama/Llama-3.3-70B-Instruct...
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB. GPU 0 has a total capacity of 79.20 GiB of \
which 307.12 MiB is free.
"""


def test_weights_are_spread_over_as_many_gpus_as_hold_them_where_no_node_was_seen() -> None:
    served = pod(owner="llama", status=crashed(), container={"command": ["vllm", "serve", "meta-llama/Llama-3.3-70B"]})
    fix = first_fix(world(served, deployment(), replicaset(), log=LOADING))
    assert (fix.runbook, fix.params["tp"], fix.params["gpus"]) == ("fix-cuda-oom", 4, 4)


def test_weights_are_not_spread_over_gpus_that_no_node_has() -> None:
    served = pod(owner="llama", status=crashed(), container={"command": ["vllm", "serve", "meta-llama/Llama-3.3-70B"]})
    fix = first_fix(world(served, node(), deployment(), replicaset(), log=LOADING))
    assert fix.applicability is Applicability.MANUAL
