"""The hub limits how often it may be asked: 429.

What it finds
    A 429 of the hub at the root of the failure, which the wrappers call a lost connection.

Why it matters
    Every restart asks again, and many replicas share one address: crash-looping makes it worse.

Evidence
    The hub's answer in the log, and whether a token is sent (anonymous limits are lower).

Fix
    `seed-model` brings the model into a claim by one download. By hand: keep the model on a volume, or send a token;
    then wait.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import hub, seeds
from vops.model.snapshot import Source


@rule(cause="hub-rate-limit", branch=Branch.DIED, needs={Source.LOGS}, order=21, signature=hub.LIMITED)
def hub_rate_limit(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, hub.LIMITED)
    if hit is None:
        return None
    return Verdict(
        summary=f"The hub refuses {replica.name} because of too many requests (429)",
        evidence=(*deaths.shown(replica, hit), hub.token_evidence(replica)),
        confidence=deaths.confidence(replica),
        fixes=(
            *seeds.seed(replica, deaths.model_of(replica)),
            remedies.by_steps(
                replica,
                "Ask the hub less often",
                ("Keep the model on a volume (HF_HOME on a PVC), or set HF_TOKEN: accounts have higher limits.",),
            ),
        ),
    )
