"""The hub wants to know who asks, and gets no token, or one that it does not accept: 401.

What it finds
    A 401 for a gated repository, the hub's word that the credentials are invalid, a token that no header can hold, or
    cloud storage that was asked without credentials.

Why it matters
    A Secret that is empty, ends in a newline or is not mounted looks exactly like this.

Evidence
    The hub's answer in the log, and whether and from where the container gets a token (never its value).

Fix
    `fix-token` with a Secret that the user names; its content is never read or written by vops.
"""

from __future__ import annotations

import re

from vops.diagnosis import remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import hub
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_SIGNATURE = lazy_pattern(f"{hub.UNKNOWN_TOKEN.pattern}|{hub.NO_CREDENTIALS.pattern}", re.DOTALL)
_NEWLINE = lazy_pattern(r"[Hh]eader value")
_STORAGE_STEPS = (
    "Give the pod's ServiceAccount an identity that may read the bucket (IRSA, Workload Identity), or a Secret with "
    "keys.",
)


@rule(cause="token-missing", branch=Branch.DIED, needs={Source.LOGS}, order=20, signature=_SIGNATURE)
def token_missing(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _SIGNATURE)
    if hit is None:
        return None
    if hub.NO_CREDENTIALS.search(hit[0].text):
        summary = f"{replica.name} has no valid credentials for the storage that its model is in"
        fix = remedies.by_steps(replica, "Give the container credentials", _STORAGE_STEPS)
        return deaths.verdict(replica, hit, summary, fix)
    model, source = deaths.model_of(replica), hub.token_source(replica)
    why = "the container sends no token" if hub.sends_no_token(replica) else "no token is sent that it accepts"
    if source:
        why = f"the hub does not accept the token ({source})"
    if _NEWLINE.search(hit[0].text):
        why = "the token cannot be sent: it has a newline or a blank in it"
    return Verdict(
        summary=f"{deaths.the_model(replica)} needs a login to the hub, and {why}"
        f"{' (401)' if '401' in hit[0].text else ''}",
        evidence=(*deaths.shown(replica, hit), hub.token_evidence(replica)),
        confidence=deaths.confidence(replica),
        fixes=(
            remedies.runbook(
                replica,
                "fix-token",
                "Give the container a token that the hub accepts",
                Applicability.ASK,
                {"container": replica.container.name, "model": model},
                by_hand=("Set env HF_TOKEN from a Secret whose token has access to the model.",),
                notes=("Add -p token_secret=SECRET/KEY. See that the Secret's value has no newline at its end.",),
            ),
        ),
    )
