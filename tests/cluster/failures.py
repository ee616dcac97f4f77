"""Failures to bring about on the real node: how each is made, how it shows, and what its fix must have written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.cluster import vllm_pods
from tests.cluster.controlplane import ControlPlane
from tests.cluster.node import GPUS, TAINT
from tests.cluster.processes import wait_for

Document = dict[str, Any]

NAME = "llm"
MIRROR = "NousResearch/Meta-Llama-3-8B-Instruct"
SLOW_S = 16
"""A start that outlasts the probes of a killed server."""
CONTEXT_STEP = 256
"""A suggested context length is a multiple of this."""


@dataclass(frozen=True)
class Failure:
    """One failing Deployment called NAME."""

    cause: str
    spec: Callable[[], Document]
    shows: Callable[[Document], bool]
    """Whether a pod shows it."""
    state: str
    evidence: str
    """A text that some piece of the evidence must hold."""
    fixed: Callable[[Document], bool]
    """Whether the Deployment holds exactly what a fix must write."""
    parameters: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    rolls: bool = False
    """Whether it shows only when a serving Deployment is rolled."""


@dataclass(frozen=True)
class Workload:
    """The Deployment and its pods, as the API server has them."""

    control_plane: ControlPlane
    namespace: str

    def deployment(self) -> Document:
        return self.control_plane.get("deployment", NAME, "-n", self.namespace)

    def pods(self) -> list[Document]:
        items: list[Document] = self.control_plane.get("pods", "-n", self.namespace)["items"]
        return items

    def bring_about(self, failure: Failure) -> str:
        """Makes `failure` and returns the name of the first pod that shows it."""
        secrets = (vllm_pods.token_secret(self.namespace, *secret) for secret in failure.secrets.items())
        deployment = vllm_pods.deployment(self.namespace, NAME, failure.spec())
        self.control_plane.apply(*secrets, deployment)
        if failure.rolls:
            wait_for("the first pod to serve", self.is_serving)
            self.control_plane.kubectl("rollout", "restart", f"deployment/{NAME}", "-n", self.namespace)
        return wait_for(failure.cause, lambda: self._showing(failure), within_s=60)

    def is_serving(self) -> bool:
        """The rollout is over and its only pod is Ready."""
        deployment = self.deployment()
        status = deployment["status"]
        counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas")}
        return counts == {1} and status.get("observedGeneration") == deployment["metadata"]["generation"]

    def _showing(self, failure: Failure) -> str | None:
        return next((str(pod["metadata"]["name"]) for pod in self.pods() if failure.shows(pod)), None)


def restarted(pod: Document) -> bool:
    return any(status["restartCount"] >= 2 for status in pod["status"].get("containerStatuses", []))


def unschedulable(pod: Document) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(item["type"] == "PodScheduled" and item["status"] == "False" for item in conditions)


def _spec(deployment: Document) -> Document:
    spec: Document = deployment["spec"]["template"]["spec"]
    return spec


def _container(deployment: Document) -> Document:
    container: Document = _spec(deployment)["containers"][0]
    return container


def _tolerates_the_taint_only(deployment: Document) -> bool:
    tolerations = _spec(deployment).get("tolerations", [])
    return [(item["key"], item["effect"]) for item in tolerations] == [(TAINT["key"], TAINT["effect"])]


def _stops_an_old_pod_first(deployment: Document) -> bool:
    return bool(deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1})


def _waits_for_the_start(deployment: Document) -> bool:
    probe = _container(deployment).get("startupProbe") or {}
    return bool(probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10) > SLOW_S)


def _serves_the_mirror(deployment: Document) -> bool:
    return bool(_container(deployment)["args"][0] == MIRROR)


def _takes_the_granted_token(deployment: Document) -> bool:
    variables = {variable["name"]: variable for variable in _container(deployment)["env"]}
    return bool(variables["HF_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "hf-granted")


def _serves_the_estimate(deployment: Document) -> bool:
    words = " ".join(_container(deployment)["args"]).replace("=", " ").split()
    estimate = vllm_pods.ESTIMATED_LENGTH // CONTEXT_STEP * CONTEXT_STEP
    return words[words.index("--max-model-len") + 1] == str(estimate)


def _probed(**probe: Document) -> Callable[[], Document]:
    return lambda: vllm_pods.pod_spec(load_seconds=SLOW_S, probes=vllm_pods.READINESS | probe)


_KILLED = Failure(
    cause="startup-probe-kill",
    spec=_probed(livenessProbe=vllm_pods.http_probe(period_s=2, failures=3)),
    shows=restarted,
    state="crash-looping",
    evidence="failed liveness probe",
    fixed=_waits_for_the_start,
)
_GATED = Failure(
    cause="gated-model",
    spec=lambda: vllm_pods.pod_spec(model=vllm_pods.GATED_MODEL, token_secret="hf-token"),
    shows=restarted,
    state="crash-looping",
    evidence="403",
    fixed=_serves_the_mirror,
    parameters=("-p", f"mirror={MIRROR}"),
    secrets={"hf-token": "hf_valid_without_access", "hf-granted": vllm_pods.GRANTED_TOKEN},
)
FAILURES: Mapping[str, Failure] = {
    "untolerated-taint": Failure(
        cause="untolerated-taint",
        spec=lambda: vllm_pods.pod_spec(tolerations=()),
        shows=unschedulable,
        state="pending",
        evidence="nvidia.com/gpu=present:NoSchedule",
        fixed=_tolerates_the_taint_only,
    ),
    "rollout-deadlock": Failure(
        cause="rollout-deadlock",
        spec=lambda: vllm_pods.pod_spec(gpus=GPUS, flags=(f"--tensor-parallel-size={GPUS}",)),
        shows=unschedulable,
        state="pending",
        evidence=NAME,
        fixed=_stops_an_old_pod_first,
        rolls=True,
    ),
    "liveness-kills-a-loading-server": _KILLED,
    "startup-probe-kills-a-loading-server": replace(
        _KILLED,
        spec=_probed(startupProbe=vllm_pods.http_probe(period_s=2, failures=3)),
        evidence="failed startup probe",
    ),
    "gated-model-to-a-mirror": _GATED,
    "gated-model-with-another-token": replace(
        _GATED, parameters=("-p", "token_secret=hf-granted"), fixed=_takes_the_granted_token
    ),
    "kv-cache-too-small": Failure(
        cause="kv-cache-too-small",
        spec=lambda: vllm_pods.pod_spec(flags=("--max-model-len", "8192")),
        shows=restarted,
        state="crash-looping",
        evidence=str(vllm_pods.ESTIMATED_LENGTH),
        fixed=_serves_the_estimate,
    ),
}
