"""Somebody tells in prose of a server that does not start or dies, and nothing that a program said is at hand.

What it finds
    A paragraph of a post that has all the signs of one cause: what does not go together, and what came of it.

Why it matters
    Who sums a failure up in a sentence has mostly read the log, and leaves it out.

Evidence
    The paragraph. It is never more than a suspicion.

Fix
    By hand, after a look at the log.
"""

from __future__ import annotations

from functools import partial

from vops.diagnosis.guesses.told import told

_told = partial(told, doc=__doc__ or "", order=93)

RULES = (
    _told(
        "vllm-port-collision",
        "Keep the Service's variables out of the pod",
        "Set enableServiceLinks: false in the pod's spec, or call the Service other than vllm.",
    ),
    _told(
        "port-in-use",
        "Give each server a port of its own",
        "Set another --port (and the probes and the Service's targetPort with it), or do without hostNetwork.",
    ),
    _told(
        "tp-mismatch",
        "Let tensor parallelism, GPUs and heads go together",
        "Ask for as many GPUs (nvidia.com/gpu) as --tensor-parallel-size times --pipeline-parallel-size; the number of "
        "attention heads must be divisible by the former.",
    ),
    _told(
        "cuda-oom-weights",
        "Let the weights fit",
        "Split them over more GPUs (--tensor-parallel-size), use larger ones, or a model that is quantized or smaller.",
    ),
    _told(
        "no-cuda-visible",
        "Let the container see a GPU",
        "Set resources.limits nvidia.com/gpu: 1, and runtimeClassName: nvidia where that is not the default "
        "runtime; see "
        "nvidia-smi in the container.",
    ),
    _told(
        "cuda-driver-mismatch",
        "Let driver and CUDA go together",
        "See the driver: nvidia-smi on the node; upgrade it, or use an image with a CUDA that it supports.",
    ),
    _told(
        "gated-model",
        "Get access to the model",
        "Accept its terms on huggingface.co with the account whose token is used, and wait for the approval.",
    ),
    _told(
        "hub-rate-limit",
        "Ask the hub less often, and with a token",
        "Set HF_TOKEN from a Secret, and let replicas share a cache: a claim that is seeded once (HF_HOME on it).",
    ),
    _told(
        "corrupted-download",
        "Load the files again",
        "Remove the model from the cache (HF_HOME) or the volume, see that it has room, and download it again.",
    ),
    _told(
        "quantization-mismatch",
        "Let the flag go with the checkpoint",
        "Leave --quantization out: vLLM reads it from the model's quantization_config; or serve a checkpoint of "
        "that kind.",
    ),
    _told(
        "unsupported-architecture",
        "Use a version that knows the model",
        "Set a newer image (vllm/vllm-openai), whose list of supported models has the architecture.",
    ),
    _told(
        "ray-unreachable",
        "Let the workers reach the head",
        "See that the head runs and its Service leads to port 6379, that names resolve, and that no NetworkPolicy is "
        "between them.",
    ),
    _told(
        "nccl-failure",
        "Let the GPUs reach each other",
        "Start with NCCL_DEBUG=INFO; set NCCL_SOCKET_IFNAME to the interface between the nodes, NCCL_IB_DISABLE=1 "
        "without "
        "InfiniBand, and 2 GiB of /dev/shm for each GPU.",
    ),
    _told(
        "engine-dead",
        "Find what ended the engine",
        "Look above the first EngineDeadError in its log: the engine's own traceback comes before it; then upgrade, or "
        "leave out what is new or rare.",
    ),
    _told(
        "bad-argument",
        "Correct the command line",
        "See what this version knows: vllm serve --help=all; correct or remove the flag, or lower the value.",
    ),
)
