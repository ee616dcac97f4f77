"""The log of a component around the servers shows why it does not do its work.

What it finds
    The NVIDIA device plugin that finds no driver or container toolkit, the DCGM exporter that cannot start DCGM, the
    KEDA operator or a metrics adapter that gets no metric, and a controller (KubeRay's, an endpoint picker, an
    autoscaler) that may not read what it works on, each by its own log.

Why it matters
    Each fails far from where it is felt: pods that stay Pending, dashboards without GPUs, servers that do not scale.

Evidence
    The component's own words.

Fix
    By hand, at the component.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.logs.components import Component
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.gpu.dcgm_exporter_crash import KNOWN
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_DEVICE_PLUGIN = lazy_pattern(f"^{Component.DEVICE_PLUGIN}: ")
_DCGM_EXPORTER = lazy_pattern(f"^{Component.DCGM_EXPORTER}: ")
_GPU_OPERATOR = lazy_pattern(f"^{Component.GPU_OPERATOR}: ")
_OF_A_NODE = (
    (
        lazy_pattern(r"\bMIG\b|mig-config"),
        (
            "See that the profile of nvidia.com/mig.config is one that this GPU has (nvidia-smi mig -lgip), and in the "
            "ConfigMap of the MIG manager.",
            "Nothing may use the GPUs while their layout changes: cordon and drain the node, then set the label again.",
        ),
    ),
    (
        lazy_pattern(r"(?i:in use|evict|drain)"),
        (
            "The driver that is loaded is in use: kubectl drain the node, or stop what uses its GPUs (also outside of "
            "Kubernetes: fuser -v /dev/nvidia*), and delete the driver's pod.",
            "A driver on the host's own disk: set driver.enabled=false in the operator's chart.",
        ),
    ),
    (
        lazy_pattern(r"(?i:kernel|headers|modprobe|insmod|make|^\S{0,40}E: )"),
        (
            "The node's kernel (uname -r) has no headers in the package sources, or the driver does not build for it.",
            "Use a driver version that supports the kernel, a precompiled driver (driver.usePrecompiled=true), or a "
            "node image whose kernel is supported.",
        ),
    ),
    (
        lazy_pattern(r"toolkit|plugin|cuda|container stack"),
        (
            "The container runtime does not pass the GPU on: nvidia-container-toolkit's pod must have written "
            "containerd's configuration (toolkit.env CONTAINERD_CONFIG and CONTAINERD_SOCKET on K3s, RKE2, MicroK8s).",
            "Restart containerd on the node after that.",
        ),
    ),
    (
        lazy_pattern(r"driver"),
        ("See the log of the driver's pod on that node: kubectl -n gpu-operator logs ds/nvidia-driver-daemonset.",),
    ),
)
_KEDA = lazy_pattern(f"^{Component.KEDA}: ")
_KEDA_TARGET = lazy_pattern(
    rf"^{Component.KEDA}: .{{0,1000}}(?:correct scaleTargetRef specification|Target resource doesn't"
    r"|target (?:deployment|statefulset|replicaset|resource) doesn't exist|is already managed by the)"
)
_ADAPTER = lazy_pattern(f"^{Component.METRICS_ADAPTER}: ")
_ADAPTERS = (
    "The metrics adapter gets nothing from Prometheus, so no HPA has its metrics",
    "The metrics adapter does not know a metric that an HPA asks for",
)
_REACH_PROMETHEUS = remedies.advice(
    "Let the adapter reach Prometheus",
    "Set --prometheus-url (prometheus.url, port and path in its chart) to a Prometheus that answers: "
    "kubectl get services -A | grep -i prometheus",
    "Then each rule's seriesQuery must find series there, with the labels that its overrides name.",
)
_KNOW_IT = remedies.advice(
    "Let a rule of the adapter give the metric",
    "See what it knows: kubectl get --raw /apis/custom.metrics.k8s.io/v1beta1 (external.metrics.k8s.io for an external "
    "metric). Without any: see that --prometheus-url names a Prometheus that answers.",
    "Each rule's seriesQuery must find series there, with the labels that its overrides name; its metricsQuery must "
    "keep them: sum(...) by (<<.GroupBy>>). Without them its log says that no result matched the resource name.",
)
_FORBIDDEN = lazy_pattern(
    rf"^{Component.CONTROLLER}: .{{0,1000}}is forbidden: User "
    rf"\W{{0,2}}system:serviceaccount:(?P<namespace>[\w.-]{{1,63}}):"
    r"(?P<account>[\w.-]{1,253})\W{1,3}cannot (?P<verb>\w{1,20}) resource \W{0,2}(?P<resource>[\w./-]{1,120})\W{0,2} "
    r"in API "
    r"group \W{1,2}(?P<group>[\w.-]{0,253})"
)
_NO_KIND = lazy_pattern(
    rf"^{Component.CONTROLLER}: .{{0,1000}}no matches for kind \W{{0,2}}(?P<kind>\w{{1,60}})\W{{0,2}} in version "
    r"\W{0,2}(?P<version>[\w./-]{1,120})"
)


@rule(cause="gpu-not-advertised", branch=Branch.DIED, needs={Source.LOGS}, order=10, signature=_DEVICE_PLUGIN)
def device_plugin_log(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _DEVICE_PLUGIN)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"The device plugin finds no GPU to advertise on its node: {deaths.quoted(hit, 100)}",
        remedies.advice(
            "Give the device plugin its driver",
            "On the node: nvidia-smi must work, and containerd's default runtime must be nvidia (nvidia-ctk runtime "
            "configure --runtime=containerd --set-as-default), or the plugin's pod needs runtimeClassName: nvidia.",
            "On a managed cluster: enable its driver installation for the node pool.",
        ),
    )


@rule(cause="gpu-not-advertised", branch=Branch.DIED, needs={Source.LOGS}, order=10, signature=_GPU_OPERATOR)
def gpu_operator_log(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _GPU_OPERATOR)
    if hit is None:
        return None
    steps = next((advice for sign, advice in _OF_A_NODE if sign.search(hit[0].message)), ())
    return deaths.verdict(
        replica,
        hit,
        f"The GPU operator cannot make its node ready, so no GPU is advertised there: {deaths.quoted(hit, 120)}",
        remedies.advice(
            "Let the driver be installed on the node",
            *steps,
            "Then: kubectl -n gpu-operator get pods -o wide, and nvidia.com/gpu in kubectl describe node.",
        ),
    )


@rule(cause="dcgm-exporter-failure", branch=Branch.DIED, needs={Source.LOGS}, order=10, signature=_DCGM_EXPORTER)
def dcgm_exporter_log(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _DCGM_EXPORTER)
    if hit is None:
        return None
    known = next(((what, steps) for pattern, what, steps in KNOWN if pattern.search(hit[0].text)), None)
    why, steps = known if known is not None else (deaths.quoted(hit, 100), _FOR_THE_EXPORTER)
    fix = remedies.advice("Let the exporter see the GPUs", *steps)
    return deaths.verdict(replica, hit, f"The DCGM exporter cannot start: {why}", fix)


_FOR_THE_EXPORTER = (
    "It needs the NVIDIA runtime (runtimeClassName: nvidia, or the default runtime) on a node with a driver,",
    "and, for profiling metrics, the capability SYS_ADMIN.",
)


@rule(cause="autoscaler-paused", branch=Branch.DIED, needs={Source.LOGS}, order=9, signature=_KEDA_TARGET)
def keda_target_log(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _KEDA_TARGET)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"KEDA cannot scale the target of a ScaledObject: {deaths.quoted(hit, 140)}",
        remedies.advice(
            "Name the workload that is to be scaled",
            "Set spec.scaleTargetRef of the ScaledObject to a workload that is there, in its own namespace, with the "
            "apiVersion and kind of one that has a /scale subresource.",
            "Where another HPA or ScaledObject manages it: kubectl get hpa,scaledobject -A, and delete the one that is "
            "not meant.",
        ),
    )


@rule(cause="autoscaler-no-metric", branch=Branch.DIED, needs={Source.LOGS}, order=10, signature=_KEDA)
def keda_operator_log(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _KEDA)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"KEDA gets no metric to scale by: {deaths.quoted(hit, 140)}",
        remedies.advice(
            "Give KEDA its metric",
            "Run the trigger's query in Prometheus: an empty answer means a wrong metric name or label, or no scrape.",
            "Check serverAddress and authentication of the trigger.",
        ),
    )


@rule(cause="autoscaler-no-metric", branch=Branch.DIED, needs={Source.LOGS}, order=10, signature=_ADAPTER)
def metrics_adapter_log(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _ADAPTER)
    if hit is None:
        return None
    unknown = " 404" in hit[0].message or "=404" in hit[0].message
    return deaths.verdict(
        replica, hit, f"{_ADAPTERS[unknown]}: {deaths.quoted(hit, 140)}", _KNOW_IT if unknown else _REACH_PROMETHEUS
    )


@rule(cause="permission-denied", branch=Branch.DIED, needs={Source.LOGS}, order=10, signature=_FORBIDDEN)
def controller_forbidden(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _FORBIDDEN)
    if hit is None:
        return None
    match = hit[1]
    account = f"system:serviceaccount:{match['namespace']}:{match['account']}"
    group = f" of {match['group']}" if match["group"] else ""
    return deaths.verdict(
        replica,
        hit,
        f"ServiceAccount {match['account']} may not {match['verb']} {match['resource']}{group}, which its controller "
        f"needs",
        remedies.advice(
            f"Grant {match['account']} the permission",
            f"See it: kubectl auth can-i {match['verb']} {match['resource']}"
            f"{'.' + match['group'] if match['group'] else ''} --as={account}",
            f'Add {match["resource"]} (apiGroups: ["{match["group"]}"], verbs: get, list, watch) to the Role or '
            f"ClusterRole "
            "that is bound to it, or upgrade its chart together with the CRDs.",
        ),
    )


@rule(cause="missing-config", branch=Branch.DIED, needs={Source.LOGS}, order=11, signature=_NO_KIND)
def controller_kind_missing(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _NO_KIND)
    if hit is None:
        return None
    kind, version = hit[1]["kind"], hit[1]["version"]
    return deaths.verdict(
        replica,
        hit,
        f"The cluster does not know the kind {kind} of {version}, which a controller works on",
        remedies.advice(
            f"Create the CustomResourceDefinition of {kind}",
            f"See what there is: kubectl api-resources | grep -i {kind}",
            f"Install the CRDs that belong to the controller's version, or a controller whose {kind} is of a version "
            f"that "
            "the cluster has.",
        ),
    )
