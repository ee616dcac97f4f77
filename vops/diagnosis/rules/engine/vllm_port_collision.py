"""Kubernetes set VLLM_PORT: a Service named `vllm` injects it, and vLLM takes it for a setting of its own.

What it finds
    vLLM's complaint that VLLM_PORT looks like a URI (`tcp://…`), or its failure to read it as a number.

Why it matters
    It appears when a Service is created or renamed, at the next restart: nothing about the pod had changed.

Evidence
    The error, and Pod.spec.enableServiceLinks.

Fix
    `fix-service-links`, else by hand: enableServiceLinks: false.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_COLLISION = lazy_pattern(
    r"VLLM_PORT '?tcp://\S{1,120} appears to be a URI|appears to be a URI\. .{1,60}Kubernetes service discovery"
    r"|invalid literal for int\(\) with base 10: '(?:tcp|udp)://"
    r"|Unknown vLLM environment variable detected: VLLM_\w{0,80}(?:SERVICE_(?:HOST|PORT)|_PORT(?:_\d{1,5}\w{0,20})?)\b"
)


@rule(cause="vllm-port-collision", branch=Branch.DIED, needs={Source.LOGS}, order=14, signature=_COLLISION)
def vllm_port_collision(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _COLLISION) or deaths.notice(replica, _COLLISION)
    if hit is None:
        return None
    links = replica.pod.spec.enable_service_links
    return deaths.verdict(
        replica,
        hit,
        f"A Service whose name begins with vllm sets variables of vLLM in {replica.name}, and it refuses them",
        remedies.runbook(
            replica,
            "fix-service-links",
            "Keep Services out of the environment",
            Applicability.SAFE,
            {},
            by_hand=("Set enableServiceLinks: false in the pod's spec.",),
        ),
        evidence.pod_field("spec.enableServiceLinks", str(links).lower(), expected="false"),
    )
