"""What a human would change in each scenario heals it: the simulator runs by its own rules, not by its story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, session_on, watched
from vops.lab.controllers.base import is_true
from vops.lab.documents import Document, copy_of
from vops.lab.engine.gpus import L4
from vops.lab.faults import with_claim, with_empty_cache, with_startup_budget, with_token
from vops.lab.manifests import GPU_TOLERATION, VLLM_IMAGE, bare_gpu_node, claim, container_of, node, token_secret
from vops.lab.world import Lab
from vops.operations.diagnose import diagnose_targets

Change = Callable[[Document], None]
Act = Callable[[Lab], None]


@dataclass(frozen=True)
class Cure:
    """What somebody does that makes the workload serve within so many seconds.

    `leaves` are causes that show only then, since more requests come than one server can take: the first for certain,
    the others as the moment has it.
    """

    scenario: str
    act: Act
    serves: str = "llama3-8b"
    seconds: float = 120
    leaves: tuple[str, ...] = ()


def edit(change: Change, kind: str = "apps/v1/Deployment", name: str = "llama3-8b", namespace: str = NAMESPACE) -> Act:
    """Changes one object, as `kubectl edit` does."""
    api_version, _, plain = kind.rpartition("/")

    def act(lab: Lab) -> None:
        changed = copy_of(lab.store.get(api_version, plain, namespace, name))
        change(changed)
        lab.store.update(changed, manager="kubectl-edit")

    return act


def _tolerate(daemonset: Document) -> None:
    daemonset["spec"]["template"]["spec"]["tolerations"] = [dict(GPU_TOLERATION)]


def _right_tag(deployment: Document) -> None:
    container_of(deployment)["image"] = "vllm/vllm-openai:v0.25.1"


def _name_the_secret(deployment: Document) -> None:
    deployment["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "registry-credentials"}]


def _more_memory(deployment: Document) -> None:
    container_of(deployment)["resources"]["limits"]["memory"] = "24Gi"


def _two_ways(deployment: Document) -> None:
    arguments = container_of(deployment)["args"]
    arguments[arguments.index("--tensor-parallel-size") + 1] = "2"


def _right_port(service: Document) -> None:
    service["spec"]["ports"][0]["targetPort"] = "http"


def _stop_first(deployment: Document) -> None:
    deployment["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


def _out_of_service(node: Document) -> None:
    taint = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
    node["spec"]["taints"].append(taint)


def _delete_node(lab: Lab) -> None:
    lab.store.delete("v1", "Node", "", "gpu-l4-1")


def _cache_and_time(deployment: Document) -> None:
    with_startup_budget(deployment, 900)
    container_of(deployment)["volumeMounts"].append({"name": "cache", "mountPath": "/root/.cache"})
    deployment["spec"]["template"]["spec"]["volumes"].append({"name": "cache", "emptyDir": {}})


def _both_limits(deployment: Document) -> None:
    with_startup_budget(deployment, 1800)
    container_of(deployment)["env"] = [{"name": "VLLM_ENGINE_READY_TIMEOUT_S", "value": "1700"}]


def _cache_on_disk(deployment: Document) -> None:
    with_empty_cache(deployment)


def _approved_token(deployment: Document) -> None:
    with_token(deployment, "hf-token-approved")


def _restock(lab: Lab) -> None:
    lab.world.cloud.stock.clear()


def _raise_quota(lab: Lab) -> None:
    lab.world.cloud.quota = 8


def _raise_limit(lab: Lab) -> None:
    lab.world.cloud.groups[0].most = 2


def _new_claim(lab: Lab) -> None:
    lab.store.create(claim("llama3-cache-b"))
    edit(lambda deployment: _mount(deployment, "llama3-cache-b"))(lab)


def _mount(deployment: Document, name: str) -> None:
    with_claim(deployment, name)
    _stop_first(deployment)


def _exported(scaled: Document) -> None:
    metadata = scaled["spec"]["triggers"][0]["metadata"]
    metadata["query"] = 'avg(DCGM_FI_DEV_GPU_UTIL{exported_namespace="inference",exported_pod=~"llama3-8b-.*"})'


def _honor(monitor: Document) -> None:
    monitor["spec"]["endpoints"][0]["honorLabels"] = True


def _no_override(prometheus: Document) -> None:
    del prometheus["spec"]["overrideHonorLabels"]


def _by_value(scaled: Document) -> None:
    scaled["spec"]["triggers"][0]["metricType"] = "Value"


def _another_node(lab: Lab) -> None:
    edit(lambda node: node["spec"].update(unschedulable=True), "v1/Node", "gpu-l4-1", "")(lab)
    lab.world.hardware["gpu-l4-2"] = 4
    images = (VLLM_IMAGE, "nvidia/k8s-device-plugin:v0.20.0")
    lab.store.create(bare_gpu_node("gpu-l4-2", images=images))
    for pod in lab.store.list("v1", "Pod", NAMESPACE):
        if not is_true(pod, "Ready"):
            lab.store.delete("v1", "Pod", NAMESPACE, pod["metadata"]["name"])


def _more_quota(quota: Document) -> None:
    quota["spec"]["hard"]["requests.nvidia.com/gpu"] = "2"


def _one_more_node(lab: Lab) -> None:
    lab.store.create(node("gpu-l4-2", gpu=L4, gpus=1, cpu=12, memory_gib=64, images=(VLLM_IMAGE,)))


def _end_the_job(lab: Lab) -> None:
    lab.store.delete("apps/v1", "Deployment", "web", "nightly-embeddings")


def _less_of_the_gpu(deployment: Document) -> None:
    arguments = container_of(deployment)["args"]
    arguments[arguments.index("--gpu-memory-utilization") + 1] = "0.90"


def _no_links(deployment: Document) -> None:
    deployment["spec"]["template"]["spec"]["enableServiceLinks"] = False


def _right_probe(deployment: Document) -> None:
    container_of(deployment)["readinessProbe"]["httpGet"]["port"] = "http"


def _give_secret(lab: Lab) -> None:
    lab.store.create(token_secret("hf-token", "hf_lab_approved"))


def _one_gpu(deployment: Document) -> None:
    resources = container_of(deployment)["resources"]
    resources["limits"]["nvidia.com/gpu"] = resources["requests"]["nvidia.com/gpu"] = "1"


def _right_label(deployment: Document) -> None:
    deployment["spec"]["template"]["spec"]["nodeSelector"] = {"nvidia.com/gpu.product": "NVIDIA-L4"}


def _uncordon(node: Document) -> None:
    del node["spec"]["unschedulable"]
    node["spec"]["taints"].pop()


def _found(lab: Lab) -> None:
    lab.world.registry.relieve("registry.internal.example.com")
    lab.world.registry.add("registry.internal.example.com/ml/vllm-openai:v0.25.1")


def _limit_over(lab: Lab) -> None:
    lab.world.registry.relieve("docker.io")


def _nothing(lab: Lab) -> None:
    """It ends by itself."""


CURES = (
    Cure("gpus-busy", _one_more_node),
    Cure("gpu-request-too-large", edit(_one_gpu)),
    Cure("node-selector-mismatch", edit(_right_label)),
    Cure("cordoned-node", edit(_uncordon, "v1/Node", "gpu-l4-1", "")),
    Cure("claim-unbound", _new_claim),
    Cure("registry-unreachable", _found, seconds=420),
    Cure("image-rate-limit", _limit_over, seconds=420),
    Cure("stateful-replica-lost", edit(_out_of_service, "v1/Node", "gpu-l4-2", ""), "sts/llama3-8b"),
    Cure("cuda-oom-under-load", edit(_less_of_the_gpu), seconds=400, leaves=("queue-saturated", "kv-thrash")),
    Cure("service-links", edit(_no_links)),
    Cure("missing-secret", _give_secret),
    Cure("wrong-probe-port", edit(_right_probe)),
    Cure("preempted", _end_the_job),
    Cure("quota-exceeded", edit(_more_quota, "v1/ResourceQuota", "gpu-quota")),
    Cure("anti-affinity", _one_more_node),
    Cure("gpu-lost", _another_node),
    Cure("gpu-stockout", _restock, seconds=2400),
    Cure("quota-then-stockout", _restock, seconds=2400),
    Cure("cloud-quota", _raise_quota, seconds=2400),
    Cure("autoscaler-limit", _raise_limit, seconds=400),
    Cure("stockout-and-zonal-volume", _new_claim, seconds=400),
    Cure("node-on-its-way", _nothing, seconds=300),
    Cure("probe-kill-redownload", edit(_cache_and_time), seconds=480),
    Cure("probe-and-engine-timeout", edit(_both_limits), seconds=1500),
    Cure("oom-tmpfs-cache", edit(_cache_on_disk)),
    Cure("missed-oom", edit(_more_memory)),
    Cure("gated-partial-cache", edit(_approved_token), seconds=240),
    Cure("gpu-not-advertised", edit(_tolerate, "apps/v1/DaemonSet", "nvidia-device-plugin", "kube-system")),
    Cure("image-not-found", edit(_right_tag)),
    Cure("image-auth", edit(_name_the_secret)),
    Cure("host-oom", edit(_more_memory)),
    Cure("tensor-parallel-mismatch", edit(_two_ways, name="llama3-70b"), "llama3-70b"),
    Cure("service-port-mismatch", edit(_right_port, "v1/Service")),
    Cure("rollout-volume-conflict", edit(_stop_first)),
    Cure("node-lost-with-volume", edit(_out_of_service, "v1/Node", "gpu-l4-1", "")),
    Cure("node-lost-with-volume", _delete_node),
)


SCALING = (
    Cure("blind-autoscaler", edit(_tolerate, "apps/v1/DaemonSet", "dcgm-exporter", "gpu-monitoring")),
    Cure("labels-overridden", edit(_exported, "keda.sh/v1alpha1/ScaledObject")),
    Cure("labels-overridden", edit(_no_override, "monitoring.coreos.com/v1/Prometheus", "k8s", "monitoring")),
    Cure("labels-lost", edit(_honor, "monitoring.coreos.com/v1/ServiceMonitor", "dcgm-exporter", "gpu-monitoring")),
    Cure("autoscaler-query-capped", edit(_by_value, "keda.sh/v1alpha1/ScaledObject")),
)


@pytest.mark.parametrize("cure", SCALING, ids=lambda cure: cure.scenario)
async def test_the_right_change_lets_it_scale(start_lab: StartLab, tmp_path: Path, cure: Cure) -> None:
    lab = await start_lab(cure.scenario)
    before = _replicas(lab)
    async with session_on(lab, tmp_path) as session:
        cure.act(lab)
        await lab.advance(cure.seconds)
        (report,) = await watched(lab, diagnose_targets(session, [f"so/{cure.serves}"]))
    assert _replicas(lab) > before
    assert not report.findings


async def test_without_a_change_a_blind_autoscaler_stays_where_it_is(start_lab: StartLab) -> None:
    lab = await start_lab("blind-autoscaler")
    await lab.advance(900)
    assert _replicas(lab) == 1


def _replicas(lab: Lab) -> int:
    return int(lab.store.get("apps/v1", "Deployment", NAMESPACE, "llama3-8b")["spec"]["replicas"])


@pytest.mark.parametrize("cure", CURES, ids=lambda cure: cure.scenario)
async def test_the_right_change_heals_it(start_lab: StartLab, tmp_path: Path, cure: Cure) -> None:
    lab = await start_lab(cure.scenario)
    async with session_on(lab, tmp_path) as session:
        target = cure.serves if "/" in cure.serves else f"deploy/{cure.serves}"
        (before,) = await diagnose_targets(session, [target])
        cure.act(lab)
        await lab.advance(cure.seconds)
        (after,) = await watched(lab, diagnose_targets(session, [target]))
    assert before.findings
    found = {finding.cause for finding in after.findings}
    assert after.state == "ready"
    assert set(cure.leaves[:1]) <= found <= set(cure.leaves)


async def test_a_cold_start_ends_by_itself(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("cold-start")
    await lab.advance(240)
    async with session_on(lab, tmp_path) as session:
        (report,) = await watched(lab, diagnose_targets(session, ["deploy/llama3-8b"]))
    assert (report.state, report.findings) == ("ready", ())
