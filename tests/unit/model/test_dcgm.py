"""GPUs are joined to pods whether or not labels were honoured, and stay unattributed where nobody can tell."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vops.model.dcgm import dcgm_port, gpu_samples, parse_gpus
from vops.model.exposition import Series
from vops.model.objects import Meta
from vops.model.pods import Container, ContainerPort, Pod, PodSpec

AT = datetime(2026, 11, 24, tzinfo=UTC)
GPU = 'gpu="0",UUID="GPU-1",device="nvidia0",modelName="NVIDIA L4",Hostname="node-a",DCGM_FI_DRIVER_VERSION="550"'
HELD = GPU + ',container="vllm",namespace="serving",pod="llama-0"'
PAGE = f"""# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{{{HELD}}} 87
DCGM_FI_DEV_FB_USED{{{HELD}}} 20000
DCGM_FI_DEV_FB_FREE{{{HELD}}} 2500
DCGM_FI_DEV_FB_RESERVED{{{HELD}}} 534
DCGM_FI_DEV_POWER_USAGE{{{HELD}}} 68.5
DCGM_FI_DEV_GPU_TEMP{{{HELD}}} 71
DCGM_FI_DEV_XID_ERRORS{{{HELD}}} 0
"""


def test_a_gpu_is_joined_to_the_pod_that_holds_it() -> None:
    (gpu,) = parse_gpus(PAGE.encode(), AT)
    assert (gpu.node, gpu.uuid, gpu.index, gpu.model) == ("node-a", "GPU-1", "0", "NVIDIA L4")
    assert (gpu.namespace, gpu.pod, gpu.container) == ("serving", "llama-0", "vllm")
    assert (gpu.utilisation, gpu.memory_used_mib, gpu.memory_total_mib) == (0.87, 20000, 23034)
    assert (gpu.power_w, gpu.temperature_c, gpu.xid) == (68.5, 71, 0)


@pytest.mark.parametrize("labels", [GPU, GPU + ',container="",namespace="",pod=""'])
def test_a_time_sliced_gpu_belongs_to_no_pod(labels: str) -> None:
    (gpu,) = parse_gpus(f"DCGM_FI_DEV_GPU_UTIL{{{labels}}} 50\n".encode(), AT)
    assert (gpu.pod, gpu.namespace, gpu.utilisation, gpu.memory_used_mib) == ("", "", 0.5, None)


def test_mig_instances_are_gpus_of_their_own_with_the_engines_activity() -> None:
    lines = [
        f'DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{GPU},GPU_I_PROFILE="1g.5gb",GPU_I_ID="{at}",pod="p{at}"}} 0.{at}'
        for at in (7, 8)
    ]
    found = parse_gpus(("\n".join(lines) + "\n").encode(), AT)
    assert [(gpu.index, gpu.pod, gpu.utilisation) for gpu in found] == [("0:7", "p7", 0.7), ("0:8", "p8", 0.8)]


def test_the_duty_cycle_is_preferred_where_both_are_reported() -> None:
    lines = f"DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{GPU}}} 0.4\nDCGM_FI_DEV_GPU_UTIL{{{GPU}}} 90\n"
    assert parse_gpus(lines.encode(), AT)[0].utilisation == 0.9


HONOURED = {"pod": "llama-0", "namespace": "serving", "UUID": "GPU-1"}
NOT_HONOURED = {"pod": "dcgm-x", "namespace": "gpu", "exported_pod": "llama-0", "exported_namespace": "serving"}
IDLE = {"pod": "dcgm-x", "namespace": "gpu", "UUID": "GPU-2"}


@pytest.mark.parametrize(
    ("series", "pods"), [([HONOURED], ["llama-0"]), ([NOT_HONOURED | {"UUID": "GPU-1"}, IDLE], ["llama-0", ""])]
)
def test_prometheus_labels_are_joined_with_honour_labels_on_and_off(
    series: list[dict[str, str]], pods: list[str]
) -> None:
    found = gpu_samples([Series("DEV_GPU_UTIL", labels, 10.0) for labels in series], AT)
    assert [gpu.pod for gpu in found] == pods


EXPORTERS = [
    (Container(image="nvcr.io/nvidia/k8s/dcgm-exporter:4.8", ports=(ContainerPort(9401, "metrics"),)), {}, 9401),
    (Container(image="mirror/gpu-metrics:1"), {"app": "nvidia-dcgm-exporter"}, 9400),
    (Container(image="vllm/vllm-openai:v0.25.1", ports=(ContainerPort(8000),)), {"app": "vllm"}, None),
]


@pytest.mark.parametrize(("container", "labels", "port"), EXPORTERS)
def test_exporters_are_known_by_image_or_label(container: Container, labels: dict[str, str], port: int | None) -> None:
    assert dcgm_port(Pod(metadata=Meta(labels=labels), spec=PodSpec(containers=(container,)))) == port
