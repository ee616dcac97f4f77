"""For every lint rule: manifests that it speaks about, and ones that are nearly the same and fine."""

from __future__ import annotations

from typing import Any

from tests.unit.manifests.lint_parts import (
    MODEL,
    Doc,
    alert,
    autoscaler,
    budget,
    claim,
    exporter,
    health,
    monitor,
    mounted,
    nodes,
    scaled,
    service,
    workload,
)
from vops.diagnosis.facts import Facts
from vops.manifests.render import to_yaml

OLD = "vllm/vllm-openai:v0.8.5"
GPUS_2: dict[str, Any] = {"resources": {"limits": {"nvidia.com/gpu": "2", "memory": "48Gi"}}}
GPU_ONLY: dict[str, Any] = {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
DCGM = "DCGM_FI_DEV_GPU_UTIL{namespace='inference'}"


def shm(size: str | None) -> dict[str, Any]:
    """Two ranks with /dev/shm of a size, or without one."""
    volume = {"emptyDir": {"medium": "Memory"} | ({} if size is None else {"sizeLimit": size})}
    pod, part = mounted(volume, "/dev/shm")
    return {"pod": pod, **part, **GPUS_2, "flags": ["--tensor-parallel-size=2"]}


def with_volume(volume: Doc, at: str = "/root/.cache/huggingface", **changes: Any) -> Doc:
    pod, part = mounted(volume, at)
    spec = changes.pop("spec", None)
    return workload(pod=pod | changes.pop("pod", {}), spec=spec, **part, **changes)


def env(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"env": [{"name": name, "value": value} for name, value in pairs]}


NIXL = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'
CLAIM = {"persistentVolumeClaim": {"claimName": "models"}}
SURGE = {"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}
POD_IP = {"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
SECRET = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}


def on_card(label: str, model: str, gpus: int = 1) -> Doc:
    """A server on nodes of one label, over so many GPUs."""
    sharded = shm("8Gi") if gpus > 1 else {}
    sharded |= {"resources": {"limits": {"nvidia.com/gpu": str(gpus), "memory": "96Gi"}}}
    pod = sharded.pop("pod", {}) | {"nodeSelector": {"nvidia.com/gpu.product": label}}
    args = [model, "--gpu-memory-utilization=0.9", f"--tensor-parallel-size={gpus}"]
    return workload(pod=pod, **{key: value for key, value in sharded.items() if key != "flags"}, args=args)


FIRES: dict[str, list[Doc | str | Facts]] = {
    "weights-exceed-card": [on_card("NVIDIA-L4", "meta-llama/Llama-3.3-70B-Instruct", 4)],
    "no-node-takes-it": [workload(pod={"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-H100"}}), nodes(8, 8)],
    "refused-fallback": [scaled(trigger={"metricType": "Value"}, fallback={"failureThreshold": 3, "replicas": 2})],
    "many-valued-trigger": [scaled("vllm:num_requests_waiting{namespace='x'}")],
    "rate-of-gauge": [alert("sum(rate(vllm:num_requests_waiting[5m])) > 1")],
    "recursive-chown": [with_volume(CLAIM, pod={"securityContext": {"fsGroup": 1000}})],
    "no-memory-request": [workload(**GPU_ONLY)],
    "duplicate-key": ["kind: Service\nmetadata: {name: x}\nspec:\n  ports: []\n  ports: []\n"],
    "abrupt-stop": [workload(lifecycle=None), service()],
    "average-of-average": [scaled(f"avg({DCGM})", trigger={"metadata": {"threshold": "70"}})],
    "bad-utilization": [workload(flags=["--gpu-memory-utilization=90"])],
    "blind-trigger": [scaled(trigger={"metadata": {"ignoreNullValues": "true"}})],
    "cache-elsewhere": [with_volume({"emptyDir": {}}, **env(("HF_HOME", "/data")))],
    "cooldown-without-zero": [scaled(cooldownPeriod=300)],
    "counter-without-total": [alert("rate(vllm:num_preemptions[5m]) > 0")],
    "critical-priority-outside-system": [exporter(priorityClassName="system-node-critical")],
    "daemonset-server": [workload("DaemonSet")],
    "exporter-tolerates-nothing": [exporter(tolerations=[{"key": "node-role.kubernetes.io/control-plane"}])],
    "flag-too-new": [workload(image=OLD, flags=["--shutdown-timeout=15"], lifecycle=None)],
    "gpu-request-limit": [workload(resources={"requests": {"nvidia.com/gpu": "1"}})],
    "gpu-utilization-signal": [scaled(f"sum({DCGM})")],
    "hasty-liveness": [workload(livenessProbe=health(5, 3, timeoutSeconds=1))],
    "honor-labels": [monitor("dcgm-exporter", labels={"app": "dcgm-exporter"})],
    "host-namespaces": [workload(pod={"hostIPC": True})],
    "implicit-entrypoint": [workload(command=None, args=["--model", MODEL, "--gpu-memory-utilization=0.9"])],
    "loopback-host": [workload(flags=["--host=127.0.0.1"])],
    "low-memory-limit": [workload(resources={"limits": {"nvidia.com/gpu": "1", "memory": "2Gi"}})],
    "metric-too-new": [workload(image=OLD), alert("rate(vllm:prefix_cache_hits_total[5m])")],
    "model-flag-with-serve": [workload(args=["--model", MODEL, "--gpu-memory-utilization=0.9"])],
    "monitor-port": [workload(), service(), monitor(port="metrics")],
    "no-gpu-request": [workload(resources={"limits": {"memory": "24Gi"}})],
    "no-readiness-probe": [workload(startupProbe=None, readinessProbe=None, livenessProbe=None), service()],
    "no-startup-probe": [workload(startupProbe=None, livenessProbe=None, readinessProbe=health(10, 60))],
    "offline-without-cache": [with_volume({"emptyDir": {}}, **env(("HF_HUB_OFFLINE", "1")))],
    "pdb-blocks-drain": [workload(), budget(minAvailable=1)],
    "plain-secret": [workload(**env(("HF_TOKEN", "hf_abcdefghijklmnopqrstuv")))],
    "prefix-caching-off": [workload(flags=["--no-enable-prefix-caching"])],
    "probe-needs-key": [
        workload(flags=["--api-key=$(KEY)"], readinessProbe=health(5, 3, httpGet={"path": "/v1/models", "port": 8000}))
    ],
    "probe-port": [workload(readinessProbe=health(5, 3, httpGet={"path": "/health", "port": 8080}))],
    "quantile-without-le": [alert("histogram_quantile(0.95, sum(rate(vllm:time_to_first_token_seconds_bucket[5m])))")],
    "refused-metric-type": [scaled(trigger={"metricType": "Utilization"})],
    "removed-flag": [workload(flags=["--swap-space=4"])],
    "removed-metric": [workload(), alert("vllm:gpu_cache_usage_perc > 0.9")],
    "removed-variable": [workload(**env(("VLLM_USE_V1", "1")))],
    "replicas-beside-autoscaler": [to_yaml([workload()]), scaled()],
    "rwo-shared": [with_volume(CLAIM, spec={"replicas": 2}), claim()],
    "service-links": [workload(pod={"enableServiceLinks": True}), service("vllm")],
    "service-port": [workload(), service(target=8080)],
    "service-selects-nothing": [workload(), service(selector={"app": "llama"})],
    "share-as-percentage": [alert("vllm:kv_cache_usage_perc > 80")],
    "shared-gpu-utilization": [workload(resources={"limits": {"nvidia.com/gpu.shared": "1"}})],
    "shared-metrics-folder": [workload(**env(("PROMETHEUS_MULTIPROC_DIR", "/tmp")))],
    "shm-fills-limit": [workload(**shm("46Gi"))],
    "shm-missing": [workload(flags=["--tensor-parallel-size=2"], **GPUS_2)],
    "shm-unbounded": [workload(**shm(None))],
    "short-grace-period": [workload(flags=["--shutdown-timeout=60"])],
    "short-progress-deadline": [workload(spec={"progressDeadlineSeconds": None})],
    "short-startup-window": [
        workload(args=["meta-llama/Llama-3.1-70B", "--gpu-memory-utilization=0.9"], startupProbe=health(10, 15))
    ],
    "side-channel-host": [workload(flags=[NIXL])],
    "slow-readiness": [workload(readinessProbe=health(10, 60))],
    "small-model-volume": [with_volume({"emptyDir": {"sizeLimit": "10Gi"}})],
    "surge-without-spare": [workload(spec={"strategy": None})],
    "tool-choice-without-parser": [workload(flags=["--enable-auto-tool-choice"])],
    "tp-gpu-mismatch": [workload(**(shm("8Gi") | {"flags": ["--tensor-parallel-size=4"]}))],
    "two-autoscalers": [workload(spec={"replicas": None}), autoscaler(), scaled()],
    "unknown-label": [alert('vllm:num_requests_waiting{model="llama"} > 5')],
    "unpinned-image": [workload(image="vllm/vllm-openai:latest")],
    "unpinned-utilization": [workload(args=[MODEL])],
    "unsupported-on-card": [
        workload(
            pod={"nodeSelector": {"nvidia.com/gpu.product": "Tesla-T4"}},
            args=["Qwen/Qwen3-4B", "--gpu-memory-utilization=0.9", "--dtype=bfloat16"],
        )
    ],
    "weak-security-context": [workload(securityContext=None)],
}

NEAR_MISSES: dict[str, list[Doc | str | Facts]] = {
    "weights-exceed-card": [
        on_card("NVIDIA-H100-80GB-HBM3", "meta-llama/Llama-3.3-70B-Instruct", 4),
        on_card("NVIDIA-L4", "casperhansen/llama-3.3-70b-instruct-awq", 4),
        on_card("NVIDIA-L4", "Qwen/Qwen3-8B"),
    ],
    "no-node-takes-it": [workload(), nodes(0, 1, busy=0)],
    "refused-fallback": [scaled(fallback={"failureThreshold": 3, "replicas": 2})],
    "many-valued-trigger": [scaled("sum by (namespace) (vllm:num_requests_waiting{namespace='x'})")],
    "rate-of-gauge": [alert("rate(vllm:generation_tokens_total[5m]) > max_over_time(vllm:num_requests_waiting[5m])")],
    "recursive-chown": [
        with_volume(CLAIM, pod={"securityContext": {"fsGroup": 1000, "fsGroupChangePolicy": "OnRootMismatch"}}),
        with_volume({"emptyDir": {}}, pod={"securityContext": {"fsGroup": 1000}}),
    ],
    "no-memory-request": [workload(resources={"requests": {"memory": "16Gi"}, **GPU_ONLY["resources"]})],
    "duplicate-key": ["kind: Service\nmetadata: {name: x}\nspec:\n  ports: []\n---\nkind: Service\nspec: {}\n"],
    "abrupt-stop": [workload("StatefulSet", lifecycle=None, flags=["--headless"]), service()],
    "average-of-average": [scaled(f"avg({DCGM})", trigger={"metricType": "Value", "metadata": {"threshold": "70"}})],
    "bad-utilization": [workload(flags=["--gpu-memory-utilization=0.95"])],
    "blind-trigger": [scaled()],
    "cache-elsewhere": [with_volume({"emptyDir": {}}, **env(("HF_HOME", "/root/.cache/huggingface")))],
    "cooldown-without-zero": [scaled(cooldownPeriod=300, minReplicaCount=0)],
    "counter-without-total": [alert("rate(vllm:num_preemptions_total[5m]) > 0")],
    "critical-priority-outside-system": [exporter("kube-system", priorityClassName="system-node-critical")],
    "daemonset-server": [exporter()],
    "exporter-tolerates-nothing": [exporter(tolerations=[{"operator": "Exists"}])],
    "flag-too-new": [
        workload(
            image="vllm/vllm-openai:v0.18.0", pod={"terminationGracePeriodSeconds": 90}, flags=["--shutdown-timeout=60"]
        )
    ],
    "gpu-request-limit": [workload(resources={"requests": {"nvidia.com/gpu": "1"}, **GPU_ONLY["resources"]})],
    "gpu-utilization-signal": [alert(f"avg({DCGM}) > 95")],
    "hasty-liveness": [workload(livenessProbe=health(10, 3))],
    "honor-labels": [monitor("dcgm-exporter", labels={"app": "dcgm-exporter"}, honorLabels=True)],
    "host-namespaces": [workload(pod={"hostNetwork": True})],
    "implicit-entrypoint": [workload(command=["vllm", "serve", MODEL], args=["--gpu-memory-utilization=0.9"])],
    "loopback-host": [workload(flags=["--host=0.0.0.0"])],
    "low-memory-limit": [workload(**GPU_ONLY)],
    "metric-too-new": [
        workload(image=OLD),
        alert("rate(vllm:prefix_cache_hits_total[5m]) or rate(vllm:gpu_prefix_cache_hits_total[5m])"),
    ],
    "model-flag-with-serve": [
        workload(
            command=["python3", "-m", "vllm.entrypoints.openai.api_server"],
            args=["--model", MODEL, "--gpu-memory-utilization=0.9"],
        )
    ],
    "monitor-port": [workload(), service(), monitor(labels={"app": "other"}, port="metrics")],
    "no-gpu-request": [workload(image="vllm/vllm-openai-cpu:v0.25.1", resources={"limits": {"memory": "24Gi"}})],
    "no-readiness-probe": [workload(readinessProbe=None), service()],
    "no-startup-probe": [workload(livenessProbe=None)],
    "offline-without-cache": [with_volume(CLAIM, **env(("HF_HUB_OFFLINE", "1")))],
    "pdb-blocks-drain": [workload(spec={"replicas": 2}), budget(minAvailable=1)],
    "plain-secret": [
        workload(
            env=[
                SECRET,
                {"name": "SECRET_NAME", "value": "webhook-cert"},
                {"name": "OPENAI_API_KEY", "value": "EMPTY"},
            ],
            flags=["--api-key=$(KEY)", "--max-num-batched-token=4096"],
        )
    ],
    "prefix-caching-off": [workload(flags=["--enable-prefix-caching"])],
    "probe-needs-key": [workload(flags=["--api-key=$(KEY)"])],
    "probe-port": [workload(readinessProbe=health(5, 3, httpGet={"path": "/health", "port": "http"}))],
    "quantile-without-le": [
        alert("histogram_quantile(0.95, sum(rate(vllm:time_to_first_token_seconds_bucket[5m])) by (le))"),
        alert("histogram_quantile(0.9, sum without (pod) (rate(vllm:time_to_first_token_seconds_bucket[5m])))"),
        alert("histogram_quantile(0.9, rate(vllm:time_to_first_token_seconds_bucket[5m]))"),
    ],
    "refused-metric-type": [scaled(trigger={"metricType": "Value"})],
    "removed-flag": [
        workload(image=OLD, flags=["--swap-space=4"]),
        workload(image="lmcache/vllm-openai:v0.30.0", flags=["--swap-space=4"]),
    ],
    "removed-metric": [workload(image=OLD), alert("vllm:gpu_cache_usage_perc > 0.9")],
    "removed-variable": [workload(image=OLD, **env(("VLLM_USE_V1", "1")))],
    "replicas-beside-autoscaler": [to_yaml([workload(spec={"replicas": None})]), workload(), scaled()],
    "rwo-shared": [with_volume(CLAIM, spec={"replicas": 2}), claim("ReadWriteMany")],
    "service-links": [workload(), service("vllm")],
    "service-port": [workload(), service(target="http")],
    "service-selects-nothing": [workload(), service("other", selector={"app": "llama"})],
    "share-as-percentage": [alert("vllm:kv_cache_usage_perc * 100 > 80")],
    "shared-gpu-utilization": [
        workload(args=[MODEL, "--gpu-memory-utilization=0.45"], resources={"limits": {"nvidia.com/gpu.shared": "1"}})
    ],
    "shared-metrics-folder": [workload(**env(("PROMETHEUS_MULTIPROC_DIR", "/tmp/metrics")))],
    "shm-fills-limit": [workload(**shm("8Gi"))],
    "shm-missing": [workload(pod={"hostIPC": False}, flags=["--tensor-parallel-size=1"])],
    "shm-unbounded": [with_volume({"emptyDir": {}})],
    "short-grace-period": [workload(flags=["--shutdown-timeout=60"], pod={"terminationGracePeriodSeconds": 90})],
    "short-progress-deadline": [workload()],
    "short-startup-window": [workload(args=["meta-llama/Llama-3.1-70B", "--gpu-memory-utilization=0.9"])],
    "side-channel-host": [workload(flags=[NIXL], env=[POD_IP])],
    "slow-readiness": [workload(readinessProbe=health(10, 6))],
    "small-model-volume": [with_volume({"emptyDir": {"sizeLimit": "20Gi"}})],
    "surge-without-spare": [workload(spec={"strategy": None, "replicas": 4})],
    "tool-choice-without-parser": [workload(flags=["--enable-auto-tool-choice", "--tool-call-parser=hermes"])],
    "tp-gpu-mismatch": [workload(**shm("8Gi"))],
    "two-autoscalers": [workload(spec={"replicas": None}), scaled()],
    "unknown-label": [alert('vllm:num_requests_waiting{model_name="llama"} > 5')],
    "unpinned-image": [workload(image="vllm/vllm-openai@sha256:" + "0" * 64)],
    "unpinned-utilization": [workload(args=[MODEL, "--kv-cache-memory-bytes=8000000000"])],
    "unsupported-on-card": [
        workload(pod={"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-L4"}}, flags=["--dtype=bfloat16"])
    ],
    "weak-security-context": [workload()],
}

TOGETHER: dict[str, set[str]] = {
    "shared-gpu-utilization": {"no-memory-request"},
    "gpu-request-limit": {"no-memory-request"},
    "average-of-average": {"gpu-utilization-signal"},
}
"""Rules that also speak, rightly, about a case of another."""
