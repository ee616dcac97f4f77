"""Cases of the rules about reaching a server, watching it, scaling it and how well it serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.unit.diagnosis.cluster_parts import TAINT, crashed, node, pod, ready, running, world
from tests.unit.diagnosis.scaling_parts import (
    QUERY,
    VALID,
    about,
    answered,
    condition,
    endpoints,
    exporter,
    exporter_pod,
    gpu,
    keda_hpa,
    monitor,
    policy,
    scaled,
    scraped,
    service,
    workload,
)
from vops.diagnosis.facts import Facts
from vops.operations.intake.bundle import read_bundle

Case = Callable[[], Facts]

EMPTY_QUERY = 'DCGM_FI_DEV_GPU_UTIL{pod=~"llama.*"}'
EXPORTED = 'DCGM_FI_DEV_GPU_UTIL{exported_pod="llama-1",gpu="0",namespace="gpu",pod="dcgm-exporter-1"} 97'
AVERAGE = 'avg(DCGM_FI_DEV_GPU_UTIL{namespace="gpu"})'
OF_PODS = 'sum(DCGM_FI_DEV_GPU_UTIL{pod=~"llama-.*"})'
OLD_NAME = 'sum(vllm:gpu_cache_usage_perc{namespace="serving"})'
EXTERNAL = (
    "the HPA was unable to compute the replica count: unable to get external metric serving/s0-prometheus/"
    "&LabelSelector{MatchLabels:map[string]string{scaledobject.keda.sh/name: llama,},MatchExpressions:"
    "[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: rpc error: code = Unknown desc "
    "= error when getting metric values metric:s0-prometheus encountered error"
)
NO_METRIC = [condition("ScalingActive", "False", "FailedGetExternalMetric", EXTERNAL)]
INACTIVE = condition("Active", "False", "ScalerNotActive")
AT_MAX = [
    condition("ScalingActive", *VALID),
    condition("ScalingLimited", "True", "TooManyReplicas", "the desired replica count is more than the maximum"),
]


def serving(*others: Any, replicas: int = 1, **more: Any) -> Case:
    """A workload with ready replicas, and what is around it."""
    pods = [ready(f"llama-{n + 1}", owner="llama", node=f"gpu-{n + 1}") for n in range(replicas)]
    nodes = [node(f"gpu-{n + 1}") for n in range(replicas)]
    return lambda: world(*pods, *nodes, workload(replicas), *others, **more)


LABELLED = {"labels": {"app": "llama", "tier": "prod"}}


def reached(*others: Any, **more: Any) -> Case:
    """A ready server that is labelled app=llama, and what stands between it and its clients."""
    return lambda: world(ready(metadata=LABELLED, **more), node(), *others)


def handed_in(*texts: str) -> Case:
    """What kubectl describe prints, and nothing else of the cluster."""
    return lambda: Facts(read_bundle([], "\n".join(texts).encode())[0])


FORBIDDEN = (
    'deployments.apps is forbidden: {} "jane" cannot create resource "deployments" in API group "apps" in the '
    'namespace "a"'
)
ONE_NODE = (
    "  Warning  Unhealthy  2m (x{} over 21m)  kubelet  Readiness probe failed: [2025-08-21 12:00:00,123] "
    "Ray cluster status: 1/2 nodes alive."
)
NO_AUTOSCALER = "Our GPU node group has min 0 and max 3, and there is no cluster autoscaler. {}"
LISTED = "NAME      READY   STATUS   RESTARTS   AGE\nllama-0   0/1     {}   0          14m"
REFUSED = (
    "Warning  Unhealthy  20s (x{} over 40s)  kubelet  Liveness probe failed: "
    'Get "http://10.0.0.4:8000/health": dial tcp 10.0.0.4:8000: connect: connection refused'
)
DEAD = "Warning  Unhealthy  20s (x{} over 40s)  kubelet  Liveness probe failed: HTTP probe failed with statuscode: 503"
LATE = (
    'Warning  Unhealthy  12m (x{} over 5h)  kubelet  Liveness probe failed: Get "http://10.0.0.9:8000/health": context '
    "deadline exceeded (Client.Timeout exceeded while awaiting headers)"
)
NO_ENDPOINTS = """\
Name:              llama
Namespace:         serving
Selector:          app=llama
Type:              ClusterIP
Port:              http  80/TCP
TargetPort:        8000/TCP
Endpoints:         <none>
Session Affinity:  None
"""
SERVED = """\
Name:       llama-0
Namespace:  serving
Node:       gpu-1/10.0.0.1
Labels:     app=llama
Status:     Running
Containers:
  vllm:
    Image:  vllm/vllm-openai:v0.9.1
    Port:   8000/TCP
    State:  Running
    Ready:  True
"""


def unresolved(*errors: str, **more: Any) -> Case:
    """A server that died because these names could not be resolved."""
    text = "\n".join(
        f'Traceback (most recent call last):\n  File "x.py", line {n}, in f\n{error}\n'
        for n, error in enumerate(errors)
    )
    head = "INFO 11-24 02:00:00 [api_server.py:1] vLLM API server version 0.12.0\n"
    return lambda: world(pod(status=crashed(), **more), node(), log=head + text)


NO_REDIS = "redis.exceptions.ConnectionError: Error -2 connecting to lmcache-redis:6379. Name or service not known."
NO_HUB = (
    "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded "
    "with url: /api/models/x (Caused by NameResolutionError(\"<x>: Failed to resolve 'huggingface.co' ([Errno -3] "
    'Temporary failure in name resolution)"))'
)

ILLEGAL = "RuntimeError: CUDA error: an illegal memory access was encountered"
NO_NVML = 'time=2026-11-24T02:00:00Z level=ERROR msg="Cannot init NVML library; err: ERROR_LIBRARY_NOT_FOUND"'
NO_QUOTA = (
    "Error creating: insufficient quota to match these scopes: [{PriorityClass In [system-node-critical "
    "system-cluster-critical]}]"
)


def watched(*others: Any, taints: Any = (), gpus: int = 1, **more: Any) -> Case:
    """A node with a GPU, and an exporter that should be on it."""
    return lambda: world(*others, node(gpus=gpus, taints=taints), exporter(**more))


def blinded(*others: Any) -> Case:
    """An autoscaler that follows GPU metrics, on a node that its exporter does not tolerate."""
    server = ready("llama-1", owner="llama")
    return lambda: world(
        server, node(taints=[TAINT]), workload(), exporter(), scaled(OF_PODS), keda_hpa(current="0"), *others
    )


def exporting(status: Any, log: str, *, gpus: int = 1) -> Case:
    """An exporter's pod in some state, and its log."""
    return lambda: world(
        exporter_pod(status),
        node(gpus=gpus),
        exporter(desired=1, ready=int(status["ready"])),
        log=log,
        container="exporter",
    )


STILL = {"steps": 1000.0, "generation_tokens": 50_000.0, "prompt_tokens": 9000.0}


def loaded(*samples: Any, **more: Any) -> Case:
    """Ready replicas of one workload, one for each pair of scrapes."""
    return serving(*samples, replicas=len(samples), **more)


FIRES: dict[str, Case] = {
    "kv-thrash": loaded(scraped(running=40, waiting=2, kv_usage=0.98, preemptions=12, before={"preemptions": 0})),
    "queue-saturated": loaded(scraped(running=256, waiting=40, kv_usage=0.4)),
    "engine-wedged": loaded(scraped(running=3, waiting=0, apart_s=90, before=STILL)),
    "replica-imbalance": loaded(
        scraped(running=30, waiting=12, kv_usage=0.5),
        scraped("llama-2", running=1, waiting=0),
        scraped("llama-3", running=2, waiting=0),
    ),
    "prefix-cache-cold": loaded(
        scraped(running=3, prefix_queries=9000, prefix_hits=100, before={"prefix_queries": 0, "prefix_hits": 0}),
        scraped(
            "llama-2",
            running=3,
            prefix_queries=9000,
            prefix_hits=7000,
            before={"prefix_queries": 0, "prefix_hits": 0},
        ),
    ),
    "dcgm-exporter-absent": watched(taints=[TAINT]),
    "dcgm-exporter-not-ready": lambda: world(exporter(desired=3, ready=1)),
    "dcgm-exporter-refused": watched(about("DaemonSet", "dcgm-exporter", "FailedCreate", NO_QUOTA), desired=1),
    "dcgm-exporter-blinds": blinded(answered(OF_PODS)),
    "dcgm-exporter-crash": exporting(crashed(), NO_NVML),
    "gpu-node-fault": lambda: world(
        pod(status=crashed()), node(), gpu(xid=79), log=unresolved(ILLEGAL)().snapshot.logs[0].text
    ),
    "service-mismatch": reached(service(selector={"app": "llama-server"}), endpoints(addresses=0)),
    "service-without-endpoints": handed_in(NO_ENDPOINTS),
    "liveness-times-out": handed_in(LATE.format(4)),
    "configuration-listed": handed_in(LISTED.format("CreateContainerConfigError")),
    "start-listed": handed_in(LISTED.format("RunContainerError")),
    "creation-listed": handed_in(LISTED.format("CreateContainerError")),
    "liveness-refused": handed_in(REFUSED.format(4)),
    "liveness-unavailable": handed_in(DEAD.format(4)),
    "gpu-stack-told": handed_in("NAME             STATUS     AGE", "cluster-policy   notReady   2025-06-01T10:00:00Z"),
    "kind-missing": handed_in(
        'error: unable to recognize "a.yaml": no matches for kind "ScaledObject" in version "v1"'
    ),
    "reference-missing": handed_in(
        'Error from server (NotFound): error when creating "a.yaml": namespaces "llm" not found'
    ),
    "rights-missing": handed_in(FORBIDDEN.format("User")),
    "autoscaler-said-absent": handed_in(NO_AUTOSCALER.format("The pod stays Pending.")),
    "access-denied": handed_in("HTTP/1.1 403 Forbidden", "server: istio-envoy", "RBAC: access denied"),
    "autoscaler-off-at-zero": lambda: world(
        ready(owner="other"),
        node(),
        keda_hpa(name="llama", replicas=0, conditions=[condition("ScalingActive", "False", "ScalingDisabled", "is 0")]),
    ),
    "metric-labels-missed": handed_in(f"The query {EMPTY_QUERY} is empty, and there is", EXPORTED),
    "metric-missed": handed_in("No data for vllm:gpu_cache_usage_perc,", 'vllm:kv_cache_usage_perc{engine="0"} 0.2'),
    "ray-workers-missing": handed_in(ONE_NODE.format(120)),
    "requests-shed": handed_in("inference gateway: ResourceExhausted - system saturated, sheddable request dropped"),
    "upstream-slow": handed_in("upstream request timeout"),
    "upstream-unreachable": handed_in("HTTP/1.1 503 Service Unavailable", "", "no healthy upstream"),
    "name-not-resolved": handed_in("curl: (6) Could not resolve host: llama.serving.svc.cluster.local"),
    "route-unresolved": reached(
        service(),
        about("HTTPRoute", "llm", "RefNotPermitted", "backendRef llama/llama not permitted by a ReferenceGrant"),
    ),
    "network-policy": reached(service(), policy(), policy("other", selector={"matchLabels": {"app": "other"}})),
    "dns-failure": unresolved(NO_REDIS),
    "autoscaler-paused": serving(scaled(annotations={"autoscaling.keda.sh/paused": "true"})),
    "autoscaler-target": lambda: world(
        ready(owner="other"),
        node(),
        workload(name="llama-8b"),
        keda_hpa(
            name="llama",
            conditions=[
                condition(
                    "AbleToScale",
                    "False",
                    "FailedGetScale",
                    "the HPA controller was unable to get the target's current scale: deployments/scale.apps "
                    '"llama" not found',
                )
            ],
        ),
    ),
    "metric-renamed": serving(scaled(OLD_NAME), keda_hpa(current="0"), answered(OLD_NAME)),
    "metric-labels-lost": serving(scaled(OF_PODS), keda_hpa(current="0"), answered(OF_PODS), monitor()),
    "autoscaler-no-metric": serving(
        scaled(),
        keda_hpa(conditions=NO_METRIC),
        about(
            "ScaledObject",
            "llama",
            "KEDAScalerFailed",
            'Get "http://prometheus.monitoring.svc:9090/api/v1/query?query=x": dial tcp: lookup '
            "prometheus.monitoring.svc on 10.96.0.10:53: no such host",
        ),
    ),
    "autoscaler-query-capped": serving(scaled(AVERAGE, threshold="70"), keda_hpa(current="40", target="70")),
    "autoscaler-at-max": serving(
        scaled(maxReplicaCount=2),
        keda_hpa(current="13500m", replicas=2, most=2, conditions=AT_MAX),
        replicas=2,
    ),
    "replicas-zero": lambda: world(node(), workload(0)),
    "scaled-object-at-zero": lambda: world(
        ready(owner="other"), node(), scaled(minReplicaCount=0, conditions=[INACTIVE])
    ),
}

NEAR_MISSES: dict[str, Case] = {
    # full, and everything fits
    "kv-thrash": loaded(scraped(running=40, waiting=0, kv_usage=0.98, preemptions=1, before={"preemptions": 0})),
    # a queue at one moment
    "queue-saturated": loaded(scraped(running=256, waiting=40, kv_usage=0.4, before={"waiting": 0})),
    # idle at the first scrape
    "engine-wedged": loaded(scraped(running=3, waiting=0, apart_s=90, before={**STILL, "running": 0})),
    # unequal, and nobody waits
    "replica-imbalance": loaded(
        scraped(running=30, waiting=0), scraped("llama-2", running=1), scraped("llama-3", running=2)
    ),
    # its siblings find as little
    "prefix-cache-cold": loaded(
        scraped(running=3, prefix_queries=9000, prefix_hits=100, before={"prefix_queries": 0, "prefix_hits": 0}),
        scraped(
            "llama-2",
            running=3,
            prefix_queries=9000,
            prefix_hits=50,
            before={"prefix_queries": 0, "prefix_hits": 0},
        ),
    ),
    # no node has a GPU yet
    "dcgm-exporter-absent": watched(gpus=0),
    "dcgm-exporter-not-ready": lambda: world(exporter(desired=3, ready=3)),
    # it was refused once, and has its pod now
    "dcgm-exporter-refused": watched(about("DaemonSet", "dcgm-exporter", "FailedCreate", NO_QUOTA), desired=1, ready=1),
    # the exporter is missing, and Prometheus has the metric from elsewhere
    "dcgm-exporter-blinds": blinded(answered(OF_PODS, 60.0)),
    "dcgm-exporter-crash": exporting(running(600, ready=True), "msg=Starting dcgm-exporter"),
    # an Xid of the application, which comes with the same error
    "gpu-node-fault": lambda: world(
        pod(status=crashed()), node(), gpu(xid=31), log=unresolved(ILLEGAL)().snapshot.logs[0].text
    ),
    # another application's Service, whose pods are gone
    "service-mismatch": reached(
        service(), service("gateway", selector={"app": "gateway"}), endpoints(), endpoints("gateway", addresses=0)
    ),
    # leads to a pod that nobody described
    "service-without-endpoints": handed_in(NO_ENDPOINTS.replace("<none>", "10.0.0.9:8000"), SERVED),
    # once may be a hiccup
    "liveness-times-out": handed_in(LATE.format(1)),
    # the word of another failure
    "configuration-listed": handed_in(LISTED.format("CreateContainerError")),
    "start-listed": handed_in(LISTED.format("CreateContainerConfigError")),
    "creation-listed": handed_in(LISTED.format("RunContainerError")),
    "liveness-refused": handed_in(REFUSED.format(2)),
    "liveness-unavailable": handed_in(DEAD.format(2)),
    "ray-workers-missing": handed_in(ONE_NODE.format(4)),
    # a request got through after it
    "gpu-stack-told": handed_in(
        "NAME             STATUS   AGE", "cluster-policy   ready    2025-06-01T10:00:00Z", SERVED
    ),
    # what says that it is there is no complaint
    "kind-missing": handed_in("scaledobject.keda.sh/llm created", "ScaledObject llm is of kind v1"),
    "reference-missing": handed_in('namespace "llm" created', SERVED),
    "rights-missing": handed_in(FORBIDDEN.format("unable to validate user"), "deployment.apps/vllm created"),
    # nobody waits
    "autoscaler-said-absent": handed_in(NO_AUTOSCALER.format("All replicas run.")),
    "access-denied": handed_in("RBAC: access denied", '10.0.0.4 - - "GET /v1/models HTTP/1.1" 200 640 "-" "curl"'),
    # KEDA's own, which has nothing to do
    "autoscaler-off-at-zero": lambda: world(
        ready(owner="other"),
        node(),
        keda_hpa(replicas=0, conditions=[condition("ScalingActive", "False", "ScalingDisabled", "is 0")]),
    ),
    # an autoscaler that was seen is compared with its monitors and servers
    "metric-labels-missed": serving(scaled(), about("ScaledObject", "llama", "LabelsRenamed", EXPORTED)),
    "metric-missed": serving(scaled(), about("ScaledObject", "llama", "MetricRenamed", OLD_NAME)),
    "requests-shed": handed_in(
        "system saturated, sheddable request dropped",
        '10.0.0.4 - - "POST /v1/completions HTTP/1.1" 200 1640 "-" "curl"',
    ),
    # a request got through after it
    "upstream-slow": handed_in(
        "upstream request timeout", '10.0.0.4 - - "POST /v1/completions HTTP/1.1" 200 1640 "-" "python-httpx/0.27"'
    ),
    "upstream-unreachable": handed_in(
        "no healthy upstream", '10.0.0.4 - - "POST /v1/completions HTTP/1.1" 200 1640 "-" "python-httpx/0.27"'
    ),
    # a name of the internet
    "name-not-resolved": handed_in("curl: (6) Could not resolve host: example.com"),
    # a route to somebody else's Service
    "route-unresolved": reached(
        service(), about("HTTPRoute", "shop", "BackendNotFound", 'backend(s) not found: Service "cart"')
    ),
    "network-policy": reached(
        service(), policy(ingress=[{"from": [{"podSelector": {}}], "ports": [{"port": "http"}]}])
    ),
    "dns-failure": unresolved(NO_HUB),
    "autoscaler-paused": serving(scaled(annotations={"autoscaling.keda.sh/paused": "false"}), keda_hpa(current="1")),
    # the HPA could not read the scale for want of rights once, and can now
    "autoscaler-target": serving(
        keda_hpa(name="llama", current="1", conditions=[condition("AbleToScale", "True", "SucceededGetScale")])
    ),
    # names both generations
    "metric-renamed": serving(scaled(f"{OLD_NAME} or sum(vllm:kv_cache_usage_perc)"), keda_hpa(current="0")),
    "metric-labels-lost": serving(scaled(OF_PODS), keda_hpa(current="0"), monitor(honor=True)),
    # the HPA is switched off because the target is at 0, by design
    "autoscaler-no-metric": lambda: world(
        node(),
        workload(0),
        scaled(minReplicaCount=0, conditions=[condition("Active", "False", "ScalerNotActive")]),
        keda_hpa(replicas=0, conditions=[condition("ScalingActive", "False", "ScalingDisabled", "is zero")]),
    ),
    "autoscaler-query-capped": serving(
        scaled(AVERAGE, threshold="70", metric_type="Value"), keda_hpa(current="40", target="70", kind="value")
    ),
    # at its maximum, and content with it
    "autoscaler-at-max": serving(scaled(maxReplicaCount=2), keda_hpa(current="4", replicas=2, most=2), replicas=2),
    "replicas-zero": serving(scaled(minReplicaCount=0), keda_hpa(current="1"), answered(QUERY, 1.0)),
    # requests at a gateway wake it
    "scaled-object-at-zero": lambda: world(
        ready(owner="other"),
        node(),
        scaled("sum(envoy_cluster_upstream_rq_active)", minReplicaCount=0, conditions=[INACTIVE]),
    ),
}

TOGETHER: dict[str, set[str]] = {
    # the empty query is the consequence of the name, and of the labels
    "metric-renamed": {"autoscaler-no-metric"},
    "metric-labels-lost": {"autoscaler-no-metric"},
    "dcgm-exporter-blinds": {"autoscaler-no-metric"},
}
