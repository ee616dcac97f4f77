"""The parameters of the library, computed from what is asked for and what the model weighs.

Formulas: a start is the bytes at 100 MB/s and 300 s for compilation and graphs, with 15 minutes at least; host memory
is the largest shard (10 GiB at most) and 8 GiB, 4 GiB for each further GPU, and /dev/shm; a volume holds the weights
and a quarter. A model of unknown weight is taken for 16 GB.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import msgspec

from vops.errors import UsageError
from vops.manifests.template import Value
from vops.manifests.versions import has_flag
from vops.model.dialects import version_of
from vops.model.quantities import quantity

DOWNLOAD_BYTES_PER_S = 100e6
FIXED_START_S = 300
LEAST_START_S = 900
UNKNOWN_WEIGHTS = 16_000_000_000
DEFAULT_IMAGE = "vllm/vllm-openai:v0.25.1"
DEFAULT_EXPORTER = "nvidia/dcgm-exporter:3.3.9-3.6.1-ubuntu22.04"
_GIB = 2**30
_AMOUNTS = frozenset({"cpu", "memory", "shm", "model_volume"})
_LONGEST_HPA_PERIOD_S = 1800
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_IMAGE = re.compile(r"[a-z0-9]([\w.:/-]*\w)?(@sha256:[0-9a-f]{64})?", re.ASCII)
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,51}[a-z0-9])?")


class Asked(msgspec.Struct, frozen=True):
    """What to render; empty and None leave the choice to vops. Card names are those of node labels, per platform."""

    model: str = "Qwen/Qwen3-8B"
    name: str = ""
    namespace: str = ""
    image: str = DEFAULT_IMAGE
    replicas: int = 1
    max_replicas: int = 4
    tensor_parallel_size: int = 1
    nodes: int = 2
    max_model_len: int | None = None
    max_num_seqs: int = 256
    gpu_memory_utilization: float = 0.9
    weights_bytes: int | None = None
    gpu_product: str = ""
    gke_accelerator: str = ""
    aws_gpu_name: str = ""
    claim: str = ""
    """The claim with the models; without, one of the workload's own name."""
    commit: str = ""
    """The commit of the model in that claim, where seed-model has put it there."""
    parameters: Mapping[str, str] = {}
    """Parameters of the library by name, instead of what is computed."""


def library_values(asked: Asked) -> dict[str, Value]:
    """Every parameter of the library. Raises UsageError for a name that Kubernetes refuses, or an unknown parameter."""
    name = asked.name or slug(asked.model)
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a workload", hint="lower-case letters, digits and dashes; --name")
    _refuse_unusable(asked)
    weights = asked.weights_bytes or UNKNOWN_WEIGHTS
    values = {
        **_serving(asked),
        **_placing(asked, name),
        **_scaling(asked, weights),
        **_memory(asked, weights),
        **_start(weights),
    }
    unknown = sorted(set(asked.parameters) - set(values))
    if unknown:
        raise UsageError(f"there is no parameter {unknown[0]!r}", hint=f"known are: {', '.join(sorted(values))}")
    return values | {key: _checked(key, text) for key, text in asked.parameters.items()}


def _refuse_unusable(asked: Asked) -> None:
    """Raises UsageError for what the API server or the kubelet would refuse."""
    if asked.namespace and not _LABEL.fullmatch(asked.namespace):
        raise UsageError(f"{asked.namespace!r} is no namespace", hint="lower-case letters, digits and dashes")
    if not _IMAGE.fullmatch(asked.image):
        raise UsageError(f"{asked.image!r} is no image", hint=f"such as {DEFAULT_IMAGE}; --image")
    if not asked.model or any(ord(char) < ord(" ") for char in asked.model):
        raise UsageError(f"{asked.model!r} is no model", hint="a Hub id such as Qwen/Qwen3-8B, or a path")


def slug(model: str) -> str:
    """A workload's name from a model's: `Qwen/Qwen3-8B` → `qwen3-8b`."""
    words = re.sub(r"[^a-z0-9]+", "-", model.rstrip("/").rpartition("/")[2].lower()).strip("-")[:40].strip("-")
    return words if words[:1].isalpha() else f"llm-{words}".rstrip("-")


def start_s(weights: int) -> int:
    """Seconds that a cold start is given."""
    return max(LEAST_START_S, FIXED_START_S + math.ceil(weights / DOWNLOAD_BYTES_PER_S))


def _serving(asked: Asked) -> dict[str, Value]:
    drains = has_flag("shutdown-timeout", version_of(asked.image))
    return {
        "image": asked.image,
        "model": asked.model,
        "served_name": asked.model,
        "model_folder": "/".join(filter(None, (asked.model.strip("/").replace("/", "--"), asked.commit))),
        "revision": "main",
        "max_model_len": asked.max_model_len,
        "max_num_seqs": asked.max_num_seqs,
        "gpu_memory_utilization": asked.gpu_memory_utilization,
        "shared_utilization": round(asked.gpu_memory_utilization / 2, 2),
        "tensor_parallel_size": asked.tensor_parallel_size,
        "nodes": asked.nodes,
        "gpus": asked.tensor_parallel_size,
        "shutdown_flag": "--shutdown-timeout=$(SHUTDOWN_TIMEOUT_S)" if drains else None,
        "shutdown_flag_plain": "--shutdown-timeout=60" if drains else None,
    }


def _placing(asked: Asked, name: str) -> dict[str, Value]:
    return {
        "name": name,
        "namespace": asked.namespace or "default",
        "monitoring_namespace": "monitoring",
        "token_secret": "hf-token",
        "claim": asked.claim or f"{name}-models",
        "seed_claim": f"{name}-models-seed",
        "storage_class": None,
        "gpu_product": asked.gpu_product or "NVIDIA-L4",
        "gke_accelerator": asked.gke_accelerator or "nvidia-l4",
        "aws_gpu_name": asked.aws_gpu_name or "l4",
        "node_class": "gpu",
        "gpu_limit": str(asked.max_replicas * asked.tensor_parallel_size),
        "dcgm_image": DEFAULT_EXPORTER,
        "prometheus_url": "http://prometheus-operated.monitoring.svc:9090",
        "gateway": "inference-gateway",
        "viewers": "vops-viewers",
        "operators": "vops-operators",
    }


def _scaling(asked: Asked, weights: int) -> dict[str, Value]:
    return {
        "replicas": asked.replicas,
        "min_replicas": asked.replicas,
        "max_replicas": max(asked.max_replicas, asked.replicas),
        "target_concurrency": str(max(1, asked.max_num_seqs // 2)),
        "cold_start_s": min(_LONGEST_HPA_PERIOD_S, FIXED_START_S + math.ceil(weights / DOWNLOAD_BYTES_PER_S)),
    }


def _memory(asked: Asked, weights: int) -> dict[str, Value]:
    gpus = asked.tensor_parallel_size
    shm = min(32, max(8, 4 * gpus))
    shard = min(10, math.ceil(weights / _GIB))
    total = shard + 8 + 4 * (gpus - 1) + (shm if gpus > 1 else 0)
    return {
        "cpu": str(max(4, 2 * gpus)),
        "memory": f"{total + total % 2}Gi",
        "shm": f"{shm}Gi",
        "model_volume": f"{max(20, math.ceil(weights * 1.25 / _GIB) + 5)}Gi",
    }


def _start(weights: int) -> dict[str, Value]:
    failures = math.ceil(start_s(weights) / 10)
    return {"startup_failures": failures, "progress_deadline_s": failures * 10 + 600}


def _checked(name: str, text: str) -> Value:
    """A parameter as given. Raises UsageError for an amount that Kubernetes does not read."""
    if name in _AMOUNTS:
        try:
            quantity(text)
        except ValueError:
            raise UsageError(f"{name}={text} is no amount", hint="such as 16Gi, 500m or 4") from None
    return _typed(text)


def _typed(text: str) -> Value:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else text
