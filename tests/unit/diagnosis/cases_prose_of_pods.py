"""Cases of what people tell of pods without a node and of servers that do not start: for each cause a paragraph that
tells of it, and one in which the same words tell of what is as it should be, or of another cause."""

from __future__ import annotations

from tests.unit.diagnosis.cases_prose import Case, told

_OF_NODES: dict[str, tuple[str, str]] = {
    "cloud-quota": (
        "The pod is Pending: the node pool cannot grow, as our project has a quota of 0 for GPUs of that region.",
        "We raised the quota for GPUs of that region to 8, and the node pool has grown since.",
    ),
    "gpu-stockout": (
        "The pods have been pending for hours, as the cloud has no capacity for H100 machines in any of the zones.",
        "The cloud had capacity for H100 machines in the third of the zones, and the pods run there.",
    ),
    "autoscaler-limit": (
        "The autoscaler adds no node and the pod stays Pending, since the node group is at its maximum size.",
        "The node group is at three of its maximum of four nodes, and the pod is Running on the third.",
    ),
    "autoscaler-absent": (
        "The pod stays Pending for want of a node: the autoscaler is not enabled for the node pool with the GPUs.",
        "The autoscaler is enabled for the node pool with the GPUs, and the pod had a node in five minutes.",
    ),
    "volume-zone-conflict": (
        "The pod stays Pending, as its volume is in us-east-1a while the GPU nodes are in us-east-1b.",
        "The pod is Running, as its volume and the GPU nodes are both in us-east-1b.",
    ),
    "untolerated-taint": (
        "The pod stays Pending: the GPU nodes have a taint, and its deployment does not tolerate it.",
        "The pod is Running: the GPU nodes have a taint, and its deployment has the toleration for it.",
    ),
    "wrong-gpu-resource": (
        "The nodes offer slices (nvidia.com/mig-1g.10gb), the chart requests nvidia.com/gpu, and the pod is pending.",
        "The nodes offer slices (nvidia.com/mig-1g.10gb), the chart requests those, and the pod is Running.",
    ),
    "xid-gpu-lost": (
        "A GPU of the node is dead, and each pod that lands on it fails, since the node goes on to take them.",
        "A GPU of the node was dead, and was replaced; each pod that lands on it serves.",
    ),
    "gpu-not-advertised": (
        "After the upgrade the GPU operator runs, but nvidia.com/gpu is missing from the allocatable of the nodes, and "
        "the pods are Pending.",
        "After the upgrade the GPU operator runs, nvidia.com/gpu is 8 in the allocatable of the nodes, and the pods "
        "run.",
    ),
    "gpu-exhausted": (
        "The new pod is pending since all four GPUs of the node are taken by the notebooks of another team.",
        "The new pod is Running since three of the GPUs of the node are taken and one was left.",
    ),
    "spread-or-affinity": (
        "The third replica stays pending because of the podAntiAffinity by hostname: there are two nodes.",
        "The third replica is Running despite the podAntiAffinity by hostname: there are three nodes.",
    ),
    "node-unavailable": (
        "The pods are pending since all of the GPU nodes were cordoned for the maintenance.",
        "The pods were moved before all of the GPU nodes were cordoned for the maintenance.",
    ),
    "cpu-memory-short": (
        "The pod requests 64Gi of memory and stays Pending, as the node with the GPU has only 60Gi allocatable.",
        "The pod requests 64Gi of memory and is Running, as the node with the GPU has 120Gi allocatable.",
    ),
    "sandbox-failed": (
        "The pods hang in ContainerCreating, since the CNI has no free addresses on that node.",
        "The pods were in ContainerCreating for a second, and the CNI gave each of them an address.",
    ),
    "scheduling-gated": (
        "The job is suspended since Kueue does not admit it: the quota of its ClusterQueue is used up.",
        "The job was admitted by Kueue at once: the quota of its ClusterQueue has room for it.",
    ),
    "dra-claim-pending": (
        "The pod is pending with its ResourceClaim, as no driver publishes a ResourceSlice on the nodes.",
        "The pod is Running with its ResourceClaim, as the driver publishes a ResourceSlice on the nodes.",
    ),
    "dcgm-exporter-failure": (
        "The pods of the dcgm-exporter are crashing on the new nodes, and there are no metrics of the GPUs.",
        "The pods of the dcgm-exporter are Running on the new nodes, and there are metrics of the GPUs.",
    ),
}
_OF_STARTS: dict[str, tuple[str, str]] = {
    "vllm-port-collision": (
        "Our Service is called vllm: VLLM_PORT is tcp://10.0.0.1:8000 in the pod, and the server fails.",
        "Our Service is called llm, VLLM_PORT is 9000 in the pod, and the server is up.",
    ),
    "port-in-use": (
        "With hostNetwork the second server on the node crashes, as the port is already in use by the first.",
        "With hostNetwork the second server on the node has a port of its own, and the first has another.",
    ),
    "tp-mismatch": (
        "The server does not start and fails with --tensor-parallel-size 4, as the pod has only one GPU.",
        "The server is up with --tensor-parallel-size 4, and the pod has four of the GPUs.",
    ),
    "cuda-oom-weights": (
        "The weights of the model do not fit on an A100, and the server dies with out of memory.",
        "The weights of the model fit on an A100, and the server is up after a minute.",
    ),
    "no-cuda-visible": (
        "In the container nvidia-smi is not there, as we forgot the runtimeClassName of the pod.",
        "In the container nvidia-smi shows the GPU, as the runtimeClassName of the pod is set.",
    ),
    "cuda-driver-mismatch": (
        "The server fails at its start, since the driver of the nodes is too old for the CUDA of the image.",
        "The server is up, since the driver of the nodes is newer than the CUDA of the image needs.",
    ),
    "gated-model": (
        "The download of the model from the hub is denied with 403, as nobody has accepted its license: we have not "
        "requested the access.",
        "The download of the model from the hub is done, as we have accepted its license.",
    ),
    "hub-rate-limit": (
        "Most of the replicas crash at their start, since Hugging Face answers 429 to all of them.",
        "None of the replicas waits for Hugging Face, since they share the cache of a claim.",
    ),
    "corrupted-download": (
        "The server crashes since the safetensors on the volume are truncated.",
        "The server is up since the safetensors on the volume are complete.",
    ),
    "quantization-mismatch": (
        "The server refuses the model, which is quantized with GPTQ, as we gave it --quantization awq.",
        "The server takes the model, which is quantized with GPTQ, as we left --quantization out.",
    ),
    "unsupported-architecture": (
        "This version of vLLM fails with our model, whose architecture is not supported by it.",
        "This version of vLLM is the first by which the architecture of our model is supported.",
    ),
    "ray-unreachable": (
        "The Ray workers cannot reach the head at its port, and the server waits for them.",
        "The Ray workers have joined the head, and the server is up with all of them.",
    ),
    "nccl-failure": (
        "With two nodes the server hangs as NCCL chose the interface that is not between them.",
        "With two nodes the server is up as NCCL chose the interface that is between them.",
    ),
    "engine-dead": (
        "After some hours the EngineCore dies, and each of the requests gets a 500.",
        "With the old version the EngineCore died after some hours. Since the upgrade it has served each of the "
        "requests.",
    ),
    "bad-argument": (
        "The server exits at the start, as --max-model-len is larger than what the config of the model allows.",
        "The server is up, as --max-model-len is what the config of the model allows.",
    ),
}
_ALL = _OF_NODES | _OF_STARTS

FIRES: dict[str, Case] = {f"told-{cause}": told(fires) for cause, (fires, _) in _ALL.items()}
NEAR_MISSES: dict[str, Case] = {f"told-{cause}": told(near) for cause, (_, near) in _ALL.items()}
