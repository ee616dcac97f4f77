"""Somebody tells in prose of servers that are there: of load, scaling, nodes, and what is beside them.

What it finds
    A paragraph of a post that has all the signs of one cause, where nothing that a program said is at hand.

Why it matters
    What people ask of autoscalers and routing they often ask without a single line of output.

Evidence
    The paragraph. It is never more than a suspicion.

Fix
    By hand, after a look at what the cluster says.
"""

from __future__ import annotations

from functools import partial

from vops.diagnosis.guesses.told import told

_told = partial(told, doc=__doc__ or "", order=91)

RULES = (
    _told(
        "autoscaler-query-capped",
        "Let the query ask for more replicas",
        "Set metricType: Value at the trigger, or sum(…) in place of avg(…): with AverageValue, KEDA's "
        "default, an average of at most 100 over a threshold of 70 asks for at most 2 replicas.",
    ),
    _told(
        "autoscaler-paused",
        "Take the pause away",
        "Remove the annotation autoscaling.keda.sh/paused (or paused-replicas) from the ScaledObject; of an "
        "HPA, selectPolicy: Disabled from spec.behavior.scaleUp.",
    ),
    _told(
        "autoscaler-at-max",
        "Raise the maximum",
        "Raise maxReplicaCount of the ScaledObject (maxReplicas of the HPA) to what the metrics ask for, as "
        "far as the GPUs reach.",
    ),
    _told(
        "replicas-zero",
        "Give it a replica",
        "Set replicas to 1; with KEDA set minReplicaCount: 1, or wake it by a metric that exists without the server.",
    ),
    _told(
        "metric-labels-lost",
        "Let the GPU metrics keep the labels of their pods",
        "Where pod is the exporter's: set honorLabels: true at the endpoint of its ServiceMonitor, or ask for "
        "exported_pod.",
        "Where pod is empty at the exporter itself (curl EXPORTER:9400/metrics): set DCGM_EXPORTER_KUBERNETES=true in "
        "it and mount the node's /var/lib/kubelet/pod-resources; only a GPU that a pod holds has one.",
    ),
    _told(
        "prefix-cache-cold",
        "Send requests with the same beginning to the same replica",
        "Route by prefix or session (Gateway API inference extension, vLLM's router), in place of round robin.",
    ),
    _told(
        "replica-imbalance",
        "Spread the requests over the replicas",
        "A Service balances connections, and not requests: open more of them, close them now and then, or put "
        "a router in front that knows the queues.",
    ),
    _told(
        "queue-saturated",
        "Make room for the requests that wait",
        "Add a replica, or raise --max-num-seqs while the KV cache has room.",
    ),
    _told(
        "kv-thrash",
        "Run no more requests at once than the cache holds",
        "Lower --max-num-seqs, raise --gpu-memory-utilization by 0.03, or add a replica.",
    ),
    _told(
        "sidecar-failed",
        "Mend the container beside the server",
        "See its own log: kubectl -n NAMESPACE logs POD -c CONTAINER --previous; mend it, or take it out of the pod.",
    ),
    _told(
        "init-container-failed",
        "Mend the init container",
        "See its own log: kubectl -n NAMESPACE logs POD -c INIT_CONTAINER --previous.",
    ),
    _told(
        "node-oom",
        "Let the scheduler count what the server needs",
        "Set the container's memory request equal to its limit, and limits for the others on that node.",
    ),
    _told(
        "tmpfs-charged",
        "Limit the volume in memory, and make room for it",
        "Give the emptyDir a sizeLimit (2 GiB for each GPU at /dev/shm), and raise limits.memory by as much; "
        "keep the model on disk.",
    ),
    _told(
        "gpu-request-too-large",
        "Ask for no more GPUs than a node has",
        "Lower resources.limits[nvidia.com/gpu] and --tensor-parallel-size to that, or use larger nodes.",
    ),
    _told(
        "no-scheduler",
        "Let a scheduler look at it",
        "Name a scheduler that runs in spec.schedulerName, or bring it back: kubectl -n kube-system get pods.",
    ),
    _told(
        "engine-start-timeout",
        "Allow the engine more time",
        "Set env VLLM_ENGINE_READY_TIMEOUT_S to one and a half times the longest start.",
    ),
    _told(
        "node-launch-failed",
        "See why machines of this pool do not become nodes",
        "Look at the machine's boot log in the cloud's console: permissions, network, bootstrap; kubectl get "
        "nodeclaims, csr.",
    ),
    _told(
        "preempted",
        "Give serving a priority of its own",
        "Set a priorityClassName that is above what took its place, or make room for both.",
    ),
    _told(
        "engine-wedged",
        "Restart the server, and keep the stacks of its engine",
        "Before the restart, dump the stacks (py-spy dump --pid PID of each worker): they say what the engine waits "
        "for.",
        "Then leave out what is new or rare (speculative decoding, async scheduling, a KV connector), one at a time.",
        "Probe by a completion of one token: /health answers as long as the API server does.",
    ),
    _told(
        "metric-renamed",
        "Ask for the metric by its name of today",
        "Put the new name into queries, dashboards and the adapter's rules: vllm:gpu_cache_usage_perc is "
        "vllm:kv_cache_usage_perc, vllm:time_per_output_token_seconds is vllm:inter_token_latency_seconds.",
        "See which names the server exports: curl SERVER/metrics.",
    ),
    _told(
        "post-start-hook-failed",
        "Let the hook succeed",
        "Mend the command of lifecycle.postStart, or do its work in a sidecar or an init container.",
    ),
    _told(
        "rollout-deadlock",
        "Let an old pod stop first",
        "Set spec.strategy.rollingUpdate to maxSurge: 0, maxUnavailable: 1, or spec.strategy.type to Recreate.",
        name="prose-rollout-deadlock",
    ),
    _told(
        "gpu-memory-not-free",
        "Let the GPU's memory be free first",
        "See with nvidia-smi which other process holds it, and let that end; or share on purpose, with a "
        "--gpu-memory-utilization for each that fits what is free.",
    ),
    _told(
        "kv-cache-too-small",
        "Let one request of full length fit",
        "Lower --max-model-len to what the log says fits, or raise --gpu-memory-utilization where the GPU is its own.",
    ),
    _told(
        "node-lost",
        "Be ready for nodes that go",
        "See whether the node is there (kubectl get nodes); of one that is gone delete its pods with --force. Keep "
        "a replica on nodes that are not spot.",
    ),
    _told(
        "autoscaler-no-match",
        "Let a pool have machines that take the pod",
        "Compare what the pod asks for with the requirements of each NodePool or node group, and widen those.",
    ),
)
