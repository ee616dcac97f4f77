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

from vops.diagnosis.facts import Replica
from vops.diagnosis.guesses.told import as_told
from vops.diagnosis.rule import Branch, Verdict, rule


@rule(cause="autoscaler-query-capped", branch=Branch.START, order=91, last_resort=True)
def told_autoscaler_query_capped(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "autoscaler-query-capped",
        "Let the query ask for more replicas",
        "Set metricType: Value at the trigger, or sum(…) in place of avg(…): with AverageValue, KEDA's "
        "default, an average of at most 100 over a threshold of 70 asks for at most 2 replicas.",
    )


@rule(cause="autoscaler-paused", branch=Branch.START, order=91, last_resort=True)
def told_autoscaler_paused(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "autoscaler-paused",
        "Take the pause away",
        "Remove the annotation autoscaling.keda.sh/paused (or paused-replicas) from the ScaledObject; of an "
        "HPA, selectPolicy: Disabled from spec.behavior.scaleUp.",
    )


@rule(cause="autoscaler-at-max", branch=Branch.START, order=91, last_resort=True)
def told_autoscaler_at_max(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "autoscaler-at-max",
        "Raise the maximum",
        "Raise maxReplicaCount of the ScaledObject (maxReplicas of the HPA) to what the metrics ask for, as "
        "far as the GPUs reach.",
    )


@rule(cause="replicas-zero", branch=Branch.START, order=91, last_resort=True)
def told_replicas_zero(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "replicas-zero",
        "Give it a replica",
        "Set replicas to 1; with KEDA set minReplicaCount: 1, or wake it by a metric that exists without the server.",
    )


@rule(cause="metric-labels-lost", branch=Branch.START, order=91, last_resort=True)
def told_metric_labels_lost(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "metric-labels-lost",
        "Let the GPU metrics keep the labels of their pods",
        "Where pod is the exporter's: set honorLabels: true at the endpoint of its ServiceMonitor, or ask for "
        "exported_pod.",
        "Where pod is empty at the exporter itself (curl EXPORTER:9400/metrics): set DCGM_EXPORTER_KUBERNETES=true in "
        "it and mount the node's /var/lib/kubelet/pod-resources; only a GPU that a pod holds has one.",
    )


@rule(cause="prefix-cache-cold", branch=Branch.START, order=91, last_resort=True)
def told_prefix_cache_cold(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "prefix-cache-cold",
        "Send requests with the same beginning to the same replica",
        "Route by prefix or session (Gateway API inference extension, vLLM's router), in place of round robin.",
    )


@rule(cause="replica-imbalance", branch=Branch.START, order=91, last_resort=True)
def told_replica_imbalance(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "replica-imbalance",
        "Spread the requests over the replicas",
        "A Service balances connections, and not requests: open more of them, close them now and then, or put "
        "a router in front that knows the queues.",
    )


@rule(cause="queue-saturated", branch=Branch.START, order=91, last_resort=True)
def told_queue_saturated(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "queue-saturated",
        "Make room for the requests that wait",
        "Add a replica, or raise --max-num-seqs while the KV cache has room.",
    )


@rule(cause="kv-thrash", branch=Branch.START, order=91, last_resort=True)
def told_kv_thrash(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "kv-thrash",
        "Run no more requests at once than the cache holds",
        "Lower --max-num-seqs, raise --gpu-memory-utilization by 0.03, or add a replica.",
    )


@rule(cause="sidecar-failed", branch=Branch.START, order=91, last_resort=True)
def told_sidecar_failed(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "sidecar-failed",
        "Mend the container beside the server",
        "See its own log: kubectl -n NAMESPACE logs POD -c CONTAINER --previous; mend it, or take it out of the pod.",
    )


@rule(cause="init-container-failed", branch=Branch.START, order=91, last_resort=True)
def told_init_container_failed(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "init-container-failed",
        "Mend the init container",
        "See its own log: kubectl -n NAMESPACE logs POD -c INIT_CONTAINER --previous.",
    )


@rule(cause="node-oom", branch=Branch.START, order=91, last_resort=True)
def told_node_oom(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "node-oom",
        "Let the scheduler count what the server needs",
        "Set the container's memory request equal to its limit, and limits for the others on that node.",
    )


@rule(cause="tmpfs-charged", branch=Branch.START, order=91, last_resort=True)
def told_tmpfs_charged(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "tmpfs-charged",
        "Limit the volume in memory, and make room for it",
        "Give the emptyDir a sizeLimit (2 GiB for each GPU at /dev/shm), and raise limits.memory by as much; "
        "keep the model on disk.",
    )


@rule(cause="gpu-request-too-large", branch=Branch.START, order=91, last_resort=True)
def told_gpu_request_too_large(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "gpu-request-too-large",
        "Ask for no more GPUs than a node has",
        "Lower resources.limits[nvidia.com/gpu] and --tensor-parallel-size to that, or use larger nodes.",
    )


@rule(cause="no-scheduler", branch=Branch.START, order=91, last_resort=True)
def told_no_scheduler(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "no-scheduler",
        "Let a scheduler look at it",
        "Name a scheduler that runs in spec.schedulerName, or bring it back: kubectl -n kube-system get pods.",
    )


@rule(cause="engine-start-timeout", branch=Branch.START, order=91, last_resort=True)
def told_engine_start_timeout(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "engine-start-timeout",
        "Allow the engine more time",
        "Set env VLLM_ENGINE_READY_TIMEOUT_S to one and a half times the longest start.",
    )


@rule(cause="node-launch-failed", branch=Branch.START, order=91, last_resort=True)
def told_node_launch_failed(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "node-launch-failed",
        "See why machines of this pool do not become nodes",
        "Look at the machine's boot log in the cloud's console: permissions, network, bootstrap; kubectl get "
        "nodeclaims, csr.",
    )


@rule(cause="preempted", branch=Branch.START, order=91, last_resort=True)
def told_preempted(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "preempted",
        "Give serving a priority of its own",
        "Set a priorityClassName that is above what took its place, or make room for both.",
    )


@rule(cause="engine-wedged", branch=Branch.START, order=91, last_resort=True)
def told_engine_wedged(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "engine-wedged",
        "Restart the server, and keep the stacks of its engine",
        "Before the restart, dump the stacks (py-spy dump --pid PID of each worker): they say what the engine waits "
        "for.",
        "Then leave out what is new or rare (speculative decoding, async scheduling, a KV connector), one at a time.",
        "Probe by a completion of one token: /health answers as long as the API server does.",
    )


@rule(cause="metric-renamed", branch=Branch.START, order=91, last_resort=True)
def told_metric_renamed(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "metric-renamed",
        "Ask for the metric by its name of today",
        "Put the new name into queries, dashboards and the adapter's rules: vllm:gpu_cache_usage_perc is "
        "vllm:kv_cache_usage_perc, vllm:time_per_output_token_seconds is vllm:inter_token_latency_seconds.",
        "See which names the server exports: curl SERVER/metrics.",
    )


@rule(cause="post-start-hook-failed", branch=Branch.START, order=91, last_resort=True)
def told_post_start_hook_failed(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "post-start-hook-failed",
        "Let the hook succeed",
        "Mend the command of lifecycle.postStart, or do its work in a sidecar or an init container.",
    )


@rule(cause="rollout-deadlock", branch=Branch.START, order=91, last_resort=True)
def prose_rollout_deadlock(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "rollout-deadlock",
        "Let an old pod stop first",
        "Set spec.strategy.rollingUpdate to maxSurge: 0, maxUnavailable: 1, or spec.strategy.type to Recreate.",
    )


@rule(cause="gpu-memory-not-free", branch=Branch.START, order=91, last_resort=True)
def told_gpu_memory_not_free(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "gpu-memory-not-free",
        "Let the GPU's memory be free first",
        "See with nvidia-smi which other process holds it, and let that end; or share on purpose, with a "
        "--gpu-memory-utilization for each that fits what is free.",
    )


@rule(cause="kv-cache-too-small", branch=Branch.START, order=91, last_resort=True)
def told_kv_cache_too_small(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "kv-cache-too-small",
        "Let one request of full length fit",
        "Lower --max-model-len to what the log says fits, or raise --gpu-memory-utilization where the GPU is its own.",
    )


@rule(cause="node-lost", branch=Branch.START, order=91, last_resort=True)
def told_node_lost(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "node-lost",
        "Be ready for nodes that go",
        "See whether the node is there (kubectl get nodes); of one that is gone delete its pods with --force. Keep "
        "a replica on nodes that are not spot.",
    )


@rule(cause="autoscaler-no-match", branch=Branch.START, order=91, last_resort=True)
def told_autoscaler_no_match(replica: Replica) -> Verdict | None:
    return as_told(
        replica,
        "autoscaler-no-match",
        "Let a pool have machines that take the pod",
        "Compare what the pod asks for with the requirements of each NodePool or node group, and widen those.",
    )
