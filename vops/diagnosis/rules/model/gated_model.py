"""The hub knows the token, and its account has no access to the model: 403.

What it finds
    A 403 for a gated repository at the root of the failure. The log ends in wrappers that speak of an invalid
    repository or local folder; those are consequences. Files of an earlier download do not help: the hub
    is asked first.

Why it matters
    No restart and no other token of the same account helps: somebody must ask for access, or use another source.

Evidence
    The hub's answer in the log, and where the container's token comes from (never its value).

Fix
    `fix-gated-model` with what the user chooses: an ungated mirror, or a Secret whose token has access.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import hub
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_REPOSITORY = lazy_pattern(
    r"Access to (?:model|dataset) (\S{1,200}) is restricted|/([\w.-]{1,96}/[\w.-]{1,96})/resolve/"
    r"|access to it at https://huggingface\.co/([\w.-]{1,96}/[\w.-]{1,96}?)\.?(?: |$)"
)
_FINE_GRAINED = "fine-grained token"


@rule(cause="gated-model", branch=Branch.DIED, needs={Source.LOGS}, order=21, signature=hub.GATED)
def gated_model(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, hub.GATED)
    if hit is None:
        return None
    named = _REPOSITORY.search(hit[0].message)
    model = next((text for text in named.groups() if text), "") if named else deaths.model_of(replica)
    source = hub.token_source(replica)
    token = f"the token ({source})" if source else "its token"
    may_not = "may not read gated repositories" if _FINE_GRAINED in hit[0].message else "has not been granted access"
    return Verdict(
        summary=f"{deaths.the_model(replica, model)} is gated, and {token} {may_not} (403)",
        evidence=(*deaths.shown(replica, hit), hub.token_evidence(replica)),
        confidence=deaths.confidence(replica),
        fixes=(
            remedies.runbook(
                replica,
                "fix-gated-model",
                f"Get access to {model}, or load it from a source that lets it in",
                Applicability.ASK,
                {"container": replica.container.name, "model": model},
                by_hand=(
                    f"Ask for access at https://huggingface.co/{model if '/' in model else ''} with the account of the "
                    "token,",
                    "or point HF_TOKEN at a Secret whose token has access,",
                    "or name an ungated copy of the model in the container's arguments.",
                ),
                notes=(
                    f"Ask for access at https://huggingface.co/{model}; once granted, the next restart goes through.",
                    "Or add -p token_secret=SECRET/KEY (a token that has access) or -p mirror=OWNER/NAME.",
                ),
            ),
        ),
    )
