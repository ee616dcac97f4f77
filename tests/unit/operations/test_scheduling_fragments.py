"""What fragments alone tell of scheduling, nodes and queues: rows, conditions, logs of controllers, quoted words."""

from __future__ import annotations

import json

import pytest

from vops.errors import InputError
from vops.operations.intake.bundle import diagnose_bundle


def causes(text: str) -> list[str]:
    """What is found; nothing as well where a text holds nothing that can be diagnosed."""
    try:
        reports, _ = diagnose_bundle([], text.encode())
    except InputError:
        return []
    return [finding.cause for report in reports for finding in report.findings]


PODS = "NAME    READY   STATUS    RESTARTS   AGE\n"
CLAIMS = "NAME    STATE    AGE\n"
KLOG = "I0827 02:05:45.860001       1 "
KUBELET = "May 05 13:59:56 gpu-1 kubelet[2858]: I0505 13:59:56.872908    2858 "
NOT_READY = (
    '"Node became not ready" node="gpu-1" condition={"reason":"KubeletNotReady","message":"PLEG is not healthy"}'
)
SINCE = "Wed, 13 Sep 2017 12:54:10 +0800"
LATER = "May 16, 2021, 1:51:48 PM"
HEADER = "|Message | Reason | Last Seen |\n|-- | -- | -- |\n"
OFFERS = "Capacity:\n  cpu:  8\n  nvidia.com/gpu:  0\nAllocatable:\n  cpu:  8\n  nvidia.com/gpu:  0\n"
OFFERS_YAML = "  allocatable:\n    nvidia.com/gpu: '{}'\n  capacity:\n    nvidia.com/gpu: '8'\n"
RAY = "======== Autoscaler status: 2025-02-16 07:20:29.943586 ========\nUsage:\n 0.0/12.0 CPU\n "
OLD_FORM = "Warning  FailedScheduling  9s  default-scheduler  No nodes are available that match all of the predicates:"
WORKLOADS = "NAME     QUEUE       RESERVED IN      ADMITTED   FINISHED   AGE\n"
FLEET = json.dumps(
    {
        "logger": "controller.nodeclaim.lifecycle",
        "message": "creating instance, with fleet error(s), MaxSpotInstanceCountExceeded: Max spot instances",
    }
)
TAINTED = "DeletionByTaintManager"
SENT_AWAY = {"type": "DisruptionTarget", "status": "True", "message": "x"}
SHORT = "1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available: 1 No preemption victims found."
CHECKED = (
    "Status:\n  Conditions:\n    Last Transition Time:  2025-04-24T15:31:11Z\n    Message: x\n    Reason: y\n"
    "    Status: False\n    Type: QuotaReserved\n  Admission Checks:\n"
)
YUNIKORN = "Normal  Scheduling  9s  yunikorn  "
COLUMNS = "LastSeen   Count  From       Type    Reason   Message\n"
REJECTED = {
    "messageId": "no.scale.up.mig.failing.predicate",
    "parameters": ["NodeResourcesFit", "Insufficient nvidia.com/gpu"],
}
INTERRUPTED = {
    "level": "INFO",
    "logger": "controller",
    "message": "initiating delete from interruption message",
    "messageKind": "spot_interrupted",
    "Node": {"name": "ip-10-0-1-33"},
}
WITHOUT_GPUS = [
    {"type": "AcceleratedHardwareReady", "status": "False", "reason": "NvidiaXID79Error", "message": "XID-79"},
    {"type": "Ready", "status": "True", "reason": "KubeletReady"},
]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (f"{PODS}a-0    0/1    SchedulingGated    0    41m\n", "scheduling-gated"),
        (f"{PODS}a-0    0/1    OutOfnvidia.com/gpu    0    5m\n", "device-allocation-failed"),
        (f"{PODS}nvidia-driver-daemonset-6xzh7    0/1    CrashLoopBackOff    8    2d\n", "gpu-not-advertised"),
        (f"{CLAIMS}llama-0-gpu    pending    22m\n", "dra-claim-pending"),
        (f'{KLOG}taint_manager.go:106] "NoExecuteTaintManager is deleting pod" pod="a/b-1"\n', "node-lost"),
        (
            f'{KLOG}event.go:307] "Event occurred" object="a/b-1" fieldPath="" kind="Pod" apiVersion="v1" '
            'type="Warning" reason="NodeNotReady" message="Node is not ready"\n',
            "node-lost",
        ),
        (f"{KUBELET}setters.go:580] {NOT_READY}\n", "node-lost"),
        (json.dumps(INTERRUPTED) + "\n" + json.dumps(INTERRUPTED), "node-lost"),
        ("Warning  SpotInterrupted  9m  karpenter  Pod will be evicted from the node\n", "node-lost"),
        (json.dumps(WITHOUT_GPUS), "xid-gpu-lost"),
        (
            f"{KLOG}x.go:1] Predicates failed for task <a/b-0> on node <n>: task b-0 on node n fit failed: not enough "
            "gpu fitted on this node\n",
            "gpu-exhausted",
        ),
        ("it says that one node has volume node affinity conflict, and waits", "volume-zone-conflict"),
        ("Warning  Evict  42s  volcano  Pod is evicted, because of preempt\n", "preempted"),
        ("Normal  Stopped  31s  kueue  Preempted to accommodate a workload (UID: 9f)\n", "preempted"),
        ("Warning  Unschedulable  9s  kai-scheduler  Non-preemptible workload is over quota. x\n", "scheduling-gated"),
        ("all nodes are unavailable: 3 node(s) resource fit failed.", "gpu-exhausted"),
        (json.dumps([{**SENT_AWAY, "reason": "PreemptionByScheduler"}]), "preempted"),
        (json.dumps({"conditions": [{**SENT_AWAY, "reason": "DeletionByPodGC"}]}), "node-lost"),
        (json.dumps({"status": {"conditions": [{**SENT_AWAY, "reason": "DeletionByTaintManager"}]}}), "node-lost"),
        (json.dumps([{**SENT_AWAY, "reason": "EvictionByEvictionAPI"}]), "evicted"),
        ("Error: 500-InternalError, Out of host capacity.", "gpu-stockout"),
        ("The requested reservation does not have sufficient compatible and available capacity", "gpu-stockout"),
        ("W 08-21 instance.py:1] Successfully provisioned cluster: a\nInsufficientInstanceCapacity", "gpu-stockout"),
        (
            json.dumps({"kind": "Machine", "status": {"errorMessage": "InsufficientInstanceCapacity: x"}}),
            "gpu-stockout",
        ),
        (
            "Provisioning Request's pods cannot be scheduled in the nodepool, affected nodepools: a",
            "autoscaler-no-match",
        ),
        (f"{CHECKED}    Message: Max nodepool size reached\n    Name: dws\n    State: Retry\n", "autoscaler-limit"),
        (f"{KLOG}eviction_manager.go:344] eviction manager: must evict pod(s) to reclaim memory\n", "evicted"),
        (f"MemoryPressure   True   {SINCE}   {SINCE}   KubeletHasInsufficientMemory   x\n", "node-unavailable"),
        ("ClusterPolicy is not ready, states not ready: [state-driver]", "gpu-not-advertised"),
        (f"{HEADER}|Marking for deletion Pod a/b-1 | TaintManagerEviction | {LATER} |\n", "node-lost"),
        (f"{OFFERS}  Warning  FailedScheduling  9s  s  0/1 nodes are available: {SHORT}\n", "gpu-not-advertised"),
        (json.dumps({"messageId": "scale.up.error.out.of.resources", "parameters": ["a"]}), "gpu-stockout"),
        (json.dumps({"errorMsg": {"messageId": "scale.up.error.quota.exceeded"}}), "cloud-quota"),
        (json.dumps({"reason": REJECTED}), "autoscaler-no-match"),
        (f"{YUNIKORN}Request 'a' does not fit in queue 'root.a' (requested map[x:4])\n", "scheduling-gated"),
        (
            f"{YUNIKORN}Unschedulable request 'a': failing predicate(s): 'Insufficient nvidia.com/gpu' (2x);",
            "gpu-exhausted",
        ),
        ("Normal  Pending  12s  kueue-admission  LocalQueue user-queue doesn't exist\n", "scheduling-gated"),
        ("0/3 nodes are available: 3 Insufficient quotas, quotaName: team-a, runtime: {x}.", "scheduling-gated"),
        (f"{KLOG}scale_up.go:457] No expansion options\n", "autoscaler-no-match"),
        (f"{PODS}a-0    0/1    NodeAffinity    0    5m\n", "node-selector-mismatch"),
        (f"{PODS}a-0    0/1    Topology Affinity Error    0    5m\n", "device-allocation-failed"),
        ("Last Error: USER::Pod Predicate NodeAffinity failed", "node-selector-mismatch"),
        (
            'waiting for dynamic resource controller to create the resourceclaim "a". no new claims to deallocate, '
            "preemption: 0/2 nodes are available: 2 No preemption victims found",
            "dra-claim-pending",
        ),
        (
            "It says `0/1 nodes are available: 1 node(s) had taint {a: }, that the pod didn't tolerate.`. So.",
            "untolerated-taint",
        ),
        ("FailedScheduling  2m  default-scheduler  1 node(s) had untolerated taint {a: b}", "untolerated-taint"),
        (f"{COLUMNS}9s         1      karpenter  Normal  Evicted  Evicted pod: Underutilized\n", "evicted"),
        (f"They do not show:\n{OFFERS_YAML.format('0')}", "gpu-not-advertised"),
        (OFFERS_YAML.format("6"), "xid-gpu-lost"),
        (OFFERS.replace("0\nAlloc", "8\nAlloc").replace("gpu:  0", "gpu:  7"), "xid-gpu-lost"),
        ("Normal  DisruptionTerminating  7m  karpenter  Disrupting Node: Underutilized\n", "node-lost"),
        (f"{OLD_FORM} MatchNodeSelector (3), PodToleratesNodeTaints (1).\n", "node-selector-mismatch"),
        (f"{OLD_FORM} MatchInterPodAffinity (2).\n", "spread-or-affinity"),
        (f"2024-03-05 09:42:38.611\t{FLEET}\n", "cloud-quota"),
        (f"{WORKLOADS}job-b    ml-queue                     False                 12m\n", "scheduling-gated"),
        (
            "pod failed to fit in any node\nfit failure summary on nodes : PodToleratesNodeTaints (1)\n",
            "untolerated-taint",
        ),
        ("Normal  Unschedulable  17s (x13 over 29s)  volcano  resource in cluster is overused\n", "gpu-exhausted"),
        ("Observed live: node `mlbox-g477` went NotReady; its pods wait.", "node-lost"),
        ('NodeClaim: Resource "nvidia.com/gpu" was requested but not registered', "gpu-not-advertised"),
        (json.dumps({"status": {"phase": "Running", "conditions": [{**SENT_AWAY, "reason": TAINTED}]}}), "node-lost"),
        (f"{RAY}8.0/8.0 GPU\n\nDemands:\n {{'GPU': 1.0}} * 8 (PACK): 1+ pending placement groups\n", "gpu-exhausted"),
        (f"{RAY}0B/9GiB memory\n\nDemands:\n {{'CPU': 1.0, 'GPU': 1.0}}: 1+ pending tasks/actors\n", "gpu-exhausted"),
    ],
)
def test_a_fragment_tells_its_cause(text: str, cause: str) -> None:
    assert causes(text)[:1] == [cause]


@pytest.mark.parametrize(
    "text",
    [
        f"{PODS}nvidia-driver-daemonset-6xzh7    0/1    Init:0/1    0    48s\n",
        f"{CLAIMS}llama-0-gpu    pending    4s\n",
        f"{CLAIMS}llama-0-gpu    allocated,reserved    22m\n",
        f"{KUBELET}setters.go:580] {NOT_READY}\n{KUBELET}x.go:493] it just became ready\n",
        json.dumps([{**WITHOUT_GPUS[0], "status": "True"}, WITHOUT_GPUS[1]]),
        f"{WORKLOADS}job-a    ml-queue    cluster-queue    True                  12m\n",
        f"{WORKLOADS}job-b    ml-queue                     False                 9s\n",
        "Yesterday node gpu-7 went NotReady for a minute, and came back by itself.",
        "Addresses XID 79 (GPU has fallen off the bus), which typically indicates a failure of the hardware.",
        "we had a volume node affinity conflict, which is fixed by a regional disk",
        "Normal  SpotRebalanceRecommendation  9m  karpenter  Spot rebalance recommendation was triggered\n",
        "Warning  Unschedulable  16s  volcano  0/3 tasks in gang unschedulable: pod group is not ready\n"
        "Normal  Scheduled  12s  volcano  pod group is ready\n",
        f"{CHECKED}    Message: Max nodepool size reached\n    Name: dws\n    State: Ready\n",
        f"MemoryPressure   False   {SINCE}   {SINCE}   KubeletHasSufficientMemory   x\n",
        "ClusterPolicy is not ready, states not ready: [state-driver]\nClusterPolicy is ready as all resources are",
        f"{HEADER}|Started container a | Started | {LATER} |\n|Marking for deletion Pod a/b | TaintManagerEviction "
        "| May 16, 2021, 1:46:40 PM |\n",
        "InsufficientInstanceCapacity in us-east-1a\nI 08-21 17:58:02 a.py:452] Successfully provisioned cluster: a",
        OFFERS,
        json.dumps([{**SENT_AWAY, "status": "False", "reason": "PreemptionByScheduler"}]),
        f"{RAY}8.0/8.0 GPU\n\nDemands:\n (no resource demands)\n",
        f"{RAY}0.0/16.0 GPU\n\nDemands:\n {{'node:10.61.0.27': 0.001, 'GPU': 1.0}} * 1, {{'GPU': 1.0}} * 15 (PACK): "
        "1+ pending placement groups\n",
        OFFERS_YAML.format("8"),
        "Normal  DisruptionTerminating  7m  karpenter  Disrupting Node: Empty\n",
        "Normal  DisruptionBlocked  7m  karpenter  Cannot disrupt Node: pod has karpenter.sh/do-not-disrupt\n",
        json.dumps({"decision": {"scaleUp": {"increasedMigs": [{"requestedNodes": 1}]}}}),
        f"{YUNIKORN}a/b is queued and waiting for allocation\nNormal  Scheduled  9s  yunikorn  Successfully assigned "
        "a/b to node gpu-7\n",
        f"{KLOG}scale_up.go:457] No expansion options\n{KLOG}scale_up.go:601] Final scale-up plan: [{{a 0->1}}]\n",
        f"{COLUMNS}9s         1      karpenter  Normal  Evicted  Evicted pod\n"
        "8s         1      kubelet    Normal  Started  Started container vllm\n",
        json.dumps({"Activities": [{"StatusCode": "Successful"}, {"Description": "InsufficientInstanceCapacity"}]}),
    ],
)
def test_what_is_well_by_now_is_no_fault(text: str) -> None:
    assert causes(text) == []
