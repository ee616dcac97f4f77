"""Stands in for parts of vops.model until they land."""

from __future__ import annotations

import msgspec

from vops.model.resources import Container, Pod


class EngineArgs(msgspec.Struct, frozen=True):
    model: str = ""
    served_model_name: str = ""
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    port: int = 8000

    @classmethod
    def of(cls, container: Container) -> EngineArgs:
        return cls()


def vllm_container(pod: Pod) -> Container | None:
    return next((item for item in pod.spec.containers if "vllm" in item.image), None)
