"""Somebody tells in prose of a pod that gets no node or no GPU, and nothing that a program said is at hand.

What it finds
    A paragraph of a post that has all the signs of one cause: what is short or closed, and that a pod waits for it.

Why it matters
    That a quota is used up or a zone is wrong, people often know before they ask, and say without quoting anything.

Evidence
    The paragraph. It is never more than a suspicion.

Fix
    By hand, after a look at what the cluster says: the pod's events, and the nodes.
"""

from __future__ import annotations

from functools import partial

from vops.diagnosis.guesses.told import told

_told = partial(told, doc=__doc__ or "", order=92)

RULES = (
    _told(
        "cloud-quota",
        "Ask the cloud for more quota",
        "See what is used in that region (quotas page of the project, account or subscription), and ask for as many "
        "GPUs or vCPUs as the replicas need; or use a region or a machine type that has some.",
    ),
    _told(
        "gpu-stockout",
        "Ask for GPUs where there are some",
        "Allow more zones, regions and machine types (of spot and on-demand), or reserve capacity; the autoscaler "
        "tries again by itself.",
    ),
    _told(
        "autoscaler-limit",
        "Raise the limit of the node group",
        "Raise the maximum size of the node group (or spec.limits of the NodePool) by as many nodes as wait, if their "
        "cost is meant.",
    ),
    _told(
        "autoscaler-absent",
        "Let somebody add nodes",
        "Switch autoscaling on for the pool with this GPU, with a maximum above what is there, or add a node by hand.",
    ),
    _told(
        "volume-zone-conflict",
        "Bring pod and volume into one zone",
        "See where the volume is: kubectl get pv -o custom-columns=NAME:.metadata.name,AT:.spec.nodeAffinity",
        "Add a GPU node in that zone, or make a new claim with a class of WaitForFirstConsumer (or regional disks).",
    ),
    _told(
        "untolerated-taint",
        "Tolerate the taint of the GPU nodes",
        "Add to the pod's tolerations what the nodes have: kubectl get nodes -o custom-columns="
        "NAME:.metadata.name,TAINTS:.spec.taints",
    ),
    _told(
        "wrong-gpu-resource",
        "Ask for a resource that nodes offer",
        "See the names: kubectl describe nodes | grep -A12 Allocatable; ask for that one in resources.limits, or let "
        "the device plugin offer whole GPUs again.",
    ),
    _told(
        "xid-gpu-lost",
        "Take the node with the broken GPU out of service",
        "Cordon and drain it: kubectl drain NODE --ignore-daemonsets --delete-emptydir-data",
        "See dmesg there for NVRM: Xid; reset the GPU or restart the machine, or replace it.",
    ),
    _told(
        "gpu-not-advertised",
        "Make the nodes advertise their GPUs",
        "See that the device plugin runs there and what its log says: kubectl get pods -A -o wide | grep -i "
        "device-plugin",
        "Below it: the driver (nvidia-smi on the node), and the NVIDIA runtime in containerd's configuration.",
    ),
    _told(
        "gpu-exhausted",
        "Free a GPU, or add one",
        "See who holds them: kubectl describe nodes | grep -A8 'Allocated resources'; stop what is idle, or add a "
        "node.",
    ),
    _told(
        "spread-or-affinity",
        "Let replicas share nodes, or add nodes",
        "Make the rule preferred (preferredDuringScheduling…, ScheduleAnyway), run as many replicas as there are "
        "nodes, "
        "or give up the host port.",
    ),
    _told(
        "node-unavailable",
        "Bring the nodes back",
        "See them: kubectl get nodes; of those that were cordoned: kubectl uncordon NODE; of those that are "
        "NotReady see "
        "the kubelet's log.",
    ),
    _told(
        "cpu-memory-short",
        "Ask for what a node has",
        "Lower requests of CPU and memory to what a GPU node has left (kubectl describe node), or use larger nodes.",
    ),
    _told(
        "sandbox-failed",
        "Let the node's network make pods again",
        "See the pods of the network plugin on that node (kubectl -n kube-system get pods -o wide) and their logs; "
        "where "
        "addresses ran out, a larger subnet, prefix delegation or fewer pods on a node.",
    ),
    _told(
        "scheduling-gated",
        "Let the queue admit it",
        "See why not: kubectl get workloads, and kubectl describe clusterqueue: the quota for GPUs, the flavors, "
        "whether "
        "it is stopped; or the size of the gang.",
    ),
    _told(
        "dra-claim-pending",
        "Let the claim be allocated",
        "See what drivers offer: kubectl get resourceslices, deviceclasses; then kubectl describe resourceclaim: "
        "class and "
        "selectors must fit a device that is free.",
    ),
    _told(
        "dcgm-exporter-failure",
        "Let the exporter run on every GPU node",
        "See its DaemonSet and log: kubectl get daemonsets,pods -A -o wide | grep dcgm; give it the nodes' "
        "tolerations, "
        "a memory limit of 1 GiB, and a priority class that its namespace allows.",
    ),
)
