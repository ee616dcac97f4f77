"""A server crash-loops although nothing in it fails: its liveness probe kills it while it still loads.

There is no startup probe, and the liveness probe gives up after less than half a minute, while the server needs more
than that to load its weights and compile, although the model is on the node's disk from an earlier deployment. The
previous log stops in the middle of loading, without an error; the exit code is 137. Give it a startup probe with room
for the whole start; leave the liveness probe as it is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vops.lab.documents import Document
from vops.lab.engine.gpus import L4
from vops.lab.engine.traffic import Traffic
from vops.lab.faults import with_impatient_liveness
from vops.lab.manifests import INFERENCE, vllm
from vops.lab.scenarios._cluster import base, create, delete, minutes

if TYPE_CHECKING:
    from vops.lab.world import World

PAST = timedelta(minutes=50)


def build(world: World) -> None:
    base(world, gpu_nodes={"gpu-l4-1": (L4, 4)})
    world.traffic.set(INFERENCE, "qwen3-4b", Traffic(1.6))
    world.traffic.set(INFERENCE, "llama3-8b", Traffic(1.0))
    create(world, vllm("qwen3-4b", "Qwen/Qwen3-4B", "--max-model-len", "16384"))
    create(world, _llama())
    impatient = _llama()
    impatient["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 5
    with_impatient_liveness(impatient, delay_s=10, period_s=5, failures=3)
    world.after(minutes(20), lambda: delete(world, "llama3-8b"))
    world.after(minutes(42.5), lambda: create(world, impatient))


def _llama() -> Document:
    return vllm("llama3-8b", "NousResearch/Meta-Llama-3-8B-Instruct", "--max-model-len", "8192")
