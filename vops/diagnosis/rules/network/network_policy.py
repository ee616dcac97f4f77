"""A NetworkPolicy keeps clients from a server that is ready.

What it finds
    The policies that select the pod admit nobody to its port: nothing at all (deny-all), or only other ports. Or they
    admit some, and not a pod that is told the address of this server's Service in its environment or arguments.
    Policies that admit those who ask are how it should be.

Why it matters
    The kubelet's probes come from the node and are let in, so that the pod is Ready while clients wait for a timeout.
    Prometheus is kept out in the same way, and then an autoscaler sees nothing.

Evidence
    The policies with what they admit, the server's port, and the client that is not admitted.

Fix
    `fix-network-policy`, else by hand: one more ingress rule, for this port and these clients.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix
from vops.diagnosis.network import policies, services
from vops.diagnosis.placement import blockers
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.network import NetworkPolicy
from vops.model.pods import Pod
from vops.model.snapshot import Source
from vops.model.text import one_line

_LONGEST = 300


@rule(cause="network-policy", branch=Branch.TRAFFIC, needs={Source.NETWORK_POLICIES}, order=20)
def network_policy(replica: Replica) -> Verdict | None:
    if replica.args.headless or not replica.observed:
        return None
    closing = policies.selecting(replica, "Ingress")
    if not closing:
        return None
    port = _port(replica)
    opening = [item for item in policies.rules(closing, "Ingress") if policies.opens(item, replica.pod, port)]
    if not opening:
        return _closed(replica, closing, port)
    kept_out = [
        pod for pod in _clients(replica) if not any(policies.admits(item, replica.namespace, pod) for item in opening)
    ]
    return _keeps_out(replica, closing, port, kept_out) if kept_out else None


def _port(replica: Replica) -> int:
    known = services.listening(replica)
    return min(known.server) if known is not None else replica.args.port


def _clients(replica: Replica) -> tuple[Pod, ...]:
    """The running pods that are told to ask this server, by the name of a Service that leads to it."""
    facts = replica.facts
    keys = [(item.metadata.namespace, item.metadata.name) for item in facts.services.of(replica.pod)]
    told = (pod for key in keys for pod in facts.services.clients.get(key, ()))
    return tuple(pod for pod in told if pod is not replica.pod)


def _closed(replica: Replica, closing: Sequence[NetworkPolicy], port: int) -> Verdict:
    names = blockers.named(item.metadata.name for item in closing)
    return Verdict(
        summary=f"No client can reach {replica.name}: NetworkPolicy {names} admits nobody to its port {port}",
        evidence=_shown(closing, f"port {port}"),
        confidence=Confidence.STRONG,
        fixes=(_admit(replica, port, None),),
    )


def _keeps_out(replica: Replica, closing: Sequence[NetworkPolicy], port: int, kept_out: Sequence[Pod]) -> Verdict:
    client = kept_out[0]
    name = f"{client.metadata.namespace}/{client.metadata.name}"
    names = blockers.named(item.metadata.name for item in closing)
    more = " and others" if len(kept_out) > 1 else ""
    return Verdict(
        summary=f"NetworkPolicy {names} does not admit {name}{more} to {replica.name}, whose address it is told to ask",
        evidence=(
            *_shown(closing, f"{name} on port {port}"),
            Evidence("pod", f"{name} metadata.labels", evidence.label_words(client.metadata.labels)),
        ),
        confidence=Confidence.STRONG,
        fixes=(_admit(replica, port, client),),
    )


def _shown(closing: Sequence[NetworkPolicy], expected: str) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            "networkpolicy",
            f"{item.metadata.name} spec.ingress",
            one_line(json.dumps(item.spec.ingress, sort_keys=True), _LONGEST)
            if item.spec.ingress
            else "nothing admitted",
            expected,
        )
        for item in closing
    )


def _admit(replica: Replica, port: int, client: Pod | None) -> Fix:
    workload = replica.workload
    labels = (workload.spec.selector.match_labels if workload is not None else {}) or replica.pod.metadata.labels
    where = client.metadata.namespace if client is not None else "NAMESPACE-OF-THE-CLIENTS"
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": where}}}
    policy: dict[str, Any] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{replica.owner.name if replica.owner else replica.name}-clients"},
        "spec": {
            "podSelector": {"matchLabels": labels},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [peer], "ports": [{"protocol": "TCP", "port": port}]}],
        },
    }
    target, title = remedies.workload_of(replica), f"Admit the clients to port {port}"
    if target is not None and client is not None:
        params = {
            "name": policy["metadata"]["name"],
            "selector": dict(labels),
            "client_namespace": where,
            "port": port,
        }
        more = ("Admit Prometheus in the same way where it scrapes the server.",)
        return Fix(title, Applicability.ASK, "fix-network-policy", {**target, **params}, more)
    return remedies.advice(
        title,
        f"Policies add up; create one more with kubectl -n {replica.namespace} apply -f -",
        json.dumps(policy),
        "Admit Prometheus in the same way where it scrapes the server.",
    )
