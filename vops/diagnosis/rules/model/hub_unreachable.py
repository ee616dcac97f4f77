"""The hub cannot be reached, is down, or may not be asked (offline mode), and the model is not in the cache.

What it finds
    A failed name look-up, a refused, timed-out or broken connection, a certificate that is not trusted, a proxy that
    refuses, a 5xx answer, or offline mode, at the root of the failure.

Why it matters
    It is the network's or the hub's trouble, not the model's; what is already in a cache would start without it.

Evidence
    The innermost error, before transformers and vLLM wrap it, and the hub's address where it is set.

Fix
    `fix-hub-offline`, else by hand: open the way out (DNS, egress policy, proxy), or seed a cache.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Fix
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import hub
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_SIGNATURE = lazy_pattern("|".join(pattern.pattern for pattern, _ in hub.WAYS))
_PACKAGES = lazy_pattern(r"pypi|\bpip\b|/simple/|pythonhosted|conda|docker")
_STEPS = {
    hub.STREAMER: (
        "Name the store and its region: env AWS_DEFAULT_REGION, AWS_ENDPOINT_URL (and "
        "RUNAI_STREAMER_S3_USE_VIRTUAL_ADDRESSING=0 for MinIO and the like);",
        "see that the identity of the pod may read the bucket: env RUNAI_STREAMER_LOG_TO_STDERR=1 and "
        "RUNAI_STREAMER_LOG_LEVEL=DEBUG show the answer.",
    ),
    hub.OFFLINE: (
        "Unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE where they were set by mistake;",
        "else seed the whole model into the volume at HF_HOME, with the revision that is asked for.",
    ),
    hub.TLS: (
        "Trust the certificate of the proxy that opens the traffic: mount its CA and set SSL_CERT_FILE and "
        "REQUESTS_CA_BUNDLE to it;",
        "or let the hub's hosts pass it unopened.",
    ),
    hub.PROXY: ("Correct HTTPS_PROXY and NO_PROXY, and let the proxy pass huggingface.co and its download hosts.",),
    hub.DNS: (
        "Check DNS from a pod in the same namespace: nslookup huggingface.co; and egress policies for port 53.",
        "Or seed the model into a volume at HF_HOME.",
    ),
    hub.DOWN: (
        "Wait: the kubelet tries again by itself; see the status page of the hub, or of the mirror at HF_ENDPOINT.",
        "Keep a cache of the model on a volume at HF_HOME, so that a start does not need the hub.",
    ),
}
_ANY_WAY = (
    "Check egress policies and proxy from a pod in the same namespace; downloads come from other hosts than the page.",
    "Or seed the model into a volume at HF_HOME.",
)


def _fix(replica: Replica, pattern: re.Pattern[str]) -> Fix:
    """Being offline by order is taken back; every other way is closed outside of the workload."""
    title, steps = "Open the way to the hub, or do without it", _STEPS.get(pattern, _ANY_WAY)
    if pattern is not hub.OFFLINE:
        return deaths.steps(replica, title, *steps)
    params = {"container": replica.container.name}
    return remedies.runbook(
        replica, "fix-hub-offline", title, Applicability.ASK, params, by_hand=steps, notes=steps[1:]
    )


@rule(cause="hub-unreachable", branch=Branch.DIED, needs={Source.LOGS}, order=23, signature=_SIGNATURE)
def hub_unreachable(replica: Replica) -> Verdict | None:
    found = next(
        (
            (hit, pattern, how)
            for pattern, how in hub.WAYS
            if (hit := deaths.error(replica, pattern)) is not None and _is_about_the_hub(replica, hit, pattern)
        ),
        None,
    )
    if found is None:
        return None
    hit, pattern, how = found
    endpoint = next((item.value for item in replica.container.env if item.name == "HF_ENDPOINT" and item.value), "")
    where = (evidence.container_field(replica, "env[HF_ENDPOINT]", endpoint),) if endpoint else ()
    return deaths.verdict(
        replica,
        hit,
        f"The hub cannot be reached from {replica.name}: {how}",
        _fix(replica, pattern),
        *where,
    )


def _is_about_the_hub(replica: Replica, hit: deaths.Hit, pattern: re.Pattern[str]) -> bool:
    """What goes through a proxy as a server starts is its model, or packages that are installed before."""
    if hub.about_the_store(replica, hit[0]):
        return True
    return pattern is hub.PROXY and not _PACKAGES.search(" ".join((hit[0].text, *hit[0].frames)))
