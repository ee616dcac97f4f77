"""How to tell the causes around a server: who may place, start, scale and reach it."""

from __future__ import annotations

from vops.diagnosis.guesses.confirming import EVENTS, POD, Test

_SCALERS = "kubectl -n {ns} describe hpa,scaledobject"
_METRICS = "kubectl get --raw /api/v1/namespaces/{ns}/pods/{pod}:8000/proxy/metrics"

TESTS_AROUND: dict[str, Test] = {
    # --- pods that are not made or not placed ---
    "admission-denied": Test(
        "kubectl -n {ns} describe replicaset,statefulset,job | grep -A9 Events",
        "FailedCreate, with the policy, webhook or limit that forbids the pods",
        "Make the pods such as are allowed",
        "Correct what is named (securityContext, limits, ServiceAccount), or have the policy or webhook changed.",
    ),
    "resource-quota": Test(
        "kubectl -n {ns} describe resourcequota",
        "a resource of which Used is Hard, or nearly",
        "Make room in the quota",
        "Scale down what is not needed, lower replicas or requests, or have the quota raised.",
    ),
    "priority-class-quota": Test(
        "kubectl -n {ns} describe resourcequota; kubectl get priorityclasses",
        "a quota with a scope of priority classes, or a class that is not there",
        "Use a priorityClass that the namespace may use",
        "Correct priorityClassName, or have the ResourceQuota of that class made or raised.",
    ),
    "no-scheduler": Test(
        POD + " | grep -E 'schedulerName|phase'; kubectl get pods -A | grep -i scheduler",
        "a scheduler of that name that does not run, or no event of any",
        "Let a scheduler see the pod",
        "Correct schedulerName, or bring that scheduler back.",
    ),
    "scheduling-gated": Test(
        POD + " | grep -A3 schedulingGates; kubectl -n {ns} get workloads,podgroups",
        "a gate, or a queue that has not admitted the workload",
        "Let the queue admit it",
        "See the Workload's conditions: quota of the ClusterQueue, flavor, or a group that is not whole.",
    ),
    "gpu-request-too-large": Test(
        "kubectl get nodes -o custom-columns='NAME:.metadata.name,GPUS:.status.allocatable.nvidia\\.com/gpu'",
        "no node with as many GPUs as the pod asks for",
        "Ask for no more GPUs than one node has",
        "Lower limits nvidia.com/gpu and --tensor-parallel-size together, or use nodes with more GPUs.",
    ),
    "wrong-gpu-resource": Test(
        POD + " | grep -A4 limits; kubectl describe nodes | grep -iE 'gpu|mig'",
        "another resource name than any node offers",
        "Ask for the resource that the nodes offer",
        "Set limits to the name that is listed there, such as nvidia.com/gpu or nvidia.com/mig-1g.10gb.",
    ),
    "device-allocation-failed": Test(
        EVENTS,
        "UnexpectedAdmissionError, or that devices could not be allocated",
        "Let the kubelet hand out the GPU",
        "Delete the failed pod; where it comes back, restart the device plugin on that node, or cordon it.",
    ),
    "preempted": Test(
        EVENTS,
        "Preempted, and by which pod",
        "Keep the server from being preempted",
        "Give it a priorityClass no lower than that pod's, or GPUs that others do not compete for.",
    ),
    "volume-zone-conflict": Test(
        "kubectl get pv -o custom-columns='NAME:.metadata.name,CLAIM:.spec.claimRef.name,ZONE:.spec.nodeAffinity'",
        "a volume in a zone that has no fitting node",
        "Bring volume and GPU nodes into one zone",
        "Add GPU nodes in the volume's zone, or make the claim anew where the GPUs are (WaitForFirstConsumer).",
    ),
    # --- nodes that do not come ---
    "autoscaler-absent": Test(
        "kubectl get nodepools,nodeclaims; kubectl -n kube-system get configmap cluster-autoscaler-status",
        "no autoscaler at all",
        "Add a node, or let an autoscaler add it",
        "Switch autoscaling on for a node pool with this GPU, or add a node by hand.",
    ),
    "autoscaler-limit": Test(
        "kubectl -n kube-system get configmap cluster-autoscaler-status -o yaml; kubectl get nodepools -o yaml",
        "a group at its maximum, or a NodePool at its limits",
        "Let the autoscaler add more nodes",
        "Raise the maximum size of the group, or the NodePool's limits.",
    ),
    "autoscaler-no-match": Test(
        EVENTS,
        "NotTriggerScaleUp, or that no NodePool fits, with what each lacks",
        "Give the autoscaler a pool that fits the pod",
        "Bring the pod's node selector, tolerations and GPU together with the labels and taints of a node pool.",
    ),
    "cloud-quota": Test(
        "kubectl get events -A | grep -iE 'quota|limit exceeded|vcpu'",
        "that the cloud's quota is used up",
        "Have the cloud quota raised",
        "Ask the cloud for more quota of this GPU in this region, or use one that has some left.",
    ),
    "gpu-stockout": Test(
        "kubectl get events -A | grep -iE 'stockout|capacity|exhausted|insufficient'; kubectl get nodeclaims",
        "that the cloud has no such machine now",
        "Look for the GPU elsewhere",
        "Allow more zones and instance types, use a reservation, or wait.",
    ),
    "node-launch-failed": Test(
        "kubectl describe nodeclaims; kubectl get events -A | grep -iE 'launch|register|nodegroup'",
        "the cloud's reason, or a node that never registered",
        "Let new nodes start and join",
        "Correct what is named: role, subnet, image or network of the node class; then delete the failed NodeClaim.",
    ),
    # --- images, volumes and companions ---
    "image-auth": Test(
        EVENTS,
        "the registry's word: unauthorized, denied or 403",
        "Let the node log in to the registry",
        "Create a Secret of type kubernetes.io/dockerconfigjson, and name it in imagePullSecrets.",
    ),
    "image-rate-limit": Test(
        EVENTS,
        "429, toomanyrequests, or pull QPS exceeded",
        "Pull less often, or with an account",
        "Log in with imagePullSecrets, use a mirror, or wait until the limit is over.",
    ),
    "multi-attach": Test(
        "kubectl get volumeattachments; kubectl -n {ns} get pods -o wide",
        "the volume still attached to another node",
        "Let go of the volume on the other node",
        "Delete the pod that holds it there; use strategy Recreate, or a ReadWriteMany volume.",
    ),
    "init-container-failed": Test(
        "kubectl -n {ns} logs {pod} --all-containers --prefix --tail=20",
        "the error of the init container",
        "Mend the init container",
        "Correct its command, image or permissions by what its log says; the server starts after it.",
    ),
    "sidecar-failed": Test(
        "kubectl -n {ns} get pod {pod} -o jsonpath='{{.status.containerStatuses[*].name}}'; " + EVENTS,
        "a container beside the server that is not ready",
        "Mend the sidecar",
        "See its log; leave it out of these pods where it is not needed (an annotation of the injector).",
    ),
    "post-start-hook-failed": Test(
        EVENTS,
        "FailedPostStartHook, with what the command answered",
        "Mend the postStart hook",
        "Correct its command, or leave the hook out: the server is killed whenever it fails.",
    ),
    "tmpfs-charged": Test(
        POD + " | grep -B2 -A3 'medium: Memory'; " + POD + " | grep -A4 limits",
        "volumes in memory that count against limits.memory",
        "Make room for what is kept in memory",
        "Raise limits.memory by what the volumes hold, or give them a sizeLimit, or keep those files on disk.",
    ),
    # --- rollouts ---
    "rollout-deadlock": Test(
        "kubectl -n {ns} get deployment,replicaset,pods -o wide",
        "a new pod that waits for the GPU of an old one",
        "Let the old pod go before the new one comes",
        "Set maxSurge 0 and maxUnavailable 1, or strategy Recreate.",
    ),
    "rollout-volume-conflict": Test(
        "kubectl -n {ns} get pods -o wide; kubectl -n {ns} get pvc",
        "old and new pod that want one ReadWriteOnce volume",
        "Let the old pod release the volume first",
        "Set strategy Recreate (or maxSurge 0), or use a ReadWriteMany volume.",
    ),
    "progress-deadline": Test(
        "kubectl -n {ns} get deployments -o yaml | grep -E 'progressDeadline|ProgressDeadlineExceeded'",
        "ProgressDeadlineExceeded while pods still load",
        "Allow the rollout as long as a start takes",
        "Set progressDeadlineSeconds to more than the longest start and its probes.",
    ),
    "replicas-zero": Test(
        "kubectl -n {ns} get deployments,statefulsets,hpa,scaledobjects",
        "a workload with 0 replicas wanted",
        "Scale it up again",
        "kubectl scale it to 1 replica or more, or raise minReplicas; see who scaled it down.",
    ),
    # --- requests that do not arrive, or wait ---
    "service-mismatch": Test(
        "kubectl -n {ns} get endpointslices,services -o wide",
        "a Service without endpoints, or with another port than the server's",
        "Lead the Service, or the route, to the server",
        "Correct the Service's selector and targetPort, and the port, model name and timeout in the gateway's route.",
    ),
    "network-policy": Test(
        "kubectl get networkpolicies -A",
        "a policy that selects the pods and does not allow this way",
        "Allow the traffic",
        "Add an ingress (or egress) rule for it to the NetworkPolicy.",
    ),
    "queue-saturated": Test(
        _METRICS + " | grep -E 'num_requests|cache_usage'",
        "requests that wait, and more of them every minute",
        "Serve more requests at once",
        "Add replicas; raise --max-num-seqs where the KV cache has room.",
    ),
    "kv-thrash": Test(
        _METRICS + " | grep -E 'preemptions|cache_usage'",
        "a KV cache near 1, and preemptions that grow",
        "Give running requests room in the KV cache",
        "Lower --max-num-seqs or --max-model-len, use an fp8 --kv-cache-dtype, or add replicas.",
    ),
    "prefix-cache-cold": Test(
        _METRICS + " | grep prefix_cache",
        "few hits for many queries",
        "Send what begins alike to the same replica",
        "Route by prefix or session (sticky), and keep what differs at the end of the prompt.",
    ),
    "replica-imbalance": Test(
        "vops fleet -n {ns}",
        "one replica with most of the requests while others idle",
        "Spread the requests",
        "Let the router balance by load; close long-lived connections, or use a headless Service behind it.",
    ),
    # --- what scales and measures ---
    "autoscaler-no-metric": Test(
        _SCALERS,
        "that the metric could not be fetched, or <unknown>",
        "Give the autoscaler its metric",
        "See that the query answers in Prometheus, and that serverAddress, adapter and authentication are right.",
    ),
    "autoscaler-at-max": Test(
        _SCALERS,
        "as many replicas as maxReplicas, or ScalingLimited",
        "Allow more replicas",
        "Raise maxReplicas (maxReplicaCount) where GPUs are there for them.",
    ),
    "autoscaler-query-capped": Test(
        _SCALERS + " | grep -iE 'metric|target|current'",
        "a value that does not grow with the load",
        "Measure what grows with the load",
        "Use the sum of vllm:num_requests_waiting with metricType AverageValue, not a share or an average.",
    ),
    "autoscaler-paused": Test(
        "kubectl -n {ns} get scaledobjects -o yaml | grep -i paused",
        "an annotation that pauses it",
        "Let it scale again",
        "Remove the annotation autoscaling.keda.sh/paused (or paused-replicas).",
    ),
    "metric-renamed": Test(
        _METRICS + " | grep -oE '^vllm:[a-z_]+' | sort -u",
        "no metric of the name that is asked for",
        "Ask for the metric by its present name",
        "Rename it in queries and dashboards to what this version of vLLM exports.",
    ),
    "metric-labels-lost": Test(
        "kubectl get servicemonitors,podmonitors -A -o yaml | grep -iE 'honorLabels|relabel'",
        "labels that the scrape overwrites: exported_pod in place of pod",
        "Keep the labels of the exporter",
        "Set honorLabels: true on its endpoint, or ask for exported_pod and exported_namespace.",
    ),
    "dcgm-exporter-failure": Test(
        "kubectl get pods -A -o wide | grep -i dcgm; kubectl get daemonsets -A | grep -i dcgm",
        "exporter pods that do not run on GPU nodes",
        "Bring the DCGM exporter back",
        "See its log; correct its tolerations, nodeSelector, memory limit, or the driver beneath it.",
    ),
}
"""How to tell, by cause."""
