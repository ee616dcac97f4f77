"""The sentences of Kubernetes' components, by the reason, object and source of the event that each is a part of."""

from __future__ import annotations

import re

from vops.model.patterns import lazy_pattern
from vops.operations.printed.inner_sentences import INNER
from vops.operations.printed.operator_sentences import OPERATOR_SENTENCES

_OWN = tuple(
    (reason, kind, source, lazy_pattern(pattern))
    for reason, kind, source, pattern in (
        (
            "FailedScheduling",
            "Pod",
            "karpenter",
            r"Failed to schedule pod, |incompatible with (?:nodepool|provisioner) \""
            r"|no instance type (?:satisfied|met|has)|all available instance types exceed limits for nodepool"
            r"|node limits have been exhausted for nodepool",
        ),
        (
            "FailedScheduling",
            "Pod",
            "default-scheduler",
            r"\d{1,6}/\d{1,6} nodes (?:are )?(?:un)?available|Insufficient \w{2,20} capacity on the cluster\."
            r"|[Aa]ll nodes are unavailable: \d"
            r"|[Nn]o nodes (?:are )?available (?:to schedule pods|that match all)"
            r"|fit failure summary on nodes ?: "
            r"|Cannot schedule pods: |pod has unbound immediate Pers"
            r"|running (?:\"\w{1,40}\" )?(?:PreBind|PreFilter|filter|Reserve|Permit|Bind|Score)\b ?plugins?[ :]"
            r"|waiting for dynamic resource controller to create|waiting for resource driver to"
            r"|persistentvolumeclaim \"[\w.-]{1,253}\" (?:not found|is being deleted|bound to non-existent)"
            r"|pod \"[\w./-]{1,317}\": ResourceClaim not created|waiting for scheduling gates: \["
            r"|Scheduling is blocked due to non-empty scheduling gates|waiting for pods's pod group "
            r"|(?:is|are|stays?|remains?|stuck (?:in|at|as)|status(?: is)?:?) SchedulingGated\b"
            r"|waiting for minCount pods from a gang|optimistic scheduling rejected: pod group",
        ),
        (
            "Unschedulable",
            "Pod",
            "kai-scheduler",
            r"[Nn]o nodes with enough resources were found: |Unable to schedule podgroup|Resources were not found for"
            r"|node-group\(s\) didn't have enough resources"
            r"|Non-?[Pp]reemptible ?(?:workload is over quota|OverQuota)"
            r"|\S{1,253} quota has reached the allowable limit"
            r"|Workload requested [\d.]{1,20} (?:GPUs|CPU cores|GB memory), but ",
        ),
        (
            "Unschedulable",
            "Pod",
            "kueue-admission",
            r"couldn't assign flavors to pod set|[Ww]orkload didn't fit in|The workload has exceeded the quota"
            r"|(?:Local|Cluster)Queue \S{1,253} (?:is inactive|doesn't exist)",
        ),
        (
            "Unschedulable",
            "Pod",
            "yunikorn",
            r"Request '[^']{1,253}' does not fit in queue |Unschedulable request '[^']{1,253}': ",
        ),
        ("NodeAffinity", "Pod", "kubelet", r"(?:Pod )?Predicate (?:NodeAffinity|MatchNodeSelector) failed"),
        (
            "TopologyAffinityError",
            "Pod",
            "kubelet",
            r"(?:Pod was rejected: |Pod )?Resources cannot be allocated with Topology locality"
            r"|pod with pod-level resources failed admission",
        ),
        ("FilteringFailed", "Pod", "hami-scheduler", r"no available node, \d{1,6} nodes? do"),
        (
            "NotTriggerScaleUp",
            "Pod",
            "cluster-autoscaler",
            r"pod didn't trigger scale-up|Provisioning Request(?:'s pods)? cannot be scheduled in "
            r"|max total nodes in cluster reached|[Mm]ax (?:cluster size|nodepool size|cluster limit) reached"
            r"|Nodepool not ready for scale-up"
            r"|Nodepool in backoff after failed scale-up|No nodepool with QueuedProvisioning enabled",
        ),
        ("TriggeredScaleUp", "Pod", "cluster-autoscaler", r"pod triggered scale-up: "),
        ("FailedScaleUp", "Pod", "cluster-autoscaler", r"Node scale up in zones? "),
        (
            "SpotInterrupted",
            "NodeClaim",
            "karpenter",
            r"Spot interruption warning was triggered|Interruption triggered termination for the "
            r"|Capacity Reservation interruption warning was triggered|Instance is (?:stopping|terminating)$",
        ),
        (
            "FailedConsistencyCheck",
            "Node",
            "karpenter",
            r"[Ee]xpected resource \"[\w./-]{3,80}\" didn't register on the"
            r"|Resource \"[\w./-]{3,80}\" was requested but not registered",
        ),
        (
            "AmbiguousSelector",
            "HorizontalPodAutoscaler",
            "horizontal-pod-autoscaler",
            r"pods by selector .{1,200} are controlled by multiple HPAs",
        ),
        ("Nominated", "Pod", "karpenter", r"Pod should schedule on: "),
        (
            "InsufficientCapacityError",
            "NodeClaim",
            "karpenter",
            r"NodeClaim \S{1,253} event: |creating instance, (?:insuff|with fleet error)",
        ),
        ("ScaleUpFailed", "ConfigMap", "cluster-autoscaler", r"Failed adding \d{1,6} nodes to group|Scale-up failed"),
        ("ScaleUpTimedOut", "ConfigMap", "cluster-autoscaler", r"Nodes added to group \S{1,300} failed to register"),
        (
            "FailedCreate",
            "ReplicaSet",
            "replicaset-controller",
            r"resource \S{1,300} was blocked due to the following policies|blocking resource request"
            r"|admission request denied"
            r"|(?:The (?:\w{2,40} \"[^\"]{1,253}\"|request)"
            r"|[A-Z]\w{2,40}\.[a-z][\w.]{1,60} \"[^\"]{1,253}\") is invalid:"
            r"|(?:Error from server \(BadRequest\): )?(?:error when (?:creat|apply|patch|replac)ing .{0,200}?: )?"
            r"[A-Z]\w{2,40} in version \"[^\"]{1,60}\" cannot be handled as an? "
            r"|(?:[Ee]rror: .{0,200}?)?(?:error (?:parsing|validating) \S{1,200}: error "
            r"|error converting YAML to JSON: "
            r"|values don't meet the specifications of the schema)"
            r"|insufficient quota to match these scopes: \["
            r"|[a-z]{3,40}s \"[^\"]{1,253}\" is forbidden: (?:[Ee]xceeded|[Ff]ailed) quota"
            r"|(?:Error from server.{0,200}?(?:denied the request|is "
            r"forbidden(?!: User)|exceeded quota|failed calling)"
            r"|[Ee]rror creating: |create Pod \S{1,253} in StatefulSet"
            r"|(?:Error from server.{0,40}: )?pods \"[^\"]{1,253}\" is forbidden(?!: User))"
            r"|admission webhook \"[^\"]{1,253}\" (?:denied|does not support dry run)"
            r"|(?:Internal error occurred: )?failed calling (?:admission )?"
            r"webhook \"",
        ),
        (
            "Failed",
            "Pod",
            "kubelet",
            r"Unable to fetch image \"|failed to resolve image to digest: |checking image: (?:HEAD|GET) https?://",
        ),
        (
            "Unschedulable",
            "Pod",
            "volcano",
            r"\d{1,6}/\d{1,6} tasks? in gang unschedulable|pod group is not ready, \d{1,6} "
            r"|queue resource quota insufficient|resource in cluster is overused",
        ),
        (
            "FailedPrepareDynamicResources",
            "Pod",
            "kubelet",
            r"Failed to prepare dynamic resources|NodePrepareResources? failed|error preparing devices for claim ",
        ),
        (
            "ProgressDeadlineExceeded",
            "Deployment",
            "deployment-controller",
            r"(?:error: )?[Dd]eployment \"[\w./-]{1,253}\" exceeded its progress deadline"
            r"|(?:Deployment|ReplicaSet) \"[\w./-]{1,253}\" has timed out progressing|Initial scale was never achieved"
            r"|Helm (?:install|upgrade) failed for release .{1,300}?: (?:timed out waiting|context deadline exceeded"
            r"|resource \S{1,300} not ready)|resource \S{1,300} not ready\. status: Failed, message: "
            r"|(?:Error: )?(?:INSTALLATION|UPGRADE) FAILED: .{0,200}?"
            r"(?:time(?:d |-?)out waiting|context deadline exceeded)"
            r"|Health check failed after \S{1,40}?,? ?(?:timeout waiting for: \[|failed early due to stalled)"
            r"|error: timed out waiting for the condition",
        ),
        (
            "Failed",
            "Pod",
            "kubelet",
            r"Failed to (?:inspect|apply default image tag)|Failed to pull image\b|pull QPS exceeded"
            r"|rpc error: code = \w{1,20} desc = failed to (?:pull and unpack image|resolve (?:reference|image))",
        ),
        ("BackOff", "Pod", "kubelet", r"Back-off (?:pulling|restarting)|back-off \S{2,12} restarting failed"),
        (
            "FailedMount",
            "Pod",
            "kubelet",
            r"M(?:ount|ap)Volume\.(?!\w{1,30} succeeded)|[Mm]ount failed: exit status"
            r"|mount\.(?:nfs4?|cifs|lustre|ceph): "
            r"|Unable to (?:attach or )?mount volumes|mount: /var/lib/kubelet/\S{1,400}: "
            r"|failed to find \w{2,30} in \$PATH",
        ),
        (
            "FailedAttachVolume",
            "Pod",
            "attachdetach-controller",
            r"Multi-Attach error|AttachVolume\.(?!\w{1,30} succeeded)|failed to attach: "
            r"|[Vv]olume \S{1,120} is not ready for workloads"
            r"|Volume (?:not attached|is not attached|has not been added)",
        ),
        (
            "FailedCreatePodSandBox",
            "Pod",
            "kubelet",
            r"Failed (?:to )?create pod sandbox|plugin type=\"[\w.-]{1,60}\".{0,80} failed \(add\)"
            r"|CreatePodSandbox for pod|failed to set ?up (?:network for )?sandbox"
            r"|failed to get sandbox runtime: |no runtime for \"[\w.-]{1,63}\" is configured"
            r"|RunPodSandbox (?:from runtime service failed|for &PodSandboxMetadata)",
        ),
        (
            "NodeNotReady",
            "Node",
            "kubelet",
            r"PLEG is not healthy: pleg was last seen|Node \S{1,253} status is now: NodeNotReady"
            r"|[Kk]ubelet stopped posting node status|Node became not ready"
            r"|[Nn]ode [`'\"*]{0,3}[a-z0-9][a-z0-9.-]{1,252}[`'\"*]{0,3} (?:went|became|turned|has gone) (?:NotReady\b"
            r"|not ready\b)"
            r"|[Cc]ontainer runtime network not ready|[Nn]etwork plugin is not ready|runtime network not ready",
        ),
        (
            "Preempted",
            "Pod",
            "default-scheduler",
            r"Preempted by (?:pod |a pod |[\w-]{1,63}/)(?:[\w-]{1,63}/)?[\w.-]{1,253} on node "
            r"|Preempted in order to admit critical pod",
        ),
        (
            "Preempted",
            "Pod",
            "kai-scheduler",
            r"Pod \S{1,320} was preempted (?:by|and rescheduled)|Pod is evicted, because of \w"
            r"|Preempted to accommodate a workload",
        ),
        (
            "FreeDiskSpaceFailed",
            "Node",
            "kubelet",
            r"[Ff]ailed to garbage collect required amount of images"
            r"|Attempting to reclaim (?:nodefs|imagefs|ephemeral)",
        ),
        ("BackendNotFound", "Ingress", "ingress", r"<error: (?:endpoints|services?) \"[^\"]{1,253}\" not found>"),
        ("Unhealthy", "Pod", "kubelet", r"(?:Liveness|Startup|Readiness) probe (?:failed|errored)"),
        ("Killing", "Pod", "kubelet", r"Container \S{1,63} failed (?:liveness|startup) probe"),
        (
            "Evicted",
            "Pod",
            "kubelet",
            r"Failed to admit pod .{1,300}node has conditions"
            r"|The node was low on resource|The node had condition|Eviction API: evicting"
            r"|[Ee]viction manager: (?:must evict pod\(s\)|pod is evicted)"
            r"|Pod ephemeral local storage usage exceeds"
            r"|(?:Container|Pod) \S{1,253} was using \S{1,30}, request is |Usage of EmptyDir volume"
            r"|Container \S{1,63} exceeded its local ephemeral",
        ),
        (
            "UnexpectedAdmissionError",
            "Pod",
            "kubelet",
            r"(?:Pod was rejected: |Pod )?(?:Allocate failed due to"
            r"|requested number of devices unavailable for|Update plugin resources failed)",
        ),
        ("NodeShutdown", "Pod", "kubelet", r"Pod was rejected as the node is shutting down"),
        *(
            (f"OutOf{short}", "Pod", "kubelet", rf"(?:Pod was rejected: )?Node didn't have enough resource: {short}\b")
            for short in ("cpu", "memory", "ephemeral-storage", "pods")
        ),
        ("OutOfnvidia.com/gpu", "Pod", "kubelet", r"(?:Pod was rejected: )?Node didn't have enough resource"),
        ("Terminated", "Pod", "kubelet", r"Pod was terminated in response to imminent node shutdown"),
        (
            "SysctlForbidden",
            "Pod",
            "kubelet",
            r"(?:Pod was rejected: )?(?:forbidden sysctl: |Cannot enforce AppArmor: )",
        ),
        (
            "PodOSNotSupported",
            "Pod",
            "kubelet",
            r"(?:Pod was rejected: )?Failed to admit pod as the (?:OS field|`kubernetes\.io/os`)",
        ),
        ("SMTAlignmentError", "Pod", "kubelet", r"(?:Pod was rejected: )?SMT Alignment Error: requested"),
        ("TaintManagerEviction", "Pod", "taint-eviction-controller", r"Marking for deletion Pod [\w.-]{1,63}/"),
        ("SystemOOM", "Node", "kubelet", r"System OOM encountered, victim process: "),
        ("SystemOOM", "Node", "kernel", r"Out of memory: Kill(?:ed)? process \d{1,10} \("),
        ("NodeHasDiskPressure", "Node", "kubelet", r"Node \S{1,253} status is now: NodeHasDiskPressure"),
        ("NodeHasInsufficientMemory", "Node", "kubelet", r"Node \S{1,253} status is now: NodeHasInsufficientMemory"),
        ("NodeNotReady", "Pod", "node-controller", r"Node is not ready$"),
        ("NetworkNotReady", "Pod", "kubelet", r"network is not ready: (?:container )?runtime network not ready"),
        ("FailedPostStartHook", "Pod", "kubelet", r"Exec lifecycle hook \(\[|PostStartHook failed"),
        ("FailedCreatePodContainer", "Pod", "kubelet", r"unable to ensure pod container exists: "),
        ("FailedPodSandBoxStatus", "Pod", "kubelet", r"Unable to get pod sandbox status: "),
        (
            "FailedResourceClaimCreation",
            "Pod",
            "resource-claim-controller",
            r"PodResourceClaim \S{1,63}: (?:failed|resource claim)",
        ),
        (
            "ErrImageNeverPull",
            "Pod",
            "kubelet",
            r"Container image \"\S{1,400}\" is not present with pull policy of Never",
        ),
        (
            "FailedToRetrieveImagePullSecret",
            "Pod",
            "kubelet",
            r"Unable to retrieve some image pull secrets \(",
        ),
        (
            "ProvisioningFailed",
            "PersistentVolumeClaim",
            "persistentvolume-controller",
            r"storageclass(?:\.storage\.k8s\.io)? \"[\w.-]{1,253}\" not found|failed to provision volume"
            r"|Cannot bind (?:to requested volume|PersistentVolume) \""
            r"|volume \"\S{1,253}\" already bound to a different claim"
            r"|Bound claim has lost |Two claims are bound to the same volume"
            r"|no persistent volumes available|[Ww]aiting for a volume to be created,? either by the? ?external "
            r"provisioner",
        ),
        (
            "TooManyReplicas",
            "HorizontalPodAutoscaler",
            "horizontal-pod-autoscaler",
            r"(?:ScalingLimited\W{1,12}True\W{1,12})?TooManyReplicas\W"
            r"|HPA \S{1,300} has been running at max replicas for longer than"
            r"|(?<!TooFewReplicas {4})the desired (?:replica )?count (?:is|was) (?:more|greater|higher) than the "
            r"maximum",
        ),
        (
            "FailedGetExternalMetric",
            "HorizontalPodAutoscaler",
            "horizontal-pod-autoscaler",
            r"\"groupVersion\": ?\"(?:custom|external)\.metrics\.k8s\.io/v1beta\d\", ?\"resources\": ?\[\]|"
            r"failed to get (?:cpu|memory) utilization: |invalid metrics \(\d{1,4} invalid out of "
            r"|(?:deployments|statefulsets)/scale\.apps \"[^\"]{1,253}\" not found"
            r"|unable to get (?:external |resource |object |pods? )?metric |the HPA was unable to compute the replica "
            r"count"
            r"|(?:Error from server \(\w{1,40}\): )?the server could not find the metric |unable to fetch metrics from "
            r"|no metrics returned from (?:external|custom|resource) metrics API",
        ),
        ("ScaledObjectPaused", "ScaledObject", "keda-operator", r"(?<=message: )ScaledObject is paused$"),
        (
            "KEDAScalerFailed",
            "ScaledObject",
            "keda-operator",
            r"error parsing (?:\w{1,40} ){1,3}metadata|\S{1,60} metrics '[^']{1,60}' target may be lost"
            r"|(?:prometheus|loki) query (?:api returned error\. status: \d|\S.{0,600}? (?:returned multiple elements"
            r"|didn't return enough values)|returns [+-]?(?:Inf|NaN))|error (?:getting metric value|requesting metrics "
            r"endpoint)\b|connection to redis (?:cluster |sentinel )?failed: |error establishing rabbitmq connection"
            r"|(?:[cC]luster)?[tT]rigger[aA]uthentications?(?:\.keda\.sh)? \"[\w.-]{1,253}\" not found"
            r"|no scaler found for type: |no metric specs returned from scalers|error when calling external scaler"
            r"|could not get any metric successfully from the|prometheus format parsing error"
            r"|(?:Get|Post) \"https?://\S{1,300}/api/v1/query(?:_range)?\?\S{0,600}\": |the scaledobject has a "
            r"\w{1,20} "
            r"trigger but the container"
            r"|ScaledObject doesn't have correct|[Tt]riggers defined in ScaledObject are not working",
        ),
        (
            "Failed",
            "Pod",
            "kubelet",
            r"Error: (?:ErrImagePull|ErrImageNeverPull|ImagePullBackOff|InvalidImageName|secret \"|configmap \""
            r"|couldn't find key|failed to (?:create|start|generate|prepare|reserve|get)"
            r"|container has runAsNonRoot|stat |context dead"
            r"|container create failed: |CDI device injection failed: |container's runAsUser breaks)"
            r"|nvidia-container-cli(?:\.real)?: \w{1,20} error: "
            r"|container_linux\.go:\d{1,6}: (?:starting container process|creating new parent)"
            r"|failed to create (?:containerd task|shim)|OCI runtime create failed",
        ),
    )
)

_INNER = tuple((reason, kind, source, lazy_pattern(pattern)) for reason, kind, source, pattern in INNER)
SENTENCES: tuple[tuple[str, str, str, re.Pattern[str]], ...] = (*_OWN, *OPERATOR_SENTENCES, *_INNER)
"""Of two that begin at one place the first counts."""
