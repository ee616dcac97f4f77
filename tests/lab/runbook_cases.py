"""One table of every shipped runbook with a cluster that it is for: a new runbook is covered by adding a row.

tests/lab/test_every_runbook.py plans each without a write, kills it after every line of its journal, lets each of its
requests fail once, and has somebody edit meanwhile.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.broken import BROKEN, NAME, Broken, bring_about, server
from tests.lab.fixing import NAMESPACE, Person, deployment, session_on, watched
from tests.lab.operators import ALERTS, GROUPS, MONITOR, RUNTIME, SCALED_OBJECT, SERVICE, install
from tests.lab.test_fix_five import carried_out
from tests.lab.test_fix_scalers import AT_ITS_MAXIMUM, GPU_QUERY, SERVER, scaled
from vops.errors import Refused
from vops.lab.documents import Document
from vops.lab.engine.gpus import A10G
from vops.lab.manifests import container_of, node
from vops.lab.scenarios._cluster import monitoring
from vops.lab.world import Lab
from vops.model.objects import Ref
from vops.operations.fix import plan_fix
from vops.operations.running.run import plan_run
from vops.operations.running.runs import Ending
from vops.operations.session import Session
from vops.planning.plan import Plan


@dataclass(frozen=True)
class Case:
    """A runbook on a scenario of the lab.

    With `fixes` its parameters are what `vops fix` would fill in for that object, and `params` add to them. `objects`
    and `broken` are made first, `change` makes anything else what it has to be, which takes `settles_s`; `finds` are
    parameters that only the cluster tells; `after` is a case that has been run. `ending` is how a whole run ends.
    """

    runbook: str
    scenario: str
    params: Mapping[str, Any] = field(default_factory=dict)
    fixes: Ref | None = None
    cause: str = ""
    broken: Broken | None = None
    objects: tuple[Document, ...] = ()
    change: Callable[[Lab], None] | None = None
    settles_s: float = 60
    finds: Callable[[Lab], Mapping[str, Any]] | None = None
    after: Case | None = None
    ending: Ending = Ending.FIXED

    async def prepare(self, lab: Lab, folder: Path) -> None:
        if self.after is not None:
            async with session_on(lab, folder) as session:
                await carried_out(session, await self.after.plan(session, lab), Person())
            lab.server.requests.clear()
        for document in self.objects:
            lab.store.create(copy.deepcopy(document))
        if self.objects:
            lab.world.settle()
        if self.change is not None:
            self.change(lab)
            lab.world.settle()
            await lab.advance(self.settles_s)
        if self.broken is not None:
            await bring_about(lab, self.broken)

    async def plan(self, session: Session, lab: Lab) -> Plan:
        """Raises Refused when the diagnosis, for want of answers, offers another fix or none."""
        if self.fixes is None:
            found_there = self.finds(lab) if self.finds else {}
            return await plan_run(session, self.runbook, {**self.params, **found_there})
        found = await watched(lab, plan_fix(session, self.fixes, cause=self.cause, params=self.params))
        if found.plan is None or found.plan.runbook != self.runbook:
            raise Refused(f"{self.fixes} is not fixed by {self.runbook}")
        return found.plan


def on_server(runbook: str, **params: Any) -> Case:
    """A change of a server that serves, as a user who knows what they want would run it."""
    return Case(runbook, "gated-model", {"target": f"deployment/{SERVER}", "container": "vllm", **params})


def _intolerant_exporter(lab: Lab) -> None:
    found = lab.store.get("apps/v1", "DaemonSet", "gpu-monitoring", "dcgm-exporter")
    del found["spec"]["template"]["spec"]["tolerations"]
    lab.store.update(found)


def _another_revision(lab: Lab) -> None:
    found = copy.deepcopy(lab.store.get("apps/v1", "Deployment", NAMESPACE, SERVER))
    container_of(found)["args"] += ["--max-num-seqs", "64"]
    lab.store.update(found)


def _pod(lab: Lab) -> Mapping[str, Any]:
    names = [item["metadata"]["name"] for item in lab.store.list("v1", "Pod", NAMESPACE)]
    return {"pod": next(name for name in names if name.startswith(SERVER))}


def installed(*kinds: tuple[str, str]) -> Callable[[Lab], None]:
    return lambda lab: install(lab, *kinds)


def _unwatched(lab: Lab) -> None:
    install(lab, MONITOR)
    lab.store.delete("apps/v1", "DaemonSet", "gpu-monitoring", "dcgm-exporter")
    lab.world.registry.add("nvidia/dcgm-exporter:3.3.9-3.6.1-ubuntu22.04")
    lab.world.settle()


def _monitored(lab: Lab) -> None:
    install(lab, SCALED_OBJECT)
    monitoring(lab.world)
    lab.world.settle()


def _with_a_free_card(lab: Lab) -> None:
    """The server waits for an L4 that the cloud does not have; an A10G is free."""
    lab.store.delete("apps/v1", "Deployment", NAMESPACE, "llama3-8b")
    lab.store.create(server())
    lab.store.create(node("gpu-a10g-1", gpu=A10G, gpus=1, cpu=12, memory_gib=64))
    lab.world.settle()


def _with_a_failed_pod(lab: Lab) -> None:
    (pod,) = [item for item in lab.store.list("v1", "Pod", NAMESPACE) if item["metadata"]["name"].startswith(SERVER)]
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    lab.store.update_status({**copy.deepcopy(pod), "status": evicted})
    lab.world.settle()


def _held(scaler: Document) -> Document:
    """An autoscaler that has nowhere to scale to, so that the time that passes between two kills changes nothing."""
    scaler["spec"]["maxReplicaCount"] = 1
    return scaler


def _of_another(scaler: Document) -> Document:
    """An autoscaler that names a workload that is not there."""
    scaler["spec"]["scaleTargetRef"]["name"] = SERVER + "x"
    return scaler


def _elsewhere(scaler: Document) -> Document:
    """An autoscaler that asks where no Prometheus is."""
    scaler["spec"]["triggers"][0]["metadata"]["serverAddress"] = "http://prometheus.monitoring.svc:9090"
    return scaler


def _of_a_class() -> Document:
    found = server()
    found["spec"]["template"]["spec"]["priorityClassName"] = "system-node-critical"
    return found


MIRROR = {"mirror": "NousResearch/Meta-Llama-3-8B-Instruct"}
SEEDED = {"model": "Qwen/Qwen3-8B", "claim": "models"}
SEED = Case("seed-model", "healthy", SEEDED, ending=Ending.APPLIED)
QUICK = {"load": "1s", "soak": "10s", "slower": 1000}
"""The lab answers as fast as the machine that it runs on, so what is slower says nothing."""
LLAMA = deployment("llama3-8b")
SCALED = Ref("ScaledObject", SERVER, NAMESPACE)
MODEL = {"name": "new", "model": "Qwen/Qwen3-4B", "max_model_len": 4096}
KV = "sum(vllm:num_requests_waiting)"
PAUSED = {"autoscaling.keda.sh/paused": "true"}

CASES: Mapping[str, Case] = {
    "deploy-model": Case("deploy-model", "healthy", {"name": "new", "model": "Qwen/Qwen3-4B"}),
    "fix-untolerated-taint": Case("fix-untolerated-taint", "untolerated-taint", fixes=LLAMA),
    "fix-rollout-deadlock": Case("fix-rollout-deadlock", "rollout-deadlock", fixes=LLAMA),
    "fix-startup-probe": Case("fix-startup-probe", "probe-kill", fixes=LLAMA),
    "fix-gated-model": Case("fix-gated-model", "gated-model", MIRROR, fixes=LLAMA),
    "fix-kv-cache": Case("fix-kv-cache", "kv-cache-too-small", fixes=deployment("qwen3-8b")),
    "fix-service": Case("fix-service", "service-port-mismatch", fixes=LLAMA),
    **{
        name: Case(item.runbook, "gated-model", item.params, deployment(NAME), item.cause, item)
        for name, item in BROKEN.items()
    },
    "fix-engine-timeout": on_server("fix-engine-timeout", seconds=1200, failure_threshold=200),
    "fix-batch-size": on_server("fix-batch-size", max_num_seqs=96),
    "fix-nixl-host": on_server("fix-nixl-host"),
    "fix-requests": on_server("fix-requests", cpu="2", memory="12Gi"),
    "fix-priority-class": Case(
        "fix-priority-class", "gated-model", {"target": f"deployment/{NAME}"}, objects=(_of_a_class(),)
    ),
    "fix-progress-deadline": Case(
        "fix-progress-deadline", "gated-model", {"target": f"deployment/{SERVER}", "seconds": 3600}
    ),
    "scale": Case("scale", "gated-model", {"target": f"deployment/{SERVER}", "replicas": 2}),
    "tp-rollout": Case("tp-rollout", "gated-model", {"target": f"deployment/{SERVER}", "tp": 2, **QUICK}),
    "upgrade-image": Case(
        "upgrade-image",
        "gated-model",
        {"target": f"deployment/{SERVER}", "image": "vllm/vllm-openai:v0.32.0", **QUICK},
    ),
    "rollback": Case(
        "rollback", "gated-model", {"target": f"deployment/{SERVER}"}, change=_another_revision, settles_s=300
    ),
    "restart-replica": Case("restart-replica", "gated-model", {"target": f"deployment/{SERVER}"}, finds=_pod),
    "rotate-hf-token": Case("rotate-hf-token", "gated-model", {"to": "hf-token-approved/token"}),
    "seed-model": SEED,
    "verify-seed": Case("verify-seed", "healthy", SEEDED, after=SEED, ending=Ending.APPLIED),
    "fix-volume-rollout": Case("fix-volume-rollout", "rollout-volume-conflict", fixes=LLAMA),
    "fix-scaling-query": Case(
        "fix-scaling-query",
        "gated-model",
        fixes=SCALED,
        objects=(scaled("avg(vllm:kv_cache_usage_perc)"),),
        change=_monitored,
    ),
    "fix-paused-autoscaler": Case(
        "fix-paused-autoscaler",
        "gated-model",
        fixes=SCALED,
        objects=(scaled("sum(vllm:num_requests_waiting)", annotations=PAUSED),),
        change=_monitored,
    ),
    "fix-autoscaler-max": Case(
        "fix-autoscaler-max",
        "gated-model",
        fixes=SCALED,
        objects=(AT_ITS_MAXIMUM,),
        change=_monitored,
    ),
    "fix-metric-labels": Case(
        "fix-metric-labels",
        "gated-model",
        fixes=SCALED,
        objects=(_held(scaled(GPU_QUERY, threshold="200", metricType="Value")),),
        change=lambda lab: monitoring(lab.world, honor_labels=False),
    ),
    "fix-dcgm-tolerations": Case(
        "fix-dcgm-tolerations",
        "gated-model",
        fixes=Ref("DaemonSet", "dcgm-exporter", "gpu-monitoring"),
        change=_intolerant_exporter,
    ),
    "fix-exporter-class": Case(
        "fix-exporter-class", "exporter-refused", fixes=Ref("DaemonSet", "dcgm-exporter", "gpu-monitoring")
    ),
    "fix-scale-target": Case(
        "fix-scale-target", "gated-model", fixes=SCALED, objects=(_of_another(_held(scaled(KV))),), change=_monitored
    ),
    "fix-scaling-query-address": Case(
        "fix-scaling-query", "gated-model", fixes=SCALED, objects=(_elsewhere(_held(scaled(KV))),), change=_monitored
    ),
    "fix-stockout": Case(
        "fix-stockout",
        "gpu-stockout",
        {
            "target": f"deployment/{NAME}",
            "fallback": {"nvidia.com/gpu.product": "NVIDIA-A10G"},
            "selector": {"nvidia.com/gpu.product": "NVIDIA-L4"},
            "deadline": "5m",
        },
        change=_with_a_free_card,
    ),
    "drain-node": Case("drain-node", "healthy", {"node": "node/gpu-l4-2"}),
    "clean-failed-pods": Case(
        "clean-failed-pods",
        "gated-model",
        {"target": f"deployment/{SERVER}"},
        change=_with_a_failed_pod,
        ending=Ending.APPLIED,
    ),
    "enable-autoscaling": Case(
        "enable-autoscaling", "gated-model", {"target": f"deployment/{SERVER}", "maximum": 2}, change=_monitored
    ),
    "install-monitoring": Case("install-monitoring", "gated-model", {"namespace": "gpu-monitoring"}, change=_unwatched),
    "add-alerts": Case("add-alerts", "gated-model", change=installed(ALERTS), ending=Ending.APPLIED),
    "disaggregate": Case("disaggregate", "healthy", MODEL),
    "kserve-deploy": Case(
        "kserve-deploy", "gated-model", MODEL, change=installed(SERVICE, RUNTIME), ending=Ending.APPLIED
    ),
    "multi-node": Case("multi-node", "gated-model", MODEL, change=installed(GROUPS), ending=Ending.APPLIED),
}
