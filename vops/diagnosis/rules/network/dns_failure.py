"""A server or a container before it cannot resolve names.

What it finds
    A failed look-up at the root of a death: of a name other than the model hub's, of several names, or of any name
    while the cluster's DNS is down or an egress policy keeps the pod from port 53. Of the hub's name alone it says
    nothing: then the way out is the likelier trouble, and hub-unreachable names it.

Why it matters
    `Temporary failure in name resolution` means that no DNS server answered; `Name or service not known` that one did,
    and there is no such name. The cures have nothing in common.

Evidence
    The error with the name, the pods of the cluster's DNS, the policy, the Services that there are.

Fix
    By hand: let the pod reach DNS, or correct the name.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence
from vops.diagnosis.network import policies
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import hub
from vops.model.network import Service
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_FAILED = lazy_pattern(
    r"(?i:temporary failure in name resolution|name or service not known|failed to resolve|nodename nor servname)"
    r"|(?i:could not resolve host|getaddrinfo failed|gai ?error|name does not resolve|no such host|NameResolutionError)"
    r"|failed to lookup address information|No address associated with hostname|EAI_AGAIN|server misbehaving"
)
_HOST = lazy_pattern(
    r"(?:Failed to resolve|host=|[Cc]ould not resolve host:?|lookup|addresses of \(|to host|resolve|connect(?:ing)? to"
    r"|(?:not known|name resolution|with hostname):)\s*['\"(]?([A-Za-z0-9][\w.-]*[A-Za-z0-9])",
    re.ASCII,
)
_TRANSIENT = lazy_pattern(r"(?i:temporary failure|server misbehaving|i/o timeout|EAI_AGAIN|Errno -3|error -3)")
_DNS_LABELS = ("kube-dns", "coredns")


@rule(cause="dns-failure", branch=Branch.DIED, needs={Source.LOGS}, order=22, signature=_FAILED)
def dns_failure(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _FAILED)
    if hit is None:
        return None
    names = _names(replica)
    reasons = (*_dns_down(replica), *_closed(replica), *_node_names(replica, names))
    foreign = [name for name in names if "huggingface" not in name and "hf.co" not in name]
    of_hub = hub.about_the_store(replica, hit[0]) or (names and not foreign)
    if not reasons and of_hub and len(names) < 2:
        return None
    name = (foreign or names or ["a name"])[0]
    internal = _in_cluster(name)
    there = _no_service(replica, name) if internal and not _TRANSIENT.search(hit[0].text) else ()
    return deaths.verdict(
        replica,
        hit,
        f"{replica.name} cannot resolve {name}" + (f": {reasons[0].observed}" if reasons else ""),
        deaths.steps(replica, "Let the pod resolve names", *_steps(name, reasons, internal=bool(there))),
        *reasons,
        *there,
    )


def _names(replica: Replica) -> list[str]:
    """Every name that could not be resolved, in the order of the log."""
    log = replica.death_log
    texts = [item.text for item in log.candidates if _FAILED.search(item.text)] if log is not None else []
    found = (match[1].strip(".") for text in texts for match in _HOST.finditer(text))
    return list(dict.fromkeys(name for name in found if name not in ("host", "any")))


def _in_cluster(name: str) -> bool:
    return "." not in name or ".svc" in name or name.endswith(".local")


def _dns_down(replica: Replica) -> tuple[Evidence, ...]:
    """That no pod of the cluster's DNS is ready, where they were seen."""
    labels = ("k8s-app", "app.kubernetes.io/name")
    pods = [
        pod
        for pod in replica.facts.snapshot.pods
        if pod.metadata.namespace == "kube-system"
        and any(pod.metadata.labels.get(label) in _DNS_LABELS for label in labels)
    ]
    if not pods or any(item.ready for pod in pods for item in pod.status.container_statuses):
        return ()
    return (Evidence("pod", f"kube-system/{pods[0].metadata.name}", f"none of {len(pods)} DNS pods is ready"),)


def _closed(replica: Replica) -> tuple[Evidence, ...]:
    """The egress policies, when they let out no question for a name."""
    closing = policies.selecting(replica, "Egress")
    entries = policies.rules(closing, "Egress")
    if not closing or any(policies.opens(item, replica.pod, 53, kind) for item in entries for kind in ("UDP", "TCP")):
        return ()
    name = closing[0].metadata.name
    return (Evidence("networkpolicy", f"{name} spec.egress", f"NetworkPolicy {name} lets nothing out to port 53"),)


def _node_names(replica: Replica, names: list[str]) -> tuple[Evidence, ...]:
    """A pod on the node's network asks the node's DNS server, which does not know the cluster's names."""
    spec = replica.pod.spec
    if not spec.host_network or spec.dns_policy == "ClusterFirstWithHostNet" or not any(map(_in_cluster, names)):
        return ()
    return (evidence.pod_field("spec.dnsPolicy", f"{spec.dns_policy} with hostNetwork", "ClusterFirstWithHostNet"),)


def _no_service(replica: Replica, name: str) -> tuple[Evidence, ...]:
    first, _, rest = name.partition(".")
    namespace = rest.partition(".")[0] or replica.namespace
    here = [item.metadata.name for item in replica.facts.all(Service) if item.metadata.namespace == namespace]
    if not here or first in here or rest.partition(".")[0] in here:
        return ()
    return (Evidence("service", f"{namespace}/{first}", f"not there; there are {', '.join(sorted(here)[:5])}"),)


def _steps(name: str, reasons: tuple[Evidence, ...], *, internal: bool) -> tuple[str, ...]:
    if any(item.source == "networkpolicy" for item in reasons):
        return ("Add an egress rule for UDP and TCP port 53 to the pods of kube-system.",)
    if any(item.where == "spec.dnsPolicy" for item in reasons):
        return ("Set spec.template.spec.dnsPolicy: ClusterFirstWithHostNet.",)
    if internal:
        return (f"Correct the name {name}: it must be SERVICE, SERVICE.NAMESPACE or a pod's name under its Service.",)
    return (
        f"From a pod in the same namespace: nslookup {name}; then kubectl -n kube-system get pods -l k8s-app=kube-dns "
        "and their log (CoreDNS).",
        "Where the name is of the cluster, a Service of that name must exist; a StatefulSet's pods need its headless "
        "Service (publishNotReadyAddresses: true while they wait for each other).",
    )
