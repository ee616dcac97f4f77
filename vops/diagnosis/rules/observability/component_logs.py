"""The log of a component around the servers shows why it does not do its work.

What it finds
    The NVIDIA device plugin that finds no driver or container toolkit, the DCGM exporter that cannot start DCGM, or the
    KEDA operator that gets no metric, each by its own log.

Why it matters
    Each fails far from where it is felt: pods that stay Pending, dashboards without GPUs, servers that do not scale.

Evidence
    The component's own words.

Fix
    By hand, at the component.
"""

from __future__ import annotations

from vops.diagnosis import deaths, remedies
from vops.diagnosis.components import Component
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_DEVICE_PLUGIN = lazy_pattern(f"^{Component.DEVICE_PLUGIN}: ")
_DCGM_EXPORTER = lazy_pattern(f"^{Component.DCGM_EXPORTER}: ")
_KEDA = lazy_pattern(f"^{Component.KEDA}: ")


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


@rule(cause="dcgm-exporter-failure", branch=Branch.DIED, needs={Source.LOGS}, order=10, signature=_DCGM_EXPORTER)
def dcgm_exporter_log(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _DCGM_EXPORTER)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"The DCGM exporter cannot start: {deaths.quoted(hit, 100)}",
        remedies.advice(
            "Let the exporter reach the GPU",
            "It needs the NVIDIA runtime (runtimeClassName: nvidia, or the default runtime) on a node with a driver,",
            "and, for profiling metrics, the capability SYS_ADMIN.",
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
