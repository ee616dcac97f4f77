"""What a new object is, in a few words: enough to see whether it is what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from vops.model.pods import Container
from vops.model.serving import EngineArgs
from vops.planning.patches import Document


def in_words(document: Document) -> str:
    """For example `1 of vllm/vllm-openai:v0.25.1, 1 GPU each: Qwen/Qwen3-4B`; empty where the kind says it all."""
    tell = _TELLERS.get(document.get("kind", ""))
    return tell(document) if tell else ""


def gpus_taken(document: Document) -> int:
    """The GPUs that its pods ask for, all together; of what another controller makes of it, nothing is known."""
    kind, spec = document.get("kind"), document.get("spec") or {}
    if kind in ("Deployment", "StatefulSet"):
        return int(spec.get("replicas", 1)) * _asked(spec["template"]["spec"])
    if kind == "LeaderWorkerSet":
        template = spec["leaderWorkerTemplate"]
        worker = _asked(template["workerTemplate"]["spec"])
        leader = _asked((template.get("leaderTemplate") or template["workerTemplate"])["spec"])
        return int(spec.get("replicas", 1)) * (leader + (int(template.get("size", 1)) - 1) * worker)
    return 0


def _asked(spec: Document) -> int:
    return sum(_gpus(item) for item in spec["containers"])


def _workload(document: Document) -> str:
    spec = document["spec"]
    return f"{spec.get('replicas', 1)} of {_pods(spec['template']['spec'])}"


def _group(document: Document) -> str:
    spec = document["spec"]
    template = spec["leaderWorkerTemplate"]
    number = spec.get("replicas", 1)
    groups = f"{number} group{'' if number == 1 else 's'} of {template.get('size', 1)} nodes"
    leader = template.get("leaderTemplate") or template["workerTemplate"]
    return f"{groups}, each node {_pods(leader['spec'])}"


def _pods(spec: Document) -> str:
    """Image, GPUs and model of the container that matters: the one with GPUs, else the first."""
    containers = spec["containers"]
    parts = next((item for item in containers if _gpus(item)), containers[0])
    number = _gpus(parts)
    words = [parts.get("image", "")] + ([f"{number} GPU{'' if number == 1 else 's'} each"] if number else [])
    engine = EngineArgs.of(msgspec.convert(parts, Container, strict=False)) if number else None
    model = f": {engine.model}" if engine and engine.model else ""
    length = f", {engine.max_model_len} tokens of context" if engine and model and engine.max_model_len else ""
    return ", ".join(word for word in words if word) + model + length


def _gpus(container: Document) -> int:
    limits = (container.get("resources") or {}).get("limits") or {}
    return sum(int(value) for name, value in limits.items() if name.startswith(("nvidia.com/", "amd.com/")))


def _daemon(document: Document) -> str:
    return f"{_pods(document['spec']['template']['spec'])} on every node that fits"


def _job(document: Document) -> str:
    return _pods(document["spec"]["template"]["spec"])


def _claim(document: Document) -> str:
    spec = document["spec"]
    size = spec["resources"]["requests"]["storage"]
    place = spec.get("storageClassName")
    return ", ".join([size, *spec.get("accessModes", ()), *([f"class {place}"] if place else [])])


def _service(document: Document) -> str:
    ports = document["spec"].get("ports", ())
    return ", ".join(f"port {item['port']} to {item.get('targetPort', item['port'])}" for item in ports)


def _budget(document: Document) -> str:
    spec = document["spec"]
    words = {"maxUnavailable": "away at a time", "minAvailable": "there at all times"}
    return ", ".join(f"{spec[key]} {text}" for key, text in words.items() if key in spec)


def _scaled(document: Document) -> str:
    spec = document["spec"]
    asks = ", ".join(_question(item.get("metadata") or {}) for item in spec.get("triggers", ()))
    return f"{spec.get('minReplicaCount', 0)} to {spec.get('maxReplicaCount', 100)} replicas, by {asks}"


def _question(metadata: Mapping[str, Any]) -> str:
    query = " ".join(str(metadata.get("query", "")).split())
    return f"{query} above {metadata.get('threshold')} a replica" if query else "its trigger"


def _horizontal(document: Document) -> str:
    spec = document["spec"]
    return f"{spec.get('minReplicas', 1)} to {spec['maxReplicas']} replicas"


def _files(document: Document) -> str:
    return ", ".join(sorted(document.get("data") or {}))


def _alerts(document: Document) -> str:
    rules = [rule for group in document["spec"].get("groups", ()) for rule in group.get("rules", ())]
    names = [rule["alert"] for rule in rules if "alert" in rule]
    return f"{len(names)} alerts: {', '.join(names)}" if names else ""


def _inference(document: Document) -> str:
    predictor = document["spec"]["predictor"]
    model = predictor.get("model") or {}
    least, most = predictor.get("minReplicas", 1), predictor.get("maxReplicas", 0)
    number = f"{least}" if most in (0, least) else f"{least} to {most}"
    return f"{number} of the runtime {model.get('runtime', '')}".rstrip()


def _runtime(document: Document) -> str:
    return _pods(document["spec"])


_TELLERS: Mapping[str, Callable[[Document], str]] = {
    "Deployment": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _daemon,
    "Job": _job,
    "LeaderWorkerSet": _group,
    "PersistentVolumeClaim": _claim,
    "Service": _service,
    "PodDisruptionBudget": _budget,
    "ScaledObject": _scaled,
    "HorizontalPodAutoscaler": _horizontal,
    "ConfigMap": _files,
    "PrometheusRule": _alerts,
    "InferenceService": _inference,
    "ServingRuntime": _runtime,
}
