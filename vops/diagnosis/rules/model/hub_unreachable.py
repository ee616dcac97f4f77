"""The hub cannot be reached, is down, or may not be asked (offline mode), and the model is not in the cache.

What it finds
    A failed name look-up, a refused or timed-out connection, a 5xx answer, or offline mode, at the root of the failure.

Why it matters
    It is the network's or the hub's trouble, not the model's; what is already in a cache would start without it.

Evidence
    The innermost error, before transformers and vLLM wrap it, and the hub's address where it is set.

Fix
    By hand: open the way out (DNS, egress policy, proxy), or seed a cache.
"""

from __future__ import annotations

import re

from vops.diagnosis import deaths, evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.model.hub_rate_limit import LIMITED
from vops.model.snapshot import Source

_OFFLINE = re.compile(r"outgoing traffic has been disabled|offline mode is enabled|OfflineModeIsEnabled")
_DNS = re.compile(
    r"name resolution|Name or service not known|Failed to resolve|nodename nor servname|getaddrinfo failed"
)
_DOWN = re.compile(r"\b5\d\d (?:Server Error|Service Unavailable|Bad Gateway|Gateway Time-?out|Internal Server Error)")
_NO_WAY = re.compile(
    r"ConnectError|ConnectTimeout|ReadTimeout|ConnectionError|MaxRetryError|ProxyError|We couldn't connect to"
)
_HUB = ("huggingface", "We couldn't connect", "/resolve/")
_WAYS = (
    (_OFFLINE, "offline mode is on (HF_HUB_OFFLINE) and the model is not in the cache"),
    (_DNS, "its name cannot be resolved"),
    (_DOWN, "it answers with a server error"),
    (_NO_WAY, "no connection can be made"),
)


@rule(cause="hub-unreachable", branch=Branch.DIED, needs={Source.LOGS}, order=23)
def hub_unreachable(replica: Replica) -> Verdict | None:
    if deaths.error(replica, LIMITED) is not None or not _about_the_hub(replica):
        return None
    found = next(((hit, how) for pattern, how in _WAYS if (hit := deaths.error(replica, pattern))), None)
    if found is None:
        return None
    hit, how = found
    endpoint = next((item.value for item in replica.container.env if item.name == "HF_ENDPOINT" and item.value), "")
    where = (evidence.container_field(replica, "env[HF_ENDPOINT]", endpoint),) if endpoint else ()
    return Verdict(
        summary=f"The hub cannot be reached from {replica.name}: {how}",
        evidence=(*deaths.shown(replica, hit), *where),
        confidence=deaths.confidence(replica),
        fixes=(
            remedies.by_steps(
                replica,
                "Open the way to the hub, or do without it",
                (
                    "Check DNS, egress policies and proxy from a pod in the same namespace.",
                    "Or seed the model into a volume at HF_HOME; and unset HF_HUB_OFFLINE where it is set by mistake.",
                ),
            ),
        ),
    )


def _about_the_hub(replica: Replica) -> bool:
    """Whether the failure came from asking the hub: its library, or the wrapper around it, is in the chain."""
    log = replica.death_log
    chain = log.chain if log is not None else ()
    return any(sign in f"{item.type} {item.message}" for item in chain for sign in _HUB)
